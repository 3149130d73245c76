// SPDX-License-Identifier: BSD-2-Clause
// The boot archive (archive.h). Its pages are given to an address map of the kernel's own, so that
// whoever asks for a file gets a copy-on-write copy of it and pays for nothing else.
#include "kern/archive.h"
#include <stdbool.h>
#include <stdint.h>
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/map.h"
#include "x86/boot.h"
#include "x86/pmap.h"

#define TAR_BLOCK 512u

struct tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12]; // octal
    char mtime[12], checksum[8];
    char type;     // '0' or 0: a file
    char link[100];
    char magic[6]; // "ustar", then 0 or a space
    char version[2], user[32], group[32], major[8], minor[8];
    char prefix[155]; // directory part of a long name
    char padding[12];
};

static const char *archive;       // in the kernel's direct map
static vm_size_t archive_size;
static struct vm_map *map;        // the same, for copies
static vm_offset_t map_address;

// A file in the archive.
struct file {
    char name[256];
    vm_offset_t offset; // of its contents
    vm_size_t size;
    vm_offset_t next;   // of the following header
};

static vm_size_t octal(const char *digits, unsigned length)
{
    vm_size_t value = 0;

    for (unsigned i = 0; i < length && digits[i] >= '0' && digits[i] <= '7'; i++)
        value = value * 8 + (vm_size_t)(digits[i] - '0');
    return value;
}

static void copy_name(char *name, const struct tar_header *header)
{
    unsigned length = 0, part = strnlen(header->prefix, sizeof(header->prefix));

    if (part > 0) {
        memcpy(name, header->prefix, part);
        name[part] = '/';
        length = part + 1;
    }
    part = strnlen(header->name, sizeof(header->name));
    memcpy(name + length, header->name, part);
    name[length + part] = '\0';
    if (name[0] == '.' && name[1] == '/')
        memmove(name, name + 2, length + part - 1);
}

// Reads the header at `offset`. False at the end of the archive, or where it is damaged.
static bool read_file(vm_offset_t offset, struct file *file)
{
    const struct tar_header *header = (const void *)(archive + offset);

    if (offset > archive_size || archive_size - offset < TAR_BLOCK ||
        memcmp(header->magic, "ustar", 5) != 0)
        return false;
    copy_name(file->name, header);
    file->offset = offset + TAR_BLOCK;
    file->size = octal(header->size, sizeof(header->size));
    if (file->size > archive_size - file->offset)
        return false;
    file->next = file->offset + (file->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    if (header->type != '0' && header->type != '\0')
        file->name[0] = '\0'; // a directory or link: nobody can ask for it
    return true;
}

void archive_init(void)
{
    struct vm_map_copy *copy;
    struct file first;

    archive_size = boot_info.module_end - boot_info.module_start;
    if (archive_size == 0)
        panic("the boot loader gave no boot archive: start with `make run`, or give QEMU "
              "-initrd build/boot.tar");
    archive = phys_to_virt(boot_info.module_start);
    if (!read_file(0, &first))
        panic("the boot module is not a ustar archive: build it with `make`, and give it as the "
              "first and only module");
    map = vm_map_create();
    if (!map ||
        vm_map_copy_from_physical(boot_info.module_start, archive_size, &copy) != KERN_SUCCESS ||
        vm_map_copyout(map, &map_address, copy) != KERN_SUCCESS)
        panic("no memory to hold the boot archive: give the machine more memory (-m)");
}

const char *archive_first(const void **data, vm_size_t *size)
{
    static struct file first;

    if (!read_file(0, &first))
        panic("the boot archive's first header has been overwritten");
    *data = archive + first.offset;
    *size = first.size;
    return first.name;
}

static bool find(const char *name, struct file *file)
{
    for (vm_offset_t at = 0; read_file(at, file); at = file->next)
        if (strcmp(file->name, name) == 0)
            return true;
    return false;
}

kern_return_t archive_copy(const char *name, struct vm_map_copy **copy, vm_size_t *size)
{
    struct file file = {.offset = 0, .size = archive_size};

    if (name[0] != '\0' && !find(name, &file))
        return KERN_FAILURE;
    *size = file.size;
    return vm_map_copyin(map, map_address + file.offset, file.size, copy);
}
