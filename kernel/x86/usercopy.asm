; SPDX-License-Identifier: BSD-2-Clause
;
; Copies to and from user memory (usercopy.h), which every message takes: hence no C around them.
;
; Only the range is checked. A page fault on the way is resolved as one of the user would be,
; blocking if need be, or ends the copy with false: fault.c finds these instructions in the fixup
; table.

%include "layout.inc"

bits 32

global copy_from_user, copy_to_user, copy_from_user_resident

section .text

; bool NAME(to, from, size); %2 and %3 are the stack offsets of the user's address and of the other,
; %4 and %5 the registers that rep movs wants them in; %6 what a page fault means (layout.inc).
%macro user_copy 6
%1:     mov     edx, [esp + %2]
        mov     ecx, [esp + 12]
        mov     eax, USER_TOP
        sub     eax, edx                ; room above the user's address
        jb      .outside
        cmp     ecx, eax
        ja      .outside
        push    esi
        push    edi
        mov     %4, edx
        mov     %5, [esp + 8 + %3]
        mov     edx, ecx
        shr     ecx, 2
.words: rep movsd
        and     edx, 3
        jnz     .tail
.done:  mov     eax, 1
        pop     edi
        pop     esi
        ret
.tail:  mov     ecx, edx
        rep movsb
.end:   jmp     .done
.failed:
        pop     edi
        pop     esi
.outside:
        xor     eax, eax
        ret
fixup %6, .words, .end, .failed
%endmacro

user_copy copy_from_user, 8, 4, esi, edi, FIXUP_COPY
user_copy copy_to_user, 4, 8, edi, esi, FIXUP_COPY
user_copy copy_from_user_resident, 8, 4, esi, edi, FIXUP_RESIDENT

section .note.GNU-stack noalloc noexec nowrite progbits
