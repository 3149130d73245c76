// SPDX-License-Identifier: BSD-2-Clause
// Programs as Mach's books and OSF's and macOS's examples have them, by their headers and names:
// they compile unchanged, and do what they say.
#include <mach/mach.h>
#include <mach/mach_error.h>
#include <mach/mach_host.h>
#include <mach/mach_init.h>
#include <mach/mach_interface.h>
#include <mach/mach_port.h>
#include <mach/mach_traps.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/ndr.h>
#include <mach/notify.h>
#include <mach/semaphore.h>
#include <mach/task.h>
#include <mach/thread_act.h>
#include <mach/thread_switch.h>
#include <mach/vm_map.h>
#include <mach/vm_param.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define CHECK(call, rule) is((call), KERN_SUCCESS, rule)

// ---- messages ---------------------------------------------------------------------------------

typedef struct {
    mach_msg_header_t Head;
    mach_msg_body_t msgh_body;
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t data;
    mach_msg_ool_ports_descriptor_t ports;
    NDR_record_t NDR;
    int value;
} request_t;

typedef struct {
    request_t msg;
    mach_msg_format_0_trailer_t trailer;
} request_rcv_t;

static void send_request(mach_port_t port, mach_port_t reply_port, char *text)
{
    request_t msg;

    msg.Head.msgh_bits = MACH_MSGH_BITS_COMPLEX |
                         MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
    msg.Head.msgh_size = sizeof(msg);
    msg.Head.msgh_request_port = port;
    msg.Head.msgh_reply_port = reply_port;
    msg.Head.msgh_id = 2000;
    msg.msgh_body.msgh_descriptor_count = 3;
    msg.port.name = port;
    msg.port.disposition = MACH_MSG_TYPE_MAKE_SEND;
    msg.port.type = MACH_MSG_PORT_DESCRIPTOR;
    msg.data.address = text;
    msg.data.size = strlen(text) + 1;
    msg.data.deallocate = FALSE;
    msg.data.copy = MACH_MSG_VIRTUAL_COPY;
    msg.data.type = MACH_MSG_OOL_DESCRIPTOR;
    msg.ports.address = &port;
    msg.ports.count = 1;
    msg.ports.deallocate = FALSE;
    msg.ports.copy = MACH_MSG_PHYSICAL_COPY;
    msg.ports.disposition = MACH_MSG_TYPE_COPY_SEND;
    msg.ports.type = MACH_MSG_OOL_PORTS_DESCRIPTOR;
    msg.NDR = NDR_record;
    msg.value = 42;
    CHECK(mach_msg(&msg.Head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, msg.Head.msgh_size, 0,
                   MACH_PORT_NULL, 1000, MACH_PORT_NULL),
          "a message with everything in it is sent");
}

static void receive_request(mach_port_t from)
{
    request_rcv_t msg;
    mach_msg_trailer_t *trailer;
    mach_msg_return_t mr =
        mach_msg(&msg.msg.Head,
                 MACH_RCV_MSG | MACH_RCV_LARGE |
                     MACH_RCV_TRAILER_TYPE(MACH_MSG_TRAILER_FORMAT_0) |
                     MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER),
                 0, sizeof(msg), from, MACH_MSG_TIMEOUT_NONE, MACH_PORT_NULL);

    CHECK(mr, "and received");
    trailer = (mach_msg_trailer_t *)((vm_offset_t)&msg + round_msg(msg.msg.Head.msgh_size));
    ok(trailer->msgh_trailer_type == MACH_MSG_TRAILER_FORMAT_0 &&
           trailer->msgh_trailer_size == MACH_MSG_TRAILER_FORMAT_0_SIZE,
       "  with a trailer behind it");
    ok(msg.msg.value == 42 && msg.msg.Head.msgh_id == 2000 &&
           strcmp(msg.msg.data.address, "text") == 0 && msg.msg.ports.count == 1 &&
           MACH_PORT_VALID(msg.msg.port.name),
       "  and all that it brought");
    mach_msg_destroy(&msg.msg.Head);
}

