/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls that trap into the kernel.  Four kinds:
 *   - mach_msg() and the traps under it;
 *   - names of one's own things (mach_task_self, …);
 *   - giving up the processor, sleeping: local only, no message does the same;
 *   - short cuts for a message (semaphore_*, vm_*, mach_port_*): the library tries the trap, and
 *     when that answers MACH_SEND_INVALID_DEST (the name denotes no local kernel object of the kind)
 *     it sends the message of sync.defs, mach.defs, mach_port.defs instead, so that a proxy works too.
 *     A caller sees no difference but speed; the contract is in those .defs.
 * Trap numbers: syscall_sw.h.  Source: OSF mach/mach_traps.h and the Kernel Interface manual.
 */
#ifndef _MACH_MACH_TRAPS_H_
#define _MACH_MACH_TRAPS_H_

#include <mach/mach_types.h>

#ifndef MACH_KERNEL

/*
 * mach_msg: sends a message, then receives one; either half may be left out.
 *   msg            buffer of both halves, 4-byte aligned
 *   option         MACH_SEND_MSG, MACH_RCV_MSG and modifiers (message.h)
 *   send_size      bytes to send: msg->msgh_size counts for nothing when sending
 *   rcv_size       bytes of the buffer for receiving, trailer included
 *   rcv_name       receive right or port set to receive from
 *   timeout        milliseconds, for a half with its TIMEOUT option
 *   notify         for MACH_RCV_NOTIFY, otherwise MACH_PORT_NULL
 * Rights and memory that the message names belong to the receiver once the send half succeeded. A
 * failed send leaves them with the sender untouched, except MACH_SEND_TIMED_OUT and
 * MACH_SEND_INTERRUPTED: then the message comes back into msg as if it had been received
 * ("pseudo-receive", with remote and local not swapped and no trailer), the caller owns what is in
 * it and may send it again; MACH_MSG_IPC_SPACE, _VM_SPACE, _IPC_KERNEL, _VM_KERNEL are or-ed into
 * the code if part of it was lost. If the send half fails there is no receive half. A message to a
 * send-once right ignores the queue limit. Send errors: MACH_SEND_INVALID_DATA, INVALID_HEADER,
 * MSG_TOO_SMALL (also: size no multiple of 4), TOO_LARGE, INVALID_DEST, INVALID_REPLY,
 * INVALID_TYPE, INVALID_RIGHT, INVALID_MEMORY, INVALID_TRAILER, NO_BUFFER, TIMED_OUT, INTERRUPTED.
 * Receive errors that leave the queue alone: MACH_RCV_INVALID_NAME, IN_SET, TIMED_OUT, INTERRUPTED,
 * PORT_DIED, PORT_CHANGED, INVALID_TRAILER; with MACH_RCV_LARGE also TOO_LARGE (header, with the
 * true msgh_size, and the first 8 bytes of the trailer come) and SCATTER_SMALL. Receive errors that
 * destroy the message: MACH_RCV_HEADER_ERROR (the header comes, without reply right),
 * INVALID_NOTIFY, INVALID_DATA, INVALID_TYPE, and without MACH_RCV_LARGE TOO_LARGE (the header
 * comes, without reply right, and an empty trailer) and SCATTER_SMALL. MACH_RCV_BODY_ERROR: the
 * message was received, except what could not be given: those names are MACH_PORT_NULL, those
 * addresses and sizes 0. HEADER_ERROR and BODY_ERROR always carry special bits. The library
 * repeats an interrupted half unless MACH_SEND_INTERRUPT / MACH_RCV_INTERRUPT is set. Source:
 * Kernel Interface manual, mach_msg.
 */
extern mach_msg_return_t mach_msg(mach_msg_header_t *msg, mach_msg_option_t option,
                                  mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                  mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                  mach_port_name_t notify);
