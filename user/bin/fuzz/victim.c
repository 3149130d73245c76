// SPDX-License-Identifier: BSD-2-Clause
// A victim's thread: calls the kernel, sensibly and not, until somebody ends it. It uses nothing of
// the C library that keeps state, since it shares its task with threads that may damage any of it,
// and enters the kernel by hand.
#include "fuzz.h"

#include <mach/syscall_sw.h>
#include <mach/vm_param.h>
#include <string.h>

static union buffer buffers[THREADS];

// ---- traps ------------------------------------------------------------------------------------

// `frame`: where the stack pointer is at the trap; a return address, then the arguments.
static uint32_t enter_kernel(uint32_t number, const uint32_t *frame)
{
    uint32_t result;

    __asm__ volatile("movl %%esp, %%ebx\n\t"
                     "movl %2, %%esp\n\t"
                     "int $0x81\n\t"
                     "movl %%ebx, %%esp"
                     : "=a"(result)
                     : "0"(number), "S"(frame)
                     : "ebx", "ecx", "edx", "memory", "cc");
    return result;
}

static uint32_t enter_kernel_fast(uint32_t number, const uint32_t *frame)
{
    uint32_t result;

    __asm__ volatile("movl %%esp, %%ebx\n\t"
                     "movl %2, %%esp\n\t"
                     "movl %2, %%ecx\n\t"
                     "movl $1f, %%edx\n\t"
                     "sysenter\n"
                     "1:\tmovl %%ebx, %%esp"
                     : "=a"(result)
                     : "0"(number), "S"(frame)
                     : "ebx", "ecx", "edx", "memory", "cc");
    return result;
}

static uint32_t trap(struct generator *g, uint32_t number, const uint32_t *words)
{
    uint32_t frame[TRAP_WORDS + 1] = {0};
    const uint32_t *at = frame;

    memcpy(frame + 1, words, TRAP_WORDS * sizeof(words[0]));
    if (one_in(g, 64)) { // arguments that run into nothing
        uint32_t *end = (uint32_t *)(edge_page + PAGE_SIZE) - 1 - random_below(g, TRAP_WORDS);

        for (unsigned i = 0; end + i < (uint32_t *)(edge_page + PAGE_SIZE); i++)
            end[i] = frame[i];
        at = end;
    } else if (one_in(g, 256)) {
        at = (const uint32_t *)random_value(g, HINT_ADDRESS);
    }
    return one_in(g, 2) ? enter_kernel(number, at) : enter_kernel_fast(number, at);
}

// ---- what comes of a call ---------------------------------------------------------------------

static void begin_call(struct generator *g, struct tally *tally)
{
    g->tally = tally;
    tally->count[CALLED]++;
    board->calls[g->victim][g->thread]++;
}

static void end_call(struct generator *g, uint32_t result)
{
    enum outcome outcome = REFUSED;

    if (result == KERN_SUCCESS)
        outcome = DONE;
    else if ((result & 0xffffc000) == 0x10000000)
        outcome = NOT_SENT;
    else if ((result & 0xffffc000) == 0x10004000)
        outcome = NO_ANSWER;
    g->tally->count[outcome]++;
}

// ---- mach_msg ---------------------------------------------------------------------------------

static uint32_t message_trap(struct generator *g, void *message, uint32_t option,
                             uint32_t send_size, uint32_t receive_size, mach_port_t from,
                             uint32_t timeout, mach_port_t notify)
{
    uint32_t words[TRAP_WORDS] = {(uint32_t)message, option, send_size, receive_size, from,
                                  timeout,           notify, (uint32_t)message};

    if (!one_in(g, 8))
        return trap(g, MACH_TRAP_mach_msg_trap, words);
    // Received where it was sent from, whose descriptors may be a scatter list; or elsewhere.
    if (one_in(g, 2))
        words[1] |= MACH_RCV_OVERWRITE;
    if (one_in(g, 8))
        words[7] = random_value(g, HINT_ADDRESS);
    words[8] = one_in(g, 4) ? random_value(g, HINT_SIZE) : send_size;
    return trap(g, MACH_TRAP_mach_msg_overwrite_trap, words);
}

static void new_reply_port(struct generator *g)
{
    static const uint32_t none[TRAP_WORDS];

    g->reply = trap(g, MACH_TRAP_mach_reply_port, none);
}

