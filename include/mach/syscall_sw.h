/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trap numbers and argument counts.  One line per fact, so that
 *     sed -n 's/^#define \(MACH_TRAP_[A-Za-z_]*\) \([0-9]*\).*$/%define \1 \2/p'
 * makes the NASM version.  The calls are documented in mach_traps.h.
 *
 * How to trap: eax = number; [esp] a return address, the arguments above it, as a C call leaves
 * them; then either `int 0x81`, or `sysenter` with ecx = esp and edx = the address to continue at.
 * The result is in eax; ebx esi edi ebp esp are preserved, ecx and edx are not. An unknown number
 * gives KERN_INVALID_ARGUMENT. Numbers: OSF's (made positive); semaphores: macOS's.
 */
#ifndef _MACH_SYSCALL_SW_H_
#define _MACH_SYSCALL_SW_H_

#define MACH_TRAP_mach_msg_trap 25
#define MACH_TRAP_mach_reply_port 26
#define MACH_TRAP_mach_thread_self 27
#define MACH_TRAP_mach_task_self 28
#define MACH_TRAP_mach_host_self 29
#define MACH_TRAP_mach_msg_overwrite_trap 32
#define MACH_TRAP_semaphore_signal_trap 33
#define MACH_TRAP_semaphore_signal_all_trap 34
#define MACH_TRAP_semaphore_signal_thread_trap 35
#define MACH_TRAP_semaphore_wait_trap 36
#define MACH_TRAP_semaphore_wait_signal_trap 37
#define MACH_TRAP_semaphore_timedwait_trap 38
#define MACH_TRAP_semaphore_timedwait_signal_trap 39
#define MACH_TRAP_swtch_pri 59
#define MACH_TRAP_swtch 60
#define MACH_TRAP_thread_switch 61
#define MACH_TRAP_clock_sleep_trap 62
#define MACH_TRAP_vm_map 64
#define MACH_TRAP_vm_allocate 65
#define MACH_TRAP_vm_deallocate 66
#define MACH_TRAP_mach_port_allocate 72
#define MACH_TRAP_mach_port_deallocate 73
#define MACH_TRAP_mach_port_insert_right 74

#define MACH_TRAP_ARGS_mach_msg_trap 7
#define MACH_TRAP_ARGS_mach_reply_port 0
#define MACH_TRAP_ARGS_mach_thread_self 0
#define MACH_TRAP_ARGS_mach_task_self 0
#define MACH_TRAP_ARGS_mach_host_self 0
#define MACH_TRAP_ARGS_mach_msg_overwrite_trap 9
#define MACH_TRAP_ARGS_semaphore_signal_trap 1
#define MACH_TRAP_ARGS_semaphore_signal_all_trap 1
#define MACH_TRAP_ARGS_semaphore_signal_thread_trap 2
#define MACH_TRAP_ARGS_semaphore_wait_trap 1
#define MACH_TRAP_ARGS_semaphore_wait_signal_trap 2
#define MACH_TRAP_ARGS_semaphore_timedwait_trap 3
#define MACH_TRAP_ARGS_semaphore_timedwait_signal_trap 4
#define MACH_TRAP_ARGS_swtch_pri 1
#define MACH_TRAP_ARGS_swtch 0
#define MACH_TRAP_ARGS_thread_switch 3
#define MACH_TRAP_ARGS_clock_sleep_trap 5
#define MACH_TRAP_ARGS_vm_map 11
#define MACH_TRAP_ARGS_vm_allocate 4
#define MACH_TRAP_ARGS_vm_deallocate 3
#define MACH_TRAP_ARGS_mach_port_allocate 3
#define MACH_TRAP_ARGS_mach_port_deallocate 2
#define MACH_TRAP_ARGS_mach_port_insert_right 4

#define MACH_TRAP_MAX 128
#define MACH_TRAP_VECTOR 129

#endif
