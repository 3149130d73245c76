// SPDX-License-Identifier: BSD-2-Clause
// `make fuzz`: victims, tasks of several threads each, throw random calls at the kernel (victim.c)
// while a witness sees to it that they hurt only each other (witness.c). This is the campaign,
// which starts the victims, disturbs them, ends them and starts others in their places
// (victims.c); in the end nothing of them may be left in the kernel (summary.c).
//
// minato.seed= and minato.time= (seconds of the machine's clock) say what happens, to the last
// instruction, when the machine runs on a virtual clock.
#include "campaign.h"

#include <mach/minato.h>
#include <stdio.h>
#include <stdlib.h>

#define BOARD 0xa0000000u // far from all else
#define TICK_MS 4

struct board *board;
struct generator dice;
struct sum sum;
mach_port_t host, realtime, calendar;
mach_port_t everything, nursery, exceptions, public, server, reply;
host_priority_info_data_t levels;

void must(kern_return_t kr, const char *what)
{
    if (kr == KERN_SUCCESS)
        return;
    printf("fuzz: %s: %s\n", what, mach_error_string(kr));
    exit(1);
}

uint64_t nanoseconds(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

uint64_t now_ms(void)
{
    return nanoseconds() / 1000000;
}

// ---- the campaign -----------------------------------------------------------------------------

static void prepare(void)
{
    mach_msg_type_number_t count = HOST_PRIORITY_INFO_COUNT;
    vm_address_t memory = 0;

    host = mach_host_self();
    must(host_info(host, HOST_PRIORITY_INFO, (host_info_t)&levels, &count), "host_info");
    must(host_get_clock_service(host, REALTIME_CLOCK, &realtime), "host_get_clock_service");
    must(host_get_clock_service(host, CALENDAR_CLOCK, &calendar), "host_get_clock_service");
    must(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_PORT_SET, &everything), "a port set");
    reply = mach_reply_port();
    memory = BOARD;
    must(vm_allocate(mach_task_self(), &memory, sizeof(*board), FALSE), "vm_allocate");
    must(vm_inherit(mach_task_self(), memory, sizeof(*board), VM_INHERIT_SHARE), "vm_inherit");
    board = (struct board *)memory;
    must(vm_allocate(mach_task_self(), &memory, PAGE_SIZE, TRUE), "vm_allocate");
    report = (struct report *)memory;
    victims_prepare();
    arena_make();
    set_policy(mach_task_self(), levels.user_priority, false);
}

// Runs victims for so long; returns what went wrong, or null.
static const char *campaign(uint64_t ms)
{
    uint64_t end = now_ms() + ms;
    const char *wrong = NULL;
    unsigned ticks = 0;

    nursery = new_port();
    exceptions = new_port();
    public = new_port();
    server = new_port();
    must(mach_port_insert_member(mach_task_self(), nursery, everything), "insert_member");
    must(mach_port_insert_member(mach_task_self(), exceptions, everything), "insert_member");
    witness_start();
    while (wrong == NULL && now_ms() < end) {
        if (!famine_is())
            victims_start();
        receive(TICK_MS);
        victims_disturb();
        famine_tick();
        if (ticks++ == 10)
            plant();
        wrong = witness_wrong();
    }
    return wrong;
}

static void finish(void)
{
    famine_end();
    victims_end();
    receive(5);
    children_end();
    witness_end();
    if (planted("task"))
        make_task();
    mach_port_destroy(mach_task_self(), nursery);
    mach_port_destroy(mach_task_self(), exceptions);
    mach_port_destroy(mach_task_self(), public);
    mach_port_destroy(mach_task_self(), server);
}

int main(void)
{
    const char *seed = getenv("minato.seed"), *time = getenv("minato.time");
    uint64_t ms = (uint64_t)(1000 * strtod(time ? time : "5", NULL)), start;
    minato_host_counts_t before;
    const char *wrong;
    unsigned left;

    dice.state = (uint32_t)strtoul(seed ? seed : "1", NULL, 10) * 2654435761u ^ 0x9e3779b9u;
    if (dice.state == 0)
        dice.state = 1;
    prepare();
    wrong = campaign(50); // so that what grows once has grown
    finish();
    must(minato_host_counts(host, &before), "minato_host_counts");
    start = now_ms();
    if (wrong == NULL)
        wrong = campaign(ms);
    ms = now_ms() - start;
    finish();
    left = leaks(&before); // before printing, which takes memory of its own
    print_summary(seed ? seed : "1", ms);
    if (wrong != NULL)
        printf("fuzz: FAILED: %s\n", wrong);
    for (unsigned i = 0; i < left; i++)
        printf("fuzz: FAILED: %s\n", left_behind[i]);
    return wrong != NULL || left > 0;
}
