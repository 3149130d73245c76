// SPDX-License-Identifier: BSD-2-Clause
// One mach_port_* call with random arguments, on the kernel and on the model.
#include "calls.h"
#include <mach/notify.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/kobject.h"
#include "ipc/right.h"
#include "mach_port_server.h"
#include "minato_server.h"
#include <mach/minato_types.h>
#include "tap.h"
#include "vm/map.h"

// ---- arguments ----------------------------------------------------------------------------------

mach_port_name_t strange_name(int space)
{
    struct m_space *s = &m_spaces[space];

    switch (below(6)) {
    case 0:
        return s->stale_count > 0 ? s->stale[below(s->stale_count < STALE ? s->stale_count : STALE)]
                                  : 5;
    case 1:
        return MACH_PORT_NULL;
    case 2:
        return MACH_PORT_DEAD;
    case 3:
        return below(1u << 28) * 16 + below(16);
    default:
        return below(80) << 8 | below(7); // as the kernel's own
    }
}

mach_port_name_t some_name(int space, mach_port_type_t types)
{
    struct list_of *names = &m_spaces[space].names;
    struct m_name *n;
    unsigned start;

    if (names->count == 0 || one_in(40))
        return strange_name(space);
    start = below(one_in(2) && names->count > 4 ? 4 : names->count); // some are used more
    for (unsigned i = one_in(40) ? names->count : 0; i < names->count; i++) {
        n = names->at[(start + i) % names->count];
        if (n->type & types)
            return n->name;
    }
    return LIST_AT(struct m_name, names, start)->name;
}

static mach_port_right_t some_right(void)
{
    static const mach_port_right_t rights[] = {0, 1, 2, 3, 4, 5, 77, 0xffffffff};

    return rights[below(one_in(10) ? 8 : 5)];
}

// Whether there is a space that cannot pay for another block of names.
bool names_full(void)
{
    for (int i = 0; i < TASKS; i++)
        if (task_ledgers[i].used[MINATO_LIMIT_NAMES] + ENTRIES_PER_CHUNK >
            task_ledgers[i].limit[MINATO_LIMIT_NAMES])
            return true;
    return false;
}

bool agreed(const char *call, kern_return_t got, kern_return_t want)
{
    if ((got == KERN_RESOURCE_SHORTAGE && fake_failed) || (got == KERN_NO_SPACE && names_full()))
        return false;
    if (got != want)
        tap_fail(__FILE__, __LINE__, "%s answers %#x, not %#x", call, got, want);
    return got == KERN_SUCCESS && want == KERN_SUCCESS;
}

kern_return_t lookup_answer(int space, mach_port_name_t name, mach_port_type_t types,
                              struct m_name **n)
{
    *n = m_find(space, name);
    if (!m_spaces[space].alive)
        return KERN_INVALID_TASK;
    if (!*n)
        return KERN_INVALID_NAME;
    return (*n)->type & types ? KERN_SUCCESS : KERN_INVALID_RIGHT;
}

bool name_reserved(mach_port_name_t name)
{
    return name == MACH_PORT_NULL || name == MACH_PORT_DEAD;
}

// As MIG's server does for the calls that are given what stands under a name: `call` uses `entry`.
#define FOUND(space, name, types, call)                                                \
    ({                                                                                 \
        struct entry *entry;                                                           \
        kern_return_t found = find_right(tasks[space].space, name, types, &entry);     \
        found == KERN_SUCCESS ? (call) : found;                                        \
    })

// ---- names --------------------------------------------------------------------------------------

static kern_return_t allocate_answer(int space, mach_port_right_t right)
{
    if (!m_spaces[space].alive)
        return KERN_INVALID_TASK;
    return right == MACH_PORT_RIGHT_RECEIVE || right == MACH_PORT_RIGHT_PORT_SET ||
                   right == MACH_PORT_RIGHT_DEAD_NAME
               ? KERN_SUCCESS : KERN_INVALID_VALUE;
}

static void m_allocate(int space, mach_port_right_t right, mach_port_name_t name, bool chosen)
{
    struct m_name *n = m_name_new(space, name, chosen);

    if (right == MACH_PORT_RIGHT_RECEIVE) {
        m_port_new(n);
    } else if (right == MACH_PORT_RIGHT_PORT_SET) {
        m_set_new(n);
    } else {
        n->type = MACH_PORT_TYPE_DEAD_NAME;
        n->urefs = 1;
    }
}

