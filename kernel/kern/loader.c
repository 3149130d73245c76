// SPDX-License-Identifier: BSD-2-Clause
// Loading the first program (loader.h): a static ELF32 executable for i386.
//
// Segments need not begin on page boundaries and may share a page, so it goes in three rounds: all
// pages are allocated, contents are written, then each segment gets its protection (a shared page the
// union of both).
#include "kern/loader.h"
#include <mach/vm_param.h>
#include "kern/task.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/map.h"

#define STACK_SIZE (256 * 1024u)

struct elf_header {
    unsigned char ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
#define ELF_EXECUTABLE 2
#define ELF_I386 3
#define ELF_LOAD 1
#define ELF_X 1u
#define ELF_W 2u
#define ELF_R 4u

struct program {
    const char *name;
    const char *image;
    const struct elf_segment *segments;
    unsigned segment_count;
    uintptr_t entry;
};

static __attribute__((noreturn)) void refuse(const struct program *program, const char *why)
{
    panic("cannot load %s from the boot archive: %s; rebuild it with `make`", program->name, why);
}

static void check_header(struct program *program, const void *image, vm_size_t size)
{
    const struct elf_header *header = image;

    if (size < sizeof(*header) || memcmp(header->ident, "\177ELF\1\1\1", 7) != 0)
        refuse(program, "it is no 32-bit little-endian ELF file");
    if (header->type != ELF_EXECUTABLE || header->machine != ELF_I386)
        refuse(program, "it is no i386 executable");
    if (header->phentsize != sizeof(struct elf_segment) || header->phnum == 0 ||
        header->phoff > size || header->phoff % 4 != 0 ||
        header->phnum > (size - header->phoff) / sizeof(struct elf_segment))
        refuse(program, "its program headers are damaged");
    program->image = image;
    program->segments = (const void *)(program->image + header->phoff);
    program->segment_count = header->phnum;
    program->entry = header->entry;
}

static void check_segment(const struct program *program, const struct elf_segment *s,
                          vm_size_t size)
{
    if (s->offset > size || s->filesz > size - s->offset || s->filesz > s->memsz)
        refuse(program, "a segment reaches beyond the file");
    if (s->vaddr < VM_MIN_ADDRESS || s->vaddr >= VM_MAX_ADDRESS - STACK_SIZE ||
        s->memsz > VM_MAX_ADDRESS - STACK_SIZE - s->vaddr)
        refuse(program, "a segment lies outside the user's address space");
}

static vm_offset_t page_down(vm_offset_t address)
{
    return address & ~(PAGE_SIZE - 1);
}

static vm_offset_t page_up(vm_offset_t address)
{
    return page_down(address + PAGE_SIZE - 1);
}

static bool is_loaded(const struct elf_segment *s)
{
    return s->type == ELF_LOAD && s->memsz > 0;
}

// Allocates the pages of a segment, page by page since a neighbour may have the first already.
static void allocate(const struct program *program, struct task *task, const struct elf_segment *s)
{
    for (vm_offset_t at = page_down(s->vaddr); at < page_up(s->vaddr + s->memsz); at += PAGE_SIZE) {
        vm_offset_t address = at;
        kern_return_t kr = vm_allocate(task->map, &address, PAGE_SIZE, false);

        if (kr != KERN_SUCCESS && kr != KERN_NO_SPACE)
            refuse(program, "memory is too short");
    }
}

static void write_memory(const struct program *program, struct task *task, vm_offset_t address,
                         const void *data, vm_size_t size)
{
    struct vm_map_copy *copy;

    if (size == 0)
        return;
    if (vm_map_copy_from_kernel(data, size, &copy) != KERN_SUCCESS ||
        vm_map_copy_overwrite(task->map, address, copy) != KERN_SUCCESS)
        refuse(program, "memory is too short");
}

static vm_prot_t segment_protection(const struct elf_segment *s)
{
    return (s->flags & ELF_R ? VM_PROT_READ : 0) | (s->flags & ELF_W ? VM_PROT_WRITE : 0) |
           (s->flags & ELF_X ? VM_PROT_EXECUTE : 0);
}

// What the segments that touch the page at `at` need together.
static vm_prot_t page_protection(const struct program *program, vm_offset_t at)
{
    vm_prot_t protection = VM_PROT_NONE;

    for (unsigned i = 0; i < program->segment_count; i++) {
        const struct elf_segment *s = &program->segments[i];

        if (is_loaded(s) && at >= page_down(s->vaddr) && at < page_up(s->vaddr + s->memsz))
            protection |= segment_protection(s);
    }
    return protection;
}

static void protect(const struct program *program, struct task *task, const struct elf_segment *s)
{
    for (vm_offset_t at = page_down(s->vaddr); at < page_up(s->vaddr + s->memsz); at += PAGE_SIZE)
        if (vm_protect(task->map, at, PAGE_SIZE, false, page_protection(program, at)) !=
            KERN_SUCCESS)
            refuse(program, "its protection cannot be set");
}

uintptr_t load_program(struct task *task, const char *name, const void *image, vm_size_t size)
{
    struct program program = {.name = name};
    const struct elf_segment *end;

    check_header(&program, image, size);
    end = program.segments + program.segment_count;
    for (const struct elf_segment *s = program.segments; s < end; s++)
        if (is_loaded(s)) {
            check_segment(&program, s, size);
            allocate(&program, task, s);
        }
    for (const struct elf_segment *s = program.segments; s < end; s++)
        if (is_loaded(s))
            write_memory(&program, task, s->vaddr, program.image + s->offset, s->filesz);
    for (const struct elf_segment *s = program.segments; s < end; s++)
        if (is_loaded(s))
            protect(&program, task, s);
    if (page_protection(&program, page_down(program.entry)) == VM_PROT_NONE)
        refuse(&program, "its entry point is in no segment");
    return program.entry;
}

uintptr_t load_stack(struct task *task, const char *name)
{
    struct program program = {.name = name};
    vm_offset_t bottom = VM_MAX_ADDRESS - STACK_SIZE;
    vm_size_t length = strlen(name) + 1;
    uintptr_t string = (VM_MAX_ADDRESS - length) & ~15u;
    uintptr_t sp = string - 16;
    uint32_t words[4] = {1, (uint32_t)string, 0, 0}; // argc, argv[0], end of argv, end of envp

    if (length > PAGE_SIZE / 2)
        refuse(&program, "its name is too long");
    if (vm_allocate(task->map, &bottom, STACK_SIZE, false) != KERN_SUCCESS)
        refuse(&program, "memory is too short");
    write_memory(&program, task, string, name, length);
    write_memory(&program, task, sp, words, sizeof(words));
    return sp;
}
