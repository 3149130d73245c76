// SPDX-License-Identifier: BSD-2-Clause
// The fast path for short messages that carry port rights, users' and the kernel's own: exceptions. Or
// one piece of memory, copied on write, if that is simple (vm_map_copy_across).
//
// As in fast.c, all that can fail comes first: the rights are promised (copyin.c), the names that the
// receiver will need are there, the memory is mapped, and its buffer is there, of which the first word and
// the last are written.
// Then the rights go from space to space by the functions that the general path uses, and the message
// after them.
#include "ipc/fast.h"
#include "ipc/right.h"

#define RIGHTS_MAX 4u

uint8_t fast_body[SIZE_MAX_FAST];

// The body of the message on its way: in fast_body, or where the kernel has made it.
static struct {
    mach_msg_body_t body;
    mach_msg_port_descriptor_t rights[RIGHTS_MAX];
} *carried;

static unsigned right_count;              // how many of these there are
static mach_msg_ool_descriptor_t *memory; // or one of memory in their place; else NULL

// Whether the body is one that is known here: `carried` is filled with the first `size` bytes of it.
static FORCE_INLINE bool body_known(mach_msg_size_t size)
{
    unsigned count = carried->body.msgh_descriptor_count;

    memory = NULL;
    right_count = count;
    if (size < sizeof(mach_msg_body_t) || count > RIGHTS_MAX ||
        size < sizeof(mach_msg_body_t) + count * sizeof(mach_msg_port_descriptor_t))
        return false;
    if (count == 1 && carried->rights[0].type == MACH_MSG_OOL_DESCRIPTOR) {
        memory = (void *)carried->rights;
        right_count = 0;
        return memory->copy == MACH_MSG_VIRTUAL_COPY && !memory->deallocate && memory->size != 0;
    }
    for (unsigned i = 0; i < count; i++)
        if (carried->rights[i].type != MACH_MSG_PORT_DESCRIPTOR ||
            !MACH_MSG_TYPE_PORT_ANY_SEND(carried->rights[i].disposition))
            return false;
    return true;
}

// Makes sure that a message and its rights can be given to the receiver, and makes its address space the
// current one. False: it is not sure; nothing has happened.
static FORCE_INLINE bool prepare(const struct thread *receiver, struct space *space,
                                 mach_msg_size_t size, unsigned names)
{
    const struct message_arguments *receive = receiver->ipc.receive;
    uintptr_t to = receive->msg;
    uintptr_t last = to + size + REQUESTED_TRAILER_SIZE(receive->option) - sizeof(uint32_t);

    if (to > VM_MAX_ADDRESS - MAX_TRAILER_SIZE - size || !space_names_ready(space, names) ||
        !space_hash_ready(space))
        return false;
    pmap_activate(&receiver->task->map->pmap);
    USER_WORD_WRITE(to, 0, 0, failed);
    USER_WORD_WRITE(last, 0, 0, failed);
    return true;
failed:
    pmap_activate(&current_thread()->task->map->pmap);
    return false;
}

// Gives the receiver the memory that the message carries, if any. False: that is not simple; nothing has
// happened. To be called before `prepare`: the receiver's buffer may lie in just that memory, which is
// write-protected now.
static bool carry_memory(const struct thread *receiver)
{
    vm_offset_t there;

    if (!memory)
        return true;
    if (!vm_map_copy_across(current_thread()->task->map, (vm_offset_t)memory->address, memory->size,
                            receiver->task->map, &there))
        return false;
    memory->address = (void *)there;
    memory->deallocate = true; // it is the receiver's
    return true;
}

// Takes it back. Nobody has touched it yet, so this does not wait.
static void uncarry_memory(const struct thread *receiver)
{
    if (memory && memory->deallocate)
        vm_deallocate(receiver->task->map, (vm_offset_t)memory->address, memory->size);
}