static void allocate(int me, int space)
{
    mach_port_right_t right = one_in(2) ? MACH_PORT_RIGHT_RECEIVE : some_right();
    mach_port_name_t name;
    kern_return_t kr = mach_port_allocate(tasks[space].space, right, &name);

    (void)me;
    if (agreed("mach_port_allocate", kr, allocate_answer(space, right)))
        m_allocate(space, right, name, false);
}

static void allocate_name(int me, int space)
{
    mach_port_right_t right = some_right();
    mach_port_name_t name = one_in(4) ? some_name(space, ~0u) : strange_name(space);
    kern_return_t want = allocate_answer(space, right);

    (void)me;
    if (want == KERN_SUCCESS && m_find(space, name))
        want = KERN_NAME_EXISTS;
    if (name_reserved(name))
        want = KERN_INVALID_VALUE;
    if (agreed("mach_port_allocate_name", mach_port_allocate_name(tasks[space].space, right, name),
               want))
        m_allocate(space, right, name, true);
}

static void rename_one(int me, int space)
{
    mach_port_name_t old = some_name(space, ~0u);
    mach_port_name_t name = one_in(4) ? some_name(space, ~0u) : strange_name(space);
    struct m_name *n;
    kern_return_t want = lookup_answer(space, old, ~0u, &n);

    (void)me;
    if (want == KERN_SUCCESS && m_find(space, name))
        want = KERN_NAME_EXISTS;
    if (name_reserved(name))
        want = KERN_INVALID_VALUE;
    if (!agreed("mach_port_rename", mach_port_rename(tasks[space].space, old, name), want))
        return;
    m_stale(space, old, n->chosen);
    n->name = name;
    n->chosen = true;
    if (n->set)
        n->set->name = name;
}

static void destroy(int me, int space)
{
    mach_port_name_t name = some_name(space, ~0u);
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, ~0u, &n);

    (void)me;
    if (agreed("mach_port_destroy", mach_port_destroy(tasks[space].space, name), want))
        m_destroy(n);
}

static void deallocate(int me, int space)
{
    mach_port_name_t name = some_name(space, MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_DEAD_NAME);
    struct m_name *n;
    kern_return_t want =
        lookup_answer(space, name, MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_DEAD_NAME, &n);

    (void)me;
    if (want == KERN_INVALID_NAME)
        want = KERN_SUCCESS;
    if (!agreed("mach_port_deallocate", mach_port_deallocate(tasks[space].space, name), want) || !n)
        return;
    if (n->type & MACH_PORT_TYPE_DEAD_NAME)
        m_drop_dead(n, 1);
    else if (n->type & MACH_PORT_TYPE_SEND_ONCE)
        m_drop_send_once(n);
    else if (n->urefs == 1)
        m_drop_send(n);
    else
        n->urefs--;
}

static void m_mod_refs(struct m_name *n, mach_port_right_t right, mach_port_delta_t delta)
{
    bool gone = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME
                    ? n->urefs + delta == 0 : delta == -1;

    if (!gone) {
        n->urefs += delta; // not 0 only for rights that are counted
        return;
    }
    switch (right) {
    case MACH_PORT_RIGHT_SEND:
        m_drop_send(n);
        break;
    case MACH_PORT_RIGHT_RECEIVE:
        m_drop_receive(n);
        break;
    case MACH_PORT_RIGHT_SEND_ONCE:
        m_drop_send_once(n);
        break;
    case MACH_PORT_RIGHT_PORT_SET:
        m_drop_set(n);
        break;
    default:
        m_drop_dead(n, n->urefs);
        break;
    }
}

static kern_return_t mod_refs_answer(const struct m_name *n, mach_port_right_t right, int64_t delta)
{
    bool counted = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME;
    int64_t left = (counted ? n->urefs : 1) + delta;

    if (left < 0 || (!counted && left > 1))
        return KERN_INVALID_VALUE;
    return left > MACH_PORT_UREFS_MAX ? KERN_UREFS_OVERFLOW : KERN_SUCCESS;
}

static void mod_refs(int me, int space)
{
    static const mach_port_delta_t deltas[] = {-1, -1, -1, -2, 0,      1,       2,
                                               5,  -6, 7,  3,  0xffff, INT32_MAX, INT32_MIN};
    mach_port_right_t right = one_in(2) ? MACH_PORT_RIGHT_SEND : some_right();
    mach_port_name_t name = some_name(space, right < 5 ? MACH_PORT_TYPE(right) : ~0u);
    mach_port_delta_t delta = deltas[below(14)];
    struct m_name *n = NULL;
    kern_return_t want = right < 5 ? lookup_answer(space, name, MACH_PORT_TYPE(right), &n)
                                   : KERN_INVALID_VALUE;

    if (n && one_in(6)) // as many as there can be, or nearly
        delta = MACH_PORT_UREFS_MAX - n->urefs - below(2);

    (void)me;
    if (want == KERN_SUCCESS)
        want = mod_refs_answer(n, right, delta);
    if (agreed("mach_port_mod_refs",
               mach_port_mod_refs(tasks[space].space, name, right, delta), want))
        m_mod_refs(n, right, delta);
}

