// SPDX-License-Identifier: BSD-2-Clause
// Devices (device.h), and the calls of device_io.defs: I/O ports, memory and interrupts for user-mode
// drivers.
//
// An interrupt becomes a message. The line stays masked until the driver acknowledges, so one message
// per line, allocated beforehand, is enough and none is ever lost; should the driver acknowledge before
// it has received, the message that still waits in its queue counts further interrupts.
#include "kern/device.h"
#include "device_io_server.h"
#include "ipc/kmsg.h"
#include "ipc/mqueue.h"
#include "ipc/port.h"
#include "kern/task.h"
#include "vm/map.h"
#include "vm/object.h"
#include "x86/boot.h"
#include "x86/context.h"
#include "x86/interrupt.h"
#include "x86/upcall.h"

struct port *device_master_port;

static struct {
    struct port *notify; // send right; NULL: nobody is attached
    struct kmsg *spare;  // for the next interrupt; NULL: used, until it is acknowledged
} lines[INTERRUPT_LINES];

// ---- device ports ----

// A new device port in *made, with these powers (the ranges and lines of `like`).
static kern_return_t device_make(const struct device *like, struct device **made)
{
    struct device *device = kmalloc(sizeof(*device));

    if (!device)
        return KERN_RESOURCE_SHORTAGE;
    *device = *like;
    device->refs = 2; // for being alive, and the caller's
    device->port = port_make_kernel(PORT_DEVICE, device);
    if (!device->port) {
        kfree(device);
        return KERN_RESOURCE_SHORTAGE;
    }
    *made = device;
    return KERN_SUCCESS;
}

void device_deallocate(struct device *device)
{
    if (!device)
        return;
    kassert(device->refs > 0);
    if (--device->refs == 0)
        kfree(device);
}

void device_no_senders(struct device *device)
{
    struct port *port = device->port;

    device->port = NULL;
    port_destroy_kernel(port);
    device_deallocate(device);
}

#define PAGES_MAX (1u << (32 - PAGE_SHIFT))

// All but memory that pages describe and the kernel itself: the first MiB, and what lies beyond.
void device_init(void)
{
    static struct device master = {
        .refs = 1,
        .count = 3,
        .ranges = {{false, 0, DEVICE_IO_PORT_COUNT}, {true, 0, LOW_MEMORY_END >> PAGE_SHIFT}},
        .irq_mask = (1u << DEVICE_IO_IRQ_COUNT) - 1,
    };
    uint32_t beyond = boot_info.memory_end >> PAGE_SHIFT;

    master.ranges[2] = (struct device_range){true, beyond, PAGES_MAX - beyond};
    master.port = port_make_at_boot(PORT_DEVICE, &master);
    device_master_port = port_make_send(master.port);
}

// first … first + count - 1 within start … start + size - 1; `count` may be 0.
static bool range_within(uint32_t first, uint32_t count, uint32_t start, uint32_t size)
{
    return count == 0 || (first >= start && count <= size && first - start <= size - count);
}

// Whether the device has power over the whole range; over nothing, every one has.
static bool has_range(const struct device *device, bool memory, uint32_t first, uint32_t count)
{
    for (unsigned i = 0; i < device->count; i++) {
        const struct device_range *r = &device->ranges[i];

        if (r->memory == memory && range_within(first, count, r->first, r->count))
            return true;
    }
    return count == 0;
}

kern_return_t device_io_subset(device_master_t device, natural_t first, natural_t count,
                               natural_t irq_mask, device_master_t *subset)
{
    const struct device part = {.count = count != 0, .ranges = {{false, first, count}},
                                .irq_mask = irq_mask};

    if (!range_within(first, count, 0, DEVICE_IO_PORT_COUNT) || irq_mask >> DEVICE_IO_IRQ_COUNT)
        return KERN_INVALID_VALUE;
    if (!has_range(device, false, first, count) || (irq_mask & ~device->irq_mask))
        return KERN_NO_ACCESS;
    return device_make(&part, subset);
}

