// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: the C library's locks as a whole, for the moment when a task is created with this
// one's memory (start/child.c): they are held meanwhile, so that the copy is consistent.
#ifndef LIBMACH_LOCKS_H
#define LIBMACH_LOCKS_H

struct __lock;

void libc_locks_take(void);
void libc_locks_release(void);
// In the new task: all free, whoever held them in the old one.
void libc_locks_reset(void);
void libc_lock_reset(struct __lock *lock);

#endif