/*
 * mach_msg_overwrite: the same with a separate buffer rcv_msg (null: msg) of rcv_size bytes for the
 * receive half. With MACH_RCV_OVERWRITE (which mach_msg() ignores) its first scatter_list_size bytes are a
 * message whose descriptors, from the first after the descriptor count on, say where out-of-line memory
 * and port arrays are to go: the first such descriptor for the first that is received, and so on; those
 * of ports are passed over on both sides. MACH_MSG_OVERWRITE in its copy option: to address, for at most
 * size bytes (or count ports), all of it allocated and writable; MACH_MSG_ALLOCATE, and what the list is
 * too short for: to fresh memory. A received descriptor says where it went, how much it is, and with
 * deallocate whether that is fresh memory, the receiver's to give up. Errors besides those of mach_msg():
 *   MACH_RCV_INVALID_TYPE   a descriptor of the list is not of the kind of what came, or has another copy
 *                           option: the message is destroyed, its header comes. Or the list is longer
 *                           than scatter_list_size or 64 KiB: nothing was received
 *   MACH_RCV_SCATTER_SMALL  something is larger than its place: the message is destroyed, its header
 *                           comes. With MACH_RCV_LARGE it stays in the queue, and header, descriptors,
 *                           body and trailer come as they are, but without rights and memory: names and
 *                           addresses are 0, sizes and counts those that are needed
 *   MACH_RCV_BODY_ERROR     also for memory that cannot be written where the list says
 *                           (MACH_MSG_VM_SPACE); the rest was received
 *   MACH_RCV_INVALID_DATA   also for a list that cannot be read: nothing was received
 *   KERN_RESOURCE_SHORTAGE  no memory for the list, or the task's limit of message bytes is reached:
 *                           nothing was received
 * Source: Kernel Interface manual, mach_msg.
 */
extern mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option,
                                            mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                            mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                            mach_port_name_t notify, mach_msg_header_t *rcv_msg,
                                            mach_msg_size_t scatter_list_size);
/* mach_msg() without the repetition of interrupted halves. */
extern mach_msg_return_t mach_msg_trap(mach_msg_header_t *msg, mach_msg_option_t option,
                                       mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                       mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                       mach_port_name_t notify);
extern mach_msg_return_t mach_msg_overwrite_trap(mach_msg_header_t *msg, mach_msg_option_t option,
                                                 mach_msg_size_t send_size,
                                                 mach_msg_size_t rcv_size,
                                                 mach_port_name_t rcv_name,
                                                 mach_msg_timeout_t timeout,
                                                 mach_port_name_t notify,
                                                 mach_msg_header_t *rcv_msg,
                                                 mach_msg_size_t scatter_list_size);

/* A new port: its receive right, one user reference.  MACH_PORT_NULL when the space is full. */
extern mach_port_name_t mach_reply_port(void);

/* A send right for the calling thread, task, host; each call adds a user reference, which the
 * caller has to mach_port_deallocate.  MACH_PORT_NULL when there is no room.  mach_init.h makes
 * mach_task_self() a macro for a name kept by the library, without a new reference. */
extern mach_port_t mach_thread_self(void);
extern mach_port_t(mach_task_self)(void);
extern mach_port_t mach_host_self(void);

/* Runs another thread if there is one as urgent: TRUE if other threads are ready, else FALSE at
 * once.  swtch_pri also lowers the caller to the least urgent level for a moment; pri is ignored.
 */
extern boolean_t swtch_pri(int pri);
extern boolean_t swtch(void);

/*
 * thread_switch: gives the processor away, to new_thread if that is a ready thread (hand-off), to
 * anyone if it is MACH_PORT_NULL.  option: SWITCH_OPTION_*, option_time in milliseconds.
 * KERN_SUCCESS; KERN_INVALID_ARGUMENT: option unknown.  A new_thread that is no thread is ignored.
 */
extern kern_return_t thread_switch(mach_port_name_t new_thread, int option,
                                   mach_msg_timeout_t option_time);

/*
 * clock_sleep: sleeps until (TIME_ABSOLUTE) or for (TIME_RELATIVE) a time of that clock; clock_name
 * MACH_PORT_NULL is the real-time clock. wakeup_time, if not null, receives the clock's time at
 * waking, also when aborted. KERN_SUCCESS; KERN_INVALID_ARGUMENT: no such clock;
 * KERN_INVALID_VALUE: bad sleep_type or nanoseconds; KERN_FAILURE: that clock cannot wake;
 * KERN_ABORTED: thread_abort; KERN_INVALID_ADDRESS: wakeup_time cannot be written.
 */
extern kern_return_t clock_sleep(mach_port_name_t clock_name, sleep_type_t sleep_type,
                                 tvalspec_t sleep_time, tvalspec_t *wakeup_time);