kern_return_t device_join(device_master_t device, device_master_t other, device_master_t *joined)
{
    struct device both = *device;

    if (device->count + other->count > DEVICE_RANGES_MAX)
        return KERN_NO_SPACE;
    for (unsigned i = 0; i < other->count; i++)
        both.ranges[both.count++] = other->ranges[i];
    both.irq_mask |= other->irq_mask;
    return device_make(&both, joined);
}

kern_return_t device_io_port_grant(device_master_t device, task_t task, natural_t first,
                                   natural_t count)
{
    if (count == 0 || !range_within(first, count, 0, DEVICE_IO_PORT_COUNT))
        return KERN_INVALID_VALUE;
    if (!has_range(device, false, first, count))
        return KERN_NO_ACCESS;
    return io_ports_grant(&task->io_ports, first, count);
}

// ---- memory ----

// Whether the device may do something with that memory: whole pages, some.
static kern_return_t check_memory(const struct device *device, uintptr_t physical, vm_size_t size)
{
    if (((physical | size) & PAGE_MASK) != 0 || size == 0 || size - 1 > UINT32_MAX - physical)
        return KERN_INVALID_VALUE;
    return has_range(device, true, physical >> PAGE_SHIFT, size >> PAGE_SHIFT) ? KERN_SUCCESS
                                                                               : KERN_NO_ACCESS;
}

kern_return_t device_memory_subset(device_master_t device, vm_offset_t physical, vm_size_t size,
                                   device_master_t *subset)
{
    const struct device part = {
        .count = 1,
        .ranges = {{true, physical >> PAGE_SHIFT, size >> PAGE_SHIFT}},
    };
    kern_return_t kr = check_memory(device, physical, size);

    return kr == KERN_SUCCESS ? device_make(&part, subset) : kr;
}

// Consumes the memory at `physical`, if `owned`, also when it fails.
static kern_return_t map_memory(vm_map_t map, uintptr_t physical, vm_size_t size, bool owned,
                                vm_address_t *address, boolean_t anywhere)
{
    struct vm_object *object = vm_object_device(physical, size, owned);
    kern_return_t kr;

    if (!object && owned)
        kfree(phys_to_virt(physical));
    if (!object)
        return KERN_RESOURCE_SHORTAGE;
    kr = vm_map_enter(map, address, size, 0, anywhere, object, 0, false, VM_PROT_DEFAULT,
                      VM_PROT_DEFAULT, VM_INHERIT_NONE);
    vm_object_deallocate(object); // the map has its own reference
    return kr;
}

kern_return_t device_memory_map(device_master_t device, vm_map_t map, vm_offset_t physical,
                                vm_size_t size, vm_address_t *address, boolean_t anywhere)
{
    kern_return_t kr = check_memory(device, physical, size);

    return kr == KERN_SUCCESS ? map_memory(map, physical, size, false, address, anywhere) : kr;
}

kern_return_t device_dma_allocate(device_master_t device, vm_map_t map, vm_size_t size,
                                  vm_address_t *address, vm_offset_t *physical)
{
    void *block;

    (void)device; // any will do: who commands a device can do as much harm by it
    if (size == 0 || size > DEVICE_DMA_MAX)
        return KERN_INVALID_VALUE;
    size = round_page(size);
    block = kzalloc(size);
    if (!block)
        return KERN_RESOURCE_SHORTAGE;
    *address = 0;
    *physical = virt_to_phys(block);
    return map_memory(map, *physical, size, true, address, TRUE);
}

// ---- interrupts ----

static struct kmsg *interrupt_message(void)
{
    return kmsg_alloc(sizeof(device_interrupt_msg_t));
}

static void detach(unsigned line)
{
    struct port *notify = lines[line].notify;

    interrupt_mask(line);
    lines[line].notify = NULL;
    if (lines[line].spare)
        kmsg_free(lines[line].spare);
    lines[line].spare = NULL;
    port_release_send(notify);
}

