// SPDX-License-Identifier: BSD-2-Clause
// Files that QEMU hands in (-fw_cfg name=opt/minato/...,file=...), read through two I/O ports: one
// selects an item, the other gives its bytes one after the other. On a machine without them the
// signature does not read "QEMU", and there are no files.
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <string.h>

#define PORTS 0x510
#define PORT_COUNT 2
#define SELECT PORTS
#define DATA (PORTS + 1)
#define ITEM_SIGNATURE 0x0000
#define ITEM_DIRECTORY 0x0019
#define FILES_MAX 64
#define OURS "opt/minato/" // the rest is the firmware's business

static struct file {
    uint32_t size;
    uint16_t item;
    char name[56];
    vm_address_t data; // once it has been asked for; 0 before
} files[FILES_MAX];
static unsigned file_count;

static void select_item(uint16_t item)
{
    __asm__ volatile("outw %0, %1" : : "a"(item), "Nd"((uint16_t)SELECT));
}

static void read_bytes(void *to, size_t size)
{
    __asm__ volatile("rep insb" : "+D"(to), "+c"(size) : "d"((uint16_t)DATA) : "memory");
}

static uint32_t read_big_endian(size_t bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0) {
        uint8_t byte;

        read_bytes(&byte, 1);
        value = value << 8 | byte;
    }
    return value;
}

// One entry of the directory, which is selected: size, item, two reserved bytes, name.
static void read_entry(struct file *file)
{
    file->size = read_big_endian(4);
    file->item = (uint16_t)read_big_endian(2);
    read_big_endian(2);
    read_bytes(file->name, sizeof(file->name));
    file->name[sizeof(file->name) - 1] = '\0';
}

void fw_cfg_open(void)
{
    char signature[4];
    uint32_t count;

    if (device_io_port_grant(device_master, mach_task_self(), PORTS, PORT_COUNT) != KERN_SUCCESS)
        return;
    select_item(ITEM_SIGNATURE);
    read_bytes(signature, sizeof(signature));
    if (memcmp(signature, "QEMU", sizeof(signature)) != 0)
        return;
    select_item(ITEM_DIRECTORY);
    for (count = read_big_endian(4); count > 0 && file_count < FILES_MAX; count--) {
        read_entry(&files[file_count]);
        if (strncmp(files[file_count].name, OURS, sizeof(OURS) - 1) == 0)
            file_count++;
    }
}

static struct file *find(const char *name)
{
    for (unsigned i = 0; i < file_count; i++)
        if (strcmp(files[i].name, name) == 0)
            return &files[i];
    return NULL;
}

bool fw_cfg_exists(const char *name)
{
    return find(name) != NULL;
}

static kern_return_t fetch(struct file *file)
{
    if (vm_allocate(mach_task_self(), &file->data, file->size > 0 ? file->size : 1, TRUE) !=
        KERN_SUCCESS) {
        file->data = 0;
        return BOOTSTRAP_NO_MEMORY;
    }
    select_item(file->item);
    read_bytes((void *)file->data, file->size);
    return KERN_SUCCESS;
}

kern_return_t fw_cfg_file(const char *name, const void **data, size_t *size)
{
    struct file *file = find(name);
    kern_return_t result = KERN_SUCCESS;

    if (file == NULL)
        return BOOTSTRAP_UNKNOWN_SERVICE;
    if (file->data == 0)
        result = fetch(file);
    *data = (const void *)file->data;
    *size = file->size;
    return result;
}
