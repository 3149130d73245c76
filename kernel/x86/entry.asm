; SPDX-License-Identifier: BSD-2-Clause
;
; Every way into the kernel and every way out.
;
; In: `sysenter` (fast traps), `int 0x81` (the same traps), `int 0x80` (somebody else's traps, which a
; task can have sent back to itself), exceptions, interrupts. All but `int 0x80` leave the user's registers in a struct trap_frame (frame.h) at the top of the kernel stack:
;
;     tss.esp0 ->  machine_thread *      (one word, context.c)
;                  ss esp eflags cs eip  pushed by the processor, or stored by the sysenter entry
;                  error vector          0 where the processor pushes none
;                  eax ecx edx ebx - ebp esi edi
;                  ds es
;     frame    ->  how                   HOW_SYSENTER, HOW_FULL, HOW_SET
;
; The kernel runs with interrupts off, flat ds and es, and never touches fs and gs: those stay the
; user's and are switched with the thread (switch.asm). Exceptions in the kernel itself push the
; same frame without esp and ss, deeper in the stack.
;
; Out: by `sysexit` when the frame is as sysenter left it, by `iret` otherwise, after looking at the
; processor's ast word. A C function keeps ebx, esi, edi and ebp, so the fast way out does not load
; them; what must differ is set in the frame, with how = HOW_SET.
; Read next: fault.c (exceptions), switch.asm.

%include "layout.inc"
%include "fixup.inc"

bits 32

extern cpu_entry, cpus, trap_table, trap_count, trap_bound, trace_trap
extern page_fault, exception_dispatch, v86_entry, interrupt_dispatch, return_to_user_checks
extern redirect_failed
global sysenter_entry, sysenter_entry_end, sysenter_traced, trap_entry, redirect_entry, vector_entries
global trap_finished, return_to_user, return_load_es, return_load_ds, return_iret

section .text

; What follows error code and vector in every frame but sysenter's. Changes edx, on the way from
; virtual-8086 mode all. Nobody may get there: the processor must ignore EFLAGS.VM in a user's iret.
; QEMU 7.2 does not, and then pushes four segment registers above ss.
%macro save_registers 0
        pushad
        push    ds
        push    es
        push    HOW_FULL
        mov     edx, SELECTOR_UDATA
        mov     ds, edx
        mov     es, edx
        cld
        test    byte [esp + FRAME_EFLAGS + 2], EFLAGS_VM >> 16
        jnz     from_v86
%endmacro

; ---- traps ---------------------------------------------------------------------------------

; eax = trap number, ecx = user esp, edx = where to return. esp = &tss.esp0. The user's ds and es
; may be anything, as may EFLAGS: TF raises a debug exception here (-> sysenter_traced, fault.c), NT
; would make an iret a task switch, DF turn string instructions round. Leaves ds and es flat, and
; the flags clobbered, as after a C call.
sysenter_entry:
        mov     esp, [esp]
sysenter_entry_end:
        sub     esp, FRAME_SIZE
        mov     [esp + FRAME_EIP], edx
        mov     [esp + FRAME_ESP], ecx
        mov     [esp + FRAME_EBX], ebx
        mov     [esp + FRAME_ESI], esi
        mov     [esp + FRAME_EDI], edi
        mov     [esp + FRAME_EBP], ebp
        mov     edx, SELECTOR_UDATA
        mov     ds, edx
        mov     es, edx
        mov     dword [esp + FRAME_HOW], HOW_SYSENTER
        push    EFLAGS_FIXED
        popfd

; eax = number, ecx = user esp, esp = frame. The arguments lie above one return address.
trap_dispatch:
        mov     edx, [cpus + CPU_TASK]
        inc     dword [edx + TASK_TRAPS]
        cmp     eax, [trap_bound]
        jae     trap_beyond
trap_known:
        cmp     ecx, USER_TOP - 4 - 4 * TRAP_WORDS_MAX
        ja      trap_high_stack
trap_copy:
        mov     edx, [trap_table + eax * 8 + 4]
        mov     eax, [trap_table + eax * 8]
        jmp     [copy_words + edx * 4]

        ; A page fault in here is resolved, or ends at trap_bad_stack.
