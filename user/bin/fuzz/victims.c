// SPDX-License-Identifier: BSD-2-Clause
// The victims, as the campaign sees them: what they are given, how they are disturbed, and how they
// end; and the tasks that they make.
#include "campaign.h"

#include <mach/minato.h>
#include <string.h>

#define STACK_SIZE 0x8000u
#define LIFE_MS 400   // of a victim, at most
#define FAULTS_MAX 30 // exceptions of a victim, before it ends
#define STILL_TICKS 4 // of a thread that makes no call, before it is helped

static struct victim {
    task_t task; // null: there is none
    thread_t thread[THREADS];
    uint64_t end; // ms: when it is to end
    uint32_t calls[THREADS];
    unsigned still[THREADS]; // for so many ticks no call was made
    unsigned faults;
} victims[VICTIMS];

static struct generator generators[THREADS];
static task_t children[CHILDREN];
static vm_address_t stacks;

void victims_prepare(void)
{
    must(vm_allocate(mach_task_self(), &stacks, THREADS * STACK_SIZE, TRUE), "vm_allocate");
}

static vm_address_t stack_top(unsigned n)
{
    return stacks + (n + 1) * STACK_SIZE - 32;
}

// ---- beginning and end ------------------------------------------------------------------------

// What a new victim is given: rights of the campaign, under names that follow each other.
struct gifts {
    unsigned count;
    mach_port_t right[32];
};
#define OWN_PORTS 4
#define OWN_SEMAPHORES 2
#define OWN_LOCK_SETS 2
#define OWN (OWN_PORTS + OWN_SEMAPHORES + OWN_LOCK_SETS)

static void give(struct gifts *gifts, enum hint hint, mach_port_t right)
{
    if (right == MACH_PORT_NULL || gifts->count == 32)
        return;
    values_begin(&dice, hint, NAME_GIVEN + gifts->count * 0x100);
    gifts->right[gifts->count++] = right;
}

// The names are in the victim's memory, so they are chosen before it exists; its own ports, which
// come first, are put in by endow().
static void choose_gifts(struct gifts *gifts, const struct victim *self)
{
    values_forget();
    for (unsigned i = 0; i < 1 + THREADS; i++)
        give(gifts, i == 0 ? HINT_TASK : HINT_THREAD, MACH_PORT_DEAD);
    for (unsigned i = 0; i < OWN; i++)
        give(gifts, i < OWN_PORTS                    ? HINT_PORT
                    : i < OWN_PORTS + OWN_SEMAPHORES ? HINT_SEMAPHORE : HINT_LOCK_SET,
             MACH_PORT_DEAD);
    give(gifts, HINT_HOST, host);
    give(gifts, HINT_CLOCK, realtime);
    give(gifts, HINT_CLOCK, calendar);
    for (struct victim *v = victims; v < victims + VICTIMS; v++)
        if (v != self && v->task != MACH_PORT_NULL) {
            give(gifts, HINT_TASK, v->task);
            for (unsigned i = 0; i < THREADS; i++)
                give(gifts, HINT_THREAD, v->thread[i]);
        }
    for (unsigned i = 0; i < CHILDREN; i++)
        give(gifts, HINT_TASK, children[i]);
}

static void endow(struct gifts *gifts, struct victim *v)
{
    gifts->right[0] = v->task;
    memcpy(gifts->right + 1, v->thread, sizeof(v->thread));
    for (unsigned i = 0; i < OWN_PORTS; i++)
        gifts->right[1 + THREADS + i] = new_port();
    for (unsigned i = 0; i < OWN_SEMAPHORES; i++)
        must(semaphore_create(v->task, &gifts->right[1 + THREADS + OWN_PORTS + i], SYNC_POLICY_FIFO,
                              (int)i),
             "semaphore_create");
    for (unsigned i = 0; i < OWN_LOCK_SETS; i++)
        must(lock_set_create(v->task, &gifts->right[1 + THREADS + OWN_PORTS + OWN_SEMAPHORES + i],
                             4, SYNC_POLICY_FIFO),
             "lock_set_create");
    for (unsigned i = 0; i < gifts->count; i++) { // some may have died meanwhile
        bool own = i > THREADS && i <= THREADS + OWN;

        mach_port_insert_right(v->task, NAME_GIVEN + i * 0x100, gifts->right[i],
                               MACH_MSG_TYPE_COPY_SEND);
        if (own && i <= THREADS + OWN_PORTS)
            mach_port_insert_right(v->task, NAME_GIVEN + i * 0x100, gifts->right[i],
                                   MACH_MSG_TYPE_MOVE_RECEIVE);
        if (own)
            drop(gifts->right[i]);
    }
    must(mach_port_insert_right(v->task, NAME_PUBLIC, public, MACH_MSG_TYPE_COPY_SEND), "giving");
    must(mach_port_insert_right(v->task, NAME_NURSERY, nursery, MACH_MSG_TYPE_COPY_SEND), "giving");
}

