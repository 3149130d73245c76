// SPDX-License-Identifier: BSD-2-Clause
// mach_msg with random messages and options: what the model says that the call answers, and whether what
// came into the receiver's memory is what it should be.
#include <stdlib.h>
#include "draft.h"
#include "tap.h"
#include "vm/map.h"
#include "x86/interrupt.h"

#define WAITS 1 // no answer of the kernel's: the call waits

static mach_msg_return_t kernel_answer; // that the model is to come to, too

// ---- giving it out ------------------------------------------------------------------------------

// The name of the port that the message came to; its right is used up.
static mach_port_name_t consume_dest(int space, struct m_msg *msg)
{
    struct m_port *dest = msg->dest.port;
    mach_port_name_t name = MACH_PORT_DEAD;

    if (dest == M_DEAD || !dest->alive)
        return name;
    name = dest->space == space ? m_find_port(space, dest)->name : MACH_PORT_NULL;
    if (msg->dest.type == MACH_MSG_TYPE_PORT_SEND_ONCE)
        dest->sorights--;
    else
        m_release(dest, MACH_MSG_TYPE_PORT_SEND);
    return name;
}

// Why a name could not be given. Memory or names, where both are short, is the kernel's to say.
static mach_msg_return_t shortage(int space)
{
    if (!m_spaces[space].alive)
        return MACH_MSG_IPC_SPACE;
    return kernel_answer & ((fake_failed ? MACH_MSG_IPC_KERNEL : 0) |
                            (names_full() ? MACH_MSG_IPC_SPACE : 0));
}

static mach_msg_return_t copyout_right(int space, struct m_port *port, mach_msg_type_name_t type,
                                       mach_port_name_t name)
{
    if (m_copyout(space, port, type, name))
        return MACH_MSG_SUCCESS;
    m_release(port, type);
    return shortage(space);
}

static mach_msg_return_t copyout_memory(int space, const struct m_msg *msg,
                                        const struct m_descriptor *d,
                                        const mach_msg_ool_descriptor_t *shown)
{
    CHECK_EQ(shown->deallocate, true);
    if (d->count > 0 && !shown->address) {
        CHECK(fake_failed);
        CHECK_EQ(shown->size, 0);
        return MACH_MSG_VM_KERNEL;
    }
    CHECK_EQ(shown->size, d->count);
    if (d->count == 0) {
        CHECK(!shown->address);
        return MACH_MSG_SUCCESS;
    }
    CHECK(fake_has_block(tasks[space].map, shown->address, d->count, false));
    for (unsigned i = 0; i < d->count / 4; i++)
        CHECK_EQ(((uint32_t *)shown->address)[i], msg->fill);
    CHECK_EQ(vm_deallocate(tasks[space].map, (vm_offset_t)shown->address, d->count), KERN_SUCCESS);
    return MACH_MSG_SUCCESS;
}

static mach_msg_return_t copyout_array(int space, struct m_descriptor *d,
                                       const mach_msg_ool_ports_descriptor_t *shown)
{
    mach_msg_return_t mr = MACH_MSG_SUCCESS;
    unsigned size = d->count * sizeof(mach_port_name_t);

    CHECK_EQ(shown->deallocate, true);
    CHECK_EQ(shown->disposition, d->disposition);
    if (d->count > 0 && !shown->address) {
        CHECK(fake_failed);
        CHECK_EQ(shown->count, 0);
        for (unsigned i = 0; i < d->count; i++)
            m_release(d->ports[i], d->disposition);
        return MACH_MSG_VM_KERNEL;
    }
    CHECK_EQ(shown->count, d->count);
    for (unsigned i = 0; i < d->count; i++)
        mr |= copyout_right(space, d->ports[i], d->disposition,
                            ((mach_port_name_t *)shown->address)[i]);
    if (size > 0)
        CHECK_EQ(vm_deallocate(tasks[space].map, (vm_offset_t)shown->address, size), KERN_SUCCESS);
    return mr;
}

