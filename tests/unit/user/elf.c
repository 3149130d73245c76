// SPDX-License-Identifier: BSD-2-Clause
// The check of program files (user/lib/program/elf.c): each fault is found and named.
#include "program/elf.h"

#include <stdlib.h>

#include "tap.h"

// A file of one header, three program headers and some contents.
static struct {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    struct {
        uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
    } segment[3];
    char contents[4096];
} file;

static struct elf_program program;

static void fresh(void)
{
    memset(&file, 0, sizeof(file));
    memcpy(file.ident, "\177ELF\1\1\1", 7);
    file.type = 2;
    file.machine = 3;
    file.entry = 0x8048010;
    file.phoff = (uint32_t)((char *)file.segment - (char *)&file);
    file.phentsize = 32;
    file.phnum = 3;
    for (int i = 0; i < 3; i++) {
        file.segment[i].type = 1;
        file.segment[i].offset = (uint32_t)(file.contents - (char *)&file);
        file.segment[i].vaddr = 0x8048000 + 0x2000 * i;
        file.segment[i].filesz = 0x100;
        file.segment[i].memsz = 0x100;
        file.segment[i].flags = i == 0 ? 5 : 6;
    }
    file.segment[2].memsz = 0x5000;
}

static const char *parse(void)
{
    return elf_parse(&file, sizeof(file), &program);
}

static void test_good(void)
{
    fresh();
    is_text(parse(), NULL, "a good file is good");
    is(program.count, 3, "all its segments are found");
    is(program.entry, 0x8048010, "and where it begins");
    is(program.segment[2].memory_size, 0x5000, "a segment may be larger in memory");
    file.segment[1].memsz = file.segment[1].filesz = 0;
    is_text(parse(), NULL, "an empty segment is good");
    is(program.count, 2, "and left out");
    file.segment[1].type = 0x6474e551;
    is_text(parse(), NULL, "other kinds of segments do not matter");
}

#define FAULT(change, words)                                                                       \
    do {                                                                                           \
        fresh();                                                                                   \
        change;                                                                                    \
        is_text(parse(), words, #change);                                                          \
    } while (0)

static void test_faults(void)
{
    FAULT(file.ident[1] = 'e', "it is no ELF file");
    FAULT(file.ident[4] = 2, "it is for another machine than the i386");
    FAULT(file.ident[5] = 2, "it is for another machine than the i386");
    FAULT(file.machine = 62, "it is for another machine than the i386");
    FAULT(file.type = 3, "it is no executable with fixed addresses");
    FAULT(file.phnum = 0, "it has no program headers");
    FAULT(file.phentsize = 31, "it has no program headers");
    FAULT(file.phoff = 0xffffff00, "its program headers lie outside the file");
    FAULT(file.phoff = 2, "its program headers lie outside the file");
    FAULT(file.phnum = 0xffff, "its program headers lie outside the file");
    FAULT(file.segment[0].type = 2, "it needs a dynamic loader");
    FAULT(file.segment[0].type = 3, "it needs a dynamic loader");
    FAULT(file.segment[0].filesz = 0x101, "a segment is larger in the file than in memory");
    FAULT(file.segment[0].offset = 0xfffffff0, "a segment lies outside the file");
    FAULT(file.segment[2].filesz = 0x2000, "a segment lies outside the file");
    FAULT(file.segment[0].vaddr = 0xfff, "a segment lies outside user memory");
    FAULT(file.segment[2].vaddr = 0xbffff000, "a segment lies outside user memory");
    FAULT(file.segment[2].memsz = 0xffffffff, "a segment lies outside user memory");
    FAULT(file.segment[2].vaddr = 0xc0000000, "a segment lies outside user memory");
    FAULT(file.segment[1].vaddr = 0x80480f0, "its segments overlap or share a page");
    FAULT(file.segment[1].vaddr = 0x8048f00, "its segments overlap or share a page");
    FAULT(file.segment[2].vaddr = 0x8040000, "its segments overlap or share a page");
    FAULT(file.entry = 0x804a000, "it does not begin in code of its own");
    FAULT(file.entry = 0x8048100, "it does not begin in code of its own");
    FAULT(file.segment[0].flags = 4, "it does not begin in code of its own");
}

// Any bytes in the headers: what is accepted keeps within the file and within user memory.
static void test_fuzz(void)
{
    int bad = 0, accepted = 0;

    srand(4);
    for (int i = 0; i < 200000; i++) {
        fresh();
        for (int j = rand() % 3; j >= 0; j--)
            ((uint8_t *)&file)[rand() % (sizeof(file) - sizeof(file.contents))] = (uint8_t)rand();
        if (parse() != NULL)
            continue;
        accepted++;
        for (unsigned s = 0; s < program.count; s++) {
            struct elf_segment *segment = &program.segment[s];

            bad += segment->offset > sizeof(file) ||
                   segment->file_size > sizeof(file) - segment->offset ||
                   segment->file_size > segment->memory_size ||
                   segment->address < ELF_LOWEST ||
                   segment->memory_size > ELF_HIGHEST - segment->address;
        }
    }
    is(bad, 0, "200000 damaged headers: nothing accepted reaches out of the file or of user memory");
    ok(accepted > 1000, "and harmless damage is accepted");
}

int main(void)
{
    test_good();
    test_faults();
    is_text(elf_parse(&file, 20, &program), "it is no ELF file", "half a header");
    test_fuzz();
    return tap_end();
}
