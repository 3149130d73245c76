; SPDX-License-Identifier: BSD-2-Clause
;
; Can this computer's KVM run a 32-bit guest with paging? A Multiboot program that turns paging on,
; touches memory through it and leaves through isa-debug-exit with 42. tools/qemu_machine.py boots
; it before it believes in ACCEL=kvm.
bits 32

section .multiboot
    dd 0x1BADB002, 0, -0x1BADB002

section .text
global start
start:
    mov eax, cr4
    or eax, 0x10            ; 4 MiB pages
    mov cr4, eax
    mov dword [directory], 0x83
    mov eax, directory
    mov cr3, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp .paged
.paged:
    inc dword [touched]
    mov al, 42
    out 0xf4, al
.stop:
    hlt
    jmp .stop

section .bss
align 4096
directory: resb 4096        ; entry 0 maps the first 4 MiB onto themselves
touched: resd 1