static mach_msg_return_t copyout_body(int space, struct m_msg *msg, const mach_msg_header_t *header)
{
    const mach_msg_descriptor_t *shown = (const void *)((const mach_msg_base_t *)header + 1);
    const uint32_t *words = (const uint32_t *)(header + 1);
    mach_msg_return_t mr = MACH_MSG_SUCCESS;

    for (unsigned i = 0; i < msg->descriptor_count; i++) {
        struct m_descriptor *d = &msg->d[i];

        CHECK_EQ(shown[i].type.type, d->type);
        if (d->type == MACH_MSG_PORT_DESCRIPTOR) {
            CHECK_EQ(shown[i].port.disposition, d->disposition);
            mr |= copyout_right(space, d->ports[0], d->disposition, shown[i].port.name);
        } else if (d->type == MACH_MSG_OOL_PORTS_DESCRIPTOR) {
            mr |= copyout_array(space, d, &shown[i].ool_ports);
        } else {
            mr |= copyout_memory(space, msg, d, &shown[i].out_of_line);
        }
    }
    if (msg->complex) {
        CHECK_EQ(words[0], msg->descriptor_count);
        words += 1 + 3 * msg->descriptor_count;
    }
    for (unsigned i = msg->notice ? 2 : 0; i < msg->data_words; i++)
        CHECK_EQ(words[i], msg->fill);
    return mr;
}

static void check_trailer(const struct m_msg *msg, const mach_msg_header_t *header, int elements)
{
    const mach_msg_max_trailer_t *t = (const void *)((const char *)header + m_size(msg));

    CHECK_EQ(t->msgh_trailer_type, MACH_MSG_TRAILER_FORMAT_0);
    CHECK_EQ(t->msgh_trailer_size, elements == 0 ? 8 : elements == 1 ? 12 : 20);
    if (elements >= 1)
        CHECK_EQ(t->msgh_seqno, msg->seqno);
    if (elements < 2)
        return;
    CHECK_EQ(t->msgh_sender.val[0], msg->notice ? 0 : msg->sender);
    CHECK_EQ(t->msgh_sender.val[1], msg->notice);
}

// The dead-name request that MACH_RCV_NOTIFY makes for a reply right under a new name. Without memory
// there is none: then the kernel's name has none, nor is it a dead one that had.
static void notify_on_reply(struct m_thread *t, mach_port_name_t reply)
{
    struct m_name *n = m_find(t->space, reply), *to = m_find(t->space, t->arguments.notify);
    struct entry *entry = space_find(tasks[t->space].space, reply);

    if (!n || !to || !(to->type & MACH_PORT_TYPE_RECEIVE))
        return;
    to->port->sorights++;
    if (entry && (entry->type & MACH_PORT_TYPE_PORT_RIGHTS) && !entry->request) {
        CHECK(fake_failed);
        m_release(to->port, MACH_MSG_TYPE_PORT_SEND_ONCE);
        return;
    }
    n->request = to->port;
    list_add(&n->port->requests, n);
}

// The header shows what is left of a message that could not be given.
static void check_bare_header(struct m_thread *t, const struct m_msg *msg, mach_port_name_t local,
                              mach_msg_size_t room)
{
    const mach_msg_header_t *header = (const void *)t->arguments.msg;

    if (t->arguments.msg < FAKE_USER_MIN || room < sizeof *header)
        return;
    CHECK_EQ(header->msgh_size, m_size(msg));
    CHECK_EQ(header->msgh_id, msg->id);
    CHECK_EQ(header->msgh_local_port, local);
    CHECK_EQ(header->msgh_remote_port, MACH_PORT_NULL);
}

static void only_dest(struct m_thread *t, struct m_msg *msg, mach_msg_size_t room)
{
    m_release_body(msg);
    m_release(msg->reply.port, msg->reply.type);
    check_bare_header(t, msg, consume_dest(t->space, msg), room);
    list_take(&m_msgs, msg);
}