// What the victim has thrown away of its own, it gets again.
static void renew(struct generator *g)
{
    static const uint32_t none[TRAP_WORDS];
    uint32_t words[TRAP_WORDS];
    mach_port_t task = trap(g, MACH_TRAP_mach_task_self, none), port;

    values_renew(g, task, trap(g, MACH_TRAP_mach_thread_self, none),
                 trap(g, MACH_TRAP_mach_host_self, none));
    port = trap(g, MACH_TRAP_mach_reply_port, none);
    words[0] = task;
    words[1] = words[2] = port;
    words[3] = MACH_MSG_TYPE_MAKE_SEND;
    trap(g, MACH_TRAP_mach_port_insert_right, words);
    learn_name(g, HINT_PORT, port);
}

// A new task has nobody who would end it when its maker dies. So its port goes to the campaign, by
// a right that the victim has under a name that it does not know.
static void adopt(mach_msg_header_t *head)
{
    if (head->msgh_id != task_create_id)
        return;
    head->msgh_local_port = NAME_NURSERY;
    head->msgh_bits = (head->msgh_bits & MACH_MSGH_BITS_COMPLEX) |
                      MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_COPY_SEND);
}

// Where the message is sent from: where it is, or at the very end of a page, or beyond it.
static void *place(struct generator *g, union buffer *buffer, mach_msg_size_t size)
{
    uint32_t at, there;

    if (!one_in(g, 12) || size > PAGE_SIZE)
        return buffer;
    if (one_in(g, 4))
        return buffer->bytes + random_below(g, 4);
    at = PAGE_SIZE - size + (one_in(g, 2) ? 4 * random_below(g, 1 + size / 4) : 0);
    there = PAGE_SIZE - at;
    memcpy((char *)edge_page + at, buffer, there < size ? there : size);
    return (char *)edge_page + at;
}

// A call by message, of which `size` bytes are made. The answer says what came of it, if there is one.
static void call_made(struct generator *g, unsigned n, mach_msg_size_t size)
{
    const struct routine *routine = &routines[n];
    union buffer *buffer = &buffers[g->thread];
    uint32_t option = MACH_SEND_MSG | MACH_RCV_MSG | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT, result;

    if (one_in(g, 4))
        for (unsigned i = random_below(g, 3) + 1; i > 0; i--)
            size = message_mutate(g, buffer, size);
    adopt(&buffer->head);
    if (buffer->head.msgh_id == task_create_id)
        option = MACH_SEND_MSG | MACH_SEND_TIMEOUT;
    else if (one_in(g, 24))
        option = random_value(g, HINT_OPTION);
    begin_call(g, &board->tally[n]);
    result = message_trap(g, place(g, buffer, size), option, size,
                          one_in(g, 32) ? random_below(g, 200) : sizeof(*buffer), g->reply,
                          random_below(g, 4), one_in(g, 8) ? random_value(g, HINT_PORT) : 0);
    if (result == MACH_MSG_SUCCESS && (option & MACH_RCV_MSG) != 0) {
        message_learn(g, buffer, routine);
        if (!MACH_MSGH_BITS_IS_COMPLEX(buffer->head.msgh_bits) && buffer->head.msgh_size >= 36)
            result = buffer->words[8];
    }
    end_call(g, result);
    buffer->head.msgh_id = 0;
    if (result == MACH_RCV_INVALID_NAME || result == MACH_SEND_INVALID_REPLY ||
        result == MACH_RCV_IN_SET)
        new_reply_port(g);
    else if (result == MACH_SEND_INVALID_DEST && one_in(g, 4))
        renew(g);
}

static void call_routine(struct generator *g, unsigned n)
{
    call_made(g, n, message_make(g, &buffers[g->thread], &routines[n]));
}

static void map_object(struct generator *g)
{
    struct request request = pager_map(g, &buffers[g->thread]);

    call_made(g, request.routine, request.size);
}

