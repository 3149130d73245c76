// SPDX-License-Identifier: BSD-2-Clause
// Messages to the kernel by the layouts of calls.c: first right in form, then some of them spoilt;
// and what comes with replies.
#include "fuzz.h"

#include <mach/ndr.h>
#include <mach/vm_param.h>
#include <string.h>

// ---- right in form ----------------------------------------------------------------------------

static void make_descriptor(struct generator *g, mach_msg_descriptor_t *d,
                            const struct descriptor *shape, uint32_t *count)
{
    memset(d, 0, sizeof(*d));
    switch (shape->type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        d->port.name = random_value(g, shape->hint);
        d->port.disposition = shape->disposition != 0 && !one_in(g, 8)
                                  ? shape->disposition
                                  : random_value(g, HINT_RIGHT);
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
        d->out_of_line.address = (void *)random_value(g, HINT_ADDRESS);
        d->out_of_line.size = *count = random_value(g, HINT_SIZE);
        d->out_of_line.copy = random_below(g, one_in(g, 8) ? 4 : 2); // a scatter list has other kinds
        d->out_of_line.deallocate = one_in(g, 6);
        break;
    default:
        d->ool_ports.address = (void *)random_value(g, HINT_ADDRESS);
        *count = one_in(g, 8) ? random_value(g, HINT_SIZE) : random_below(g, 5);
        d->ool_ports.count = *count;
        d->ool_ports.disposition =
            shape->disposition != 0 ? shape->disposition : random_value(g, HINT_RIGHT);
        d->ool_ports.copy = random_below(g, 2);
        break;
    }
    d->type.type = shape->type;
}

static void fill_words(struct generator *g, union buffer *buffer, unsigned at, unsigned bytes,
                       enum hint hint)
{
    for (unsigned i = 0; i < bytes; i += 4)
        buffer->words[(at + i) / 4] = random_value(g, hint);
}

static void fill_text(struct generator *g, union buffer *buffer, unsigned at, unsigned bytes)
{
    unsigned length = random_below(g, bytes + 1);

    for (unsigned i = 0; i < bytes; i++)
        buffer->bytes[at + i] = i < length ? (char)('a' + random_below(g, 26)) : '\0';
}

mach_msg_size_t message_make(struct generator *g, union buffer *buffer,
                             const struct routine *routine)
{
    const struct layout *layout = &routine->request;
    uint32_t counts[DESCRIPTORS_MAX] = {0}, lengths[ITEMS_MAX], shift[ITEMS_MAX + 1] = {0};
    unsigned arrays = 0;
    mach_msg_header_t *head = &buffer->head;

    *head =
        (mach_msg_header_t){MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE),
                            0,
                            random_value(g, routine->target),
                            g->reply,
                            0,
                            routine->id};
    if (layout->descriptor_count > 0) {
        head->msgh_bits |= MACH_MSGH_BITS_COMPLEX;
        buffer->complex.body.msgh_descriptor_count = layout->descriptor_count;
    }
    for (unsigned i = 0; i < layout->descriptor_count; i++)
        make_descriptor(g, &buffer->complex.descriptor[i], &layout->descriptor[i], &counts[i]);
    if (layout->ndr != 0)
        memcpy(buffer->bytes + layout->ndr, &NDR_record, sizeof(NDR_record));
    for (unsigned i = 0; i < layout->item_count; i++)
        if (layout->item[i].kind == ITEM_ARRAY) {
            lengths[arrays] = random_below(g, layout->item[i].most + 1u);
            shift[arrays + 1] = shift[arrays] + round_msg(lengths[arrays] * layout->item[i].size);
            arrays++;
        }
    for (unsigned i = 0, array = 0; i < layout->item_count; i++) {
        const struct item *item = &layout->item[i];
        unsigned at = item->offset + shift[item->after];

        switch (item->kind) {
        case ITEM_TEXT:
            fill_text(g, buffer, at, item->size);
            break;
        case ITEM_ARRAY:
            fill_words(g, buffer, at, lengths[array++] * item->size, HINT_WORD);
            break;
        case ITEM_COUNT:
            buffer->words[at / 4] = lengths[item->of];
            break;
        case ITEM_COUNT_OF_DESCRIPTOR:
            buffer->words[at / 4] = counts[item->of];
            break;
        default:
            fill_words(g, buffer, at, item->size, item->hint);
            break;
        }
    }
    return head->msgh_size = layout->least + shift[arrays];
}