static mach_msg_return_t put(struct m_thread *t, struct m_msg *msg, mach_msg_return_t got)
{
    const mach_msg_header_t *header = (const void *)t->arguments.msg;
    bool writable = t->arguments.msg >= FAKE_USER_MIN;
    bool no_header = (got & ~MACH_MSG_MASK) == MACH_RCV_HEADER_ERROR;
    struct m_port *reply = msg->reply.port;
    bool carried = reply && reply != M_DEAD;
    bool fresh = carried && (msg->reply.type == MACH_MSG_TYPE_PORT_SEND_ONCE ||
                             !m_find_port(t->space, reply));
    mach_msg_return_t mr;

    if ((msg->complex || carried) && !writable) {
        m_kill(msg);
        return MACH_RCV_INVALID_DATA;
    }
    if (!writable) { // the right it came by is used up all the same
        consume_dest(t->space, msg);
        list_take(&m_msgs, msg);
        return MACH_RCV_INVALID_DATA;
    }
    if (!m_copyout(t->space, reply, msg->reply.type,
                   no_header ? MACH_PORT_NULL : header->msgh_remote_port)) {
        only_dest(t, msg, m_size(msg));
        return MACH_RCV_HEADER_ERROR |
               shortage(t->space);
    }
    if ((t->arguments.option & MACH_RCV_NOTIFY) && fresh && reply->alive)
        notify_on_reply(t, header->msgh_remote_port);
    CHECK_EQ(header->msgh_bits, (msg->complex ? MACH_MSGH_BITS_COMPLEX : 0) |
                                    MACH_MSGH_BITS(msg->reply.type, msg->dest.type));
    CHECK_EQ(header->msgh_size, m_size(msg));
    CHECK_EQ(header->msgh_id, msg->id);
    CHECK_EQ(header->msgh_reserved, 0);
    check_trailer(msg, header, GET_RCV_ELEMENTS(t->arguments.option));
    CHECK_EQ(header->msgh_local_port, consume_dest(t->space, msg));
    mr = copyout_body(t->space, msg, header);
    list_take(&m_msgs, msg);
    return mr == MACH_MSG_SUCCESS ? MACH_MSG_SUCCESS : MACH_RCV_BODY_ERROR | mr;
}

// ---- receiving ----------------------------------------------------------------------------------

static void check_large(struct m_thread *t, mach_msg_size_t size)
{
    const mach_msg_header_t *header = (const void *)t->arguments.msg;

    if (t->arguments.msg < FAKE_USER_MIN || t->arguments.rcv_size < sizeof *header)
        return;
    CHECK_EQ(header->msgh_size, size);
    CHECK_EQ(header->msgh_bits, 0);
    CHECK_EQ(header->msgh_remote_port, MACH_PORT_NULL);
}

static mach_msg_return_t accept(struct m_thread *t, struct m_msg *msg, mach_msg_return_t got)
{
    struct m_name *notify;

    if (m_size(msg) > t->room) {
        only_dest(t, msg, t->arguments.rcv_size);
        return MACH_RCV_TOO_LARGE;
    }
    if (t->arguments.option & MACH_RCV_NOTIFY) {
        notify = m_find(t->space, t->arguments.notify);
        if (!notify || !(notify->type & MACH_PORT_TYPE_RECEIVE)) {
            m_kill(msg);
            return MACH_RCV_INVALID_NOTIFY;
        }
    }
    return put(t, msg, got);
}

// The first message of the port's, which goes to the end of its set's turn.
static struct m_msg *dequeue(struct m_port *port)
{
    struct m_msg *msg = list_shift(&port->messages);

    msg->seqno = port->seqno++;
    if (port->set) {
        list_take(&port->set->ready, port);
        if (port->messages.count > 0)
            list_add(&port->set->ready, port);
    }
    m_let_in(port);
    return msg;
}

static mach_msg_return_t receive(struct m_thread *t, mach_msg_return_t got)
{
    const struct message_arguments *a = &t->arguments;
    struct m_name *n = m_find(t->space, a->rcv_name);
    unsigned elements = GET_RCV_ELEMENTS(a->option), trailer;
    struct m_port *port;

    if (((unsigned)a->option >> 28) != 0 || elements > MACH_RCV_TRAILER_SENDER)
        return MACH_RCV_INVALID_TRAILER;
    trailer = elements == 0 ? 8 : elements == 1 ? 12 : 20;
    t->room = a->rcv_size > trailer ? a->rcv_size - trailer : 0;
    if (!n || !(n->type & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET)))
        return MACH_RCV_INVALID_NAME;
    if (!n->set && n->port->set)
        return MACH_RCV_IN_SET;
    port = n->set ? (n->set->ready.count > 0 ? n->set->ready.at[0] : NULL) : n->port;
    if (!port || port->messages.count == 0) {
        if ((a->option & MACH_RCV_TIMEOUT) && a->timeout == 0)
            return MACH_RCV_TIMED_OUT;
        t->state = M_RECEIVING;
        m_wait(t, n->set ? &n->set->receivers : &n->port->receivers);
        return WAITS;
    }
    if (m_size(port->messages.at[0]) > t->room && (a->option & MACH_RCV_LARGE)) {
        check_large(t, m_size(port->messages.at[0]));
        return MACH_RCV_TOO_LARGE;
    }
    return accept(t, dequeue(port), got);
}