// A message to anybody, of a shape that no interface has.
static void send_anything(struct generator *g)
{
    union buffer *buffer = &buffers[g->thread];
    mach_msg_header_t *head = &buffer->head;
    unsigned count = one_in(g, 2) ? 0 : random_below(g, DESCRIPTORS_MAX + 1);
    struct layout layout = {.least = 24, .descriptor_count = (uint8_t)count};
    struct routine routine = {.id = (mach_msg_id_t)random_value(g, HINT_ID), .target = HINT_PORT};
    mach_msg_size_t size;
    uint32_t result;

    for (unsigned i = 0; i < count; i++)
        layout.descriptor[i] = (struct descriptor){(uint8_t)random_below(g, 3), HINT_PORT, 0};
    if (count > 0)
        layout.least = (uint16_t)(28 + 12 * count);
    layout.least += 4 * random_below(g, one_in(g, 16) ? 1900 : 30);
    routine.request = layout;
    size = message_make(g, buffer, &routine);
    if (count > 1 && one_in(g, 4)) // the same right, or memory, several times
        for (unsigned i = 1; i < count; i++)
            if (one_in(g, 2))
                buffer->complex.descriptor[i] = buffer->complex.descriptor[0];
    if (count > 0 && one_in(g, 6)) // a right to the destination
        buffer->complex.descriptor[0].port.name = head->msgh_remote_port;
    head->msgh_bits = (head->msgh_bits & MACH_MSGH_BITS_COMPLEX) |
                      MACH_MSGH_BITS(random_value(g, HINT_RIGHT), random_value(g, HINT_RIGHT));
    if (one_in(g, 2))
        head->msgh_bits &= ~MACH_MSGH_BITS_LOCAL_MASK, head->msgh_local_port = MACH_PORT_NULL;
    if (one_in(g, 3))
        size = message_mutate(g, buffer, size);
    adopt(head);
    begin_call(g, &board->tally[routine_count]); // mach_msg is the first trap
    result = message_trap(g, place(g, buffer, size),
                          MACH_SEND_MSG |
                              (one_in(g, 6) ? random_value(g, HINT_OPTION) : MACH_SEND_TIMEOUT),
                          size, sizeof(*buffer), random_value(g, HINT_PORT), random_below(g, 3), 0);
    end_call(g, result);
    head->msgh_id = 0;
}

// Answers a message, perhaps the kernel's about an exception: the code, then words of all kinds.
static void answer(struct generator *g, union buffer *buffer)
{
    mach_msg_header_t *head = &buffer->head;
    mach_msg_size_t size = 36 + 4 * (one_in(g, 2) ? 0 : random_below(g, 40));
    struct request request;

    if (pager_answer(g, buffer, &request)) {
        begin_call(g, &board->tally[request.routine]);
        end_call(g, message_trap(g, buffer, MACH_SEND_MSG | MACH_SEND_TIMEOUT, request.size, 0, 0,
                                 0, 0));
        return;
    }
    if (one_in(g, 3))
        return;
    head->msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(head->msgh_bits), 0);
    head->msgh_local_port = MACH_PORT_NULL;
    head->msgh_id += 100;
    buffer->words[8] = one_in(g, 3) ? random_value(g, HINT_WORD) : KERN_SUCCESS;
    for (unsigned i = 9; i < size / 4; i++)
        if (one_in(g, 8))
            buffer->words[i] = random_value(g, HINT_SMALL);
    begin_call(g, &board->tally[routine_count]);
    end_call(g, message_trap(g, buffer, MACH_SEND_MSG | MACH_SEND_TIMEOUT, size, 0, 0, 0, 0));
}

// Receives from there; true if there was a message.
static bool receive_from(struct generator *g, mach_port_t port)
{
    static const struct routine nothing;
    union buffer *buffer = &buffers[g->thread];
    uint32_t result;

    begin_call(g, &board->tally[routine_count]);
    result = message_trap(
        g, buffer, MACH_RCV_MSG | (one_in(g, 8) ? random_value(g, HINT_OPTION) : MACH_RCV_TIMEOUT),
        0, one_in(g, 8) ? random_below(g, 256) : sizeof(*buffer), port, random_below(g, 3),
        random_value(g, HINT_PORT));
    end_call(g, result);
    if (result == MACH_MSG_SUCCESS) {
        message_learn(g, buffer, &nothing);
        answer(g, buffer);
    }
    buffer->head.msgh_id = 0;
    return result == MACH_MSG_SUCCESS;
}

static void receive_anything(struct generator *g)
{
    receive_from(g, random_value(g, HINT_PORT));
}

