// SPDX-License-Identifier: BSD-2-Clause
// Kernel messages: their memory, and their end.
#include "ipc/kmsg.h"

#include "kern/ledger.h"
#include "vm/map.h"
#include "x86/cpu.h"
#include "x86/usercopy.h"

// Most messages are small. Those come from a cache of their own, and the last few that were freed are
// kept at hand: an RPC takes one and gives one back.
#define SMALL_MESSAGE (512u + MAX_TRAILER_SIZE)
#define STOCK_SIZE 8
#ifdef DEBUG
#define STOCK_MAX 0 // so that the slab sees each come and go
#else
#define STOCK_MAX STOCK_SIZE
#endif

// What lies in memory for what a message carries: a port that it may be the last to hold; a copy of
// memory with the nodes of its page trees.
#define RIGHT_WEIGHT 192u
#define COPY_WEIGHT 1024u
#define WEIGHT_MAX 0x7fffffffu

static struct slab_cache small_cache =
    SLAB_CACHE(small_cache, "small message", sizeof(struct kmsg) + SMALL_MESSAGE);
static struct kmsg *stock[STOCK_SIZE];
static unsigned stock_count;

struct kmsg *kmsg_alloc(mach_msg_size_t size)
{
    mach_msg_size_t extra = size - sizeof(mach_msg_header_t) + MAX_TRAILER_SIZE;
    struct kmsg *kmsg;

    kassert(size >= sizeof(mach_msg_header_t));
    if (extra > SMALL_MESSAGE)
        kmsg = kmalloc(sizeof *kmsg + extra);
    else
        kmsg = stock_count > 0 ? stock[--stock_count] : slab_alloc(&small_cache);
    if (!kmsg)
        return NULL;
    list_init(&kmsg->link);
    kmsg->capacity = extra > SMALL_MESSAGE ? extra : SMALL_MESSAGE;
    kmsg->payer = NULL;
    kmsg->paid = 0;
    kmsg->seqno = 0;
    port_counts.messages++;
    return kmsg;
}

// The descriptors may be as the user wrote them.
static __attribute__((noinline)) uint32_t body_weight(struct kmsg *kmsg)
{
    mach_msg_type_name_t type;
    uint32_t weight = 0;
    mach_port_t *ports;

    for (mach_msg_size_t i = 0; i < kmsg_descriptor_count(kmsg); i++) {
        mach_msg_descriptor_t *d = &kmsg_descriptors(kmsg)[i];
        mach_msg_size_t rights = kmsg_rights(d, &ports, &type);

        weight += rights * (RIGHT_WEIGHT + sizeof *ports);
        if (d->type.type == MACH_MSG_PORT_DESCRIPTOR)
            continue;
        weight += COPY_WEIGHT;
        if (rights > WEIGHT_MAX / 256 || weight > WEIGHT_MAX)
            return WEIGHT_MAX;
    }
    return weight;
}

static inline uint32_t weight_of(struct kmsg *kmsg)
{
    uint32_t weight = sizeof *kmsg + kmsg->capacity + 2 * RIGHT_WEIGHT;

    return kmsg->header.msgh_bits & MACH_MSGH_BITS_COMPLEX ? weight + body_weight(kmsg) : weight;
}

bool kmsg_pay(struct kmsg *kmsg, struct ledger *payer)
{
    uint32_t weight = weight_of(kmsg);

    if (!ledger_charge(payer, MINATO_LIMIT_MESSAGE_BYTES, weight - kmsg->paid))
        return false;
    kmsg->payer = payer;
    kmsg->paid = weight;
    return true;
}

void kmsg_pay_always(struct kmsg *kmsg, struct ledger *payer)
{
    kmsg->payer = payer;
    kmsg->paid = weight_of(kmsg);
    ledger_add(payer, MINATO_LIMIT_MESSAGE_BYTES, kmsg->paid);
}

