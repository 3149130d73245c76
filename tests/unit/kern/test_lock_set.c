// SPDX-License-Identifier: BSD-2-Clause
// Lock sets: threads that lock, unlock, hand off, end and are aborted at random, checked against a
// model that knows who is inside and which locks an owner has left behind.
#include "sim.h"
#include "kern/lock_set.h"

#define LOCKS 3
#define WORKERS 6
#define ROUNDS 60

kern_return_t lock_set_create(struct task *task, struct lock_set **result, int locks, int policy);
kern_return_t lock_set_destroy(struct task *task, struct lock_set *set);

static struct lock_set *set;
static int inside[LOCKS];    // model: who owns it; 0: nobody
static bool unstable[LOCKS]; // model: an owner has ended
static int wrong, aborted, left_behind, handed_off, running;
static uint32_t seed;

// What must not be, of a set that has not been destroyed meanwhile.
static void never(bool holds)
{
    wrong += holds && set->base.alive;
}

static unsigned draw(unsigned limit)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % limit;
}

// The lock is the caller's by code `kr`: checks that, and is inside for a while.
static void enter(int id, int lock, kern_return_t kr)
{
    never(kr != (unstable[lock] ? KERN_LOCK_UNSTABLE : KERN_SUCCESS));
    never(inside[lock] != 0);
    inside[lock] = id;
    never(lock_try(set, lock) != KERN_LOCK_OWNED_SELF);
    if (unstable[lock] && draw(2) == 0) {
        unstable[lock] = false;
        never(lock_make_stable(set, lock) != KERN_SUCCESS);
    }
    spend(draw(5) * MS);
    never(inside[lock] != id);
    inside[lock] = 0;
}

// Gives the lock away. True: the caller is to end as its owner.
static bool give_up(int id, int lock)
{
    kern_return_t kr;

    switch (draw(40)) {
    case 0:
        unstable[lock] = true;
        left_behind++;
        return true;
    case 1:
        kr = lock_handoff(set, lock);
        if (kr == KERN_SUCCESS) {
            handed_off++;
            return false;
        }
        never(kr != KERN_ABORTED);
        aborted++;
        never(inside[lock] != 0); // nobody else came in
        break;
    default:
        break;
    }
    (void)id;
    never(lock_release(set, lock) != KERN_SUCCESS);
    return false;
}

static void work(long id)
{
    for (int round = 0; round < ROUNDS; round++) {
        int lock = (int)draw(LOCKS);
        kern_return_t kr = draw(10) == 0 ? lock_handoff_accept(set, lock) : lock_acquire(set, lock);

        boundary();
        if (kr == KERN_LOCK_SET_DESTROYED)
            break;
        if (kr == KERN_ABORTED || kr == KERN_ALREADY_WAITING) {
            aborted += kr == KERN_ABORTED;
            spend(draw(3) * MS);
            continue;
        }
        enter((int)id, lock, kr);
        if (give_up((int)id, lock))
            break;
        boundary();
        spend(draw(3) * MS);
    }
    running--;
}

// One run: workers that end as owners are replaced; now and then somebody is aborted.
static void run(int policy, uint32_t from)
{
    struct thread *threads[WORKERS];
    int made = 0;

    seed = from;
    memset(inside, 0, sizeof(inside));
    memset(unstable, 0, sizeof(unstable));
    if (lock_set_create(&sim_task, &set, LOCKS, policy) != KERN_SUCCESS)
        printf("Bail out! no lock set\n");
    for (int step = 0; step < 400; step++) {
        while (running < WORKERS && made < 4 * WORKERS) {
            threads[made % WORKERS] = sim_thread(POLICY_RR, 20 + made % 3, work, made + 1);
            threads[made % WORKERS]->refs++; // it may end
            running++;
            made++;
        }
        sleep_until(sim_now + 3 * MS);
        thread_abort(threads[draw(WORKERS)]);
    }
    lock_set_destroy(&sim_task, set);
    sleep_until(sim_now + 1000 * MS);
    synchronizer_dereference(set); // the one that lock_set_create gave, for all calls
}

void simulation(void)
{
    static const int policies[] = {SYNC_POLICY_FIFO, SYNC_POLICY_FIXED_PRIORITY, SYNC_POLICY_RANDOM};

    for (int i = 0; i < 12; i++)
        run(policies[i % 3], 17 + (uint32_t)i);
    is(wrong, 0, "owners are alone, are told of an unstable lock and of no other, and stay owners");
    ok(left_behind > 20 && handed_off > 20 && aborted > 100, "there were ends, hand-offs and aborts");
    printf("# %d owners ended, %d hand-offs, %d aborts\n", left_behind, handed_off, aborted);
    is(running, 0, "everybody has come to an end: nobody waits for a lock that nobody has");
    is(list_empty(&sim_task.synchronizers), true, "no set is left");
}
