; SPDX-License-Identifier: BSD-2-Clause
;
; The first instructions: from the Multiboot loader's hands to C code in the higher half.
;
; The loader leaves us in 32-bit protected mode without paging, eax = its magic number, ebx = the
; physical address of its information. This file checks both the loader and (check.asm) the
; processor, turns paging on with 4 MiB pages and jumps to where the kernel is linked. Section .boot
; is linked at its physical address; all else is linked KERNEL_BASE higher (linker.ld).
; Read next: kernel/x86/boot.c, boot_main.

bits 32

KERNEL_BASE     equ 0xC0000000
DIRECT_ENTRIES  equ 224                 ; 4 MiB pages of the direct map: DIRECT_MAP_MAX / 4 MiB

MULTIBOOT_MAGIC equ 0x1BADB002
LOADER_MAGIC    equ 0x2BADB002
MULTIBOOT_FLAGS equ 3                   ; page-aligned modules, memory information

PDE_KERNEL      equ 0x83                ; present, writable, 4 MiB
PDE_GLOBAL      equ 0x100
CR4_PSE_PGE     equ 0x90
CR0_PG_WP_NE_MP equ 0x80010022

extern boot_main
extern check_cpu, refuse
global start, boot_directory, boot_stack, boot_stack_top

section .boot.header progbits alloc noexec nowrite align=4
        dd MULTIBOOT_MAGIC
        dd MULTIBOOT_FLAGS
        dd -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

section .boot progbits alloc exec nowrite align=16
start:
        cli
        cld
        mov     esp, boot_stack_top - KERNEL_BASE
        mov     esi, no_multiboot
        cmp     eax, LOADER_MAGIC
        jne     refuse
        mov     ebp, ebx                ; check_cpu leaves ebp alone
        call    check_cpu

        ; The same physical memory twice: where we run now (the first 4 MiB), and KERNEL_BASE up.
        mov     edi, boot_directory - KERNEL_BASE
        mov     eax, PDE_KERNEL
        mov     [edi], eax
        or      eax, PDE_GLOBAL
        mov     ecx, DIRECT_ENTRIES
        add     edi, (KERNEL_BASE >> 22) * 4
.entry: stosd
        add     eax, 4 << 20
        loop    .entry

        mov     eax, CR4_PSE_PGE        ; the loader's other bits, if any, are not wanted
        mov     cr4, eax
        mov     eax, boot_directory - KERNEL_BASE
        mov     cr3, eax
        mov     eax, cr0
        and     eax, ~0x6004000C        ; CD, NW, AM, TS, EM off
        or      eax, CR0_PG_WP_NE_MP
        mov     cr0, eax
        mov     eax, higher_half
        jmp     eax

no_multiboot:
        db "Minato: not started by a Multiboot loader (try qemu-system-i386 -kernel, or GRUB's "
        db "multiboot command).", 0

section .text
higher_half:
        mov     esp, boot_stack_top
        mov     eax, cr4
        or      eax, 0x600              ; OSFXSR, OSXMMEXCPT: SSE for user programs
        mov     cr4, eax
        mov     eax, ebp                ; physical address of the Multiboot information
        xor     ebp, ebp                ; the end of every back trace
        call    boot_main               ; does not return

section .bss
        alignb  4096
boot_directory: resb 4096               ; becomes kernel_pmap's directory
boot_stack:     resb 8192               ; until the first thread runs
boot_stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
