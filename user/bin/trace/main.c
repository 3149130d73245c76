// SPDX-License-Identifier: BSD-2-Clause
// trace: what happens in the kernel, one line for each record (minato_trace_record_t). -t MS: for so long
// (100); -k KINDS: letters, as below; -n RECORDS: the room for records (65536).
//
//   t a trap and its end    m messages sent, served by the kernel, received    s switches
//   f faults, exceptions    b blocks and wake-ups                              i interrupts
//
// Each line: milliseconds since boot, task and thread, what. Task 0 is the kernel, and 0.0 runs when nobody
// else does. What trace itself does is left out.
#include <inspect.h>
#include <mach/mach_error.h>
#include <mach/syscall_sw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(kind) MINATO_TRACE_MASK(MINATO_TRACE_##kind)

static mach_port_t host;
static natural_t own; // number of this task

static natural_t kinds_of(const char *letters)
{
    static const struct {
        char letter;
        natural_t mask;
    } kinds[] = {
        {'t', BIT(TRAP) | BIT(TRAP_END)},    {'m', BIT(SEND) | BIT(CALL) | BIT(RECEIVE)},
        {'s', BIT(SWITCH)},                  {'f', BIT(FAULT) | BIT(EXCEPTION)},
        {'b', BIT(BLOCK) | BIT(WAKE)},       {'i', BIT(INTERRUPT)},
    };
    natural_t mask = 0;

    for (; *letters != '\0'; letters++) {
        natural_t before = mask;

        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            if (kinds[i].letter == *letters)
                mask |= kinds[i].mask;
        if (mask == before)
            return 0;
    }
    return mask;
}

// ---- lines --------------------------------------------------------------------------------------

static const char *trap_name(natural_t number)
{
#define NAME(trap) {MACH_TRAP_##trap, #trap}
    static const struct {
        natural_t number;
        const char *name;
    } traps[] = {
        NAME(mach_msg_trap), NAME(mach_reply_port), NAME(mach_thread_self), NAME(mach_task_self),
        NAME(mach_host_self), NAME(mach_msg_overwrite_trap), NAME(semaphore_signal_trap),
        NAME(semaphore_signal_all_trap), NAME(semaphore_signal_thread_trap),
        NAME(semaphore_wait_trap), NAME(semaphore_wait_signal_trap),
        NAME(semaphore_timedwait_trap), NAME(semaphore_timedwait_signal_trap), NAME(swtch_pri),
        NAME(swtch), NAME(thread_switch), NAME(clock_sleep_trap), NAME(vm_map), NAME(vm_allocate),
        NAME(vm_deallocate), NAME(mach_port_allocate), NAME(mach_port_deallocate),
        NAME(mach_port_insert_right),
    };
#undef NAME

    for (unsigned i = 0; i < sizeof(traps) / sizeof(traps[0]); i++)
        if (traps[i].number == number)
            return traps[i].name;
    return "unknown";
}

static void show(const minato_trace_record_t *r)
{
    uint64_t us = ((uint64_t)r->time_high << 32 | r->time_low) / 1000;
    const natural_t *a = r->argument;

    printf("%6u.%03u %3u.%-3u ", (unsigned)(us / 1000), (unsigned)(us % 1000), r->task, r->thread);
    switch ((enum minato_trace_kind)r->kind) {
    case MINATO_TRACE_TRAP:
        printf("trap %s (%u) from 0x%x\n", trap_name(a[0]), a[0], a[1]);
        return;
    case MINATO_TRACE_TRAP_END:
        printf("trap ends with 0x%x\n", a[0]);
        return;
    case MINATO_TRACE_SEND:
        printf("send to port %u, id %d, number %u\n", a[0], (int)a[1], a[2]);
        return;
    case MINATO_TRACE_CALL:
        printf("call of the kernel, port %u, id %d\n", a[0], (int)a[1]);
        return;
    case MINATO_TRACE_RECEIVE:
        printf("receive from port %u, id %d, number %u\n", a[0], (int)a[1], a[2]);
        return;
    case MINATO_TRACE_SWITCH:
        printf("runs, priority %u\n", a[0]);
        return;
    case MINATO_TRACE_FAULT:
        printf("fault at 0x%x, %s, pc 0x%x\n", a[0], a[1] != 0 ? "write" : "read", a[2]);
        return;
    case MINATO_TRACE_EXCEPTION:
        printf("exception %u, code %d, 0x%x\n", a[0], (int)a[1], a[2]);
        return;
    case MINATO_TRACE_BLOCK:
        printf("waits: %.8s", (const char *)&a[1]);
        printf(a[0] != 0 ? " port %u\n" : "\n", a[0]);
        return;
    case MINATO_TRACE_WAKE:
        printf("wakes %u.%u\n", a[0], a[1]);
        return;
    case MINATO_TRACE_INTERRUPT:
        printf("interrupt %u\n", a[0]);
        return;
    case MINATO_TRACE_KINDS:
        break;
    }
    printf("kind %u?\n", r->kind);
}

// ---- the ring -----------------------------------------------------------------------------------

// All that there is, at first into memory: printing makes others do things.
static minato_trace_record_t *records;
static unsigned count, lost;

static void drain(unsigned room)
{
    static minato_trace_records_t words;
    mach_msg_type_number_t n;

    do {
        natural_t gone = 0;

        n = sizeof(words) / sizeof(words[0]);
        if (minato_trace_read(host, words, &n, &gone) != KERN_SUCCESS)
            return;
        lost += gone;
        for (unsigned i = 0; i + 8 <= n && count < room; i += 8) {
            memcpy(&records[count], &words[i], sizeof(records[0]));
            if (records[count].task != own)
                count++;
        }
    } while (n == sizeof(words) / sizeof(words[0]));
}

int main(int argc, char **argv)
{
    unsigned ms = 100, room = MINATO_TRACE_RECORDS_MAX;
    natural_t mask = MINATO_TRACE_ALL;
    minato_task_name_t name;
    kern_return_t kr;
    int at = 1;

    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "-k") == 0)
            mask = kinds_of(argv[at + 1]);
        else if (strcmp(argv[at], "-t") == 0)
            ms = (unsigned)strtoul(argv[at + 1], NULL, 10);
        else if (strcmp(argv[at], "-n") == 0)
            room = (unsigned)strtoul(argv[at + 1], NULL, 10);
        else
            mask = 0;
    }
    if (mask == 0 || room == 0 || room > MINATO_TRACE_RECORDS_MAX || at < argc) {
        fprintf(stderr, "usage: trace [-k tmsfbi] [-n RECORDS] [-t MS]\n");
        return 2;
    }
    host = inspect_host("trace");
    minato_task_name(mach_task_self(), &own, name);
    records = malloc(room * sizeof(records[0]));
    kr = records == NULL ? KERN_RESOURCE_SHORTAGE : minato_trace_set(host, mask, room);
    if (kr != KERN_SUCCESS) {
        fprintf(stderr, "trace: minato_trace_set: %s\n", mach_error_string(kr));
        return 1;
    }
    thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, ms);
    drain(room);
    minato_trace_set(host, 0, 0);
    for (unsigned i = 0; i < count; i++)
        show(&records[i]);
    printf("%u records, %u lost\n", count, lost);
    return 0;
}
