/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For programs that create a task with a copy of their own memory (task_create with inheritance) and
 * let it run their code: three calls keep the C library whole in both.
 *
 *     mach_child_prepare();                 // holds the C library's locks: the copy is consistent
 *     kr = task_create(mach_task_self(), NULL, 0, TRUE, &task);
 *     mach_child_created();                 // whether it succeeded or not
 *     … thread_create(task), registers for child_main on a stack of its own, thread_resume
 *
 *     void child_main(void)                 // in the new task
 *     {
 *         mach_init_child();                // first of all; the thread becomes the first thread
 *         …
 *         _exit(status);                    // ends the new task only
 *     }
 *
 * In the new task no thread of the old one exists, no port name of the old one means anything, what
 * the old one had buffered for output is dropped, and standard input and output are a console session
 * of its own. Locks of the program's own are as they were when the memory was copied.
 */
#ifndef _CHILD_TASK_H_
#define _CHILD_TASK_H_

void mach_child_prepare(void);
void mach_child_created(void);
void mach_init_child(void);

#endif
