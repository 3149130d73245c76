// SPDX-License-Identifier: BSD-2-Clause
// A task made with a copy of this one's memory (<child_task.h>): its own names, its own threads, a C
// library in order.
#include "check.h"

#include <child_task.h>
#include <cthreads.h>
#include <mach/notify.h>
#include <program.h>
#include <stdlib.h>
#include <unistd.h>

// What the child leaves for its parent to see, in memory they share.
struct findings {
    int own_task, malloc_works, threads_work, stdout_works;
};
static struct findings *findings;

static any_t one_more(any_t number)
{
    return (any_t)((int)number + 1);
}

static void child_main(void)
{
    static const char line[] = "# the child writes to the console, too\n";

    mach_init_child();
    findings->own_task = count_threads() == 1;
    findings->malloc_works = malloc(100000) != NULL;
    findings->threads_work = cthread_join(cthread_fork(one_more, (any_t)41)) == (any_t)42;
    findings->stdout_works = write(STDOUT_FILENO, line, sizeof(line) - 1) == sizeof(line) - 1;
    _exit(0);
}

static kern_return_t start_child(mach_port_t task, mach_port_t *thread)
{
    static unsigned stack[8192];

    return program_start(task, (vm_address_t)child_main, (vm_address_t)&stack[8188], thread);
}

static void wait_for_end(mach_port_t task)
{
    mach_dead_name_notification_t message;
    mach_port_t port, previous;

    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    mach_port_request_notification(mach_task_self(), task, MACH_NOTIFY_DEAD_NAME, TRUE, port,
                                   MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous);
    is(mach_msg(&message.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(message), port, 5000,
                MACH_PORT_NULL),
       MACH_MSG_SUCCESS, "_exit ends the child alone");
    mach_port_deallocate(mach_task_self(), task); // the notification's reference
    mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_RECEIVE, -1);
}

void test_child(void)
{
    unsigned names = count_names();
    vm_address_t shared;
    mach_port_t task, thread = MACH_PORT_NULL;
    kern_return_t result;

    vm_allocate(mach_task_self(), &shared, PAGE_SIZE, TRUE);
    vm_inherit(mach_task_self(), shared, PAGE_SIZE, VM_INHERIT_SHARE);
    findings = (struct findings *)shared;
    mach_child_prepare();
    result = task_create(mach_task_self(), NULL, 0, TRUE, &task);
    mach_child_created();
    is(result, KERN_SUCCESS, "task_create with inheritance");
    is(start_child(task, &thread), KERN_SUCCESS, "a thread in it");
    wait_for_end(task);
    ok(findings->own_task, "mach_init_child: the child's names are its own");
    ok(findings->malloc_works, "its malloc works");
    ok(findings->threads_work, "its threads work");
    ok(findings->stdout_works, "its output works");
    mach_port_deallocate(mach_task_self(), task);
    mach_port_deallocate(mach_task_self(), thread);
    vm_deallocate(mach_task_self(), shared, PAGE_SIZE);
    is((int)count_names(), (int)names, "and nothing is left behind");
}
