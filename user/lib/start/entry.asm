; SPDX-License-Identifier: BSD-2-Clause
;
; Where every program begins. The stack is as the i386 System V ABI has it:
;
;       esp ->  argc
;               argv[0] ... argv[argc - 1], 0
;               environment strings ..., 0
;
; Next: libmach_start in start.c.

extern libmach_start

section .text._start progbits alloc exec nowrite align=16
global _start:function
_start:
    xor     ebp, ebp            ; the outermost frame
    mov     eax, esp
    and     esp, -16
    sub     esp, 12
    push    eax
    call    libmach_start
    ud2                         ; it does not return

section .note.GNU-stack noalloc noexec nowrite progbits
