// SPDX-License-Identifier: BSD-2-Clause
// Timers (timer.h): a tree ordered by deadline, and the machine's one-shot timer armed for the first.
//
// Cancelling does not disarm the machine: an interrupt that comes early finds nothing due and arms for
// what is first by then. That keeps the common case, a timeout that is cancelled because the message
// came, free of device accesses.
#include "kern/timer.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"

static uint64_t armed = UINT64_MAX; // what the machine is armed for; UINT64_MAX: nothing

static struct timer *timer_of(const struct tree_node *node)
{
    return (struct timer *)((char *)node - __builtin_offsetof(struct timer, node));
}

static bool sooner(const struct tree_node *a, const struct tree_node *b)
{
    return timer_of(a)->deadline < timer_of(b)->deadline;
}

static struct tree timers = {.less = sooner};

void timer_init(struct timer *timer, void (*expire)(struct timer *timer))
{
    timer->node.height = 0;
    timer->deadline = 0;
    timer->expire = expire;
}

void timer_arm(struct timer *timer, uint64_t deadline)
{
    if (tree_contains(&timer->node))
        tree_remove(&timers, &timer->node);
    timer->deadline = deadline;
    tree_insert(&timers, &timer->node);
    if (deadline < armed) {
        armed = deadline;
        clock_arm(deadline);
    }
}

void timer_cancel(struct timer *timer)
{
    if (tree_contains(&timer->node))
        tree_remove(&timers, &timer->node);
}

void timer_interrupt(void)
{
    uint64_t now = clock_now();
    struct tree_node *first;

    // What `expire` arms meanwhile must not reach the machine twice.
    armed = 0;
    while ((first = tree_first(&timers)) && timer_of(first)->deadline <= now) {
        tree_remove(&timers, first);
        timer_of(first)->expire(timer_of(first));
    }
    armed = first ? timer_of(first)->deadline : UINT64_MAX;
    clock_arm(armed);
}