// ---- looking ------------------------------------------------------------------------------------

static mach_port_type_t shown_type(const struct m_name *n)
{
    return n->type | (n->request ? MACH_PORT_TYPE_DNREQUEST : 0);
}

static void type_and_refs(int me, int space)
{
    mach_port_name_t name = some_name(space, ~0u);
    mach_port_right_t right = some_right();
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, ~0u, &n);
    mach_port_type_t type;
    mach_port_urefs_t refs, want_refs;

    (void)me;
    if (agreed("mach_port_type", FOUND(space, name, MACH_PORT_TYPE_ALL_RIGHTS,
                                       mach_port_type(tasks[space].space, entry, &type)), want))
        CHECK_EQ(type, shown_type(n));
    if (right >= MACH_PORT_RIGHT_NUMBER)
        want = KERN_INVALID_VALUE;
    if (!agreed("mach_port_get_refs", mach_port_get_refs(tasks[space].space, name, right, &refs),
                want))
        return;
    want_refs = right == MACH_PORT_RIGHT_SEND || right == MACH_PORT_RIGHT_DEAD_NAME ? n->urefs : 1;
    CHECK_EQ(refs, n->type & MACH_PORT_TYPE(right) ? want_refs : 0);
}

static void names(int me, int space)
{
    vm_map_copy_t listed = NULL, types = NULL;
    mach_msg_type_number_t count, type_count;
    const struct m_name *n;

    (void)me;
    if (!agreed("mach_port_names",
                mach_port_names(tasks[space].space, &listed, &count, &types, &type_count),
                m_spaces[space].alive ? KERN_SUCCESS : KERN_INVALID_TASK))
        return;
    CHECK_EQ(count, m_spaces[space].names.count);
    CHECK_EQ(type_count, count);
    CHECK_EQ(listed ? listed->size : 0, count * 4);
    CHECK_EQ(types ? types->size : 0, count * 4);
    for (unsigned i = 0; i < count; i++) {
        n = m_find(space, ((mach_port_name_t *)listed->bytes)[i]);
        if (!n)
            tap_fail(__FILE__, __LINE__, "a name is listed that is not in use");
        else
            CHECK_EQ(((mach_port_type_t *)types->bytes)[i], shown_type(n));
    }
    vm_map_copy_discard(listed);
    vm_map_copy_discard(types);
}

static void info(int me, int space)
{
    mach_port_name_t name = some_name(space, ~0u);
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, ~0u, &n);
    minato_port_info_t shown;
    unsigned queued = 0;

    (void)me;
    if (!agreed("minato_port_info", FOUND(space, name, MACH_PORT_TYPE_ALL_RIGHTS,
                                          minato_port_info(tasks[space].space, entry, &shown)), want))
        return;
    CHECK_EQ(shown.type, shown_type(n));
    if (n->type & (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_DEAD_NAME))
        CHECK_EQ(shown.urefs, n->urefs);
    CHECK_EQ((shown.flags & MINATO_PORT_DNREQUEST) != 0, n->request != NULL);
    if (n->port) {
        CHECK_EQ(shown.queue_length, n->port->messages.count);
        CHECK_EQ(shown.srights, n->port->srights);
        CHECK_EQ(shown.sorights, n->port->sorights);
        CHECK_EQ(shown.waiters, n->port->receivers.count);
        CHECK_EQ(shown.senders, n->port->senders.count);
        CHECK_EQ(shown.receiver, n->port->space >= 0);
    } else if (n->set) {
        for (unsigned i = 0; i < n->set->members.count; i++)
            queued += LIST_AT(struct m_port, &n->set->members, i)->messages.count;
        CHECK_EQ(shown.members, n->set->members.count);
        CHECK_EQ(shown.queue_length, queued);
        CHECK_EQ(shown.waiters, n->set->receivers.count);
    }
}