static void test_ports(void)
{
    mach_port_t port, port_set, previous, notify, self = mach_task_self();
    mach_port_limits_t limits = {.mpl_qlimit = MACH_PORT_QLIMIT_SMALL};
    mach_port_status_t status;
    mach_msg_type_number_t count = MACH_PORT_RECEIVE_STATUS_COUNT;
    mach_no_senders_notification_t note;
    mach_port_type_t type;

    CHECK(mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &port), "mach_port_allocate");
    CHECK(mach_port_insert_right(self, port, port, MACH_MSG_TYPE_MAKE_SEND),
          "mach_port_insert_right");
    mach_port_allocate(self, MACH_PORT_RIGHT_RECEIVE, &notify);
    mach_port_allocate(self, MACH_PORT_RIGHT_PORT_SET, &port_set);
    CHECK(mach_port_move_member(self, port, port_set), "mach_port_move_member");
    CHECK(mach_port_set_attributes(self, port, MACH_PORT_LIMITS_INFO, (mach_port_info_t)&limits,
                                   MACH_PORT_LIMITS_INFO_COUNT),
          "mach_port_set_attributes");
    CHECK(mach_port_get_attributes(self, port, MACH_PORT_RECEIVE_STATUS, (mach_port_info_t)&status,
                                   &count),
          "mach_port_get_attributes");
    is((int)status.mps_qlimit, MACH_PORT_QLIMIT_SMALL, "  tells what was set");
    CHECK(mach_port_type(self, port, &type), "mach_port_type");
    ok((type & MACH_PORT_TYPE_SEND_RECEIVE) == MACH_PORT_TYPE_SEND_RECEIVE, "  send and receive");
    CHECK(mach_port_request_notification(self, port, MACH_NOTIFY_NO_SENDERS, 0, notify,
                                         MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
          "mach_port_request_notification");
    send_request(port, notify, "text");
    receive_request(port_set);
    mach_port_deallocate(self, port);
    mach_msg(&note.not_header, MACH_RCV_MSG, 0, sizeof(note), notify, 0, MACH_PORT_NULL);
    is(note.not_header.msgh_id, MACH_NOTIFY_SEND_ONCE, "a reply right not used: SEND_ONCE");
    mach_msg(&note.not_header, MACH_RCV_MSG, 0, sizeof(note), notify, 0, MACH_PORT_NULL);
    is(note.not_header.msgh_id, MACH_NOTIFY_NO_SENDERS, "no more senders: NO_SENDERS");
    mach_port_destroy(self, port_set);
    mach_port_destroy(self, port);
    mach_port_destroy(self, notify);
}

// ---- memory -----------------------------------------------------------------------------------

static void test_memory(void)
{
    vm_map_t task = mach_task_self();
    vm_address_t address = 0, found;
    vm_size_t size = 2 * vm_page_size;
    vm_region_basic_info_data_t info;
    mach_msg_type_number_t count = VM_REGION_BASIC_INFO_COUNT, read;
    mach_port_t object;
    vm_offset_t data;

    CHECK(vm_allocate(task, &address, size, TRUE), "vm_allocate");
    strcpy((char *)address, "first");
    CHECK(vm_read(task, address, vm_page_size, &data, &read), "vm_read");
    CHECK(vm_write(task, address + vm_page_size, data, read), "vm_write");
    is(strcmp((char *)address + vm_page_size, "first"), 0, "  copies");
    vm_deallocate(task, data, read);
    CHECK(vm_copy(task, address, vm_page_size, address + vm_page_size), "vm_copy");
    CHECK(vm_inherit(task, address, size, VM_INHERIT_SHARE), "vm_inherit");
    CHECK(vm_protect(task, address, size, FALSE, VM_PROT_READ), "vm_protect");
    found = address + 17;
    CHECK(vm_region(task, &found, &size, VM_REGION_BASIC_INFO, (vm_region_info_t)&info, &count,
                    &object),
          "vm_region");
    ok(found == address && size == 2 * vm_page_size && info.protection == VM_PROT_READ &&
           info.inheritance == VM_INHERIT_SHARE,
       "  tells what was set");
    CHECK(vm_deallocate(task, address, size), "vm_deallocate");
}

// ---- tasks and threads ------------------------------------------------------------------------

static semaphore_t ready;

static void child_code(void)
{
    semaphore_signal(ready);
    for (;;)
        thread_switch(THREAD_NULL, SWITCH_OPTION_WAIT, 1000);
}

static void test_threads_of_hand(void)
{
    static natural_t stack[1024];
    thread_act_t thread;
    i386_thread_state_t state;
    mach_msg_type_number_t count = MACHINE_THREAD_STATE_COUNT;
    thread_basic_info_data_t info;

    CHECK(semaphore_create(mach_task_self(), &ready, SYNC_POLICY_FIFO, 0), "semaphore_create");
    CHECK(thread_create(mach_task_self(), &thread), "thread_create");
    CHECK(thread_get_state(thread, MACHINE_THREAD_STATE, (thread_state_t)&state, &count),
          "thread_get_state");
    state.eip = (unsigned)child_code;
    state.uesp = (unsigned)&stack[1020];
    CHECK(thread_set_state(thread, MACHINE_THREAD_STATE, (thread_state_t)&state, count),
          "thread_set_state");
    CHECK(thread_resume(thread), "thread_resume");
    CHECK(semaphore_wait(ready), "  it runs");
    is(semaphore_timedwait(ready, (mach_timespec_t){0, 1000000}), KERN_OPERATION_TIMED_OUT,
       "semaphore_timedwait");
    CHECK(thread_suspend(thread), "thread_suspend");
    count = THREAD_BASIC_INFO_COUNT;
    CHECK(thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&info, &count), "thread_info");
    is(info.suspend_count, 1, "  tells so");
    CHECK(thread_abort(thread), "thread_abort");
    CHECK(thread_terminate(thread), "thread_terminate");
    mach_port_deallocate(mach_task_self(), thread);
    CHECK(semaphore_destroy(mach_task_self(), ready), "semaphore_destroy");
    mach_port_deallocate(mach_task_self(), ready);
}

