// SPDX-License-Identifier: BSD-2-Clause
// Which I/O ports a task may touch.
//
// The processor asks a bitmap in the TSS. That is filled when it is needed: the first access after
// a change of tasks raises a protection fault, which copies the task's bitmap and lets the
// instruction run again. pmap_activate takes the bitmap away from the next task. Read next:
// fault.c.
#include "x86/machine.h"
#include "x86/upcall.h"

#define PORTS 65536u

struct io_ports {
    uint8_t denied[IO_BITMAP_SIZE]; // one bit for each port, as the processor reads it
};

static const struct io_ports *loaded; // what the TSS's bitmap holds; NULL: nothing of use

kern_return_t io_ports_grant(struct io_ports **ports, unsigned first, unsigned count)
{
    if (first >= PORTS || count > PORTS - first)
        return KERN_INVALID_ARGUMENT;
    if (!*ports) {
        *ports = kmalloc(sizeof **ports);
        if (!*ports)
            return KERN_RESOURCE_SHORTAGE;
        memset(*ports, 0xFF, sizeof **ports);
    }
    for (unsigned i = first; i < first + count; i++)
        (*ports)->denied[i / 8] &= (uint8_t)~(1u << i % 8);
    loaded = NULL;
    io_ports_unload();
    return KERN_SUCCESS;
}

void io_ports_destroy(struct io_ports *ports)
{
    if (loaded == ports)
        loaded = NULL;
    io_ports_unload();
    kfree(ports);
}

bool io_ports_load(void)
{
    const struct io_ports *ports = current_io_ports();

    if (!ports || (loaded == ports && cpu_entry.tss.io_bitmap != IO_BITMAP_NONE))
        return false;
    if (loaded != ports)
        memcpy(cpu_entry.io_bitmap, ports->denied, IO_BITMAP_SIZE);
    loaded = ports;
    cpu_entry.tss.io_bitmap = offsetof(struct cpu_entry, io_bitmap)
                              - offsetof(struct cpu_entry, tss);
    return true;
}

void io_ports_unload(void)
{
    cpu_entry.tss.io_bitmap = IO_BITMAP_NONE;
}
