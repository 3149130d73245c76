// SPDX-License-Identifier: BSD-2-Clause
// What stands in for kernel/kern, kernel/vm and kernel/x86 in the host tests of kernel/ipc: memory from
// malloc, so that AddressSanitizer watches it; user addresses that are the test's own; threads that are
// coroutines and run when the test says so.
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stdint.h>
#include "ipc/kmsg.h"
#include "ipc/mach_msg.h"
#include "ipc/space.h"
#include "kern/task.h"
#include "kern/thread.h"

#define TASKS 4
#define THREADS 10       // of each task its share, in turn
#define BAD_ADDRESS 16u  // below FAKE_USER_MIN nothing can be read or written
#define FAKE_USER_MIN 4096u

// A copy in transit is simply that.
struct vm_map_copy {
    vm_size_t size;
    unsigned char *bytes;
};

extern struct task tasks[TASKS];
extern struct ledger task_ledgers[TASKS]; // limits as the test likes; fake_begin sets none
extern struct thread threads[THREADS];
void fake_begin(void); // a new world: tasks with empty spaces
void fake_end(void);   // frees what tasks and threads are made of

// ---- allocations ----
// The n-th allocation from now on fails (1: the next one), and `all` after it; 0: none does.
// `fake_failed`: one has, since.
void fake_fail_at(unsigned n, bool all);
extern bool fake_failed;
// Takes the messages that the kernel keeps at hand, so that the next need memory; gives them back.
void fake_hold_messages(void);
void fake_let_messages_go(void);
unsigned fake_allocated(void); // that are in use: blocks of kmalloc, and slabs' objects
extern unsigned fake_copies;   // vm_map_copy that exist

// ---- user memory: blocks, those that a task was given and those that the test made for it to send ----
// A block of the map's, filled with `fill`, marked as the test's own.
void *fake_block(struct vm_map *map, vm_size_t size, uint32_t fill);
void fake_take_marked(struct vm_map *map); // frees those
bool fake_has_block(const struct vm_map *map, const void *address, vm_size_t size, bool marked);
unsigned fake_block_count(const struct vm_map *map);

// Where the current call of `thread` has its message: memory for `size` bytes, and no more.
void *fake_user_buffer(const struct thread *thread, size_t size);
void fake_user_buffer_free(const struct thread *thread);

// ---- threads ----
extern bool fake_traps; // calls come through the trap, by the fast path if they can
void fake_finish(struct thread *thread);            // its call is over, successfully
extern bool fake_handed_over; // such a thread is there: it runs next, whatever others may do
void fake_switch_from(const struct thread *thread); // to the test, until it is resumed
// `thread` calls mach_msg with these arguments, until it has its answer or waits.
void fake_call(struct thread *thread, const struct message_arguments *arguments);
// The threads that have been woken, in order, each until it has its answer or waits again.
struct thread *fake_next_woken(void); // NULL: none
void fake_resume(struct thread *thread);
bool fake_waits(const struct thread *thread);
uint64_t fake_deadline(const struct thread *thread); // of its wait
mach_msg_return_t fake_answer(const struct thread *thread); // of a call that is over
// Whose call is served by functions that the test calls itself.
void fake_current(struct thread *thread);

// ---- notifications ----
// Those that the kernel has tried to send since fake_notices_begin, in order: whether it could.
void fake_notices_begin(void);
bool fake_next_notice_sent(void);
unsigned fake_notices_left(void);

#endif
