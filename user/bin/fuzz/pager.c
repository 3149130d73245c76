// SPDX-License-Identifier: BSD-2-Clause
// A victim as a pager: memory objects that are ports of its own, mapped, and answers to what the kernel
// asks about them. Mostly what a pager would say; else what the random messages of message.c say.
#include "fuzz.h"

#include <mach/mach_rpc.h>
#include <mach/memory_object.h>
#include <mach/memory_object_rpc.h>
#include <mach/vm_param.h>
#include <stddef.h>
#include <string.h>

static unsigned routine_named(const char *name)
{
    unsigned n = 0;

    while (n < routine_count - 1 && strcmp(routines[n].name, name) != 0)
        n++;
    return n;
}

static struct request request_for(struct generator *g, union buffer *buffer, const char *name)
{
    struct request request = {.routine = routine_named(name)};

    request.size = message_make(g, buffer, &routines[request.routine]);
    return request;
}

struct request pager_map(struct generator *g, union buffer *buffer)
{
    struct request request = request_for(g, buffer, "vm_map");
    __Request__vm_map_rpc_t *m = (void *)buffer;

    m->Head.msgh_remote_port = random_value(g, HINT_TASK);
    m->memory_object.name = random_value(g, HINT_PORT);
    m->memory_object.disposition = MACH_MSG_TYPE_COPY_SEND;
    m->size = PAGE_SIZE * (1 + random_below(g, 20));
    m->mask = 0;
    m->anywhere = TRUE;
    m->offset = PAGE_SIZE * random_below(g, 10);
    m->copy = one_in(g, 4);
    m->cur_protection = one_in(g, 4) ? VM_PROT_READ : VM_PROT_READ | VM_PROT_WRITE;
    m->max_protection = VM_PROT_ALL;
    m->inheritance = random_below(g, 3);
    return request;
}

// ---- answers ------------------------------------------------------------------------------------

// The object is ready, with attributes of all kinds.
static struct request ready(struct generator *g, union buffer *buffer)
{
    struct request request = request_for(g, buffer, "memory_object_change_attributes");
    __Request__memory_object_change_attributes_t *m = (void *)buffer;
    memory_object_attr_info_data_t attributes = {
        .copy_strategy = one_in(g, 3) ? MEMORY_OBJECT_COPY_NONE : MEMORY_OBJECT_COPY_DELAY,
        .cluster_size = PAGE_SIZE << (one_in(g, 2) ? 0 : random_below(g, 8)),
        .may_cache_object = one_in(g, 3),
        .temporary = one_in(g, 4)};

    m->flavor = MEMORY_OBJECT_ATTRIBUTE_INFO;
    m->attributesCnt = sizeof attributes / sizeof(int);
    memcpy(m->attributes, &attributes, sizeof attributes);
    request.size = offsetof(__Request__memory_object_change_attributes_t, attributes) +
                   sizeof attributes;
    return request;
}

static struct request supply(struct generator *g, union buffer *buffer, vm_offset_t offset,
                             vm_size_t length)
{
    struct request request = request_for(g, buffer, "memory_object_data_supply");
    __Request__memory_object_data_supply_t *m = (void *)buffer;

    if (one_in(g, 8)) // more or less than was asked for
        length = PAGE_SIZE * random_below(g, 2 + 2 * length / PAGE_SIZE);
    if (length > HERITAGE_PAGES * PAGE_SIZE)
        length = HERITAGE_PAGES * PAGE_SIZE;
    m->data.address = (void *)(one_in(g, 3) ? random_value(g, HINT_ADDRESS) : heritage);
    m->data.size = m->dataCnt = length;
    m->data.deallocate = FALSE;
    m->offset = offset;
    m->lock_value = one_in(g, 3) ? random_below(g, 8) : VM_PROT_NONE;
    m->precious = one_in(g, 3);
    return request;
}

// A range, and a third word, as several calls have them.
static struct request about_range(struct generator *g, union buffer *buffer, const char *name,
                                  vm_offset_t offset, vm_size_t length)
{
    struct request request = request_for(g, buffer, name);
    __Request__memory_object_data_error_t *m = (void *)buffer;

    m->offset = offset;
    m->size = length;
    return request;
}

static struct request unlock(struct generator *g, union buffer *buffer, vm_offset_t offset,
                             vm_size_t length)
{
    struct request request = request_for(g, buffer, "memory_object_lock_request");
    __Request__memory_object_lock_request_t *m = (void *)buffer;

    m->offset = offset;
    m->size = length;
    m->should_return = random_below(g, 4);
    m->should_flush = one_in(g, 3);
    m->lock_value = one_in(g, 3) ? random_below(g, 8) : VM_PROT_NONE;
    return request;
}

static struct request answer_to(struct generator *g, union buffer *buffer, mach_msg_id_t what,
                                vm_offset_t offset, vm_size_t length)
{
    static const char *const others[] = {"memory_object_data_unavailable",
                                         "memory_object_data_error", "memory_object_destroy",
                                         "memory_object_lock_request",
                                         "memory_object_get_attributes"};

    if (one_in(g, 6)) // of something else
        return about_range(g, buffer, others[random_below(g, 5)], offset, length);
    switch (what) {
    case PAGER_INIT:
        return ready(g, buffer);
    case PAGER_DATA_REQUEST:
        return supply(g, buffer, offset, length);
    case PAGER_SYNCHRONIZE:
        return about_range(g, buffer, "memory_object_synchronize_completed", offset, length);
    default:
        return unlock(g, buffer, offset, length);
    }
}

bool pager_answer(struct generator *g, union buffer *buffer, struct request *request)
{
    const __Request__memory_object_data_request_t *m = (const void *)buffer;
    mach_msg_id_t what = buffer->head.msgh_id;
    mach_port_t control = m->memory_control.name;
    vm_offset_t offset = m->offset;
    vm_size_t length = m->length;

    if (what < PAGER_INIT || what > PAGER_CHANGE_COMPLETED ||
        !MACH_MSGH_BITS_IS_COMPLEX(buffer->head.msgh_bits) || one_in(g, 12))
        return false;
    learn_name(g, HINT_CONTROL, control);
    if (what != PAGER_DATA_REQUEST && what != PAGER_DATA_UNLOCK && what != PAGER_SYNCHRONIZE) {
        offset = PAGE_SIZE * random_below(g, 30);
        length = PAGE_SIZE * random_below(g, 8);
    }
    *request = answer_to(g, buffer, what, offset, length);
    buffer->head.msgh_remote_port = control;
    return true;
}
