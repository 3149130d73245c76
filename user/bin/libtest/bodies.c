// SPDX-License-Identifier: BSD-2-Clause
// The bytes of a message arrive as they were sent, wherever in memory its sender and its receiver have
// it: across pages and page tables that are there or not, in one task or in two, with buffers that
// overlap.
#include "check.h"

#include <child_task.h>
#include <cthreads.h>
#include <program.h>
#include <string.h>
#include <unistd.h>

#define TABLE (4u << 20) // bytes that a page table maps
#define RESERVED (3 * TABLE)
#define ROOM (64u << 10) // of a buffer, on either side of the border between two page tables
#define HEADER sizeof(mach_msg_header_t)
#define CALL MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE)
#define STOP 1 // the id that ends an echo
#define WAIT_MS 5000
#define WINDOW 0xf8000000u // PMAP_WINDOW of the kernel

static const mach_msg_size_t sizes[] = {24,    28,    152,   1024,  4096, 4124,
                                        16384, 20000, 32768, 32772, 60000};

// Reserves memory around the end of a page table's part of the address space, which it returns.
// Where that part begins there is something, too, which nobody asks for.
static vm_address_t border_make(vm_address_t *region)
{
    vm_address_t border;

    vm_allocate(mach_task_self(), region, RESERVED, TRUE);
    border = (*region + 2 * TABLE - 1) & -TABLE;
    memset((void *)(border - TABLE), '!', ROOM);
    return border;
}

// ---- the other side ----------------------------------------------------------------------------

// Sends back what comes to `port`, from a buffer that lies across `border`.
static void echo(mach_port_t port, vm_address_t border)
{
    mach_msg_header_t *m = (mach_msg_header_t *)(border - 1000);
    mach_msg_option_t option = MACH_RCV_MSG;

    m->msgh_size = 0;
    while (mach_msg(m, option, m->msgh_size, ROOM, port, 0, MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
        option = MACH_SEND_MSG | MACH_RCV_MSG;
        if (m->msgh_id == STOP)
            option = MACH_SEND_MSG;
        m->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(m->msgh_bits), 0);
        m->msgh_local_port = MACH_PORT_NULL;
        if (option == MACH_SEND_MSG) {
            mach_msg(m, option, m->msgh_size, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
            return;
        }
    }
}

static any_t echo_thread(any_t port)
{
    vm_address_t region, border = border_make(&region);

    echo((mach_port_t)port, border);
    vm_deallocate(mach_task_self(), region, RESERVED);
    return NULL;
}

struct introduction {
    mach_msg_header_t header;
    mach_msg_body_t body;
    mach_msg_port_descriptor_t right;
    vm_address_t border;
    mach_msg_max_trailer_t trailer;
};

// The port is made here, so that its name is one of the kernel's choice.
static void echo_child(void)
{
    struct introduction m = {
        .header = {.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                                MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0)},
        .body = {1},
        .right = {.disposition = MACH_MSG_TYPE_MAKE_SEND, .type = MACH_MSG_PORT_DESCRIPTOR}};
    vm_address_t region;
    mach_port_t port;

    mach_init_child();
    m.border = border_make(&region);
    mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port);
    m.header.msgh_remote_port = bootstrap_port;
    m.right.name = port;
    mach_msg(&m.header, MACH_SEND_MSG, sizeof(m) - sizeof(m.trailer), 0, MACH_PORT_NULL, 0,
             MACH_PORT_NULL);
    echo(port, m.border);
    _exit(0);
}

