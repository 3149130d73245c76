// SPDX-License-Identifier: BSD-2-Clause
// How a program ends: it tells bootstrap its status and terminates its task. There is one process,
// itself, and signals that nobody handles end it.
#include "start/child.h"

#include <errno.h>
#include <mach/mach.h>
#include <servers/program.h>
#include <signal.h>
#include <unistd.h>

#define SELF 1 // what getpid() says; there is nobody else to tell apart
#define STATUS_OF_SIGNAL 128

void _exit(int status)
{
    // A task that another program made with its own memory is no program of bootstrap's.
    if (!is_child_task && bootstrap_port != MACH_PORT_NULL)
        program_exit(bootstrap_port, status);
    for (;;)
        task_terminate(mach_task_self());
}

int getpid(void)
{
    return SELF;
}

int kill(int pid, int signal)
{
    if (pid != SELF) {
        errno = ESRCH;
        return -1;
    }
    if (signal != 0)
        _exit(STATUS_OF_SIGNAL + signal);
    return 0;
}