copy_start:
%assign i TRAP_WORDS_MAX
%rep TRAP_WORDS_MAX
copy_%+i:
        push    dword [ecx + 4 * i]
%assign i i - 1
%endrep
call_trap:
        call    eax

; eax = the trap's result.
trap_return:
        mov     esp, [cpu_entry + ENTRY_ESP0]
        mov     edx, [cpus + CPU_AST]
        or      edx, [esp - FRAME_SIZE + FRAME_HOW]
        jnz     trap_return_slowly
        mov     edx, [esp - FRAME_SIZE + FRAME_EIP]
        mov     ecx, [esp - FRAME_SIZE + FRAME_ESP]
        sti                             ; takes effect after the next instruction
        sysexit

; Where a thread goes on whose trap has been finished for it, with success (context_finish_trap).
; esp = its frame; the C functions that would have given these registers back are forgotten.
trap_finished:
        mov     ebx, [esp + FRAME_EBX]
        mov     esi, [esp + FRAME_ESI]
        mov     edi, [esp + FRAME_EDI]
        mov     ebp, [esp + FRAME_EBP]
        xor     eax, eax
        mov     edx, [cpus + CPU_AST]
        or      edx, [esp + FRAME_HOW]
        jnz     trap_return
        mov     edx, [esp + FRAME_EIP]
        mov     ecx, [esp + FRAME_ESP]
        sti
        sysexit

copy_0: test    eax, eax
        jz      trap_unknown
        call    eax
        jmp     trap_return

; There is no such trap; or the bound is 0, because events are recorded (kern/trace.c).
trap_beyond:
        cmp     byte [cpus + CPU_TRACING], 0
        je      trap_unknown
        push    eax
        push    ecx
        call    trace_trap
        pop     ecx
        pop     eax
        cmp     eax, [trap_count]
        jb      trap_known
trap_unknown:
        mov     eax, KERN_INVALID_ARGUMENT
        jmp     trap_return

trap_bad_stack:
        mov     eax, KERN_INVALID_ADDRESS
        jmp     trap_return
fixup FIXUP_COPY, copy_start, call_trap, trap_bad_stack

; The user esp is near or above USER_TOP: is it still below with the words that this trap takes?
trap_high_stack:
        mov     edx, [trap_table + eax * 8 + 4]
        test    edx, edx
        jz      trap_copy
        cmp     ecx, USER_TOP
        ja      trap_bad_stack
        lea     edx, [ecx + edx * 4 + 4]
        cmp     edx, USER_TOP
        ja      trap_bad_stack
        jmp     trap_copy

; sysenter with TF set: as above, but all registers are stored, TF among them, so that the way back
; is iret and the thread goes on stepping.
sysenter_traced:
        mov     esp, [ss:cpu_entry + ENTRY_ESP0] ; ds is still the user's
        push    SELECTOR_UDATA          ; ss
        push    ecx
        push    EFLAGS_FIXED | EFLAGS_IF | EFLAGS_TF
        push    SELECTOR_UCODE
        push    edx
        push    0
        push    0x81
        save_registers
        push    EFLAGS_FIXED
        popfd
        jmp     trap_dispatch

; int 0x81: the same trap, for whoever has no sysenter or wants all registers kept.
trap_entry:
        push    0
        push    0x81
        save_registers
        mov     ecx, [esp + FRAME_ESP]
        jmp     trap_dispatch

; int 0x80, redirected: pushes the return address on the user's stack, as a `call` would, and goes on at
; the task's emulation vector. No frame is stored, and ds and es stay the user's:
;
;     tss.esp0 ->  machine_thread *
;                  ss esp eflags cs eip  pushed by the processor; esp and eip are changed here
;     esp ->       ecx eax
;
; The page is not resolved in here: what does not work at once is as if the instruction had faulted
; (fault.c, redirect_failed), which may block, and is tried again.
redirect_entry:
        push    ecx
        push    eax
        mov     ecx, [ss:cpus + CPU_TASK]
        mov     eax, [esp + 20]         ; user esp
        cmp     dword [ss:ecx + TASK_EMULATION], 0
        je      .failed
        cmp     word [esp + 24], SELECTOR_UDATA
        jne     .failed                 ; not the flat stack segment: eax is no address
        sub     eax, 4
        cmp     eax, USER_TOP - 4
        ja      .failed
        mov     ecx, [esp + 8]          ; where it came from: behind the instruction
