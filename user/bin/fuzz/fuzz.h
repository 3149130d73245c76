// SPDX-License-Identifier: BSD-2-Clause
// What the parts of the fuzzer know of each other. Read main.c first.
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <mach/mach.h>
#include <stdbool.h>
#include <stdint.h>

// ---- the kernel's interface, as tools/fuzzgen describes it (build/user/bin/fuzz/calls.c) ------

enum hint { // what kind of number a caller would put there
    HINT_WORD,
    HINT_PORT, // any name
    HINT_TASK,
    HINT_THREAD,
    HINT_HOST,
    HINT_SEMAPHORE,
    HINT_LOCK_SET,
    HINT_CONTROL, // of a memory object
    HINT_CLOCK,
    HINT_OBJECT,  // a memory object's name, or none
    HINT_ADDRESS, // of the victim's memory
    HINT_POINTER, // where the kernel is to write, or read from
    HINT_MESSAGE, // likewise, a message
    HINT_SIZE,
    HINT_SMALL, // flags, flavors, protections, kinds of right
    HINT_RIGHT, // a disposition
    HINT_TIME,
    HINT_SECONDS,
    HINT_TIMEOUT, // milliseconds, or nanoseconds
    HINT_ID,      // of a message
    HINT_OPTION,  // of mach_msg
};
#define NAME_HINTS (HINT_CLOCK + 1)

enum item_kind { ITEM_WORDS, ITEM_TEXT, ITEM_ARRAY, ITEM_COUNT, ITEM_COUNT_OF_DESCRIPTOR };

struct item { // one field of a message
    uint8_t kind, hint;
    uint8_t after; // how many arrays of varying length stand before it
    uint8_t of;    // ITEM_COUNT: which array; ITEM_COUNT_OF_DESCRIPTOR: which descriptor
    uint16_t offset, size, most; // ITEM_ARRAY: bytes of an element, elements at most
};
struct descriptor {
    uint8_t type, hint, disposition; // 0: any
};
#define DESCRIPTORS_MAX 10
#define ITEMS_MAX 12

struct layout {
    uint16_t least, ndr; // bytes; 0: no NDR record
    uint8_t descriptor_count, item_count;
    struct descriptor descriptor[DESCRIPTORS_MAX];
    struct item item[ITEMS_MAX];
};
struct routine {
    const char *name;
    mach_msg_id_t id;
    uint8_t target; // hint of the port that it is sent to
    uint8_t rare;   // to be called so many times less often
    struct layout request, reply;
};
#define TRAP_WORDS 11
struct trap {
    const char *name;
    unsigned number;
    uint8_t rare;
    uint8_t hint[TRAP_WORDS];
};
extern const struct routine routines[];
extern const struct trap traps[];
extern const unsigned routine_count, trap_count;
extern const int task_create_id;

// ---- counting: memory that the victims share with the campaign --------------------------------

#define VICTIMS 3
#define THREADS 3 // of each victim

enum outcome { CALLED, DONE, REFUSED, NOT_SENT, NO_ANSWER, OUTCOMES };

struct tally {
    uint32_t count[OUTCOMES];
};
#define TALLIES_MAX 256 // routines, then traps, then the last: traps that do not exist
struct board {
    struct tally tally[TALLIES_MAX];
    uint32_t calls[VICTIMS][THREADS]; // by each: who does not call is stuck
};
extern struct board *board;

// ---- values.c: random numbers, names and addresses --------------------------------------------

struct generator {
    uint32_t state;
    unsigned victim, thread; // whose
    mach_port_t reply;       // its reply port
    struct tally *tally;     // of the call that is being made
};
uint32_t random_word(struct generator *g);
uint32_t random_below(struct generator *g, uint32_t limit);
bool one_in(struct generator *g, uint32_t n);
uint32_t random_value(struct generator *g, enum hint hint);

// Names and addresses that a victim knows; each has its own copy.
void learn_name(struct generator *g, enum hint hint, mach_port_t name);
void learn_address(struct generator *g, vm_address_t address);
void values_forget(void);
// What it may always know: its task, its thread, the host (the traps know them), a new port.
void values_renew(struct generator *g, mach_port_t task, mach_port_t thread, mach_port_t host);
void values_begin(struct generator *g, enum hint hint, mach_port_t name); // known from the start

// The victims' memory: pages of every kind side by side (values.c).
void arena_make(void);
// Pages of the arena that everybody has a copy of, and that each may change for himself only.
#define HERITAGE_PAGES 80 // more than a node of the kernel's page trees holds
extern vm_address_t heritage;
#define HERITAGE_WORD(i) (0x48455249u ^ (uint32_t)(i)*2654435761u)
// A page after which there is nothing.
extern vm_address_t edge_page;

// ---- message.c, victim.c ----------------------------------------------------------------------

#define BUFFER_SIZE 0x2000u
union buffer {
    mach_msg_header_t head;
    struct {
        mach_msg_header_t head;
        mach_msg_body_t body;
        mach_msg_descriptor_t descriptor[DESCRIPTORS_MAX];
    } complex;
    uint32_t words[BUFFER_SIZE / 4];
    char bytes[BUFFER_SIZE];
};
// A request for the routine, right in form, with random values; returns its size.
mach_msg_size_t message_make(struct generator *g, union buffer *buffer,
                             const struct routine *routine);
// Spoils it.
mach_msg_size_t message_mutate(struct generator *g, union buffer *buffer, mach_msg_size_t size);
// Keeps what came with a reply.
void message_learn(struct generator *g, const union buffer *buffer, const struct routine *routine);

// ---- pager.c ----
struct request { // in a buffer
    unsigned routine;
    mach_msg_size_t size;
};
// Maps a memory object.
struct request pager_map(struct generator *g, union buffer *buffer);
// The kernel's messages to pagers, by id.
enum {
    PAGER_INIT = 2200,
    PAGER_DATA_REQUEST = 2203,
    PAGER_DATA_UNLOCK = 2204,
    PAGER_SYNCHRONIZE = 2210,
    PAGER_CHANGE_COMPLETED = 2213,
};
// Turns such a message into an answer to it; false: it is none, or there is none.
bool pager_answer(struct generator *g, union buffer *buffer, struct request *request);

void victim_run(struct generator *g) __attribute__((noreturn));

// Names that a victim has from the start, of the campaign's choosing.
#define NAME_NURSERY 0x7e000001u // where replies to task_create go
#define NAME_PUBLIC 0x7e000101u  // the witness's
#define NAME_GIVEN 0x7e001001u   // the first of others

// ---- witness.c --------------------------------------------------------------------------------

struct report { // memory that the witness shares with the campaign
    volatile uint32_t rounds, calls;
    volatile uint32_t received, dropped; // messages of the victims
    volatile uint32_t longest;           // microseconds that it waited for the processor
    volatile uint32_t failed, expected, found;
    volatile bool stop;
    char why[64];
};
extern struct report *report;

#define NAME_PRIVATE 0x7e000201u // where the witness serves
void witness_main(void);
struct ping {
    mach_msg_header_t head;
    uint32_t word[16];
    mach_msg_max_trailer_t trailer;
};
#define PING_SIZE (sizeof(struct ping) - sizeof(mach_msg_max_trailer_t))
#define PING_ID 77000
// Asks the witness's server and checks the answer; false, with *result, if it is wrong.
bool ping(mach_port_t server, mach_port_t reply, uint32_t number, mach_msg_return_t *result);

// ---- main.c -----------------------------------------------------------------------------------

uint64_t nanoseconds(void);

#endif
