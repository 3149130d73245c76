/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivers the messages that fuzz.t wrote, each in a buffer of exactly its size, to the servers
 * that fuzz.t made; the reply's buffer has exactly the size that the server's table says. What is
 * read or written outside them the sanitizers see.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include "special_trans.h"

#define SUBSYSTEM(name) extern const void *const name;
#include "table.h"
#undef SUBSYSTEM
#define SUBSYSTEM(name) &name,
static const void *const *const subsystems[] = {
#include "table.h"
};

mach_port_t mach_task_self_ = 0x103;
int calls;
static int too_large; /* the function has said that an array is longer than there is room */

kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t name)
{
    (void)task, (void)name;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(mach_port_t task, vm_address_t address, vm_size_t size)
{
    (void)task, (void)address, (void)size;
    return KERN_SUCCESS;
}

/* ---- the translations of special.defs ---- */

static int windows; /* that have been made and not released */

struct_window_t port_to_window(mach_port_t port)
{
    struct_window_t window = malloc(sizeof(*window));

    window->port = port;
    windows++;
    return window;
}

void window_release(struct_window_t window)
{
    free(window);
    windows--;
}

/* The function gives back no window that could be looked into. */
mach_port_t window_to_port(struct_window_t window)
{
    return window ? 0x1003 : MACH_PORT_NULL;
}

half_degrees_t degrees_in(int degrees)
{
    return (half_degrees_t)(degrees / 2);
}

int degrees_out(half_degrees_t degrees)
{
    return degrees * 2;
}

void handle_done(server_handle_t handle)
{
    (void)handle;
}

/* ---- what server functions do ---- */

static unsigned int random_number(void)
{
    static unsigned int state = 1;

    state = state * 1664525 + 1013904223;
    return state >> 8;
}

void touch(const void *data, size_t size)
{
    static volatile unsigned char sum;

    for (size_t i = 0; i < size; i++)
        sum += ((const unsigned char *)data)[i];
}

void fill(void *data, size_t size)
{
    memset(data, 'f', size);
}

/* The count of an array that is given back. */
unsigned int choose(unsigned int room, unsigned int most)
{
    if (most != 0 && random_number() % 16 == 0) {
        too_large = 1;
        return most + 1 + random_number();
    }
    return random_number() % (room + 1);
}

/* ---- delivery ---- */

/* The memory that the kernel would have mapped; freed again by a second call. */
static void memory(mach_msg_header_t *message, int give)
{
    mach_msg_base_t *base = (mach_msg_base_t *)message;
    mach_msg_ool_descriptor_t *d = (mach_msg_ool_descriptor_t *)(base + 1);

    if (!(message->msgh_bits & MACH_MSGH_BITS_COMPLEX) || message->msgh_size < sizeof(*base))
        return;
    for (unsigned int i = 0; i < base->body.msgh_descriptor_count &&
                             (i + 1) * sizeof(*d) <= message->msgh_size - sizeof(*base); i++)
        if (give && d[i].type == MACH_MSG_OOL_DESCRIPTOR)
            d[i].address = calloc(1, d[i].size);
        else if (give && d[i].type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            d[i].address = calloc(d[i].size, sizeof(mach_port_t));
        else if (!give && (d[i].type == MACH_MSG_OOL_DESCRIPTOR ||
                           d[i].type == MACH_MSG_OOL_PORTS_DESCRIPTOR))
            free(d[i].address);
}

/* The code of the answer. */
static kern_return_t answer(const struct mig_subsystem *subsystem, mach_msg_header_t *request)
{
    const routine_descriptor_t *routine = &subsystem->routine[request->msgh_id - subsystem->start];
    mig_reply_error_t *reply = malloc(routine->max_reply_msg);
    kern_return_t code = KERN_SUCCESS;

    memset(reply, 0xbb, routine->max_reply_msg);
    reply->Head = (mach_msg_header_t){
        .msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 0),
        .msgh_size = sizeof(*reply), .msgh_remote_port = request->msgh_remote_port};
    routine->stub_routine(request, &reply->Head);
    if (reply->Head.msgh_size > routine->max_reply_msg || reply->Head.msgh_size % 4 != 0)
        code = KERN_FAILURE;
    else if (!(reply->Head.msgh_bits & MACH_MSGH_BITS_COMPLEX))
        code = reply->RetCode;
    free(reply);
    return code;
}

/* Whether a message was treated as it should be. */
static int deliver(const struct mig_subsystem *subsystem, const void *bytes, size_t size,
                   size_t trailer, int good)
{
    size_t shift = random_number() % 2 * 4; /* messages are aligned to words, not to more */
    char *block = calloc(1, shift + size + trailer + (trailer ? -size % 4 : 0));
    mach_msg_header_t *request = (void *)(block + shift);
    kern_return_t code;

    memcpy(request, bytes, size);
    if (trailer != 0)
        ((mach_msg_trailer_t *)(void *)((char *)request + round_msg(size)))->msgh_trailer_size =
            trailer;
    memory(request, 1);
    calls = too_large = 0;
    code = answer(subsystem, request);
    memory(request, 0);
    free(block);
    if (windows != 0)
        return 0;
    if (!good)
        return code == MIG_BAD_ARGUMENTS && calls == 0;
    if (too_large)
        return code == MIG_ARRAY_TOO_LARGE && calls == 1;
    return (code == KERN_SUCCESS || code == MIG_NO_REPLY) && calls == 1;
}

int main(int argc, char **argv)
{
    struct {
        unsigned int subsystem, good, size, trailer;
    } head;
    FILE *in = fopen(argv[argc - 1], "rb");
    unsigned int count[2] = {0, 0}, wrong = 0;

    while (fread(&head, sizeof(head), 1, in) == 1) {
        const struct mig_subsystem *subsystem = *subsystems[head.subsystem];
        char *bytes = malloc(head.size);

        if (fread(bytes, head.size, 1, in) != 1)
            return 2;
        count[head.good]++;
        if (!deliver(subsystem, bytes, head.size, head.trailer, head.good) && ++wrong < 20)
            printf("message %u, of id %d, %u bytes, is %s, but not treated so\n",
                   count[0] + count[1], ((mach_msg_header_t *)(void *)bytes)->msgh_id, head.size,
                   head.good ? "good" : "malformed");
        free(bytes);
    }
    printf("%u served, %u refused\n", count[1], count[0]);
    return wrong != 0;
}
