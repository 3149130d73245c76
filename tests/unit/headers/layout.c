/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes, offsets and values that the public headers must have: those of OSF Mach (i386), so that
 * messages and programs fit.  Nothing runs: compiling this for i386 is the test (headers.t).
 */
#include <mach/clock_types.h>
#include <mach/device_io.h>
#include <mach/host_info.h>
#include <mach/host_reboot.h>
#include <mach/mach_types.h>
#include <mach/message.h>
#include <mach/minato_types.h>
#include <mach/notify.h>
#include <mach/syscall_sw.h>
#include <mach/thread_switch.h>

#include <stddef.h>

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size")
#define AT(type, field, byte)                                                                      \
    _Static_assert(offsetof(type, field) == (byte), #type "." #field " is elsewhere")
#define IS(name, value) _Static_assert((name) == (value), #name " has another value")

/* Words of i386. */
SIZE(natural_t, 4);
SIZE(integer_t, 4);
SIZE(vm_address_t, 4);
SIZE(mach_port_t, 4);
SIZE(boolean_t, 4);
_Static_assert((natural_t)-1 > 0 && (integer_t)-1 < 0, "natural_t is unsigned, integer_t signed");

/* Messages. */
SIZE(mach_msg_header_t, 24);
AT(mach_msg_header_t, msgh_bits, 0);
AT(mach_msg_header_t, msgh_size, 4);
AT(mach_msg_header_t, msgh_remote_port, 8);
AT(mach_msg_header_t, msgh_local_port, 12);
AT(mach_msg_header_t, msgh_reserved, 16);
AT(mach_msg_header_t, msgh_id, 20);
SIZE(mach_msg_body_t, 4);
SIZE(mach_msg_base_t, 28);
SIZE(mach_msg_port_descriptor_t, 12);
SIZE(mach_msg_ool_descriptor_t, 12);
SIZE(mach_msg_ool_ports_descriptor_t, 12);
SIZE(mach_msg_type_descriptor_t, 12);
SIZE(mach_msg_descriptor_t, 12);
AT(mach_msg_ool_descriptor_t, size, 4);
AT(mach_msg_ool_ports_descriptor_t, count, 4);
SIZE(mach_msg_trailer_t, 8);
SIZE(mach_msg_seqno_trailer_t, 12);
SIZE(mach_msg_format_0_trailer_t, 20);
AT(mach_msg_format_0_trailer_t, msgh_seqno, 8);
AT(mach_msg_format_0_trailer_t, msgh_sender, 12);
SIZE(mach_msg_empty_rcv_t, 32);

IS(MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE), 0x1513);
IS(MACH_MSGH_BITS_COMPLEX, 0x80000000u);
IS(MACH_MSG_TYPE_PORT_NAME, 15);
IS(MACH_MSG_TYPE_MOVE_RECEIVE, 16);
IS(MACH_MSG_TYPE_MOVE_SEND, 17);
IS(MACH_MSG_TYPE_MOVE_SEND_ONCE, 18);
IS(MACH_MSG_TYPE_COPY_SEND, 19);
IS(MACH_MSG_TYPE_MAKE_SEND, 20);
IS(MACH_MSG_TYPE_MAKE_SEND_ONCE, 21);
IS(MACH_MSG_TYPE_PORT_RECEIVE, 16);
IS(MACH_MSG_TYPE_PORT_SEND, 17);
IS(MACH_MSG_TYPE_PORT_SEND_ONCE, 18);
IS(MACH_MSG_PORT_DESCRIPTOR, 0);
IS(MACH_MSG_OOL_DESCRIPTOR, 1);
IS(MACH_MSG_OOL_PORTS_DESCRIPTOR, 2);
IS(MACH_MSG_OOL_VOLATILE_DESCRIPTOR, 3);
IS(MACH_MSG_PHYSICAL_COPY, 0);
IS(MACH_MSG_VIRTUAL_COPY, 1);
IS(MACH_MSG_ALLOCATE, 2);
IS(MACH_MSG_OVERWRITE, 3);
IS(MACH_SEND_MSG, 1);
IS(MACH_RCV_MSG, 2);
IS(MACH_RCV_LARGE, 4);
IS(MACH_SEND_TIMEOUT, 0x10);
IS(MACH_SEND_INTERRUPT, 0x40);
IS(MACH_SEND_CANCEL, 0x80);
IS(MACH_RCV_TIMEOUT, 0x100);
IS(MACH_RCV_NOTIFY, 0x200);
IS(MACH_RCV_INTERRUPT, 0x400);
IS(MACH_RCV_OVERWRITE, 0x1000);
IS(MACH_SEND_TRAILER, 0x20000);
IS(MACH_RCV_TRAILER_ELEMENTS(MACH_RCV_TRAILER_SENDER), 2 << 24);
IS(REQUESTED_TRAILER_SIZE(0), 8);
IS(REQUESTED_TRAILER_SIZE(MACH_RCV_TRAILER_ELEMENTS(1)), 12);
IS(REQUESTED_TRAILER_SIZE(MACH_RCV_TRAILER_ELEMENTS(2)), 20);
IS(MACH_SEND_INVALID_DATA, 0x10000002);
IS(MACH_SEND_MSG_TOO_SMALL, 0x10000008);
IS(MACH_SEND_TOO_LARGE, 0x1000000e);
IS(MACH_SEND_INVALID_RT_OOL_SIZE, 0x10000015);
IS(MACH_RCV_INVALID_NAME, 0x10004002);
IS(MACH_RCV_TOO_LARGE, 0x10004004);
IS(MACH_RCV_INVALID_TRAILER, 0x1000400f);
IS(MACH_MSG_IPC_SPACE, 0x2000);
IS(MACH_MSG_VM_SPACE, 0x1000);
IS(MACH_MSG_IPC_KERNEL, 0x800);
IS(MACH_MSG_VM_KERNEL, 0x400);

