// SPDX-License-Identifier: BSD-2-Clause
// ELF32 executables: reads the headers and checks every number before it is believed. Knows nothing
// of tasks; load.c does the loading.
#include "program/elf.h"

#include <stdbool.h>
#include <string.h>

#define CLASS_32 1
#define LITTLE_ENDIAN_DATA 1
#define TYPE_EXECUTABLE 2
#define MACHINE_386 3
#define SEGMENT_LOAD 1
#define SEGMENT_DYNAMIC 2
#define SEGMENT_INTERPRETER 3

struct file_header {
    uint8_t ident[16]; // magic, class, data, version, …
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

static uint32_t page_below(uint32_t address)
{
    return address & ~(ELF_PAGE - 1);
}

static const char *check_header(const struct file_header *header, size_t size)
{
    if (size < sizeof(*header) || memcmp(header->ident, "\177ELF", 4) != 0)
        return "it is no ELF file";
    if (header->ident[4] != CLASS_32 || header->ident[5] != LITTLE_ENDIAN_DATA ||
        header->machine != MACHINE_386)
        return "it is for another machine than the i386";
    if (header->type != TYPE_EXECUTABLE)
        return "it is no executable with fixed addresses";
    if (header->phnum == 0 || header->phentsize != sizeof(struct program_header))
        return "it has no program headers";
    if (header->phoff > size || header->phoff % 4 != 0 ||
        (size - header->phoff) / sizeof(struct program_header) < header->phnum)
        return "its program headers lie outside the file";
    return NULL;
}

static const char *check_segment(const struct program_header *header, size_t size)
{
    if (header->filesz > header->memsz)
        return "a segment is larger in the file than in memory";
    if (header->offset > size || header->filesz > size - header->offset)
        return "a segment lies outside the file";
    if (header->vaddr < ELF_LOWEST || header->vaddr > ELF_HIGHEST ||
        header->memsz > ELF_HIGHEST - header->vaddr)
        return "a segment lies outside user memory";
    return NULL;
}

// Whether the segment begins above the last page of the one before.
static bool is_above(const struct program_header *header, const struct elf_segment *before)
{
    return page_below(header->vaddr) > page_below(before->address + before->memory_size - 1);
}

// Adds a segment behind the others.
static const char *add_segment(struct elf_program *program, const struct program_header *header)
{
    if (program->count == ELF_SEGMENTS_MAX)
        return "it has too many segments";
    if (program->count > 0 && !is_above(header, &program->segment[program->count - 1]))
        return "its segments overlap or share a page";
    program->segment[program->count++] = (struct elf_segment){
        header->vaddr, header->memsz, header->offset, header->filesz, header->flags};
    return NULL;
}

static bool is_executable(const struct elf_program *program, uint32_t address)
{
    for (unsigned i = 0; i < program->count; i++) {
        const struct elf_segment *segment = &program->segment[i];

        if ((segment->flags & ELF_EXECUTE) && address >= segment->address &&
            address - segment->address < segment->memory_size)
            return true;
    }
    return false;
}

static const char *parse_segment(const struct program_header *header, size_t size,
                                 struct elf_program *program)
{
    const char *wrong;

    if (header->type == SEGMENT_DYNAMIC || header->type == SEGMENT_INTERPRETER)
        return "it needs a dynamic loader";
    if (header->type != SEGMENT_LOAD || header->memsz == 0)
        return NULL;
    wrong = check_segment(header, size);
    return wrong != NULL ? wrong : add_segment(program, header);
}

const char *elf_parse(const void *image, size_t size, struct elf_program *program)
{
    const struct file_header *file = image;
    const char *wrong = check_header(file, size);
    const struct program_header *header;

    program->count = 0;
    if (wrong != NULL)
        return wrong;
    header = (const void *)((const char *)image + file->phoff);
    for (unsigned i = 0; i < file->phnum; i++) {
        wrong = parse_segment(&header[i], size, program);
        if (wrong != NULL)
            return wrong;
    }
    if (!is_executable(program, file->entry))
        return "it does not begin in code of its own";
    program->entry = file->entry;
    return NULL;
}
