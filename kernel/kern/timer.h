// SPDX-License-Identifier: BSD-2-Clause
// Timers: a function to call at a time. One tree of deadlines per machine drives the one-shot timer.
#pragma once

#include "lib/base.h"

struct timer {
    struct tree_node node;
    uint64_t deadline; // ns since boot
    void (*expire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*expire)(struct timer *timer));
// `expire` is called once with interrupts off, from the timer interrupt; arming again replaces the
// deadline. The timer must stay in memory until it has expired or is cancelled.
void timer_arm(struct timer *timer, uint64_t deadline);
void timer_cancel(struct timer *timer); // harmless when it is not armed