IS(MACH_MSG_INVALID_RT_DESCRIPTOR, 0x200);
IS(MACH_MSG_MASK, 0x3e00);
IS(MACH_MSGH_BITS_REMOTE_MASK, 0xff);
IS(MACH_MSGH_BITS_LOCAL_MASK, 0xff00);
IS(MACH_MSGH_BITS_REMOTE(0x80001513), 0x13);
IS(MACH_MSGH_BITS_LOCAL(0x80001513), 0x15);
IS(MACH_MSGH_BITS_OTHER(0x80001513), 0x80000000u);
IS(MACH_RCV_TRAILER_SEQNO, 1);
IS(MACH_RCV_TRAILER_SENDER, 2);
IS(MACH_SEND_INVALID_DEST, 0x10000003);
IS(MACH_SEND_TIMED_OUT, 0x10000004);
IS(MACH_SEND_INTERRUPTED, 0x10000007);
IS(MACH_SEND_INVALID_REPLY, 0x10000009);
IS(MACH_SEND_INVALID_RIGHT, 0x1000000a);
IS(MACH_SEND_INVALID_NOTIFY, 0x1000000b);
IS(MACH_SEND_INVALID_MEMORY, 0x1000000c);
IS(MACH_SEND_NO_BUFFER, 0x1000000d);
IS(MACH_SEND_INVALID_TYPE, 0x1000000f);
IS(MACH_SEND_INVALID_HEADER, 0x10000010);
IS(MACH_SEND_INVALID_TRAILER, 0x10000011);
IS(MACH_RCV_TIMED_OUT, 0x10004003);
IS(MACH_RCV_INTERRUPTED, 0x10004005);
IS(MACH_RCV_PORT_CHANGED, 0x10004006);
IS(MACH_RCV_INVALID_NOTIFY, 0x10004007);
IS(MACH_RCV_INVALID_DATA, 0x10004008);
IS(MACH_RCV_PORT_DIED, 0x10004009);
IS(MACH_RCV_IN_SET, 0x1000400a);
IS(MACH_RCV_HEADER_ERROR, 0x1000400b);
IS(MACH_RCV_BODY_ERROR, 0x1000400c);
IS(MACH_RCV_INVALID_TYPE, 0x1000400d);
IS(MACH_RCV_SCATTER_SMALL, 0x1000400e);

/* Notifications. */
IS(MACH_NOTIFY_PORT_DELETED, 65);
IS(MACH_NOTIFY_PORT_DESTROYED, 69);
IS(MACH_NOTIFY_NO_SENDERS, 70);
IS(MACH_NOTIFY_SEND_ONCE, 71);
IS(MACH_NOTIFY_DEAD_NAME, 72);
AT(mach_dead_name_notification_t, not_port, 32);
AT(mach_dead_name_notification_t, trailer, 36);
AT(mach_port_deleted_notification_t, not_port, 32);
AT(mach_no_senders_notification_t, not_count, 32);
AT(mach_port_destroyed_notification_t, not_port, 28);
AT(mach_port_destroyed_notification_t, trailer, 40);
AT(mach_send_once_notification_t, trailer, 24);

/* Ports. */
IS(MACH_PORT_RIGHT_SEND, 0);
IS(MACH_PORT_RIGHT_RECEIVE, 1);
IS(MACH_PORT_RIGHT_SEND_ONCE, 2);
IS(MACH_PORT_RIGHT_PORT_SET, 3);
IS(MACH_PORT_RIGHT_DEAD_NAME, 4);
IS(MACH_PORT_TYPE_SEND, 0x10000);
IS(MACH_PORT_TYPE_DEAD_NAME, 0x100000);
IS(MACH_PORT_MAKE(MACH_PORT_INDEX(0x1234f7u), MACH_PORT_GEN(0x1234f7u)), 0x1234f7);
IS(MACH_PORT_QLIMIT_DEFAULT, 5);
IS(MACH_PORT_QLIMIT_MAX, 1024);
IS(MACH_PORT_LIMITS_INFO_COUNT, 1);
IS(MACH_PORT_RECEIVE_STATUS_COUNT, 10);

