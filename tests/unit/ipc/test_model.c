// SPDX-License-Identifier: BSD-2-Clause
// Rule: whatever tasks do with names, rights and messages, each sees what a simple model says. Random
// calls of several threads run on the kernel's own sources and on the model, with allocations failing now
// and then, waits that end, ports of the kernel's, and tasks that die; after every step all names, rights,
// queues and requests are compared, and all counts with what a walk finds; in the end nothing is left.
// Arguments: first seed, number of seeds, steps of each.
#include <stdio.h>
#include <stdlib.h>
#include "ipc/right.h"
#include "model.h"
#include "tap.h"

static uint32_t seed;

uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed >> 4) * n >> 28);
}

bool one_in(uint32_t n)
{
    return below(n) == 0;
}

// ---- the kernel's ports, and the ends of tasks --------------------------------------------------

// A port that the kernel receives from, to which every task gets a send right.
static void make_kernel_port(void)
{
    struct m_port *m;
    struct port *port = port_make();
    mach_port_name_t name;

    port->kind = PORT_HOST;
    m = m_port_new(NULL);
    m->real = port;
    m->kernel = true;
    for (int i = 0; i < TASKS; i++) {
        if (!m_spaces[i].alive)
            continue;
        m->srights++;
        m->mscount++;
        if (right_copyout(tasks[i].space, port_make_send(port), MACH_MSG_TYPE_PORT_SEND, &name) ==
            KERN_SUCCESS) {
            m_copyout(i, m, MACH_MSG_TYPE_PORT_SEND, name);
        } else { // its task has as many names as it may
            CHECK(names_full());
            port_release_send(port);
            m_release(m, MACH_MSG_TYPE_PORT_SEND);
        }
    }
}

static struct m_port *kernel_port(void)
{
    for (unsigned i = m_ports.count; i-- > 0;)
        if (LIST_AT(struct m_port, &m_ports, i)->kernel)
            return m_ports.at[i];
    return NULL;
}

static void end_kernel_port(void)
{
    struct m_port *m = kernel_port();

    port_destroy(m->real);
    port_release(m->real);
    m_kernel_port_dies(m);
}

// The kernel's own names go by their place in the table, then chosen ones in order.
static struct m_name *first_to_go(int space)
{
    struct list_of *names = &m_spaces[space].names;
    struct m_name *first = NULL;

    for (unsigned i = 0; i < names->count; i++) {
        struct m_name *n = names->at[i];

        if (!first || n->chosen < first->chosen ||
            (n->chosen == first->chosen && n->name < first->name))
            first = n;
    }
    return first;
}

void step_end_space(int space)
{
    struct m_name *n;

    if (!m_spaces[space].alive) { // another task takes its place
        space_release(tasks[space].space);
        tasks[space].space = space_make(tasks[space].ledger);
        m_spaces[space].alive = true;
        m_spaces[space].stale_count = 0;
        return;
    }
    space_shutdown(tasks[space].space);
    m_spaces[space].alive = false;
    while ((n = first_to_go(space)) != NULL)
        m_destroy(n);
    for (int i = 0; i < THREADS; i++) {
        if (m_threads[i].space != space || m_threads[i].state == M_IDLE || m_threads[i].woken)
            continue;
        waitq_wake_thread(m_threads[i].real, WAIT_INTERRUPTED);
        m_wake(&m_threads[i], WAIT_INTERRUPTED);
    }
}

// ---- steps --------------------------------------------------------------------------------------

// A thread that can make a call; NULL: all wait.
static struct m_thread *idle_thread(void)
{
    unsigned start = below(THREADS);

    for (unsigned i = 0; i < THREADS; i++)
        if (m_threads[(start + i) % THREADS].state == M_IDLE)
            return &m_threads[(start + i) % THREADS];
    return NULL;
}

static void act(void)
{
    struct m_thread *thread = idle_thread();

    if (one_in(500)) {
        fake_fail_at(0, false);
        step_end_space(below(TASKS));
    } else if (one_in(300)) {
        fake_fail_at(0, false);
        end_kernel_port();
        make_kernel_port();
    } else if (!thread || one_in(8)) {
        step_end_wait();
    } else if (one_in(2)) {
        step_call(thread);
    } else {
        if (m_world_size >= 60 && one_in(20)) {
            step_use_up(thread->space);
            fake_fail_at(1 + below(3), true);
        }
        step_message(thread);
    }
}

static void step(void)
{
    fake_notices_begin();
    if (one_in(4)) {
        fake_hold_messages();
        fake_fail_at(1 + below(6), one_in(2));
    }
    do
        act();
    while (one_in(6) && !fake_handed_over); // before those that have been woken run
    run_woken();
    fake_fail_at(0, false);
    fake_let_messages_go();
    CHECK_EQ(fake_notices_left(), 0);
}

static void end_world(void)
{
    for (int i = 0; i < TASKS; i++) {
        fake_notices_begin();
        if (m_spaces[i].alive)
            step_end_space(i);
        run_woken();
    }
    fake_notices_begin();
    end_kernel_port();
    check_structures();
    check_model();
    CHECK_EQ(port_counts.ports, 0);
    CHECK_EQ(port_counts.sets, 0);
    CHECK_EQ(port_counts.messages, 0);
    CHECK_EQ(fake_copies, 0);
    for (int i = 0; i < TASKS; i++)
        CHECK_EQ(task_ledgers[i].used[MINATO_LIMIT_NAMES], 0);
    fake_end();
    m_end();
}

static void run_seed(uint32_t number, unsigned steps, unsigned kept)
{
    unsigned failed = tap_failures();

    seed = number * 2654435761u;
    fake_begin();
    m_begin();
    fake_traps = number % 2 == 0; // the other half of the seeds go the general way only
    // One size is that at which a table grows.
    m_world_size = number % 6 == 5 ? 60 + below(6) : 8 + below(12u << number % 6);
    make_kernel_port();
    if (number % 4 == 3) // all have as many names as they may
        for (int i = 0; i < TASKS; i++)
            task_ledgers[i].limit[MINATO_LIMIT_NAMES] = ENTRIES_PER_CHUNK + 8 + below(80);
    for (unsigned i = 0; i < steps; i++) {
        step();
        check_model();
        check_structures();
        if (tap_failures() != failed) {
            printf("# seed %u, step %u\n", number, i);
            exit(1);
        }
    }
    end_world();
    // The stock of small messages (kmsg.c) stays.
    CHECK(fake_allocated() <= kept);
}

int main(int argc, char **argv)
{
    uint32_t first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    unsigned seeds = argc > 2 ? strtoul(argv[2], NULL, 0) : 12;
    unsigned steps = argc > 3 ? strtoul(argv[3], NULL, 0) : 3000;

    for (uint32_t i = 0; i < seeds; i++)
        run_seed(first + i, steps, 8);
    printf("# %u seeds from %u on, %u steps each\n", seeds, first, steps);
    tap_rule("names, rights, queues and notifications are what the model says, step by step");
    return tap_done();
}