static mach_msg_return_t received(struct m_thread *t, mach_msg_return_t got)
{
    struct m_msg *msg = t->msg;

    t->msg = NULL;
    switch (t->wait) {
    case WAIT_AWAKENED:
        return accept(t, msg, got);
    case WAIT_TIMED_OUT:
        return MACH_RCV_TIMED_OUT;
    case WAIT_INTERRUPTED:
        return MACH_RCV_INTERRUPTED;
    case WAIT_DESTROYED:
        break;
    }
    if (t->code == MACH_RCV_TOO_LARGE)
        check_large(t, t->large_size);
    return t->code;
}

// ---- sending ------------------------------------------------------------------------------------

// The message comes back to its sender, as it would to a receiver.
static mach_msg_return_t pseudo_receive(struct m_thread *t, struct m_msg *msg,
                                        mach_msg_return_t why)
{
    const mach_msg_header_t *header = (const void *)t->arguments.msg;
    mach_msg_return_t mr;

    CHECK_EQ(header->msgh_bits, (msg->complex ? MACH_MSGH_BITS_COMPLEX : 0) |
                                    MACH_MSGH_BITS(msg->dest.type, msg->reply.type));
    mr = copyout_right(t->space, msg->dest.port, msg->dest.type, header->msgh_remote_port);
    mr |= copyout_right(t->space, msg->reply.port, msg->reply.type, header->msgh_local_port);
    mr |= copyout_body(t->space, msg, header);
    list_take(&m_msgs, msg);
    return why | mr;
}

static mach_msg_return_t send(struct m_thread *t, mach_msg_return_t got)
{
    const struct message_arguments *a = &t->arguments;
    mach_msg_return_t mr = copyin_answer(t->space, a);
    struct m_msg *msg;
    struct m_port *port;

    if (got == MACH_SEND_NO_BUFFER && fake_failed)
        mr = MACH_SEND_NO_BUFFER;
    check_sent_memory(t->space, mr == MACH_MSG_SUCCESS);
    if (mr != MACH_MSG_SUCCESS)
        return mr;
    msg = take_draft(t->space);
    port = msg->dest.port;
    if (m_deliver(msg))
        return MACH_MSG_SUCCESS;
    if (port->messages.count < port->qlimit || msg->dest.type == MACH_MSG_TYPE_PORT_SEND_ONCE) {
        m_enqueue(msg, port);
        return MACH_MSG_SUCCESS;
    }
    if ((a->option & MACH_SEND_TIMEOUT) && a->timeout == 0)
        return pseudo_receive(t, msg, MACH_SEND_TIMED_OUT);
    t->msg = msg;
    t->state = M_SENDING;
    m_wait(t, &port->senders);
    return WAITS;
}

static mach_msg_return_t sent(struct m_thread *t)
{
    struct m_msg *msg = t->msg;

    t->msg = NULL;
    switch (t->wait) {
    case WAIT_TIMED_OUT:
        return pseudo_receive(t, msg, MACH_SEND_TIMED_OUT);
    case WAIT_INTERRUPTED:
        return pseudo_receive(t, msg, MACH_SEND_INTERRUPTED);
    case WAIT_DESTROYED:
        m_kill(msg);
        break;
    case WAIT_AWAKENED:
        break;
    }
    return MACH_MSG_SUCCESS;
}

// ---- a call, from one wait to the next ----------------------------------------------------------

static void check_deadline(struct m_thread *t)
{
    mach_msg_option_t timed = t->state == M_SENDING ? MACH_SEND_TIMEOUT : MACH_RCV_TIMEOUT;

    if (t->arguments.option & timed)
        CHECK_EQ(fake_deadline(t->real), clock_now() + t->arguments.timeout * 1000000ull);
    else
        CHECK_EQ(fake_deadline(t->real), WAIT_FOREVER);
}

// The kernel has run; the model follows and says whether it came to the same.
static void follow(struct m_thread *t)
{
    mach_msg_return_t got = fake_waits(t->real) ? WAITS : fake_answer(t->real);
    mach_msg_return_t mr = MACH_MSG_SUCCESS;
    enum m_state state = t->state;

    kernel_answer = got;
    t->state = M_IDLE;
    t->woken = false;
    if (state == M_RECEIVING) {
        mr = received(t, got);
    } else {
        if (state == M_SENDING)
            mr = sent(t);
        else if (t->arguments.option & MACH_SEND_MSG)
            mr = send(t, got);
        if (mr == MACH_MSG_SUCCESS && (t->arguments.option & MACH_RCV_MSG))
            mr = receive(t, got);
    }
    if (mr != got)
        tap_fail(__FILE__, __LINE__, "mach_msg with options %#x answers %#x, not %#x",
                 t->arguments.option, got, mr);
    if (mr == WAITS) {
        check_deadline(t);
        return;
    }
    fake_user_buffer_free(t->real);
}

