; SPDX-License-Identifier: BSD-2-Clause
;
; Changing stacks, and the few loads of system registers that C cannot say. Arguments come as the
; kernel's C code passes them: in eax, edx, ecx.
; Read next: context.c.

%include "layout.inc"
%include "fixup.inc"

bits 32

extern cpu_entry, gdt, debug_load, return_to_user
global context_switch, context_start, thread_first_entry
global load_fs, load_gs, descriptors_load, cpu_idle, preemption_point

section .text

; void context_switch(struct machine_thread *from, struct machine_thread *to)
; Saved on the stack that is left:  edi esi ebx ebp return-address.
; fs and gs are the user's and not saved on entry, so they are saved here; when they differ, or one
; of the two uses TLS, debug registers or the FPU, there is more to do.
context_switch:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [eax + MACHINE_SP], esp
        mov     [eax + MACHINE_SEGMENTS], fs
        mov     [eax + MACHINE_SEGMENTS + 2], gs
        mov     esp, [edx + MACHINE_SP]
        mov     ecx, [edx + MACHINE_TOP]
        mov     [cpu_entry + ENTRY_ESP0], ecx
        mov     ebx, [eax + MACHINE_FLAGS]
        or      ebx, [edx + MACHINE_FLAGS]
        mov     ecx, [eax + MACHINE_SEGMENTS]
        xor     ecx, [edx + MACHINE_SEGMENTS]
        or      ecx, ebx
        jnz     .more
.done:  pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret
.more:  test    bl, MACHINE_TLS
        jz      .segments
        lea     esi, [edx + MACHINE_TLS_DESCRIPTORS]
        mov     edi, gdt + 8 * GDT_TLS
        mov     ecx, 2 * TLS_ENTRIES
        rep movsd
.segments:                              ; a selector that cannot be loaded becomes the null selector
        mov     ecx, [edx + MACHINE_SEGMENTS]
.fs:    mov     fs, ecx
.fs_loaded:
        shr     ecx, 16
.gs:    mov     gs, ecx
.gs_loaded:
        test    bl, MACHINE_FPU
        jz      .debug
        test    byte [edx + MACHINE_FLAGS], MACHINE_FPU
        jnz     .fpu_mine
        mov     ecx, cr0                ; its first FPU instruction is to be noticed (fpu.c)
        or      ecx, CR0_TS
        mov     cr0, ecx
        jmp     .debug
.fpu_mine:
        clts
.debug: test    bl, MACHINE_DEBUG
        jz      .done
        mov     eax, edx
        call    debug_load
        jmp     .done
.bad_fs:
        xor     esi, esi
        mov     fs, esi
        jmp     .fs_loaded
.bad_gs:
        xor     ecx, ecx
        mov     gs, ecx
        jmp     .gs_loaded
fixup FIXUP_SEGMENT, .fs, .fs_loaded, .bad_fs
fixup FIXUP_SEGMENT, .gs, .gs_loaded, .bad_gs

; void context_start(struct machine_thread *to)
context_start:
        mov     edx, eax
        mov     esp, [edx + MACHINE_SP]
        mov     ecx, [edx + MACHINE_TOP]
        mov     [cpu_entry + ENTRY_ESP0], ecx
        jmp     context_switch.done

; Where a new thread's first switch returns to: ebx = function, esi = its argument.
thread_first_entry:
        mov     eax, esi
        call    ebx
        mov     esp, [cpu_entry + ENTRY_ESP0]
        sub     esp, FRAME_SIZE
        jmp     return_to_user

; void load_fs(uint32_t selector), void load_gs(uint32_t selector)
; A selector that cannot be loaded becomes the null selector.
load_fs:
.load:  mov     fs, eax
.done:  ret
.bad:   xor     eax, eax
        mov     fs, eax
        ret
fixup FIXUP_SEGMENT, .load, .done, .bad

load_gs:
.load:  mov     gs, eax
.done:  ret
.bad:   xor     eax, eax
        mov     gs, eax
        ret
fixup FIXUP_SEGMENT, .load, .done, .bad

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
