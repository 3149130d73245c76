// SPDX-License-Identifier: BSD-2-Clause
// Famines: every now and then the campaign takes nearly all memory, and for a while keeps it.
#include "campaign.h"

#include <mach/minato.h>
#include <mach/vm_param.h>

static struct {
    vm_address_t memory; // taken, so that next to none is left; 0: none
    vm_size_t size;
    unsigned ticks; // until the next famine, or the end of this one
} famine;

// Copies the campaign's own pages, which it shares with the victims until it writes to them: later
// there may be nothing to copy them to.
static void touch_own(void)
{
    extern char __preinit_array_start[], _end[]; // the first thing in .data; the end of .bss
    volatile char here[0x2000];

    for (volatile char *at = __preinit_array_start; at < _end; at += PAGE_SIZE)
        *at = *at;
    _end[-1] = _end[-1];
    for (unsigned i = 0; i < sizeof(here); i += PAGE_SIZE)
        here[i] = 0;
}

static void famine_begin(unsigned pages_free)
{
    unsigned left = random_below(&dice, one_in(&dice, 2) ? 16 : 300);

    famine.ticks = 2 + random_below(&dice, 20);
    if (pages_free <= left)
        return;
    touch_own();
    famine.size = (pages_free - left) * PAGE_SIZE;
    if (vm_allocate(mach_task_self(), &famine.memory, famine.size, TRUE) != KERN_SUCCESS)
        famine.memory = 0;
    for (vm_size_t at = 0; famine.memory != 0 && at < famine.size; at += PAGE_SIZE)
        if (clock_sleep(MACH_PORT_NULL, TIME_RELATIVE, (tvalspec_t){0, 0},
                        (tvalspec_t *)(famine.memory + at)) != KERN_SUCCESS)
            break;
    sum.famines++;
}

void famine_end(void)
{
    if (famine.memory == 0)
        return;
    vm_deallocate(mach_task_self(), famine.memory, famine.size);
    famine.memory = 0;
    famine.ticks = 40 + random_below(&dice, 200);
}

void famine_tick(void)
{
    minato_host_counts_t counts;

    if (famine.ticks-- > 0)
        return;
    if (famine.memory != 0)
        famine_end();
    else if (minato_host_counts(host, &counts) == KERN_SUCCESS)
        famine_begin(counts.pages_free);
}

bool famine_is(void)
{
    return famine.memory != 0;
}