extern kern_return_t clock_sleep_trap(mach_port_name_t clock_name, sleep_type_t sleep_type,
                                      int sleep_sec, int sleep_nsec, tvalspec_t *wakeup_time);

/* Short cuts, as the library's functions: contracts in sync.defs, mach.defs, mach_port.defs. */
extern kern_return_t semaphore_signal(semaphore_t semaphore);
extern kern_return_t semaphore_signal_all(semaphore_t semaphore);
extern kern_return_t semaphore_signal_thread(semaphore_t semaphore, mach_port_t thread_act);
extern kern_return_t semaphore_wait(semaphore_t semaphore);
extern kern_return_t semaphore_wait_signal(semaphore_t wait_semaphore,
                                           semaphore_t signal_semaphore);
extern kern_return_t semaphore_timedwait(semaphore_t semaphore, tvalspec_t wait_time);
extern kern_return_t semaphore_timedwait_signal(semaphore_t wait_semaphore,
                                                semaphore_t signal_semaphore,
                                                tvalspec_t wait_time);
extern kern_return_t vm_map(vm_task_t target_task, vm_address_t *address, vm_size_t size,
                            vm_address_t mask, boolean_t anywhere, memory_object_t memory_object,
                            vm_offset_t offset, boolean_t copy, vm_prot_t cur_protection,
                            vm_prot_t max_protection, vm_inherit_t inheritance);
extern kern_return_t vm_allocate(vm_task_t target_task, vm_address_t *address, vm_size_t size,
                                 boolean_t anywhere);
extern kern_return_t vm_deallocate(vm_task_t target_task, vm_address_t address, vm_size_t size);
extern kern_return_t mach_port_allocate(ipc_space_t task, mach_port_right_t right,
                                        mach_port_name_t *name);
extern kern_return_t mach_port_deallocate(ipc_space_t task, mach_port_name_t name);
extern kern_return_t mach_port_insert_right(ipc_space_t task, mach_port_name_t name,
                                            mach_port_t poly, mach_msg_type_name_t polyPoly);

/* … and as the bare traps: MACH_SEND_INVALID_DEST if a name denotes no local object of its kind. */
extern kern_return_t semaphore_signal_trap(mach_port_name_t semaphore);
extern kern_return_t semaphore_signal_all_trap(mach_port_name_t semaphore);
extern kern_return_t semaphore_signal_thread_trap(mach_port_name_t semaphore,
                                                  mach_port_name_t thread_act);
extern kern_return_t semaphore_wait_trap(mach_port_name_t semaphore);
extern kern_return_t semaphore_wait_signal_trap(mach_port_name_t wait_semaphore,
                                                mach_port_name_t signal_semaphore);
extern kern_return_t semaphore_timedwait_trap(mach_port_name_t semaphore, unsigned int sec,
                                              clock_res_t nsec);
extern kern_return_t semaphore_timedwait_signal_trap(mach_port_name_t wait_semaphore,
                                                     mach_port_name_t signal_semaphore,
                                                     unsigned int sec, clock_res_t nsec);
extern kern_return_t syscall_vm_map(mach_port_name_t target_task, vm_address_t *address,
                                    vm_size_t size, vm_address_t mask, boolean_t anywhere,
                                    mach_port_name_t memory_object, vm_offset_t offset,
                                    boolean_t copy, vm_prot_t cur_protection,
                                    vm_prot_t max_protection, vm_inherit_t inheritance);
extern kern_return_t syscall_vm_allocate(mach_port_name_t target_task, vm_address_t *address,
                                         vm_size_t size, boolean_t anywhere);
extern kern_return_t syscall_vm_deallocate(mach_port_name_t target_task, vm_address_t address,
                                           vm_size_t size);
extern kern_return_t syscall_mach_port_allocate(mach_port_name_t task, mach_port_right_t right,
                                                mach_port_name_t *name);
extern kern_return_t syscall_mach_port_deallocate(mach_port_name_t task, mach_port_name_t name);
extern kern_return_t syscall_mach_port_insert_right(mach_port_name_t task, mach_port_name_t name,
                                                    mach_port_name_t poly,
                                                    mach_msg_type_name_t polyPoly);

#endif /* MACH_KERNEL */
#endif
