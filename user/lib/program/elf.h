// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: what an ELF32 file asks to be loaded (elf.c).
#ifndef LIBMACH_ELF_H
#define LIBMACH_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 16
#define ELF_PAGE 4096u
#define ELF_LOWEST 0x1000u           // user memory that a program may ask for
#define ELF_HIGHEST (0xc0000000u - 0x200000u) // above is the stack

struct elf_segment {
    uint32_t address, memory_size; // in memory
    uint32_t offset, file_size;    // in the file; the rest of the memory is zero
    uint32_t flags;                // ELF_EXECUTE, …
};
#define ELF_EXECUTE 1
#define ELF_WRITE 2
#define ELF_READ 4

struct elf_program {
    uint32_t entry;
    unsigned count;
    struct elf_segment segment[ELF_SEGMENTS_MAX]; // ascending, no page in common
};

// Reads and checks the file. What is wrong with it, in words; null if nothing is.
const char *elf_parse(const void *image, size_t size, struct elf_program *program);

#endif