// Apart from kmsg_free, which most messages that nobody has paid for pass.
static __attribute__((noinline)) void free_paid(struct kmsg *kmsg)
{
    ledger_credit(kmsg->payer, MINATO_LIMIT_MESSAGE_BYTES, kmsg->paid);
    kmsg->payer = NULL;
    kmsg_free(kmsg);
}

void kmsg_free(struct kmsg *kmsg)
{
    if (kmsg->payer) {
        free_paid(kmsg);
        return;
    }
    port_counts.messages--;
    if (kmsg->capacity != SMALL_MESSAGE)
        kfree(kmsg);
    else if (stock_count != STOCK_MAX)
        stock[stock_count++] = kmsg;
    else
        slab_free(&small_cache, kmsg);
}

mach_msg_return_t kmsg_read(uintptr_t address, mach_msg_size_t size, struct kmsg **result)
{
    struct kmsg *kmsg;

    if (size < sizeof(mach_msg_header_t) || size % 4 != 0)
        return MACH_SEND_MSG_TOO_SMALL;
    if (size > MACH_MSG_SIZE_MAX)
        return MACH_SEND_TOO_LARGE;
    kmsg = kmsg_alloc(size);
    if (!kmsg)
        return MACH_SEND_NO_BUFFER;
    kmsg->header.msgh_bits = 0;
    // Reading may wait for a pager, for ever: a large message is paid for before.
    if (size > SMALL_MESSAGE && !kmsg_pay(kmsg, current_ledger())) {
        kmsg_free(kmsg);
        return MACH_SEND_NO_BUFFER;
    }
    if (!copy_from_user(&kmsg->header, address, size)) {
        kmsg_free(kmsg);
        return MACH_SEND_INVALID_DATA;
    }
    kmsg->header.msgh_size = size;
    kmsg->header.msgh_reserved = 0;
    *result = kmsg;
    return MACH_MSG_SUCCESS;
}

void kmsg_release_memory(mach_msg_descriptor_t *d)
{
    if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
        kfree(d->ool_ports.address);
    else if (d->type.type != MACH_MSG_PORT_DESCRIPTOR)
        vm_map_copy_discard(d->out_of_line.address);
}

static void release_descriptor(mach_msg_descriptor_t *d)
{
    mach_msg_type_name_t type;
    mach_port_t *ports;
    mach_msg_size_t count = kmsg_rights(d, &ports, &type);

    for (mach_msg_size_t i = 0; i < count; i++) {
        port_release_right(kmsg_port(ports[i]), type);
        preemption_point();
    }
    kmsg_release_memory(d);
}

void kmsg_release_body(struct kmsg *kmsg, mach_msg_size_t count)
{
    for (mach_msg_size_t i = 0; i < count; i++)
        release_descriptor(&kmsg_descriptors(kmsg)[i]);
}

static void destroy_now(struct kmsg *kmsg)
{
    mach_msg_header_t *header = &kmsg->header;

    port_release_right(kmsg_port(header->msgh_remote_port),
                       MACH_MSGH_BITS_REMOTE(header->msgh_bits));
    port_release_right(kmsg_port(header->msgh_local_port),
                       MACH_MSGH_BITS_LOCAL(header->msgh_bits));
    kmsg_release_body(kmsg, kmsg_descriptor_count(kmsg));
    kmsg_free(kmsg);
}

void kmsg_destroy(struct kmsg *kmsg)
{
    // A message may hold a receive right whose queue holds a message with a receive right, and so on,
    // as deep as its makers like: so what is found on the way is put on a list, not recursed into.
    static struct list garbage = {&garbage, &garbage};
    static bool draining;
    struct list *link;

    list_insert_tail(&garbage, &kmsg->link);
    if (draining)
        return;
    draining = true;
    while ((link = list_pop(&garbage)) != NULL) {
        destroy_now(container_of(link, struct kmsg, link));
        preemption_point();
    }
    draining = false;
}