// A pager at work: what has come to one port, and what comes soon.
static void serve(struct generator *g)
{
    mach_port_t port = random_value(g, HINT_PORT);

    for (unsigned idle = 0, i = 0; idle < 4 && i < 50; i++)
        idle = receive_from(g, port) ? 0 : idle + 1;
}

// ---- other traps ------------------------------------------------------------------------------

// Is a message that asks for a task in that memory? The campaign must hear of every one.
static bool asks_for_task(uint32_t address)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (address + sizeof(mach_msg_header_t) > (uint32_t)&buffers[i] &&
            address < (uint32_t)(&buffers[i] + 1))
            return true;
    return false;
}

static void call_trap(struct generator *g)
{
    unsigned n = random_below(g, trap_count + 1);
    uint32_t words[TRAP_WORDS], number, result;

    if (n < trap_count && !one_in(g, traps[n].rare))
        return;
    for (unsigned i = 0; i < TRAP_WORDS; i++)
        words[i] = random_value(g, n < trap_count ? traps[n].hint[i] : HINT_WORD);
    number = n < trap_count ? traps[n].number : random_value(g, HINT_WORD);
    if (asks_for_task(words[0]))
        return;
    begin_call(g, &board->tally[routine_count + n]);
    result = trap(g, number, words);
    if (number >= MACH_TRAP_mach_reply_port && number <= MACH_TRAP_mach_host_self) {
        learn_name(g, HINT_PORT, result);
        result = KERN_SUCCESS;
    } else if (number == MACH_TRAP_swtch || number == MACH_TRAP_swtch_pri) {
        result = KERN_SUCCESS; // it was a truth value
    }
    end_call(g, result);
}

// Has the kernel write a few words there: what cannot be written, or does not come from a pager, is a
// code and no exception.
static uint32_t touch(vm_address_t address)
{
    const uint32_t sleep[] = {0, MACH_PORT_NULL, TIME_RELATIVE, 0, 0, address};

    return enter_kernel(MACH_TRAP_clock_sleep_trap, sleep);
}

static void touch_some(struct generator *g)
{
    vm_address_t address = trunc_page(random_value(g, HINT_ADDRESS));

    board->calls[g->victim][g->thread]++;
    for (unsigned i = random_below(g, 6); i > 0; i--, address += PAGE_SIZE)
        touch(address);
}

// Fills memory, page by page, as far as it goes.
static void eat(struct generator *g)
{
    vm_address_t start = 0;
    vm_size_t size = PAGE_SIZE << random_below(g, 15);
    const uint32_t allocate[] = {0, random_value(g, HINT_TASK), (uint32_t)&start, size, TRUE};

    if (enter_kernel(MACH_TRAP_vm_allocate, allocate) != KERN_SUCCESS)
        return;
    learn_address(g, start);
    for (vm_size_t at = 0; at < size; at += PAGE_SIZE) {
        board->calls[g->victim][g->thread]++;
        if (touch(start + at) != KERN_SUCCESS)
            return;
    }
}

// An exception. The thread begins anew, if whoever hears of it wants it to.
static void fault(struct generator *g)
{
    switch (random_below(g, 5)) {
    case 0:
        *(volatile uint32_t *)random_value(g, HINT_ADDRESS) = random_value(g, HINT_WORD);
        break;
    case 1:
        __asm__ volatile("ud2");
        break;
    case 2:
        __asm__ volatile("int3");
        break;
    case 3:
        __asm__ volatile("divl %0" : : "r"(0) : "eax", "edx");
        break;
    default:
        ((void (*)(void))random_value(g, HINT_ADDRESS))();
        break;
    }
}

void victim_run(struct generator *g)
{
    new_reply_port(g);
    for (;;) {
        unsigned n = random_below(g, routine_count), what = random_below(g, 16);

        if (one_in(g, 1500)) {
            eat(g);
        } else if (one_in(g, 150)) {
            fault(g);
        } else if (one_in(g, 60)) {
            map_object(g);
        } else if (one_in(g, 60)) {
            touch_some(g);
        } else if (one_in(g, 60)) {
            serve(g);
        } else if (what < 9) {
            if (one_in(g, routines[n].rare))
                call_routine(g, n);
        } else if (what < 12) {
            call_trap(g);
        } else if (what < 14) {
            send_anything(g);
        } else {
            receive_anything(g);
        }
    }
}
