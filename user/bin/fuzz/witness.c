// SPDX-License-Identifier: BSD-2-Clause
// The witness: a task of its own that nothing the victims do may touch. Its first thread calls its
// second one by message, looks at its memory, its names and its ports, and throws away what the
// victims send to its public port; again and again, until told to stop or something has changed.
#include "fuzz.h"

#include <child_task.h>
#include <mach/minato.h>
#include <mach/vm_param.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGES 32u // of memory that is its own
#define STACK_SIZE 0x4000u
#define OWN_WORD(i) (0x5749544eu + (uint32_t)(i)*2246822519u)

struct report *report;

static uint32_t *own;
static char stack[STACK_SIZE] __attribute__((aligned(16)));
static char incoming[MACH_MSG_SIZE_MAX + 0x100] __attribute__((aligned(4)));
static struct {
    minato_task_counts_t task;
    minato_port_info_t server, public;
} before;

static bool fail(const char *why, uint32_t expected, uint32_t found)
{
    if (report->failed)
        return false;
    report->expected = expected;
    report->found = found;
    snprintf(report->why, sizeof(report->why), "%s", why);
    report->failed = 1;
    return false;
}

// ---- calls ------------------------------------------------------------------------------------

bool ping(mach_port_t server, mach_port_t reply, uint32_t number, mach_msg_return_t *result)
{
    struct ping m = {.head = {MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
                              PING_SIZE, server, reply, 0, PING_ID}};

    for (unsigned i = 0; i < 16; i++)
        m.word[i] = number + i;
    *result = mach_msg(&m.head, MACH_SEND_MSG | MACH_RCV_MSG | MACH_RCV_TIMEOUT, PING_SIZE,
                       sizeof(m), reply, 1000, MACH_PORT_NULL);
    if (*result != MACH_MSG_SUCCESS)
        return false;
    *result = MACH_RCV_INVALID_DATA;
    if (m.head.msgh_id != PING_ID + 1 || m.head.msgh_size != PING_SIZE)
        return false;
    for (unsigned i = 0; i < 16; i++)
        if (m.word[i] != ~(number + i))
            return false;
    *result = MACH_MSG_SUCCESS;
    return true;
}

static void serve(void)
{
    struct ping m;
    mach_msg_return_t mr = mach_msg(&m.head, MACH_RCV_MSG, 0, sizeof(m), NAME_PRIVATE, 0, 0);

    for (;;) {
        if (mr != MACH_MSG_SUCCESS || m.head.msgh_id != PING_ID) {
            fail("what its server received", MACH_MSG_SUCCESS, (uint32_t)mr);
            thread_terminate((mach_thread_self)());
        }
        for (unsigned i = 0; i < 16; i++)
            m.word[i] = ~m.word[i];
        m.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
        m.head.msgh_local_port = MACH_PORT_NULL;
        m.head.msgh_id++;
        mr = mach_msg(&m.head, MACH_SEND_MSG | MACH_RCV_MSG, PING_SIZE, sizeof(m), NAME_PRIVATE, 0,
                      MACH_PORT_NULL);
    }
}

static void start_server(void)
{
    struct i386_thread_state state;
    mach_msg_type_number_t count = i386_THREAD_STATE_COUNT;
    thread_t thread;

    thread_create(mach_task_self(), &thread);
    thread_get_state(thread, i386_THREAD_STATE, (thread_state_t)&state, &count);
    state.eip = (unsigned)serve;
    state.uesp = (unsigned)(stack + STACK_SIZE - 16);
    thread_set_state(thread, i386_THREAD_STATE, (thread_state_t)&state, count);
    thread_resume(thread);
    mach_port_deallocate(mach_task_self(), thread);
}

// ---- looking ----------------------------------------------------------------------------------

static bool look_at_memory(unsigned round)
{
    unsigned first = round % PAGES * (PAGE_SIZE / 4);
    unsigned at = round % HERITAGE_PAGES * (PAGE_SIZE / 4);

    for (unsigned i = first; i < first + PAGE_SIZE / 4; i++)
        if (own[i] != OWN_WORD(i))
            return fail("a word of its memory", OWN_WORD(i), own[i]);
    for (unsigned i = at; i < at + PAGE_SIZE / 4; i++)
        if (((uint32_t *)heritage)[i] != HERITAGE_WORD(i))
            return fail("a word of its copy of inherited memory", HERITAGE_WORD(i),
                        ((uint32_t *)heritage)[i]);
    return true;
}

struct compared {
    const char *what;
    uint32_t expected, found;
};

static bool same(const struct compared *rows, unsigned count, bool last)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i].expected != rows[i].found)
            return last ? fail(rows[i].what, rows[i].expected, rows[i].found) : false;
    return true;
}

// A kernel short of memory may say so; anything else is wrong.
static bool answered(kern_return_t kr, const char *what)
{
    if (kr == KERN_SUCCESS)
        return true;
    if (kr != KERN_RESOURCE_SHORTAGE && kr != MACH_SEND_NO_BUFFER)
        fail(what, KERN_SUCCESS, (uint32_t)kr);
    report->dropped += 0x10000;
    return false;
}

