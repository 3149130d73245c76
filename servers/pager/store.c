// SPDX-License-Identifier: BSD-2-Clause
// Memory that the kernel gives to devices: it is never paged out, and nobody looks whether it could be.
#include "store.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MAX 512u
#define PIECE DEVICE_DMA_MAX

static char *pieces[PIECES_MAX];
static vm_size_t bytes;

// minato.paging=64M says how much.
kern_return_t store_open(mach_port_t device)
{
    const char *word = getenv("minato.paging");
    vm_size_t wanted = (word == NULL ? 0 : strtoul(word, NULL, 10)) << 20;

    while (bytes < wanted && bytes / PIECE < PIECES_MAX) {
        vm_size_t size = wanted - bytes < PIECE ? wanted - bytes : PIECE;
        vm_address_t address;
        vm_offset_t physical;
        kern_return_t result = device_dma_allocate(device, mach_task_self(), size, &address, &physical);

        if (result != KERN_SUCCESS)
            return result;
        pieces[bytes / PIECE] = (char *)address;
        bytes += size;
    }
    return KERN_SUCCESS;
}

vm_size_t store_size(void)
{
    return bytes;
}

// No page lies across two pieces.
static char *page_at(vm_offset_t offset)
{
    return offset < bytes ? pieces[offset / PIECE] + offset % PIECE : NULL;
}

kern_return_t store_read(vm_offset_t offset, void *to)
{
    const char *from = page_at(offset);

    if (from == NULL)
        return KERN_INVALID_ADDRESS;
    memcpy(to, from, PAGE_SIZE);
    return KERN_SUCCESS;
}

kern_return_t store_write(vm_offset_t offset, const void *from)
{
    char *to = page_at(offset);

    if (to == NULL)
        return KERN_INVALID_ADDRESS;
    memcpy(to, from, PAGE_SIZE);
    return KERN_SUCCESS;
}
