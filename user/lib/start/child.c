// SPDX-License-Identifier: BSD-2-Clause
// A task that begins with a copy of another's memory: what libmach keeps there is made true again.
#include "start/child.h"

#include "mach/reply_port.h"
#include "newlib/console.h"
#include "newlib/files.h"
#include "newlib/locks.h"
#include "start/init.h"
#include "threads/thread.h"

#include <child_task.h>
#include <mach/mach.h>
#include <stdio.h>
#include <stdio_ext.h>

void mach_child_prepare(void)
{
    files_take();
    libc_locks_take();
}

void mach_child_created(void)
{
    libc_locks_release();
    files_release();
}

// A standard stream of the first thread: free, and empty of what the old task had not yet written.
static void reset_stream(FILE *stream)
{
    libc_lock_reset(stream->_lock);
    __fpurge(stream);
}

void mach_init_child(void)
{
    struct _reent *reent = _GLOBAL_REENT;

    is_child_task = true;
    // Up to threads_init this thread counts as one without a block: its %gs selects nothing.
    __asm__ volatile("movw %0, %%gs" : : "r"((unsigned short)0));
    reply_ports_forget();
    names_init();
    libc_locks_reset();
    files_release();
    threads_init();
    console_forget();
    if (reent->__sdidinit) {
        reset_stream(reent->_stdin);
        reset_stream(reent->_stdout);
        reset_stream(reent->_stderr);
    }
}
