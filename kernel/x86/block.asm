; SPDX-License-Identifier: BSD-2-Clause
;
; Clearing and copying in large pieces (block.h), 16 bytes at a time through xmm0. That register is
; whoever's the FPU is at the moment, so it is put back, and so is CR0.TS (fpu.c).

%include "layout.inc"
%include "fixup.inc"

bits 32

global page_clear, page_copy, user_block_copy

section .text

; ebx is kept by C functions, so it is in the stack picture:  xmm0 (16 bytes)  ebx  return-address
%macro borrow 0
        push    ebx
        mov     ebx, cr0
        clts
        sub     esp, 16
        movups  [esp], xmm0
%endmacro
%macro give_back 0
        movups  xmm0, [esp]
        add     esp, 16
        mov     cr0, ebx
        pop     ebx
%endmacro

; void page_clear(void *page: eax)
page_clear:
        borrow
        xorps   xmm0, xmm0
        mov     ecx, PAGE_SIZE
.piece:
%assign i 0
%rep BLOCK_PIECE / 16
        movaps  [eax + i], xmm0
%assign i i + 16
%endrep
        add     eax, BLOCK_PIECE
        sub     ecx, BLOCK_PIECE
        jnz     .piece
        give_back
        ret

; ecx bytes, a multiple of BLOCK_PIECE and not 0, from edx to eax, both of which end up behind them.
%macro copy_pieces 1
        add     eax, ecx
        add     edx, ecx
        neg     ecx
%%piece:
%assign i 0
%rep BLOCK_PIECE / 16
        %1      xmm0, [edx + ecx + i]
        %1      [eax + ecx + i], xmm0
%assign i i + 16
%endrep
        add     ecx, BLOCK_PIECE
        jnz     %%piece
%endmacro

; void page_copy(void *to: eax, const void *from: edx)
page_copy:
        borrow
        mov     ecx, PAGE_SIZE
        copy_pieces movaps
        give_back
        ret

; bool user_block_copy(void *to: eax, const void *from: edx, size_t size: ecx)
user_block_copy:
        push    esi
        push    edi
        borrow
        mov     esi, ecx
        and     ecx, -BLOCK_PIECE
        jz      .rest
.pieces:
        copy_pieces movups
.rest:  mov     ecx, esi
        and     ecx, BLOCK_PIECE - 1
        shr     ecx, 2
        mov     edi, eax
        mov     esi, edx
        rep movsd
.end:   mov     al, 1
.out:   give_back
        pop     edi
        pop     esi
        ret
.failed:
        xor     eax, eax
        jmp     .out
fixup FIXUP_RESIDENT, .pieces, .end, .failed

section .note.GNU-stack noalloc noexec nowrite progbits
