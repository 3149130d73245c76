; SPDX-License-Identifier: BSD-2-Clause
;
; The traps: one line per call at the end of this file, under the C name of <mach/mach_traps.h>.
;
; At the trap the user stack looks as the C call left it, and the kernel reads it there:
;
;       ecx = esp ->  return address of the C call
;                     first argument
;                     second argument ...
;
; eax is the trap's number and then its result; edx is where the kernel comes back to; ecx and edx
; are lost, all else is kept. A function here may therefore go on to a C function of the same
; arguments by a plain jump, and that is how the fall-backs work. The numbers are made from
; include/mach/syscall_sw.h by the build (tools/user.mk).

%include "mach/syscall_sw.inc"

MACH_SEND_INVALID_DEST equ 0x10000003

extern mach_msg_interrupted

; Opens function %1.
%macro function 1
section .text.%1 progbits alloc exec nowrite align=16
global %1:function (%1.end - %1)
%1:
%endmacro

; Traps with number %1 and comes back to the next line.
%macro enter_kernel 1
    mov     eax, MACH_TRAP_%1
    mov     ecx, esp
    mov     edx, %%back
    sysenter
%%back:
%endmacro

; trap NAME [, SLOT]: the trap, bare. SLOT is its name in syscall_sw.h if that is another.
%macro trap 1-2
function %1
%if %0 == 2
    enter_kernel %2
%else
    enter_kernel %1
%endif
    ret
.end:
%endmacro

; short_cut NAME, SLOT: the trap; and if the first argument denotes no local kernel object, the
; message instead, which the MIG stub NAME_rpc sends (user/lib/mach/*.defs name it so).
%macro short_cut 2
extern %1_rpc
function %1
    enter_kernel %2
    cmp     eax, MACH_SEND_INVALID_DEST
    je      %1_rpc
    ret
.end:
%endmacro

; mach_msg: like the trap, but a half that thread_abort interrupted may have to be repeated
; (user/lib/mach/msg.c). mach_msg_interrupted takes the result in eax, the rest on the stack.
function mach_msg
    enter_kernel mach_msg_trap
    test    eax, eax
    jnz     .look
    ret
.look:
    jmp     mach_msg_interrupted
.end:

trap mach_msg_trap
trap mach_msg_overwrite_trap
trap mach_reply_port
trap mach_thread_self
trap mach_task_self
trap mach_host_self
trap swtch_pri
trap swtch
trap thread_switch
trap clock_sleep_trap
trap clock_sleep, clock_sleep_trap

trap semaphore_signal_trap
trap semaphore_signal_all_trap
trap semaphore_signal_thread_trap
trap semaphore_wait_trap
trap semaphore_wait_signal_trap
trap semaphore_timedwait_trap
trap semaphore_timedwait_signal_trap
short_cut semaphore_signal, semaphore_signal_trap
short_cut semaphore_signal_all, semaphore_signal_all_trap
short_cut semaphore_signal_thread, semaphore_signal_thread_trap
short_cut semaphore_wait, semaphore_wait_trap
short_cut semaphore_wait_signal, semaphore_wait_signal_trap
short_cut semaphore_timedwait, semaphore_timedwait_trap
short_cut semaphore_timedwait_signal, semaphore_timedwait_signal_trap

trap syscall_vm_map, vm_map
trap syscall_vm_allocate, vm_allocate
trap syscall_vm_deallocate, vm_deallocate
trap syscall_mach_port_allocate, mach_port_allocate
trap syscall_mach_port_deallocate, mach_port_deallocate
trap syscall_mach_port_insert_right, mach_port_insert_right
short_cut vm_map, vm_map
short_cut vm_allocate, vm_allocate
short_cut vm_deallocate, vm_deallocate
short_cut mach_port_allocate, mach_port_allocate
short_cut mach_port_deallocate, mach_port_deallocate
short_cut mach_port_insert_right, mach_port_insert_right

section .note.GNU-stack noalloc noexec nowrite progbits