void run_woken(void)
{
    struct thread *real;

    while ((real = fake_next_woken()) != NULL) {
        struct m_thread *t = list_shift(&m_woken);

        if (!t || t->real != real) {
            tap_fail(__FILE__, __LINE__, "thread %u is woken out of turn", real->number);
            return;
        }
        fake_resume(real);
        follow(t);
    }
    CHECK_EQ(m_woken.count, 0);
}

static mach_msg_option_t draw_options(void)
{
    static const mach_msg_option_t directions[] = {MACH_SEND_MSG, MACH_SEND_MSG, MACH_RCV_MSG,
                                                   MACH_RCV_MSG, MACH_SEND_MSG | MACH_RCV_MSG};
    mach_msg_option_t option = directions[below(5)] | MACH_RCV_TRAILER_ELEMENTS(below(3));

    if (one_in(2))
        option |= MACH_SEND_TIMEOUT;
    if (one_in(2))
        option |= MACH_RCV_TIMEOUT;
    if (one_in(4))
        option |= MACH_RCV_LARGE;
    if (one_in(4))
        option |= MACH_RCV_NOTIFY;
    if (one_in(60))
        option |= MACH_SEND_TRAILER;
    if (one_in(60))
        option ^= MACH_RCV_TRAILER_ELEMENTS(1 << below(4)) | (int)(1u << (28 + below(4)));
    return option;
}

static mach_msg_size_t odd_size(mach_msg_size_t size)
{
    static const mach_msg_size_t sizes[] = {0, 4, 20, 0x10004, 0xfffffffc, 0x80000000};

    return one_in(3) ? size + 1 + below(3) : sizes[below(6)];
}

// Where to receive: mostly where there is a message.
static mach_port_name_t name_to_receive(int space)
{
    struct list_of *names = &m_spaces[space].names;
    unsigned start = names->count > 0 ? below(names->count) : 0;

    for (unsigned i = one_in(3) ? names->count : 0; i < names->count; i++) {
        struct m_name *n = names->at[(start + i) % names->count];

        if (n->set ? n->set->ready.count > 0
                   : (n->type & MACH_PORT_TYPE_RECEIVE) && n->port->messages.count > 0)
            return n->name;
    }
    return some_name(space, one_in(3) ? MACH_PORT_TYPE_PORT_SET : MACH_PORT_TYPE_RECEIVE);
}

void step_message(struct m_thread *t)
{
    mach_msg_size_t room = one_in(6) ? below(120) : 1024;
    mach_msg_option_t option = draw_options();
    void *buffer;

    draw_draft(t->space);
    t->arguments = (struct message_arguments){
        .option = option, .send_size = draft.size, .rcv_size = room,
        .rcv_name = name_to_receive(t->space),
        .timeout = one_in(2) ? 0 : 10, .notify = some_name(t->space, MACH_PORT_TYPE_RECEIVE),
    };
    if (one_in(2) && room < draft.size)
        t->arguments.rcv_size = room = draft.size + sizeof(mach_msg_max_trailer_t);
    if (fake_traps && one_in(2)) {
        t->arguments.rcv_name = draw_call(t->space);
        t->arguments.option = MACH_SEND_MSG | MACH_RCV_MSG |
                              (one_in(2) ? 0 : MACH_RCV_TRAILER_ELEMENTS(below(3)));
        option = t->arguments.option;
    }
    buffer = fake_user_buffer(t->real, draft.size > room ? draft.size : room);
    write_draft(buffer);
    // The fast path's accesses to nothing would be faults, of which there are none here.
    t->arguments.msg = !fake_traps && one_in(30) ? BAD_ADDRESS : (uintptr_t)buffer;
    if (one_in(40))
        t->arguments.send_size = odd_size(draft.size);
    if (!(option & MACH_SEND_MSG))
        check_sent_memory(t->space, false); // the draft is not sent after all
    fake_call(t->real, &t->arguments);
    follow(t);
}

void step_end_wait(void)
{
    struct m_thread *t = &m_threads[below(THREADS)];
    enum wait_result result = WAIT_INTERRUPTED;

    if (t->state == M_IDLE || t->woken)
        return;
    if (fake_deadline(t->real) != WAIT_FOREVER && one_in(2))
        result = WAIT_TIMED_OUT;
    waitq_wake_thread(t->real, result);
    m_wake(t, result);
}
