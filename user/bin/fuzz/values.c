// SPDX-License-Identifier: BSD-2-Clause
// Random values: of the right kind most of the time, else from the edges of the number range or
// quite arbitrary. What the victim has learned from replies (names, addresses) is used again.
#include "fuzz.h"

#include <mach/vm_param.h>
#include <string.h>

#define NAMES 24 // of each kind
#define ADDRESSES 32

static mach_port_t names[NAME_HINTS][NAMES];
static unsigned known[NAME_HINTS], fixed[NAME_HINTS]; // so many; of these the first that stay
static vm_address_t addresses[ADDRESSES];
static unsigned addresses_known;

vm_address_t heritage, edge_page;
static vm_address_t arena;

// ---- numbers ----------------------------------------------------------------------------------

uint32_t random_word(struct generator *g)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 17;
    g->state ^= g->state << 5;
    return g->state * 2654435761u;
}

uint32_t random_below(struct generator *g, uint32_t limit)
{
    return (uint32_t)(((uint64_t)random_word(g) * limit) >> 32);
}

bool one_in(struct generator *g, uint32_t n)
{
    return random_below(g, n) == 0;
}

static uint32_t edge(struct generator *g)
{
    static const uint32_t edges[] = {0,          1,          2,          3,          4,
                                     0xff,       0x100,      0xffff,     0x10000,    0x7fffffff,
                                     0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0xbffff000,
                                     0xbfffffff, 0xc0000000, 0xc0001000, 0xfffff000, 0xfffffffc};
    uint32_t value = edges[random_below(g, sizeof(edges) / sizeof(edges[0]))];

    return one_in(g, 4) ? value + random_below(g, 9) - 4 : value;
}

// ---- names ------------------------------------------------------------------------------------

void values_forget(void)
{
    memset(names, 0, sizeof(names));
    memset(known, 0, sizeof(known));
    memset(fixed, 0, sizeof(fixed));
    addresses_known = 0;
}

void learn_name(struct generator *g, enum hint hint, mach_port_t name)
{
    if (hint >= NAME_HINTS || hint < HINT_PORT)
        hint = HINT_PORT;
    if (!MACH_PORT_VALID(name))
        return;
    if (known[hint] < NAMES)
        names[hint][known[hint]++] = name;
    else
        names[hint][fixed[hint] + random_below(g, NAMES - fixed[hint])] = name;
}

void values_begin(struct generator *g, enum hint hint, mach_port_t name)
{
    learn_name(g, hint, name);
    if (fixed[hint] < NAMES / 2)
        fixed[hint]++;
}

void values_renew(struct generator *g, mach_port_t task, mach_port_t thread, mach_port_t host)
{
    names[HINT_TASK][0] = task;
    names[HINT_THREAD][random_below(g, THREADS)] = thread;
    names[HINT_HOST][0] = host;
}

static uint32_t random_name(struct generator *g, enum hint hint)
{
    if (one_in(g, 12))
        hint = HINT_PORT + random_below(g, NAME_HINTS - HINT_PORT);
    if (one_in(g, 40))
        return g->reply;
    if (known[hint] == 0)
        hint = HINT_PORT;
    // The first name of a kind is the victim's own, and the likeliest.
    return names[hint][one_in(g, 3) ? 0 : random_below(g, known[hint])];
}

// ---- addresses --------------------------------------------------------------------------------

// Pages of the arena: what is done with each before the victims get it.
enum {
    PLAIN,
    HERITAGE_AT = PLAIN + 6,
    SHARED_AT = HERITAGE_AT + HERITAGE_PAGES,
    READ_ONLY = SHARED_AT + 2,
    NO_ACCESS,
    LONELY,
    HOLE,
    LAST,
    ARENA_PAGES
};

static vm_address_t page(unsigned n)
{
    return arena + n * PAGE_SIZE;
}

static void protect(vm_address_t address, vm_prot_t prot)
{
    vm_protect(mach_task_self(), address, PAGE_SIZE, FALSE, prot);
}

// Something like a message at the start of each page that is to be sent from, then names.
static void fill(vm_address_t address)
{
    mach_msg_header_t *head = (mach_msg_header_t *)address;

    head->msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    head->msgh_size = 64;
    head->msgh_remote_port = NAME_PUBLIC;
    head->msgh_id = 1;
    for (unsigned i = sizeof(*head); i < PAGE_SIZE; i += 4)
        *(mach_port_t *)(address + i) = NAME_GIVEN + i / 4 % 20 * 0x100;
}