static void test_tasks_of_hand(void)
{
    task_t child;
    thread_act_array_t threads;
    mach_msg_type_number_t count = TASK_BASIC_INFO_COUNT;
    task_basic_info_data_t info;
    vm_address_t address = 0x40000;

    CHECK(task_create(mach_task_self(), NULL, 0, FALSE, &child), "task_create");
    CHECK(vm_allocate(child, &address, vm_page_size, FALSE), "memory in it");
    CHECK(task_suspend(child), "task_suspend");
    CHECK(task_info(child, TASK_BASIC_INFO, (task_info_t)&info, &count), "task_info");
    ok(info.suspend_count == 1 && info.virtual_size == vm_page_size, "  tells both");
    CHECK(task_threads(child, &threads, &count), "task_threads");
    is((int)count, 0, "  it has none");
    CHECK(task_terminate(child), "task_terminate");
    mach_port_deallocate(mach_task_self(), child);
}

static void test_host(void)
{
    host_t host = mach_host_self();
    host_basic_info_data_t info;
    mach_msg_type_number_t count = HOST_BASIC_INFO_COUNT;
    kernel_version_t version;
    vm_size_t page_size;
    clock_serv_t clock;
    mach_timespec_t before, after;

    CHECK(host_info(host, HOST_BASIC_INFO, (host_info_t)&info, &count), "host_info");
    ok(info.avail_cpus >= 1 && info.cpu_type == CPU_TYPE_I386, "  a machine with a processor");
    CHECK(host_kernel_version(host, version), "host_kernel_version");
    CHECK(host_page_size(host, &page_size), "host_page_size");
    ok(page_size == vm_page_size && page_size == 1u << vm_page_shift, "  the pages all agree on");
    CHECK(host_get_clock_service(host, SYSTEM_CLOCK, &clock), "host_get_clock_service");
    clock_get_time(clock, &before);
    CHECK(clock_sleep(clock, TIME_RELATIVE, (mach_timespec_t){0, 3 * NSEC_PER_MSEC}, &after),
          "clock_sleep");
    SUB_MACH_TIMESPEC(&after, &before);
    ok(after.tv_sec == 0 && after.tv_nsec >= 3 * NSEC_PER_MSEC, "  lasts as long as asked");
    mach_port_deallocate(mach_task_self(), clock);
    mach_port_deallocate(mach_task_self(), host);
}

// ---- names that programs compare with -----------------------------------------------------------

static const mach_error_t codes[] = {
    KERN_PROTECTION_FAILURE, MACH_SEND_INVALID_DEST, MACH_RCV_BODY_ERROR | MACH_MSG_VM_SPACE,
    MIG_BAD_ID, MIG_SERVER_DIED, MIG_REPLY_MISMATCH, MIG_TYPE_ERROR, MIG_ARRAY_TOO_LARGE,
};
static const exception_mask_t masks[] = {
    EXC_MASK_BAD_ACCESS, EXC_MASK_BAD_INSTRUCTION, EXC_MASK_ARITHMETIC, EXC_MASK_EMULATION,
    EXC_MASK_SOFTWARE, EXC_MASK_BREAKPOINT, EXC_MASK_SYSCALL, EXC_MASK_MACH_SYSCALL,
    EXC_MASK_RPC_ALERT,
};

static void test_names(void)
{
    exception_mask_t all = 0;
    int unknown = 0;

    for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        unknown += strncmp(mach_error_string(codes[i]), "unknown", 7) == 0;
    is(unknown, 0, "mach_error_string knows the codes");
    for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
        all |= masks[i];
    is((int)all, EXC_MASK_ALL, "every exception has a mask");
}

void test_classic(void)
{
    unsigned names = count_names(), pages = count_pages();

    test_ports();
    test_memory();
    test_threads_of_hand();
    test_tasks_of_hand();
    test_host();
    test_names();
    is((int)count_names(), (int)names, "the books' programs leave no names behind");
    is((int)count_pages(), (int)pages, "nor memory");
}