/* Codes, constants. */
IS(KERN_NOT_IN_SET, 12);
IS(KERN_INVALID_RIGHT, 17);
IS(KERN_TERMINATED, 37);
IS(KERN_LOCK_SET_DESTROYED, 38);
IS(KERN_LOCK_UNSTABLE, 39);
IS(KERN_LOCK_OWNED, 40);
IS(KERN_LOCK_OWNED_SELF, 41);
IS(KERN_SEMAPHORE_DESTROYED, 42);
IS(KERN_NODE_DOWN, 47);
IS(KERN_OPERATION_TIMED_OUT, 49);
IS(EXC_BAD_ACCESS, 1);
IS(EXC_BAD_INSTRUCTION, 2);
IS(EXC_ARITHMETIC, 3);
IS(EXC_EMULATION, 4);
IS(EXC_SOFTWARE, 5);
IS(EXC_BREAKPOINT, 6);
IS(EXC_SYSCALL, 7);
IS(EXC_MACH_SYSCALL, 8);
IS(EXC_RPC_ALERT, 9);
IS(EXC_MASK_BAD_ACCESS, 2);
IS(EXC_MASK_ALL, 0x3fe);
IS(EXCEPTION_DEFAULT, 1);
IS(EXCEPTION_STATE, 2);
IS(EXCEPTION_STATE_IDENTITY, 3);
IS(SWITCH_OPTION_NONE, 0);
IS(SWITCH_OPTION_DEPRESS, 1);
IS(SWITCH_OPTION_WAIT, 2);
IS(SWITCH_OPTION_IDLE, 3);
IS(SYNC_POLICY_FIFO, 0);
IS(SYNC_POLICY_FIXED_PRIORITY, 1);
IS(SYNC_POLICY_RANDOM, 0x100);
IS(VM_PROT_READ, 1);
IS(VM_PROT_WRITE, 2);
IS(VM_PROT_EXECUTE, 4);
IS(VM_PROT_ALL, 7);
IS(VM_INHERIT_SHARE, 0);
IS(VM_INHERIT_COPY, 1);
IS(VM_INHERIT_NONE, 2);
IS(REALTIME_CLOCK, 0);
IS(BATTERY_CLOCK, 1);
IS(HIGHRES_CLOCK, 2);
IS(TASK_KERNEL_PORT, 1);
IS(TASK_BOOTSTRAP_PORT, 4);
SIZE(tvalspec_t, 8);
SIZE(time_value_t, 8);

/* Addresses. */
IS(PAGE_SIZE, 4096);
IS(VM_MIN_ADDRESS, 0x1000);
IS(VM_MAX_ADDRESS, 0xC0000000u);
IS(round_page(4097), 8192);
IS(trunc_page(8191), 4096);

/* Information: counts that mach_types.defs has room for. */
IS(TASK_BASIC_INFO, 4);
IS(TASK_BASIC_INFO_COUNT, 8);
IS(TASK_EVENTS_INFO_COUNT, 8);
IS(TASK_THREAD_TIMES_INFO_COUNT, 4);
IS(THREAD_BASIC_INFO, 3);
IS(THREAD_BASIC_INFO_COUNT, 10);
IS(VM_REGION_BASIC_INFO_COUNT, 8);
IS(HOST_BASIC_INFO_COUNT, 5);
IS(HOST_PRIORITY_INFO_COUNT, 8);
IS(HOST_LOAD_INFO_COUNT, 6);
IS(HOST_VM_INFO_COUNT, 12);
IS(POLICY_TIMESHARE_INFO_COUNT, 5);
IS(POLICY_FIFO_INFO_COUNT, 4);
IS(POLICY_RR_INFO_COUNT, 5);
IS(i386_THREAD_STATE_COUNT, 17);
IS(i386_TLS_STATE_COUNT, 6);
IS(i386_DEBUG_STATE_COUNT, 8);
SIZE(struct i386_float_state, 512);
AT(struct i386_float_state, mxcsr, 24);
AT(struct i386_float_state, st, 32);
AT(struct i386_float_state, xmm, 160);
_Static_assert(i386_FLOAT_STATE_COUNT <= THREAD_STATE_MAX, "the largest state has room");

/* Ours: as many words as minato.defs says. */
SIZE(minato_task_counts_t, 14 * 4);
SIZE(minato_host_counts_t, 12 * 4);
SIZE(minato_port_info_t, 17 * 4);
SIZE(device_interrupt_msg_t, 32);
IS(HOST_REBOOT_GET_STATUS(HOST_REBOOT_STATUS(127)), 127);

/* Traps. */
IS(MACH_TRAP_mach_msg_trap, 25);
IS(MACH_TRAP_ARGS_mach_msg_trap, 7);
IS(MACH_TRAP_mach_port_insert_right, 74);
_Static_assert(MACH_TRAP_mach_port_insert_right < MACH_TRAP_MAX, "the table has room");