void arena_make(void)
{
    vm_allocate(mach_task_self(), &arena, (ARENA_PAGES + 1) * PAGE_SIZE, TRUE);
    vm_allocate(mach_task_self(), &edge_page, 2 * PAGE_SIZE, TRUE);
    vm_deallocate(mach_task_self(), edge_page + PAGE_SIZE, PAGE_SIZE);
    for (unsigned i = 0; i < ARENA_PAGES; i++)
        fill(page(i));
    heritage = page(HERITAGE_AT);
    for (unsigned i = 0; i < HERITAGE_PAGES * PAGE_SIZE / 4; i++)
        ((uint32_t *)heritage)[i] = HERITAGE_WORD(i);
    vm_inherit(mach_task_self(), page(SHARED_AT), 2 * PAGE_SIZE, VM_INHERIT_SHARE);
    protect(page(READ_ONLY), VM_PROT_READ);
    protect(page(NO_ACCESS), VM_PROT_NONE);
    vm_deallocate(mach_task_self(), page(HOLE), PAGE_SIZE);
    vm_deallocate(mach_task_self(), page(ARENA_PAGES), PAGE_SIZE); // nothing follows
}

void learn_address(struct generator *g, vm_address_t address)
{
    vm_address_t at = (vm_address_t)board;

    if (address < at || address > at + sizeof(*board)) // which the victims share, and count on
        addresses[addresses_known < ADDRESSES ? addresses_known++ : random_below(g, ADDRESSES)] =
            trunc_page(address);
}

static uint32_t random_address(struct generator *g)
{
    uint32_t n = random_below(g, ARENA_PAGES - HERITAGE_PAGES + 4), address;

    if (n >= HERITAGE_AT) // as if four pages were inherited, any of them
        n = n < HERITAGE_AT + 4 ? HERITAGE_AT + random_below(g, HERITAGE_PAGES)
                                : n + HERITAGE_PAGES - 4;
    address = page(n);
    if (addresses_known > 0 && one_in(g, 3))
        address = addresses[random_below(g, addresses_known)];
    if (one_in(g, 150))
        return trunc_page((vm_address_t)random_address) + random_below(g, 4) * PAGE_SIZE;
    switch (random_below(g, 8)) {
    case 0:
        return address + PAGE_SIZE - 4 * (1 + random_below(g, 16));
    case 1:
        return address + random_below(g, PAGE_SIZE);
    case 2:
        return address + 4 * random_below(g, 64);
    default:
        return address;
    }
}

static uint32_t random_size(struct generator *g)
{
    switch (random_below(g, 16)) {
    case 0:
        return 1u << random_below(g, 32);
    case 1:
        return PAGE_SIZE << random_below(g, 12);
    case 2:
        return random_below(g, 0x10000);
    case 3:
    case 4:
        return random_below(g, PAGE_SIZE);
    case 5:
    case 6:
    case 7:
        return PAGE_SIZE * (1 + random_below(g, 6));
    case 8:
        return PAGE_SIZE;
    default:
        return 4 * random_below(g, 128);
    }
}

// ---- by kind ----------------------------------------------------------------------------------

static uint32_t random_option(struct generator *g)
{
    uint32_t option = random_below(g, 4) | MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT;

    if (one_in(g, 8))
        option ^= 1u << random_below(g, 32);
    if (one_in(g, 4))
        option |= MACH_RCV_LARGE;
    if (one_in(g, 4))
        option |= MACH_RCV_TRAILER_ELEMENTS(random_below(g, 4));
    if (one_in(g, 8))
        option |= MACH_RCV_NOTIFY;
    return one_in(g, 24) ? option & ~(uint32_t)(MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT) : option;
}

uint32_t random_value(struct generator *g, enum hint hint)
{
    if (one_in(g, 20))
        return edge(g);
    if (one_in(g, 60))
        return random_word(g);
    switch (hint) {
    case HINT_PORT:
    case HINT_TASK:
    case HINT_THREAD:
    case HINT_HOST:
    case HINT_SEMAPHORE:
    case HINT_LOCK_SET:
    case HINT_CONTROL:
    case HINT_CLOCK:
        return random_name(g, hint);
    case HINT_OBJECT:
        return one_in(g, 2) ? MACH_PORT_NULL : random_name(g, HINT_PORT);
    case HINT_ADDRESS:
    case HINT_POINTER:
    case HINT_MESSAGE:
        return random_address(g);
    case HINT_SIZE:
        return random_size(g);
    case HINT_SMALL:
        return one_in(g, 8) ? random_below(g, 100) : random_below(g, 9);
    case HINT_RIGHT:
        return MACH_MSG_TYPE_MOVE_RECEIVE + random_below(g, 6);
    case HINT_TIME:
        return random_below(g, 3) * 1000;
    case HINT_SECONDS:
        return one_in(g, 30) ? 1 : 0;
    case HINT_TIMEOUT:
        return random_below(g, 5);
    case HINT_ID:
        return MACH_NOTIFY_FIRST + random_below(g, 16);
    case HINT_OPTION:
        return random_option(g);
    default:
        return one_in(g, 4) ? random_word(g) : random_below(g, 32);
    }
}