static mach_port_t start_child(mach_port_t *task, vm_address_t *border)
{
    static unsigned stack[8192];
    mach_port_t meeting = new_port(), thread = MACH_PORT_NULL;
    struct introduction m = {.right = {MACH_PORT_NULL}};
    kern_return_t result;

    mach_child_prepare();
    result = task_create(mach_task_self(), NULL, 0, TRUE, task);
    mach_child_created();
    is(result, KERN_SUCCESS, "bodies: another task");
    task_set_bootstrap_port(*task, meeting);
    program_start(*task, (vm_address_t)echo_child, (vm_address_t)&stack[8188], &thread);
    is(mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), meeting, WAIT_MS,
                MACH_PORT_NULL),
       MACH_MSG_SUCCESS, "bodies: it says where it listens");
    mach_port_deallocate(mach_task_self(), thread);
    free_port(meeting);
    *border = m.border;
    return m.right.name;
}

// ---- this side ---------------------------------------------------------------------------------

static unsigned pattern(unsigned seed, unsigned i)
{
    return (seed * 2654435761u + i) * 2246822519u;
}

// One call with a body of words of which the first `filled` are written, the rest left as it is: zeros,
// in pages that nobody has touched. Whether all came back.
static int call_at(vm_address_t at, mach_msg_size_t size, unsigned filled, mach_port_t dest,
                   mach_port_t reply, mach_msg_id_t id)
{
    mach_msg_header_t *m = (mach_msg_header_t *)at;
    const unsigned *words = (const unsigned *)(at + HEADER);
    unsigned count = (size - HEADER) / sizeof(unsigned), wrong = 0;

    *m = (mach_msg_header_t){CALL, size, dest, reply, 0, id};
    for (unsigned i = 0; i < filled && i < count; i++)
        ((unsigned *)(at + HEADER))[i] = pattern((unsigned)id, i);
    if (mach_msg(m, MACH_SEND_MSG | MACH_RCV_MSG, size, ROOM, reply, 0,
                 MACH_PORT_NULL) != MACH_MSG_SUCCESS || m->msgh_size != size || m->msgh_id != id)
        return 0;
    for (unsigned i = 0; i < count; i++)
        wrong += words[i] != (i < filled ? pattern((unsigned)id, i) : 0);
    return wrong == 0;
}

static void stop(mach_port_t dest)
{
    mach_port_t reply = new_port();
    mach_msg_empty_rcv_t m = {.header = {CALL, HEADER, dest, reply, 0, STOP}};

    mach_msg(&m.header, MACH_SEND_MSG | MACH_RCV_MSG, HEADER, sizeof(m), reply, 0,
             MACH_PORT_NULL);
    free_port(reply);
}

// Has the memory on either side of the border without pages.
static void clear_around(vm_address_t border)
{
    vm_address_t at = border - ROOM;

    vm_deallocate(mach_task_self(), at, 2 * ROOM);
    vm_allocate(mach_task_self(), &at, 2 * ROOM, FALSE);
}

// All sizes at all places, with the pages as they come, as the call before left them, and with none; at
// two borders by turns, so that whoever remembers the last one's page tables has the wrong ones.
static void test_places(mach_port_t dest, const char *rule)
{
    mach_port_t reply = new_port();
    vm_address_t regions[2];
    const vm_address_t borders[] = {border_make(&regions[0]), border_make(&regions[1])};
    unsigned failures = 0;
    mach_msg_id_t id = 100;

    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        const int header = HEADER, page = PAGE_SIZE, half = sizes[s] / 2 & -4u;
        const int places[] = {-header, -header - 4,    -4,            0,
                              -half,   -page - header, page - header, page - 12};

        for (unsigned p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
            vm_address_t at = borders[p % 2] + (vm_address_t)places[p];

            failures += !call_at(at, sizes[s], sizes[s], dest, reply, ++id);
            failures += !call_at(at, sizes[s], sizes[s], dest, reply, ++id);
            clear_around(borders[p % 2]);
            failures += !call_at(at, sizes[s], 0, dest, reply, ++id);
        }
    }
    is((int)failures, 0, rule);
    free_port(reply);
    for (unsigned r = 0; r < 2; r++)
        vm_deallocate(mach_task_self(), regions[r], RESERVED);
}

