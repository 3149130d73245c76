; SPDX-License-Identifier: BSD-2-Clause
;
; Is this a processor we can run on? If not, says in words what it lacks, on the serial line and on
; the screen, and stops. Runs before paging, at physical addresses. Called by start.asm.

bits 32

COM1            equ 0x3F8
LINE_STATUS     equ COM1 + 5
SCREEN          equ 0xB8000
DEBUG_EXIT      equ 0xF4                ; QEMU's isa-debug-exit, if it is there
STATUS_REFUSED  equ 126                 ; MACHINE_STATUS_REFUSED (kernel/x86/boot.h)
EFLAGS_ID       equ 1 << 21
CPUID_SEP       equ 1 << 11

global check_cpu, refuse

section .boot progbits alloc exec nowrite align=16

; Returns when the processor has everything. Clobbers all but ebp and esp.
check_cpu:
        pushfd                          ; without CPUID, EFLAGS.ID cannot be changed
        pop     eax
        mov     ecx, eax
        xor     eax, EFLAGS_ID
        push    eax
        popfd
        pushfd
        pop     eax
        mov     esi, no_cpuid
        cmp     eax, ecx
        je      refuse

        xor     eax, eax
        cpuid
        test    eax, eax
        jz      refuse
        push    ebx                     ; the vendor's first four letters
        mov     eax, 1
        cpuid
        pop     ebx
        mov     edi, features
.next:  mov     ecx, [edi]              ; its bit in edx
        jecxz   .sep
        mov     esi, [edi + 4]
        test    edx, ecx
        jz      refuse
        add     edi, 8
        jmp     .next

        ; Intel's Pentium Pro: CPUID promises SYSENTER before model 3, stepping 3, in error.
.sep:   cmp     ebx, "Genu"
        jne     .fine
        mov     ecx, eax
        shr     ecx, 8
        and     ecx, 15
        cmp     ecx, 6
        jne     .fine
        test    eax, 0xF00F0000         ; extended family or model: much younger
        jnz     .fine
        and     eax, 0xFF
        mov     esi, early_sep
        cmp     eax, 0x33
        jb      refuse
.fine:  ret

; Prints the text at esi and stops the machine with a failure. Needs no stack.
refuse:
        mov     edi, SCREEN
        mov     dx, COM1 + 1
        xor     eax, eax
        out     dx, al                  ; no interrupts
        mov     dx, COM1 + 3
        mov     al, 0x80
        out     dx, al
        mov     dx, COM1
        mov     ax, 1                   ; 115200 baud
        out     dx, al
        mov     dx, COM1 + 1
        mov     al, ah
        out     dx, al
        mov     dx, COM1 + 3
        mov     al, 3                   ; 8 bits, no parity
        out     dx, al
.next:  lodsb
        test    al, al
        jz      .end
        mov     ah, 0x4F                ; white on red
        stosw
        mov     ecx, 100000             ; a line that is not there never gets ready
        mov     ah, al
        mov     dx, LINE_STATUS
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        mov     dx, COM1
        mov     al, ah
        out     dx, al
        jmp     .next
.end:   mov     al, 10
        out     dx, al
        mov     dx, DEBUG_EXIT
        mov     eax, STATUS_REFUSED
        out     dx, eax
.halt:  cli
        hlt
        jmp     .halt

align 4
features:                               ; CPUID leaf 1, bit of edx and what to say without it
        dd 1 << 0, no_fpu
        dd 1 << 3, no_pse
        dd 1 << 4, no_tsc
        dd 1 << 5, no_msr
        dd CPUID_SEP, no_sep
        dd 1 << 13, no_pge
        dd 1 << 15, no_cmov
        dd 1 << 24, no_fxsr
        dd 1 << 25, no_sse
        dd 0

%macro lacks 2
%1:     db "Minato cannot run on this processor: it lacks ", %2
        db ". A Pentium III or later is needed (QEMU: -cpu qemu32 or better).", 0
%endmacro

lacks no_cpuid, "the CPUID instruction"
lacks no_fpu,   "a floating point unit (FPU)"
lacks no_pse,   "4 MiB pages (PSE)"
lacks no_tsc,   "a time stamp counter (TSC)"
lacks no_msr,   "model specific registers (MSR)"
lacks no_sep,   "fast system calls (SEP)"
lacks early_sep, "fast system calls (SEP: an early Pentium Pro promises them in error)"
lacks no_pge,   "global pages (PGE)"
lacks no_cmov,  "conditional moves (CMOV)"
lacks no_fxsr,  "fast saving of FPU registers (FXSR)"
lacks no_sse,   "SSE"

section .note.GNU-stack noalloc noexec nowrite progbits
