; SPDX-License-Identifier: BSD-2-Clause
;
; Copies to and from user memory (usercopy.h), which every message takes: hence no C around them.
;
; Only the range is checked. A page fault on the way is resolved as one of the user would be,
; blocking if need be, or ends the copy with false: fault.c finds these instructions in the fixup
; table.

%include "layout.inc"
%include "fixup.inc"

bits 32

global copy_from_user, copy_to_user, copy_from_user_resident, copy_to_user_resident

section .text

; bool NAME(to: eax, from: edx, size: ecx); %2 is the user's address of the two, %3 what a
; page fault means (fixup.inc).
%macro user_copy 3
%1:     push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        mov     edx, USER_TOP
        sub     edx, %2                 ; room above the user's address
        jb      .failed
        cmp     ecx, edx
        ja      .failed
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
        xor     eax, eax
        pop     edi
        pop     esi
        ret
fixup %3, .words, .end, .failed
%endmacro

user_copy copy_from_user, esi, FIXUP_COPY
user_copy copy_to_user, edi, FIXUP_COPY
user_copy copy_from_user_resident, esi, FIXUP_RESIDENT
user_copy copy_to_user_resident, edi, FIXUP_RESIDENT

section .note.GNU-stack noalloc noexec nowrite progbits
