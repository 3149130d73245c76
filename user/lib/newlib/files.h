// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: the table of open files as a whole, for the moment when a task is created with this
// one's memory (start/child.c). The new task has the same files open, since they lie in memory.
#ifndef LIBMACH_FILES_H
#define LIBMACH_FILES_H

void files_take(void);
void files_release(void); // in both tasks

#endif
