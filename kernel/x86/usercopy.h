// SPDX-License-Identifier: BSD-2-Clause
// Copies between the kernel and the current address space. Any user address may be given; pages are
// faulted in on the way (so these may block); false means that some of it is not accessible, in
// which case part of it may have been copied.
#pragma once

#include <mach/vm_param.h>
#include "x86/fault.h"

bool copy_from_user(void *to, uintptr_t from, size_t size);
bool copy_to_user(uintptr_t to, const void *from, size_t size);
// Never block: false too when a page is not there, or not writable, at the moment.
bool copy_from_user_resident(void *to, uintptr_t from, size_t size);
bool copy_to_user_resident(uintptr_t to, const void *from, size_t size);

// ---- single words, for the shortest messages ----
// Nothing is checked: the caller has seen to it that the address is the user's.

// The words of a message header that only its sender knows.
struct user_header {
    uint32_t bits, remote, local, id;
};
// `bits` is 0 when a page is not there.
static inline struct user_header user_header_read(uintptr_t from)
{
    struct user_header h = {.bits = 0};

    __asm__ volatile("1:\tmovl 8(%4), %1\n\tmovl 12(%4), %2\n\tmovl 20(%4), %3\n\tmovl (%4), %0\n"
                     "2:\t.pushsection .fixups, \"a\"\n\t.long %c5, 1b, 2b, 2b\n\t.popsection"
                     : "+&r"(h.bits), "=&r"(h.remote), "=&r"(h.local), "=&r"(h.id)
                     : "r"(from), "i"(FIXUP_RESIDENT)
                     : "memory");
    return h;
}
// Copies words where one end is the user's. False when a page is not there, or not writable, at the
// moment: then there are words left.
static inline bool user_words_copy(void *to, const void *from, size_t size)
{
    size_t words = size / 4;

    __asm__ volatile("1:\trep movsl\n"
                     "2:\t.pushsection .fixups, \"a\"\n\t.long %c3, 1b, 2b, 2b\n\t.popsection"
                     : "+D"(to), "+S"(from), "+c"(words)
                     : "i"(FIXUP_RESIDENT)
                     : "memory");
    return words == 0;
}
// Writes one word; goes to the label `failed` when the page is not there, or not writable, at the moment.
#define USER_WORD_WRITE(to, offset, word, failed)                                             \
    __asm__ goto("1:\tmovl %1, %c2(%0)\n"                                                     \
                 "2:\t.pushsection .fixups, \"a\"\n\t.long %c3, 1b, 2b, %l4\n\t.popsection"  \
                 :                                                                            \
                 : "r"(to), "ri"((uint32_t)(word)), "i"(offset), "i"(FIXUP_RESIDENT)           \
                 : "memory"                                                                   \
                 : failed)

// One word, of which traps take and give many: as copy_from_user and copy_to_user.
static inline bool user_word_get(uint32_t *word, uintptr_t from)
{
    bool done = false;

    if (from <= VM_MAX_ADDRESS - sizeof *word)
        __asm__ volatile("1:\tmovl (%2), %0\n\tmovb $1, %1\n"
                         "2:\t.pushsection .fixups, \"a\"\n\t.long %c3, 1b, 2b, 2b\n\t.popsection"
                         : "=&r"(*word), "+&q"(done)
                         : "r"(from), "i"(FIXUP_COPY)
                         : "memory");
    return done;
}
static inline bool user_word_put(uintptr_t to, uint32_t word)
{
    if (to > VM_MAX_ADDRESS - sizeof word)
        return false;
    USER_WORD_WRITE(to, 0, word, failed);
    return true;
failed:
    return copy_to_user(to, &word, sizeof word);
}