static void status(int me, int space)
{
    mach_port_name_t name = some_name(space, MACH_PORT_TYPE_RECEIVE);
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, MACH_PORT_TYPE_RECEIVE, &n);
    mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
    mach_port_status_t s;
    unsigned requests;

    (void)me;
    if (!agreed("mach_port_get_attributes",
                FOUND(space, name, MACH_PORT_TYPE_RECEIVE,
                      mach_port_get_attributes(tasks[space].space, entry, MACH_PORT_RECEIVE_STATUS,
                                               (mach_port_info_t)&s, &count)), want))
        return;
    CHECK_EQ(s.mps_pset, n->port->set ? n->port->set->name : MACH_PORT_NULL);
    CHECK_EQ(s.mps_seqno, n->port->seqno);
    CHECK_EQ(s.mps_mscount, n->port->mscount);
    CHECK_EQ(s.mps_qlimit, n->port->qlimit);
    CHECK_EQ(s.mps_msgcount, n->port->messages.count);
    CHECK_EQ(s.mps_sorights, n->port->sorights);
    CHECK_EQ(s.mps_srights, n->port->srights > 0);
    CHECK_EQ(s.mps_pdrequest, n->port->port_destroyed != NULL);
    CHECK_EQ(s.mps_nsrequest, n->port->no_senders != NULL);
    CHECK_EQ(FOUND(space, name, MACH_PORT_TYPE_RECEIVE,
                   mach_port_get_attributes(tasks[space].space, entry, MACH_PORT_DNREQUESTS_SIZE,
                                            (mach_port_info_t)&requests, &count)), KERN_SUCCESS);
    CHECK_EQ(requests, n->port->requests.count);
}

static void set_status(int me, int space)
{
    mach_port_name_t name = some_name(space, MACH_PORT_TYPE_PORT_SET);
    struct m_name *n, *member;
    kern_return_t want = lookup_answer(space, name, MACH_PORT_TYPE_PORT_SET, &n);
    vm_map_copy_t listed = NULL;
    mach_msg_type_number_t count;

    (void)me;
    if (!agreed("mach_port_get_set_status",
                FOUND(space, name, MACH_PORT_TYPE_PORT_SET,
                      mach_port_get_set_status(tasks[space].space, entry, &listed, &count)), want))
        return;
    CHECK_EQ(count, n->set->members.count);
    for (unsigned i = 0; i < count; i++) {
        member = m_find(space, ((mach_port_name_t *)listed->bytes)[i]);
        CHECK(member && member->port == n->set->members.at[i]);
    }
    vm_map_copy_discard(listed);
}

// ---- ports --------------------------------------------------------------------------------------

static void set_attributes(int me, int space)
{
    mach_port_name_t name = some_name(space, MACH_PORT_TYPE_RECEIVE);
    mach_port_limits_t limits = {below(one_in(2) ? 3 : 12)};
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, MACH_PORT_TYPE_RECEIVE, &n);

    (void)me;
    if (one_in(20))
        limits.mpl_qlimit = MACH_PORT_QLIMIT_MAX + below(2);
    if (want == KERN_SUCCESS &&
        (limits.mpl_qlimit == 0 || limits.mpl_qlimit > MACH_PORT_QLIMIT_MAX))
        want = KERN_INVALID_VALUE;
    if (!agreed("mach_port_set_attributes",
                FOUND(space, name, MACH_PORT_TYPE_RECEIVE,
                      mach_port_set_attributes(tasks[space].space, entry, MACH_PORT_LIMITS_INFO,
                                               (mach_port_info_t)&limits,
                                               MACH_PORT_LIMITS_INFO_COUNT)), want))
        return;
    n->port->qlimit = limits.mpl_qlimit;
    m_let_in(n->port);
}

static void set_counts(int me, int space)
{
    mach_port_name_t name = some_name(space, MACH_PORT_TYPE_RECEIVE);
    uint32_t value = below(3) - 1 + below(5);
    struct m_name *n;
    kern_return_t want = lookup_answer(space, name, MACH_PORT_TYPE_RECEIVE, &n);

    (void)me;
    if (one_in(2)) {
        if (agreed("mach_port_set_mscount",
                   FOUND(space, name, MACH_PORT_TYPE_RECEIVE,
                         mach_port_set_mscount(tasks[space].space, entry, value)), want))
            n->port->mscount = value;
    } else if (agreed("mach_port_set_seqno",
                      FOUND(space, name, MACH_PORT_TYPE_RECEIVE,
                            mach_port_set_seqno(tasks[space].space, entry, value)), want)) {
        n->port->seqno = value;
    }
}

// A receive right and a set, best of all such that there are messages for threads that wait.
static mach_port_name_t name_to_join(int space)
{
    struct list_of *names = &m_spaces[space].names;

    for (unsigned i = one_in(2) ? names->count : 0; i < names->count; i++) {
        struct m_name *n = names->at[i];

        if ((n->type & MACH_PORT_TYPE_RECEIVE) && n->port->messages.count > 1 && one_in(3))
            return n->name;
    }
    return some_name(space, MACH_PORT_TYPE_RECEIVE);
}

