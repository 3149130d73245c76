// SPDX-License-Identifier: BSD-2-Clause
// The boot archive and the first program (loader.h).
//
// The archive's pages are given to an address map of the kernel's own, so that whoever asks for it gets
// a copy-on-write copy and pays for nothing else.
#include "kern/loader.h"
#include <mach/vm_param.h>
#include "kern/task.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/map.h"
#include "x86/boot.h"
#include "x86/pmap.h"

#define STACK_SIZE (256 * 1024u)
#define TAR_BLOCK 512u

struct tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12]; // octal
    char mtime[12], checksum[8];
    char type, link[100];
    char magic[6]; // "ustar", then 0 or a space
};
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

static const char *archive;    // in the kernel's direct map
static vm_size_t archive_size;
static struct vm_map *archive_map; // holds the same, for copies
static vm_offset_t archive_address; // there

static __attribute__((noreturn)) void refuse(const char *why)
{
    panic("cannot load the first program of the boot archive (%s): %s; rebuild it with `make`",
          archive, why);
}

// ---- the archive ---------------------------------------------------------------------------

void archive_init(void)
{
    struct vm_map_copy *copy;

    archive_size = boot_info.module_end - boot_info.module_start;
    archive = phys_to_virt(boot_info.module_start);
    if (archive_size < TAR_BLOCK ||
        memcmp(((const struct tar_header *)archive)->magic, "ustar", 5) != 0)
        panic("the boot module is not a ustar archive: build it with `make`, and give it as the "
              "first and only module");
    archive_map = vm_map_create();
    if (!archive_map ||
        vm_map_copy_from_physical(boot_info.module_start, archive_size, &copy) != KERN_SUCCESS ||
        vm_map_copyout(archive_map, &archive_address, copy) != KERN_SUCCESS)
        panic("no memory to hold the boot archive: give the machine more memory (-m)");
}

kern_return_t archive_copy(struct vm_map_copy **copy, vm_size_t *size)
{
    *size = archive_size;
    return vm_map_copyin(archive_map, archive_address, archive_size, copy);
}

// The size of the first file, whose contents lie behind its header.
static vm_size_t first_file_size(void)
{
    const struct tar_header *header = (const void *)archive;
    vm_size_t size = 0;

    for (unsigned i = 0; header->size[i] >= '0' && header->size[i] <= '7'; i++)
        size = size * 8 + (vm_size_t)(header->size[i] - '0');
    if (size > archive_size - TAR_BLOCK)
        refuse("the archive is cut off");
    return size;
}

// ---- the program ---------------------------------------------------------------------------

static void check_header(const struct elf_header *header, vm_size_t size)
{
    if (size < sizeof(*header) || memcmp(header->ident, "\177ELF\1\1\1", 7) != 0 ||
        header->type != ELF_EXECUTABLE || header->machine != ELF_I386)
        refuse("it is no ELF executable for the i386");
    if (header->phentsize != sizeof(struct elf_segment) || header->phoff > size ||
        header->phoff % 4 != 0 ||
        header->phnum > (size - header->phoff) / sizeof(struct elf_segment))
        refuse("its program headers are damaged");
}

static void write_memory(struct task *task, vm_offset_t address, const void *data, vm_size_t size)
{
    struct vm_map_copy *copy;

    if (vm_map_copy_from_kernel(data, size, &copy) != KERN_SUCCESS ||
        vm_map_copy_overwrite(task->map, address, copy) != KERN_SUCCESS)
        refuse("memory is too short");
}

static void load_segment(struct task *task, const char *image, vm_size_t image_size,
                         const struct elf_segment *s)
{
    vm_offset_t start = s->vaddr & ~PAGE_MASK;
    vm_size_t size = s->vaddr + s->memsz - start;

    if (s->offset > image_size || s->filesz > image_size - s->offset || s->filesz > s->memsz)
        refuse("a segment reaches beyond the file");
    if (vm_allocate(task->map, &start, size, false) != KERN_SUCCESS)
        refuse("a segment shares a page with another, or lies outside the user's addresses");
    write_memory(task, s->vaddr, image + s->offset, s->filesz);
    vm_protect(task->map, start, size, false,
               (s->flags & ELF_R ? VM_PROT_READ : 0) | (s->flags & ELF_W ? VM_PROT_WRITE : 0) |
                   (s->flags & ELF_X ? VM_PROT_EXECUTE : 0));
}

uintptr_t load_first_program(struct task *task)
{
    const char *image = archive + TAR_BLOCK;
    const struct elf_header *header = (const void *)image;
    const struct elf_segment *segments = (const void *)(image + header->phoff);
    vm_size_t size = first_file_size();

    check_header(header, size);
    for (unsigned i = 0; i < header->phnum; i++)
        if (segments[i].type == ELF_LOAD && segments[i].memsz > 0)
            load_segment(task, image, size, &segments[i]);
    strlcpy(task->name, archive, sizeof(task->name));
    return header->entry;
}

uintptr_t load_stack(struct task *task)
{
    vm_offset_t bottom = VM_MAX_ADDRESS - STACK_SIZE;
    uintptr_t string = VM_MAX_ADDRESS - sizeof(task->name);
    uintptr_t sp = string - 16;
    uint32_t words[4] = {1, (uint32_t)string, 0, 0}; // argc, argv[0], end of argv, end of envp

    if (vm_allocate(task->map, &bottom, STACK_SIZE, false) != KERN_SUCCESS)
        refuse("memory is too short");
    write_memory(task, string, task->name, sizeof(task->name));
    write_memory(task, sp, words, sizeof(words));
    return sp;
}