static FORCE_INLINE mach_port_name_t give(struct space *space, struct port *port,
                                          mach_msg_type_name_t type)
{
    mach_port_name_t name;
    kern_return_t kr;

    // Nearly always the receiver has it already: one more reference.
    if (type == MACH_MSG_TYPE_PORT_SEND && port_valid(port) && port->active &&
        right_add_reference(space, port, &name)) {
        port->srights--; // neither is the last: the entry has one
        port->refs--;
        return name;
    }
    kr = right_copyout(space, port, type, &name);
    kassert(kr == KERN_SUCCESS); // prepare
    return name;
}

// Gives the receiver what the message carries and writes it; `reply` as a send-once right, NULL for none.
static FORCE_INLINE void deliver(const struct thread *receiver, const struct port *port,
                                 struct port *reply, mach_msg_size_t size,
                                 mach_msg_type_name_t type, mach_msg_id_t id)
{
    struct space *space = port->receiver;
    struct entry *named = space_ready_entry(space);
    mach_port_name_t name = MACH_PORT_NULL;
    bool written;

    // A slot that has just become free may have a chosen name in its way.
    if (reply && named) {
        name = named->name;
        give_reply(space, named, reply);
    } else if (reply) {
        name = give(space, port_make_send_once(reply), MACH_MSG_TYPE_PORT_SEND_ONCE);
    }
    for (unsigned i = 0; i < right_count; i++) {
        mach_msg_port_descriptor_t *d = &carried->rights[i];

        d->disposition = right_carried(d->disposition);
        d->name = give(space, kmsg_port(d->name), d->disposition);
    }
    written = write_message(receiver->ipc.receive, port, size,
                            MACH_MSGH_BITS_COMPLEX |
                                MACH_MSGH_BITS(reply ? MACH_MSG_TYPE_PORT_SEND_ONCE : 0, type),
                            name, id, carried);
    kassert(written);
}

// ---- from user to user ---------------------------------------------------------------------

// Promises the rights that the body names, each from the entry that goes to `from`. All of them, or none.
// What a user has asked to be told of is left to the general path: nobody must be told anything here.
static bool promise(const struct space *space, struct entry *from[])
{
    for (unsigned i = 0; i < right_count; i++) {
        from[i] = space_table_entry(space, carried->rights[i].name);
        if (from[i] && (from[i]->type & MACH_PORT_TYPE_PORT_RIGHTS) && !from[i]->request &&
            right_promise(from[i], carried->rights[i].disposition))
            continue;
        while (i-- > 0)
            right_unpromise(from[i], carried->rights[i].disposition);
        return false;
    }
    return true;
}

static void unpromise(struct entry *const from[])
{
    for (unsigned i = 0; i < right_count; i++)
        right_unpromise(from[i], carried->rights[i].disposition);
}

// Takes the promised rights that leave their source as it was, or the others.
static void take(struct space *space, struct entry *const from[], bool keeping)
{
    for (unsigned i = 0; i < right_count; i++) {
        mach_msg_port_descriptor_t *d = &carried->rights[i];

        if (right_keeps_source(d->disposition) == keeping)
            d->name = kmsg_field(right_take(space, from[i], d->disposition));
    }
}

// What sends a message: a send right copied, with or without a reply right, or a send-once right.
static bool bits_fast(mach_msg_bits_t bits)
{
    return bits == MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE) ||
           bits == MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0) ||
           bits == MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
}