static mach_port_name_t set_to_join(int space)
{
    struct list_of *names = &m_spaces[space].names;

    for (unsigned i = one_in(2) ? names->count : 0; i < names->count; i++) {
        struct m_name *n = names->at[i];

        if (n->set && n->set->receivers.count > 0)
            return n->name;
    }
    return some_name(space, MACH_PORT_TYPE_PORT_SET);
}

static void move_member(int me, int space)
{
    mach_port_name_t name = name_to_join(space);
    mach_port_name_t set = one_in(5) ? MACH_PORT_NULL : set_to_join(space);
    struct m_name *n, *s = NULL;
    kern_return_t want = lookup_answer(space, name, MACH_PORT_TYPE_RECEIVE, &n);

    (void)me;
    if (want == KERN_SUCCESS && set != MACH_PORT_NULL)
        want = lookup_answer(space, set, MACH_PORT_TYPE_PORT_SET, &s);
    if (want == KERN_SUCCESS && !s && !n->port->set)
        want = KERN_NOT_IN_SET;
    if (!agreed("mach_port_move_member", mach_port_move_member(tasks[space].space, name, set),
                want))
        return;
    if (n->port->set)
        m_set_remove(n->port);
    if (s)
        m_set_add(s->set, n->port);
}

static void change_member(int me, int space)
{
    bool insert = one_in(2);
    mach_port_name_t name = insert ? name_to_join(space) : some_name(space, MACH_PORT_TYPE_RECEIVE);
    mach_port_name_t set = insert ? set_to_join(space) : some_name(space, MACH_PORT_TYPE_PORT_SET);
    struct entry *member;
    struct m_name *n, *s;
    kern_return_t kr, want = lookup_answer(space, name, MACH_PORT_TYPE_RECEIVE, &n);

    (void)me;
    if (want == KERN_SUCCESS)
        want = lookup_answer(space, set, MACH_PORT_TYPE_PORT_SET, &s);
    if (want == KERN_SUCCESS && insert && n->port->set)
        want = KERN_ALREADY_IN_SET;
    if (want == KERN_SUCCESS && !insert && n->port->set != s->set)
        want = KERN_NOT_IN_SET;
    kr = find_right(tasks[space].space, name, MACH_PORT_TYPE_RECEIVE, &member);
    if (kr == KERN_SUCCESS)
        kr = FOUND(space, set, MACH_PORT_TYPE_PORT_SET,
                   insert ? mach_port_insert_member(tasks[space].space, member, entry)
                          : mach_port_extract_member(tasks[space].space, member, entry));
    if (!agreed(insert ? "mach_port_insert_member" : "mach_port_extract_member", kr, want))
        return;
    if (insert)
        m_set_add(s->set, n->port);
    else
        m_set_remove(n->port);
}

void step_use_up(int space)
{
    unsigned slots = tasks[space].space->chunk_count * ENTRIES_PER_CHUNK, used = 1;

    for (unsigned i = 0; i < m_spaces[space].names.count; i++)
        used += !LIST_AT(struct m_name, &m_spaces[space].names, i)->chosen;
    for (; m_spaces[space].alive && used < slots && slots <= 128 && !fake_failed; used++)
        allocate(space, space);
}

// ---- one of them --------------------------------------------------------------------------------

void step_call(struct m_thread *thread)
{
    static const struct {
        void (*make)(int me, int space);
        unsigned weight;
    } calls[] = {
        {allocate, 10},      {allocate_name, 4}, {rename_one, 4},   {destroy, 2},
        {deallocate, 6},     {mod_refs, 8},     {type_and_refs, 2}, {names, 1},
        {status, 2},         {info, 2},         {set_status, 1},    {set_attributes, 3},
        {set_counts, 1},     {move_member, 5},  {change_member, 4}, {call_insert_right, 14},
        {call_extract_right, 10}, {call_request_notification, 12},
    };
    int space = one_in(4) ? (int)below(TASKS) : thread->space;
    unsigned n = below(91), i = 0;

    while (n >= calls[i].weight)
        n -= calls[i++].weight;
    fake_current(thread->real);
    calls[i].make(thread->space, space);
    for (n = 0; m_spaces[space].names.count < m_world_size && n < 4; n++)
        (one_in(2) ? allocate : call_make_send)(space, space); // the world is not full yet
    fake_current(NULL);
}