static bool look_at_counts(bool last)
{
    minato_task_counts_t now;
    const minato_task_counts_t *old = &before.task;

    if (!answered(minato_task_counts(mach_task_self(), &now), "minato_task_counts of itself"))
        return true;
    const struct compared rows[] = {
        {"names of send rights", old->names_send, now.names_send},
        {"names of receive rights", old->names_receive, now.names_receive},
        {"names of send-once rights", old->names_send_once, now.names_send_once},
        {"names of port sets", old->names_port_set, now.names_port_set},
        {"dead names", old->names_dead, now.names_dead},
        {"names", old->names_total, now.names_total},
        {"user references", old->urefs_total, now.urefs_total},
        {"threads", old->threads, now.threads},
        {"pages of address space", old->virtual_pages, now.virtual_pages},
        {"kernel objects", old->kernel_objects, now.kernel_objects},
    };
    return same(rows, sizeof(rows) / sizeof(rows[0]), last);
}

static bool look_at_port(mach_port_t name, const minato_port_info_t *old, bool is_public, bool last)
{
    minato_port_info_t now;

    if (!answered(minato_port_info(mach_task_self(), name, &now), "minato_port_info of its port"))
        return true;
    const struct compared rows[] = {
        {"type of its port", old->type, now.type},
        {"user references of its port", old->urefs, now.urefs},
        {"kind of its port", old->object, now.object},
        {"number of its port", old->port_id, now.port_id},
        {"receiver of its port", old->receiver, now.receiver},
        {"queue limit of its port", old->queue_limit, now.queue_limit},
        {"set of its port", old->pset_id, now.pset_id},
        {"requests on its port", old->flags, now.flags},
        {"make-send count of its port", old->mscount, now.mscount},
        // Victims may copy the rights that they have to the public one only.
        {"send rights to its private port", old->srights, is_public ? old->srights : now.srights},
    };
    return same(rows, sizeof(rows) / sizeof(rows[0]), last);
}

// The server may be answering the campaign at this moment, and hold its reply right: it is looked
// at again then.
static bool look_at_rights(void)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        bool last = tries == 19;

        if (look_at_counts(last) && look_at_port(NAME_PRIVATE, &before.server, false, last) &&
            look_at_port(NAME_PUBLIC, &before.public, true, last))
            return true;
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);
    }
    return false;
}

// ---- what the victims send --------------------------------------------------------------------

static bool drain(void)
{
    mach_msg_header_t *head = (mach_msg_header_t *)incoming;

    for (unsigned i = 0; i < 64; i++) {
        mach_msg_return_t mr = mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(incoming),
                                        NAME_PUBLIC, 0, MACH_PORT_NULL);

        if (mr == MACH_RCV_TIMED_OUT)
            return true;
        if ((mr & ~MACH_MSG_MASK) == MACH_RCV_HEADER_ERROR) {
            report->dropped++; // no room for it: it is gone
            continue;
        }
        if (mr != MACH_MSG_SUCCESS && (mr & ~MACH_MSG_MASK) != MACH_RCV_BODY_ERROR)
            return fail("receiving from its public port", MACH_MSG_SUCCESS, (uint32_t)mr);
        report->received++;
        mach_msg_destroy(head);
    }
    return true;
}

// ---- the loop ---------------------------------------------------------------------------------

static void sleep_a_little(void)
{
    uint64_t start = nanoseconds();
    uint32_t waited;

    thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 5);
    waited = (uint32_t)((nanoseconds() - start) / 1000);
    if (waited > report->longest)
        report->longest = waited;
}

static bool remember(void)
{
    return minato_task_counts(mach_task_self(), &before.task) == KERN_SUCCESS &&
           minato_port_info(mach_task_self(), NAME_PRIVATE, &before.server) == KERN_SUCCESS &&
           minato_port_info(mach_task_self(), NAME_PUBLIC, &before.public) == KERN_SUCCESS;
}

void witness_main(void)
{
    mach_port_t reply;
    mach_msg_return_t mr;

    mach_init_child();
    reply = mach_reply_port();
    vm_allocate(mach_task_self(), (vm_address_t *)&own, PAGES * PAGE_SIZE, TRUE);
    for (unsigned i = 0; i < PAGES * PAGE_SIZE / 4; i++)
        own[i] = OWN_WORD(i);
    memset(incoming, 1, sizeof(incoming)); // so that it is there when memory is short
    start_server();
    ping(NAME_PRIVATE, reply, 0, &mr);
    if (!remember() || !remember())
        fail("its first look at itself", 0, 1);
    while (!report->failed && !report->stop) {
        for (unsigned i = 0; i < 4; i++, report->calls++)
            if (!ping(NAME_PRIVATE, reply, report->calls, &mr) && mr != MACH_SEND_NO_BUFFER)
                fail("a call within the task", MACH_MSG_SUCCESS, (uint32_t)mr);
        if (look_at_memory(report->rounds) && drain() && look_at_rights())
            report->rounds++;
        sleep_a_little();
    }
    task_terminate(mach_task_self());
    _exit(0);
}