// ---- buffers that overlap ----------------------------------------------------------------------

#define OVERLAP_SIZE 256u
static struct {
    char before[OVERLAP_SIZE];
    union {
        mach_msg_header_t header;
        char room[512];
    } message;
    char behind[OVERLAP_SIZE];
} buffers;

struct overlap {
    mach_port_t port, reply;
    mach_msg_size_t size;
    mach_msg_header_t *to, *from;
    vm_address_t copied; // a page that is to be copied when it is written; 0: none
};

// Receives, with the longest trailer, and says in the answer whether the message is as it was sent.
static any_t receive_over(any_t overlap)
{
    const struct overlap *o = overlap;
    mach_msg_empty_send_t answer = {{0}};
    mach_msg_header_t *m = o->to;
    int right = mach_msg(m, MACH_RCV_MSG | MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER), 0,
                         o->size + sizeof(mach_msg_max_trailer_t), o->port, 0,
                         MACH_PORT_NULL) == MACH_MSG_SUCCESS;

    for (unsigned i = 0; i < (o->size - HEADER) / 4; i++)
        right &= ((unsigned *)(m + 1))[i] == pattern(7, i);
    answer.header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0);
    answer.header.msgh_size = HEADER;
    answer.header.msgh_remote_port = m->msgh_remote_port;
    answer.header.msgh_id = right;
    mach_msg(&answer.header, MACH_SEND_MSG, HEADER, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
    return NULL;
}

// Whether a message arrives as it was.
static int send_over(struct overlap *o)
{
    cthread_t thread = cthread_fork(receive_over, o);
    mach_msg_header_t *m = o->from;
    mach_msg_type_number_t size = 0;
    mach_msg_return_t mr;
    vm_offset_t copy;

    sleep_ms(5);
    *m = (mach_msg_header_t){CALL, o->size, o->port, o->reply, 0, 7};
    for (unsigned i = 0; i < (o->size - HEADER) / 4; i++)
        ((unsigned *)(m + 1))[i] = pattern(7, i);
    if (o->copied)
        vm_read(mach_task_self(), o->copied, PAGE_SIZE, &copy, &size);
    mr = mach_msg(m, MACH_SEND_MSG | MACH_RCV_MSG, o->size, HEADER + 8, o->reply, 0,
                  MACH_PORT_NULL);
    if (mr != MACH_MSG_SUCCESS) // the other thread waits still
        thread_terminate(cthread_thread(thread));
    else
        cthread_join(thread);
    if (size)
        vm_deallocate(mach_task_self(), copy, size);
    return mr == MACH_MSG_SUCCESS && m->msgh_id == 1;
}

static void test_overlap(void)
{
    static const int distances[] = {-252, -64, -24, -4, 0, 4, 24, 64, 252, 260};
    struct overlap o = {new_port(), new_port(), OVERLAP_SIZE, &buffers.message.header, NULL, 0};
    vm_address_t pages;
    int wrong = 0;

    for (unsigned d = 0; d < sizeof(distances) / sizeof(distances[0]); d++) {
        memset(&buffers, 0, sizeof(buffers));
        o.from = (mach_msg_header_t *)((char *)o.to + distances[d]);
        wrong += !send_over(&o);
    }
    is(wrong, 0, "bodies: a receiver's buffer that overlaps the sender's gets what was sent");

    vm_allocate(mach_task_self(), &pages, 2 * PAGE_SIZE, TRUE);
    o.copied = pages + PAGE_SIZE;
    o.from = (mach_msg_header_t *)(o.copied - 4);
    o.to = (mach_msg_header_t *)(o.copied - 8 - OVERLAP_SIZE);
    is(send_over(&o), 1, "bodies: also when it is the trailer that cannot be written at once");
    o.size = HEADER;
    o.from = o.to = (mach_msg_header_t *)(o.copied - HEADER);
    is(send_over(&o), 1, "bodies: and when the message is no more than its header");
    vm_deallocate(mach_task_self(), pages, 2 * PAGE_SIZE);
    free_port(o.port);
    free_port(o.reply);
}