.push:  mov     [ss:eax], ecx
.pushed:
        mov     [esp + 20], eax
        mov     ecx, [ss:cpus + CPU_TASK]
        inc     dword [ss:ecx + TASK_REDIRECTED]
        mov     eax, [ss:ecx + TASK_EMULATION]
        mov     [esp + 8], eax
        pop     eax
        pop     ecx
        test    dword [esp + 8], EFLAGS_TF | EFLAGS_VM
        jz      return_iret
        push    0                       ; as if the step had ended by itself, at the vector
        push    1
        jmp     exception_common
.failed:
        pop     eax
        pop     ecx
        push    0
        push    0x80
        save_registers
        mov     eax, esp
        call    redirect_failed
        jmp     return_from_exception
fixup FIXUP_RESIDENT, redirect_entry.push, redirect_entry.pushed, redirect_entry.failed

; The frame is not plain, or there is work to do first. eax = result, esp = tss.esp0.
trap_return_slowly:
        sub     esp, FRAME_SIZE
        cmp     dword [esp + FRAME_HOW], HOW_SET
        je      return_to_user
        mov     [esp + FRAME_EAX], eax

; ---- the way out ---------------------------------------------------------------------------

; esp = the thread's frame.
return_to_user:
        cmp     dword [cpus + CPU_AST], 0
        jne     .checks
        cmp     dword [esp + FRAME_HOW], HOW_SYSENTER
        jne     return_full
        mov     eax, [esp + FRAME_EAX]
        mov     edx, [esp + FRAME_EIP]
        mov     ecx, [esp + FRAME_ESP]
        sti
        sysexit
.checks:
        call    return_to_user_checks
        jmp     return_to_user

; To wherever the frame says, user or kernel. The three marked instructions fault when a selector
; has become bad since it was loaded (fault.c, user_return_failed).
return_full:
return_load_es:
        mov     es, [esp + FRAME_ES]
return_load_ds:
        mov     ds, [esp + FRAME_DS]
        add     esp, FRAME_EDI
        popad
        add     esp, FRAME_EIP - FRAME_VECTOR
return_iret:
        iretd

; ---- exceptions and interrupts -------------------------------------------------------------

; The processor has pushed (an error code or) eip and what is above it; the vector is on top.
exception_common:
        save_registers
        mov     eax, esp
        call    exception_dispatch
        jmp     return_from_exception

interrupt_common:
        save_registers
        mov     eax, esp
        call    interrupt_dispatch
        jmp     return_from_exception

from_v86:
        mov     eax, esp
        call    v86_entry
        jmp     return_from_exception

vector_14:                              ; a page fault
        push    14
        save_registers
        mov     eax, cr2
        mov     edx, esp
        call    page_fault
        ; falls through

; eax = the frame to leave by.
return_from_exception:
        mov     esp, eax
        test    byte [esp + FRAME_CS], 3
        jnz     return_to_user
        jmp     return_full

section .rodata
        align   4
vector_entries:                         ; for the IDT, descriptor.c

; The processor pushes an error code with vectors 8, 10..14 and 17.
%assign i 0
%rep 48
section .rodata
        dd      vector_%+i
section .text
%if i != 14
vector_%+i:
    %if i != 8 && (i < 10 || i > 14) && i != 17
        push    0
    %endif
        push    i
    %if i < 32
        jmp     exception_common
    %else
        jmp     interrupt_common
    %endif
%endif
%assign i i + 1
%endrep

section .rodata
copy_words:                             ; by number of words
%assign i 0
%rep TRAP_WORDS_MAX + 1
        dd      copy_%+i
%assign i i + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