// The message about that line which still waits in the port's queue; NULL when there is none. Only the
// kernel's own messages have sender 0.
static device_interrupt_msg_t *queued_message(struct port *port, unsigned line)
{
    list_for_each(link, &port->messages) {
        struct kmsg *kmsg = container_of(link, struct kmsg, link);
        device_interrupt_msg_t *msg = (device_interrupt_msg_t *)&kmsg->header;

        if (kmsg->sender.val[0] == 0 && msg->header.msgh_id == DEVICE_INTERRUPT_MSG_ID &&
            msg->irq == line)
            return msg;
    }
    return NULL;
}

static void send_interrupt(struct kmsg *kmsg, struct port *notify, unsigned line)
{
    device_interrupt_msg_t *msg = (device_interrupt_msg_t *)&kmsg->header;

    msg->header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_PORT_SEND, 0);
    msg->header.msgh_size = sizeof(*msg);
    msg->header.msgh_remote_port = kmsg_field(port_copy_send(notify));
    msg->header.msgh_local_port = MACH_PORT_NULL;
    msg->header.msgh_reserved = 0;
    msg->header.msgh_id = DEVICE_INTERRUPT_MSG_ID;
    msg->irq = line;
    msg->count = 1;
    kmsg->sender = (security_token_t)KERNEL_SECURITY_TOKEN_VALUE;
    mqueue_send_always(kmsg);
}

// The line stays masked until device_interrupt_ack.
void device_interrupt(unsigned line)
{
    struct port *notify = lines[line].notify;
    struct kmsg *spare = lines[line].spare;
    device_interrupt_msg_t *queued;

    if (!notify)
        return;
    if (!notify->active) {
        detach(line);
        return;
    }
    queued = queued_message(notify, line);
    if (queued) {
        queued->count++;
        return;
    }
    kassert(spare); // ack makes one before it unmasks
    lines[line].spare = NULL;
    send_interrupt(spare, notify, line);
}

static kern_return_t check_line(const struct device *device, natural_t irq)
{
    if (irq >= DEVICE_IO_IRQ_COUNT)
        return KERN_INVALID_VALUE;
    return device->irq_mask & 1u << irq ? KERN_SUCCESS : KERN_NO_ACCESS;
}

kern_return_t device_interrupt_attach(device_master_t device, natural_t irq, ipc_port_t notify)
{
    kern_return_t kr = check_line(device, irq);
    struct kmsg *spare;

    if (kr != KERN_SUCCESS)
        return kr;
    if (interrupt_reserved(irq))
        return KERN_INVALID_VALUE;
    if (!port_valid(notify))
        return KERN_INVALID_CAPABILITY;
    if (lines[irq].notify && lines[irq].notify->active)
        return KERN_ALREADY_WAITING;
    spare = interrupt_message();
    if (!spare)
        return KERN_RESOURCE_SHORTAGE;
    if (lines[irq].notify)
        detach(irq); // its port has died
    lines[irq].notify = notify;
    lines[irq].spare = spare;
    interrupt_unmask(irq);
    return KERN_SUCCESS;
}

kern_return_t device_interrupt_ack(device_master_t device, natural_t irq)
{
    kern_return_t kr = check_line(device, irq);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!lines[irq].notify)
        return KERN_FAILURE;
    if (!lines[irq].spare)
        lines[irq].spare = interrupt_message();
    if (!lines[irq].spare)
        return KERN_RESOURCE_SHORTAGE;
    interrupt_unmask(irq);
    return KERN_SUCCESS;
}

kern_return_t device_interrupt_detach(device_master_t device, natural_t irq)
{
    kern_return_t kr = check_line(device, irq);

    if (kr != KERN_SUCCESS)
        return kr;
    if (!lines[irq].notify)
        return KERN_FAILURE;
    detach(irq);
    return KERN_SUCCESS;
}