// ---- the window --------------------------------------------------------------------------------

struct glance {
    mach_port_t dest; // of the call that makes the kernel show it
    vm_address_t at;
};

// Is answered by the other task, by a message that is more than a header, and looks.
static any_t look(any_t glance)
{
    const struct glance *g = glance;
    mach_port_t reply = new_port();
    struct {
        mach_msg_header_t header;
        unsigned body;
        mach_msg_trailer_t trailer;
    } m = {.header = {CALL, HEADER + 4, g->dest, reply, 0, 2}};

    mach_msg(&m.header, MACH_SEND_MSG | MACH_RCV_MSG, HEADER + 4, sizeof(m), reply, 0,
             MACH_PORT_NULL);
    free_port(reply);
    return (any_t)(int)*(volatile char *)g->at;
}

static void give_up(void)
{
    cthread_exit(NULL);
}

// `thread`, which the exception has stopped, gives up.
static void answer_exception(mach_msg_header_t *exception, mach_port_t thread)
{
    struct i386_thread_state state;
    mach_msg_type_number_t count = i386_THREAD_STATE_COUNT;
    mig_reply_error_t answer = {
        {MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0), sizeof(answer),
         exception->msgh_remote_port, MACH_PORT_NULL, 0, exception->msgh_id + 100},
        NDR_record, KERN_SUCCESS};

    thread_get_state(thread, i386_THREAD_STATE, (thread_state_t)&state, &count);
    state.eip = (unsigned)give_up;
    thread_set_state(thread, i386_THREAD_STATE, (thread_state_t)&state, count);
    exception->msgh_remote_port = MACH_PORT_NULL;
    mach_msg_destroy(exception);
    mach_msg(&answer.Head, MACH_SEND_MSG, sizeof(answer), 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

// Where the kernel shows itself what the other task sends.
static void test_window(mach_port_t dest, vm_address_t at)
{
    struct glance glance = {dest, at};
    mach_port_t port = new_port();
    cthread_t thread;
    union {
        mach_msg_header_t header;
        char room[256];
    } m;

    task_set_exception_ports(mach_task_self(), EXC_MASK_BAD_ACCESS, port, EXCEPTION_DEFAULT, 0);
    thread = cthread_fork(look, &glance);
    is(mach_msg(&m.header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof(m), port, WAIT_MS,
                MACH_PORT_NULL),
       MACH_MSG_SUCCESS,
       "bodies: what the kernel shows itself of another task is not this task's to see");
    task_set_exception_ports(mach_task_self(), EXC_MASK_BAD_ACCESS, MACH_PORT_NULL,
                             EXCEPTION_DEFAULT, 0);
    answer_exception(&m.header, cthread_thread(thread));
    cthread_join(thread);
    free_port(port);
}

void test_bodies(void)
{
    unsigned names = count_names();
    mach_port_t port = new_port(), task = MACH_PORT_NULL;
    vm_address_t border = 0;
    cthread_t thread = cthread_fork(echo_thread, (any_t)port);

    sleep_ms(5);
    test_places(port, "bodies: every size at every place arrives whole, within a task");
    stop(port);
    cthread_join(thread);
    free_port(port);
    port = start_child(&task, &border);
    sleep_ms(5);
    test_places(port, "bodies: every size at every place arrives whole, between tasks");
    test_window(port, WINDOW + (border - 1000 + HEADER) % TABLE);
    test_window(port, WINDOW + TABLE);
    stop(port);
    mach_port_deallocate(mach_task_self(), port);
    task_terminate(task);
    mach_port_deallocate(mach_task_self(), task);
    test_overlap();
    is((int)count_names(), (int)names, "bodies: and nothing is left behind");
}
