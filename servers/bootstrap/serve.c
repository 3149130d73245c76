// SPDX-License-Identifier: BSD-2-Clause
// What bootstrap does for the programs it started (bootstrap.defs, program.defs) and with what the
// kernel tells it. The port a request comes to says which program it is from.
#include "bootstrap.h"

#include <mach/bootstrap.h>
#include <mach/bootstrap_server.h>
#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <mach/notify_server.h>
#include <servers/program_server.h>
#include <string.h>

static void drop(mach_port_t right)
{
    if (MACH_PORT_VALID(right))
        mach_port_deallocate(mach_task_self(), right);
}

// Part of the power of the device master port.
struct power {
    natural_t first, count, irq_mask; // I/O ports and interrupt lines
    vm_offset_t physical;             // or memory
    vm_size_t size;
};

// The first serial line; the keyboard; the display's cursor, and its memory while it shows text.
static const struct power console_powers[] = {
    {.first = 0x3f8, .count = 8, .irq_mask = 1 << 4},
    {.first = 0x60, .count = 1, .irq_mask = 1 << 1},
    {.first = 0x64, .count = 1},
    {.first = 0x3d4, .count = 2},
    {.physical = 0xb8000, .size = 0x8000},
};
// The battery clock; the firmware's memory, where it keeps its tables about the machine.
static const struct power job_powers[] = {
    {.first = 0x70, .count = 2, .irq_mask = 1 << 8},
    {.physical = 0xe0000, .size = 0x20000},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static kern_return_t device_part(const struct power *power, mach_port_t *part)
{
    if (power->size != 0)
        return device_memory_subset(device_master, power->physical, power->size, part);
    return device_io_subset(device_master, power->first, power->count, power->irq_mask, part);
}

// A device port with these powers, made when it is first asked for and kept in *device; null if there is
// no memory for it.
static mach_port_t device_with(const struct power *powers, unsigned count, mach_port_t *device)
{
    mach_port_t part, both, made = MACH_PORT_NULL;

    for (unsigned i = 0; i < count && *device == MACH_PORT_NULL; i++) {
        if (device_part(&powers[i], &part) != KERN_SUCCESS)
            part = MACH_PORT_NULL;
        if (i == 0) {
            made = part;
            continue;
        }
        if (device_join(made, part, &both) != KERN_SUCCESS)
            both = MACH_PORT_NULL;
        drop(made);
        drop(part);
        made = both;
    }
    if (*device == MACH_PORT_NULL)
        *device = made;
    return *device;
}

// ---- bootstrap.defs ---------------------------------------------------------------------------

kern_return_t do_bootstrap_ports(mach_port_t port, mach_port_t *host, mach_port_t *device,
                                 mach_port_t *wired, mach_port_t *paged, mach_port_t *security)
{
    static mach_port_t console_device, job_device, pager_device;
    const struct program *program = program_of_port(port);

    *host = *device = *wired = *paged = *security = MACH_PORT_NULL;
    switch (program->rights) {
    case RIGHTS_NONE:
        return BOOTSTRAP_NOT_PRIVILEGED;
    case RIGHTS_CONSOLE:
        *device = device_with(console_powers, COUNT(console_powers), &console_device);
        break;
    case RIGHTS_PAGER:
        *host = priv_host;
        *device = device_with(&(struct power){.count = 0}, 1, &pager_device);
        break;
    case RIGHTS_TOOL:
        *host = priv_host;
        break;
    case RIGHTS_JOB:
        *host = priv_host;
        *device = device_with(job_powers, COUNT(job_powers), &job_device);
        break;
    }
    return KERN_SUCCESS;
}

// A copy of `data` to be sent and deallocated. The kernel makes it, copy-on-write: that takes no
// memory of ours, and when it has none itself it says so.
static kern_return_t hand_out(const void *data, size_t size, vm_offset_t *copy,
                              mach_msg_type_number_t *count)
{
    if (vm_read(mach_task_self(), (vm_address_t)data, size, copy, count) != KERN_SUCCESS)
        return BOOTSTRAP_NO_MEMORY;
    return KERN_SUCCESS;
}

kern_return_t do_bootstrap_arguments(mach_port_t port, mach_port_t task, vm_offset_t *arguments,
                                     mach_msg_type_number_t *size)
{
    kern_return_t result = hand_out(options.words, options.size, arguments, size);

    (void)port;
    if (result == KERN_SUCCESS)
        drop(task);
    return result;
}

kern_return_t do_bootstrap_completed(mach_port_t port, mach_port_t task)
{
    (void)port;
    drop(task);
    return KERN_SUCCESS;
}

kern_return_t do_bootstrap_get_module(mach_port_t port, bootstrap_module_name_t name,
                                      vm_offset_t *data, mach_msg_type_number_t *size)
{
    const void *file;
    size_t file_size;
    kern_return_t result = KERN_SUCCESS;

    (void)port;
    if (!archive_file(name, &file, &file_size))
        result = fw_cfg_file(name, &file, &file_size);
    return result == KERN_SUCCESS ? hand_out(file, file_size, data, size) : result;
}

// ---- program.defs -----------------------------------------------------------------------------

kern_return_t serve_program_exit(mach_port_t port, int status)
{
    struct program *program = program_of_port(port);

    program->reported = true;
    program->status = status;
    return KERN_SUCCESS;
}

kern_return_t serve_program_service(mach_port_t port, mach_port_t *right)
{
    struct service *service = program_of_port(port)->service;

    if (service == NULL)
        return BOOTSTRAP_UNKNOWN_SERVICE;
    if (!service->held)
        return BOOTSTRAP_SERVICE_ACTIVE;
    service->held = false;
    *right = service->port;
    return KERN_SUCCESS;
}

kern_return_t serve_program_task(mach_port_t port, program_path_t path, mach_port_t *task)
{
    const struct program *program = program_of_path(path);

    if (program_of_port(port)->rights != RIGHTS_JOB)
        return BOOTSTRAP_NOT_PRIVILEGED;
    if (program == NULL || program->task == MACH_PORT_NULL)
        return BOOTSTRAP_UNKNOWN_SERVICE;
    *task = program->task;
    return KERN_SUCCESS;
}

kern_return_t serve_program_run(mach_port_t port, program_path_t path, program_words_t words,
                                mach_msg_type_number_t words_size, mach_port_t ended,
                                mach_port_t *task)
{
    struct program *program;
    kern_return_t result = BOOTSTRAP_NOT_PRIVILEGED;

    if (program_of_port(port)->rights == RIGHTS_JOB)
        result = program_run_once(path, words, words_size, ended, &program);
    if (result == KERN_SUCCESS)
        *task = program->task;
    return result;
}

// ---- notifications ----------------------------------------------------------------------------

kern_return_t do_mach_notify_dead_name(mach_port_t notify, mach_port_t name)
{
    (void)notify;
    program_died(name);
    drop(name); // the reference that came with the notification
    return KERN_SUCCESS;
}

kern_return_t do_mach_notify_port_destroyed(mach_port_t notify, mach_port_t right)
{
    (void)notify;
    service_returned(right);
    return KERN_SUCCESS;
}

boolean_t bootstrap_demux(mach_msg_header_t *request, mach_msg_header_t *reply)
{
    if (request->msgh_local_port == notify_port)
        return notify_server(request, reply);
    return program_server(request, reply) || bootstrap_server(request, reply);
}