// Nothing that a victim can ask for leads to the campaign's own ports: it would inherit some.
static void isolate(task_t task)
{
    must(task_set_bootstrap_port(task, public), "task_set_special_port");
    must(task_set_special_port(task, TASK_NAME_PORT, public), "task_set_special_port");
    must(mach_ports_register(task, &public, 1), "mach_ports_register");
    must(task_set_exception_ports(task, EXC_MASK_ALL, exceptions, EXCEPTION_DEFAULT,
                                  THREAD_STATE_NONE),
         "task_set_exception_ports");
    must(minato_task_set_name(task, "victim"), "minato_task_set_name");
    set_policy(task, levels.user_priority + 4, true);
}

static void start(unsigned n)
{
    struct victim *v = &victims[n];
    struct gifts gifts = {0};

    memset(v, 0, sizeof(*v));
    choose_gifts(&gifts, v);
    for (unsigned i = 0; i < THREADS; i++) {
        generators[i] =
            (struct generator){.state = random_word(&dice) | 1, .victim = n, .thread = i};
        ((struct generator **)stack_top(i))[1] = &generators[i];
    }
    values_begin(&dice, HINT_PORT, NAME_PUBLIC);
    v->task = make_task();
    isolate(v->task);
    for (unsigned i = 0; i < THREADS; i++)
        v->thread[i] = make_thread(v->task, (void (*)(void))victim_run, stack_top(i));
    endow(&gifts, v);
    v->end = now_ms() + 20 + random_below(&dice, LIFE_MS);
    sum.started++;
    for (unsigned i = 0; i < THREADS; i++)
        thread_resume(v->thread[i]);
}

static void end(struct victim *v, unsigned *reason)
{
    if (v->task == MACH_PORT_NULL)
        return;
    task_terminate(v->task);
    for (unsigned i = 0; i < THREADS; i++)
        drop(v->thread[i]);
    drop(v->task);
    memset(v, 0, sizeof(*v));
    (*reason)++;
}

// ---- tasks that victims make ------------------------------------------------------------------

static void end_child(unsigned n)
{
    if (children[n] == MACH_PORT_NULL)
        return;
    task_terminate(children[n]);
    drop(children[n]);
    children[n] = MACH_PORT_NULL;
}

void victims_child(mach_port_t task)
{
    unsigned place = random_below(&dice, CHILDREN);

    end_child(place);
    children[place] = task;
    sum.children++;
}

// ---- exceptions -------------------------------------------------------------------------------

bool victim_faulted(thread_t thread, task_t task)
{
    for (struct victim *v = victims; v < victims + VICTIMS; v++) {
        if (v->task != task || task == MACH_PORT_NULL)
            continue;
        for (unsigned i = 0; i < THREADS; i++)
            if (v->thread[i] == thread && v->faults++ < FAULTS_MAX &&
                set_entry(thread, (void (*)(void))victim_run, stack_top(i)) == KERN_SUCCESS)
                return true;
        if (v->faults > FAULTS_MAX) {
            end(v, &sum.faulted);
            return false;
        }
    }
    if (is_a(thread, MINATO_OBJECT_THREAD))
        thread_terminate(thread);
    return false;
}

// ---- disturbing -------------------------------------------------------------------------------

// A thread that waits, or is stopped: it may wait for what never comes.
static void help(struct victim *v, unsigned i)
{
    thread_abort(v->thread[i]);
    while (thread_resume(v->thread[i]) == KERN_SUCCESS)
        continue;
    while (task_resume(v->task) == KERN_SUCCESS)
        continue;
    sum.helped++;
}

static void watch(unsigned n)
{
    struct victim *v = &victims[n];
    unsigned stuck = 0;

    if (v->task == MACH_PORT_NULL)
        return;
    for (unsigned i = 0; i < THREADS; i++) {
        v->still[i] = v->calls[i] == board->calls[n][i] ? v->still[i] + 1 : 0;
        v->calls[i] = board->calls[n][i];
        stuck += v->still[i] >= 3 * STILL_TICKS;
        if (v->still[i] > 0 && v->still[i] % STILL_TICKS == 0)
            help(v, i);
    }
    if (stuck == THREADS && is_dead(v->task))
        end(v, &sum.ended);
    else if (stuck == THREADS || now_ms() > v->end)
        end(v, &sum.killed);
}

static void disturb_somebody(void)
{
    struct victim *v = &victims[random_below(&dice, VICTIMS)];
    thread_t thread = v->thread[random_below(&dice, THREADS)];

    if (v->task == MACH_PORT_NULL)
        return;
    switch (random_below(&dice, 12)) {
    case 0:
    case 1:
    case 2:
        thread_abort(thread);
        break;
    case 3:
        thread_abort_safely(thread);
        break;
    case 4:
        thread_suspend(thread);
        break;
    case 5:
        thread_resume(thread);
        break;
    case 6:
        if (one_in(&dice, 8))
            thread_terminate(thread);
        break;
    case 7:
        end_child(random_below(&dice, CHILDREN));
        break;
    default:
        break;
    }
}

// ---- for the campaign -------------------------------------------------------------------------

void victims_start(void)
{
    for (unsigned n = 0; n < VICTIMS; n++)
        if (victims[n].task == MACH_PORT_NULL)
            start(n);
}

void victims_disturb(void)
{
    disturb_somebody();
    for (unsigned n = 0; n < VICTIMS; n++)
        watch(n);
}

void victims_end(void)
{
    for (unsigned n = 0; n < VICTIMS; n++)
        end(&victims[n], &sum.killed);
}

void children_end(void)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        end_child(i);
}
