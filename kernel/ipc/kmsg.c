// SPDX-License-Identifier: BSD-2-Clause
// Kernel messages: their memory, and their end.
#include "ipc/kmsg.h"

#include "ipc/port.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "vm/map.h"
#include "x86/cpu.h"

// Most messages are a header and a few words: those come from a cache of their own.
#define SMALL_MESSAGE 192u

static struct slab_cache small_cache =
    SLAB_CACHE(small_cache, "small message", sizeof(struct kmsg) + SMALL_MESSAGE);

struct kmsg *kmsg_alloc(mach_msg_size_t size)
{
    mach_msg_size_t extra = size - sizeof(mach_msg_header_t) + MAX_TRAILER_SIZE;
    struct kmsg *kmsg;

    kassert(size >= sizeof(mach_msg_header_t));
    if (extra <= SMALL_MESSAGE)
        kmsg = slab_alloc(&small_cache);
    else
        kmsg = kmalloc(sizeof *kmsg + extra);
    if (!kmsg)
        return NULL;
    list_init(&kmsg->link);
    kmsg->capacity = extra <= SMALL_MESSAGE ? SMALL_MESSAGE : extra;
    kmsg->seqno = 0;
    port_counts.messages++;
    return kmsg;
}

void kmsg_free(struct kmsg *kmsg)
{
    port_counts.messages--;
    if (kmsg->capacity == SMALL_MESSAGE)
        slab_free(&small_cache, kmsg);
    else
        kfree(kmsg);
}

static void release_descriptor(mach_msg_descriptor_t *descriptor)
{
    mach_msg_ool_ports_descriptor_t *array = &descriptor->ool_ports;
    struct port **ports;

    switch (descriptor->type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        port_release_right(kmsg_port(descriptor->port.name), descriptor->port.disposition);
        break;
    case MACH_MSG_OOL_PORTS_DESCRIPTOR:
        ports = array->address;
        for (mach_msg_size_t i = 0; i < array->count; i++) {
            port_release_right(ports[i], array->disposition);
            preemption_point();
        }
        kfree(ports);
        break;
    default:
        vm_map_copy_discard(descriptor->out_of_line.address);
        break;
    }
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
