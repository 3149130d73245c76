; SPDX-License-Identifier: BSD-2-Clause
;
; Changing stacks, and the few loads of system registers that C cannot say. Arguments come as the
; kernel's C code passes them: in eax, edx, ecx.
; Read next: context.c.

%include "layout.inc"
%include "fixup.inc"

bits 32

extern cpu_entry, gdt, debug_load, return_to_user, trap_finished
global context_switch, context_finish_trap, context_start, thread_first_entry
global load_fs, load_gs, descriptors_load, cpu_idle, preemption_point

section .text

; Leaves the thread eax for edx. Saved on the stack that is left: edi esi ebx ebp return-address.
; fs and gs are the user's and not saved on entry, so they are saved here; when they differ, or one
; of the two uses TLS, debug registers or the FPU, there is more to do. Changes ebx, ecx, esp.
%macro leave_thread 0
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [eax + MACHINE_SP], esp
        mov     [eax + MACHINE_SEGMENTS], fs
        mov     [eax + MACHINE_SEGMENTS + 2], gs
        mov     ecx, [edx + MACHINE_TOP]
        mov     [cpu_entry + ENTRY_ESP0], ecx
        mov     esp, [edx + MACHINE_SP]
        mov     ebx, [eax + MACHINE_FLAGS]
        or      ebx, [edx + MACHINE_FLAGS]
        mov     ecx, [eax + MACHINE_SEGMENTS]
        xor     ecx, [edx + MACHINE_SEGMENTS]
        or      ecx, ebx
        jz      %%done
        call    registers_switch
%%done:
%endmacro

; void context_switch(struct machine_thread *from, struct machine_thread *to)
context_switch:
        leave_thread
context_arrive:
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

; void context_finish_trap(struct machine_thread *from, struct machine_thread *to)
; What `to` was doing in the kernel is forgotten, with the stack below its frame.
context_finish_trap:
        mov     ecx, [edx + MACHINE_FRAME]
        mov     [edx + MACHINE_SP], ecx
        leave_thread
        jmp     trap_finished

; The registers besides the general ones that differ between eax and edx. ebx = flags of both.
registers_switch:
        test    bl, MACHINE_TLS
        jz      .segments
        mov     ecx, [edx + MACHINE_TLS_DESCRIPTORS]
        mov     [gdt + 8 * GDT_TLS], ecx
        mov     ecx, [edx + MACHINE_TLS_DESCRIPTORS + 4]
        mov     [gdt + 8 * GDT_TLS + 4], ecx
        test    bl, MACHINE_TLS_MORE
        jnz     .more_tls
.segments:
        movzx   ecx, word [edx + MACHINE_SEGMENTS]
.fs:    mov     fs, ecx
.fs_loaded:
        movzx   ecx, word [edx + MACHINE_SEGMENTS + 2]
.gs:    mov     gs, ecx
.gs_loaded:
        test    bl, MACHINE_DEBUG
        jz      .debug_done
        push    edx
        mov     eax, edx
        call    debug_load
        pop     edx
.debug_done:
        test    bl, MACHINE_FPU
        jz      .done
        test    byte [edx + MACHINE_FLAGS], MACHINE_FPU
        jnz     .fpu_mine
        mov     ecx, cr0                ; its first FPU instruction is to be noticed (fpu.c)
        or      ecx, CR0_TS
        mov     cr0, ecx
.done:  ret
.fpu_mine:
        clts
        ret
.more_tls:
        lea     esi, [edx + MACHINE_TLS_DESCRIPTORS + 8]
        mov     edi, gdt + 8 * GDT_TLS + 8
        mov     ecx, 2 * (TLS_ENTRIES - 1)
        rep movsd
        jmp     .segments
fixup FIXUP_SEGMENT, .fs, .fs_loaded, .fs
fixup FIXUP_SEGMENT, .gs, .gs_loaded, .gs

; void context_start(struct machine_thread *to)
context_start:
        mov     edx, eax
        mov     esp, [edx + MACHINE_SP]
        mov     ecx, [edx + MACHINE_TOP]
        mov     [cpu_entry + ENTRY_ESP0], ecx
        jmp     context_arrive

; Where a new thread's first switch returns to: ebx = function.
thread_first_entry:
        call    ebx
        mov     esp, [cpu_entry + ENTRY_ESP0]
        sub     esp, FRAME_SIZE
        jmp     return_to_user

; void load_fs(uint32_t selector), void load_gs(uint32_t selector)
; A selector that cannot be loaded becomes the null selector.
%macro load_segment 1
load_%1:
        mov     ecx, eax
.load:  mov     %1, ecx
.done:  ret
fixup FIXUP_SEGMENT, .load, .done, .load
%endmacro

load_segment fs
load_segment gs

; void descriptors_load(const struct table_register *gdtr, const struct table_register *idtr)
; ds and es are the flat user segment, as after every entry.
descriptors_load:
        lgdt    [eax]
        lidt    [edx]
        mov     eax, SELECTOR_KDATA
        mov     ss, eax
        mov     eax, SELECTOR_UDATA
        mov     ds, eax
        mov     es, eax
        xor     eax, eax
        mov     fs, eax
        mov     gs, eax
        lldt    ax
        mov     eax, SELECTOR_TSS
        ltr     ax
        jmp     SELECTOR_KCODE:.flushed
.flushed:
        ret

; void cpu_idle(void): lets one pending interrupt in, or waits for one.
cpu_idle:
        sti
        hlt
        cli
        ret

; void preemption_point(void)
preemption_point:
        sti
        nop                             ; interrupts come after the instruction that follows sti
        cli
        ret

section .note.GNU-stack noalloc noexec nowrite progbits