bool fast_with_rights(const struct message_arguments *a, mach_msg_return_t *mr)
{
    struct space *space = current_thread()->task->space;
    const struct user_header h = user_header_read(a->msg);
    mach_msg_type_name_t type = MACH_MSGH_BITS_REMOTE(h.bits);
    struct entry *dest = space_table_entry(space, h.remote), *from[RIGHTS_MAX];
    struct entry *source = space_table_entry(space, a->rcv_name);
    struct waitq *q = place_to_wait(source);
    bool answered = MACH_MSGH_BITS_LOCAL(h.bits) != 0;
    mach_msg_size_t size = a->send_size;
    struct thread *receiver;
    struct port *port;

    if (!bits_fast(h.bits & ~MACH_MSGH_BITS_COMPLEX) || size > SIZE_MAX_FAST || !q || !dest ||
        !(dest->type & MACH_PORT_TYPE_PORT_RIGHTS) || !dest->port->active || dest->request ||
        (answered ? h.local != a->rcv_name || !(source->type & MACH_PORT_TYPE_RECEIVE)
                  : h.local != MACH_PORT_NULL))
        return false;
    port = dest->port;
    receiver = find_receiver(port, size);
    carried = (void *)fast_body;
    if (!receiver || !user_words_copy(carried, (void *)(a->msg + HEADER), size - HEADER) ||
        !body_known(size - HEADER) || !right_promise(dest, type))
        return false;
    if (!promise(space, from)) {
        right_unpromise(dest, type);
        return false;
    }
    if (!carry_memory(receiver) ||
        !prepare(receiver, port->receiver, size, right_count + answered)) {
        uncarry_memory(receiver);
        unpromise(from);
        right_unpromise(dest, type);
        return false;
    }
    take(space, from, true);
    take(space, from, false);
    right_unpromise(dest, type);
    if (type == MACH_MSG_TYPE_MOVE_SEND_ONCE) {
        space_give_back(space, dest);
        port->sorights--;
        port->refs--; // not the last: the receive right has one
    }
    deliver(receiver, port, answered ? source->port : NULL, size, right_carried(type), h.id);
    *mr = await_answer(a, port, receiver, q);
    return true;
}

// ---- the kernel as the client --------------------------------------------------------------

bool fast_call_from_kernel(mach_msg_header_t *msg, mach_msg_size_t size, struct port *reply,
                           const struct message_arguments *a, enum wait_result *wait)
{
    struct port *port = kmsg_port(msg->msgh_remote_port);
    struct thread *receiver;

    if (this_cpu()->ast || !port_valid(port) || size > SIZE_MAX_FAST ||
        !(msg->msgh_bits & MACH_MSGH_BITS_COMPLEX) || port->srights < 2 ||
        !(receiver = find_receiver(port, size)) ||
        (receiver->ipc.receive->option & RECEIVE_SPECIAL))
        return false;
    carried = (void *)(msg + 1);
    if (!body_known(size - HEADER) || memory || !prepare(receiver, port->receiver, size, right_count + 1))
        return false;
    deliver(receiver, port, reply, size, MACH_MSG_TYPE_PORT_SEND, msg->msgh_id);
    port->seqno++;
    port->srights--; // not the last
    port->refs--;
    receiver->task->events.messages_received++;
    current_thread()->ipc.receive = a;
    *wait = sched_hand_over(&reply->receivers, receiver);
    return true;
}

bool fast_answer_kernel(const struct message_arguments *a, struct entry *dest, mach_msg_id_t id,
                        struct waitq *q, mach_msg_return_t *mr)
{
    struct port *port = dest->port;
    struct thread *self = current_thread(), *receiver = waitq_first(&port->receivers);
    mach_msg_size_t size = a->send_size;
    mach_msg_header_t *header;

    if (!receiver || !sched_is_next(receiver) ||
        size + MACH_MSG_TRAILER_MINIMUM_SIZE > receiver->ipc.receive->rcv_size)
        return false;
    header = (mach_msg_header_t *)receiver->ipc.receive->msg;
    if (!user_words_copy(header + 1, (void *)(a->msg + HEADER), size - HEADER))
        return false;
    *header = (mach_msg_header_t){
        .msgh_bits = MACH_MSGH_BITS(0, MACH_MSG_TYPE_PORT_SEND_ONCE), .msgh_size = size, .msgh_id = id};
    space_give_back(self->task->space, dest);
    port->sorights--;
    port->refs--; // not the last: the kernel has one
    self->task->events.messages_sent++;
    self->ipc.receive = a;
    pmap_activate(&receiver->task->map->pmap);
    *mr = mach_msg_received(sched_hand_back(q, receiver), a);
    return true;
}