// ---- spoilt -----------------------------------------------------------------------------------

static void mutate_descriptor(struct generator *g, union buffer *buffer)
{
    mach_msg_descriptor_t *d = &buffer->complex.descriptor[random_below(g, DESCRIPTORS_MAX)];

    switch (random_below(g, 4)) {
    case 0:
        d->type.type = random_below(g, 6);
        break;
    case 1:
        d->port.disposition = random_below(g, 24);
        break;
    case 2:
        d->out_of_line.copy = random_below(g, 5);
        break;
    default:
        d->out_of_line.deallocate ^= 1;
        d->out_of_line.size = random_value(g, HINT_SIZE);
        break;
    }
}

mach_msg_size_t message_mutate(struct generator *g, union buffer *buffer, mach_msg_size_t size)
{
    mach_msg_header_t *head = &buffer->head;

    switch (random_below(g, 9)) {
    case 0:
        buffer->words[random_below(g, size / 4 + 1)] = random_value(g, random_below(g, HINT_ID));
        return size;
    case 1:
        return size + 4 * (random_below(g, 17) - 8);
    case 2:
        return random_value(g, HINT_SIZE);
    case 3:
        return size + random_below(g, 4);
    case 4:
        head->msgh_bits ^= MACH_MSGH_BITS_COMPLEX;
        return size;
    case 5:
        buffer->complex.body.msgh_descriptor_count = random_value(g, HINT_SMALL);
        return size;
    case 6:
        head->msgh_bits = MACH_MSGH_BITS_OTHER(head->msgh_bits) |
                          MACH_MSGH_BITS(random_value(g, HINT_RIGHT), random_value(g, HINT_RIGHT));
        return size;
    case 7:
        head->msgh_id = routines[random_below(g, routine_count)].id;
        return size;
    default:
        mutate_descriptor(g, buffer);
        return size;
    }
}

// ---- replies ----------------------------------------------------------------------------------

static void learn_descriptor(struct generator *g, const mach_msg_descriptor_t *d, enum hint hint)
{
    switch (d->type.type) {
    case MACH_MSG_PORT_DESCRIPTOR:
        learn_name(g, hint, d->port.name);
        break;
    case MACH_MSG_OOL_DESCRIPTOR:
    case MACH_MSG_OOL_VOLATILE_DESCRIPTOR:
        learn_address(g, (vm_address_t)d->out_of_line.address);
        break;
    default:
        learn_address(g, (vm_address_t)d->ool_ports.address);
        if (d->ool_ports.count > 0)
            learn_name(g, hint, *(mach_port_t *)d->ool_ports.address);
        break;
    }
}

void message_learn(struct generator *g, const union buffer *buffer, const struct routine *routine)
{
    const struct layout *reply = &routine->reply;

    if (MACH_MSGH_BITS_IS_COMPLEX(buffer->head.msgh_bits)) {
        unsigned count = buffer->complex.body.msgh_descriptor_count;

        for (unsigned i = 0; i < count && i < DESCRIPTORS_MAX; i++)
            learn_descriptor(g, &buffer->complex.descriptor[i],
                             i < reply->descriptor_count ? reply->descriptor[i].hint : HINT_PORT);
    }
    if (buffer->head.msgh_id != routine->id + 100 || buffer->head.msgh_size < reply->least)
        return;
    for (unsigned i = 0; i < reply->item_count; i++) {
        uint32_t value = buffer->words[reply->item[i].offset / 4];

        if (reply->item[i].hint == HINT_ADDRESS)
            learn_address(g, value);
        else
            learn_name(g, HINT_PORT, value);
    }
}
