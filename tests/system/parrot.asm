; SPDX-License-Identifier: BSD-2-Clause
;
; A stand-in for the kernel, to test the launchers with (tests/system/scenario.t): a Multiboot
; program that says the script handed in as opt/minato/script on the serial line, until it meets
;   @S   leave through isa-debug-exit with status S: a character, less '0'
;   ^    reset the machine          &    hang          the end: leave with status 0
bits 32

CONFIG_SELECT equ 0x510         ; fw_cfg: write a selector, then read bytes
CONFIG_DATA   equ 0x511
CONFIG_DIRECTORY equ 0x19
SERIAL equ 0x3f8
EXIT   equ 0xf4

section .multiboot
    dd 0x1BADB002, 0, -0x1BADB002

section .text
global start
start:
    mov esp, stack_top
    call find_script
    mov ecx, [size]
.next:
    jecxz .end
    call read_byte
    cmp al, '@'
    je .leave
    cmp al, '^'
    je .reset
    cmp al, '&'
    je .hang
    call say
    dec ecx
    jmp .next
.leave:
    call read_byte
    sub al, '0'
    out EXIT, al
.end:
    mov al, 0
    out EXIT, al
.reset:
    lidt [no_table]
    int3
.hang:
    hlt
    jmp .hang

; Selects the script's file and leaves its length in `size`; without one, leaves with status 99.
find_script:
    mov ax, CONFIG_DIRECTORY
    mov dx, CONFIG_SELECT
    out dx, ax
    call read_number
    mov ecx, eax
.entry:
    call read_number            ; length, selector (the high half), name
    mov [size], eax
    call read_number
    shr eax, 16
    mov ebx, eax
    push ecx
    mov edi, name
    mov ecx, 56
    mov dx, CONFIG_DATA
    rep insb
    mov esi, name
    mov edi, wanted
    mov ecx, wanted_length
    repe cmpsb
    pop ecx
    je .found
    loop .entry
    mov al, 99
    out EXIT, al
.found:
    mov eax, ebx
    mov dx, CONFIG_SELECT
    out dx, ax
    ret

; eax: the next four bytes of fw_cfg, most significant first.
read_number:
    push ecx
    mov ecx, 4
    mov dx, CONFIG_DATA
    xor eax, eax
.byte:
    shl eax, 8
    in al, dx
    loop .byte
    pop ecx
    ret

; al: the next byte of fw_cfg.
read_byte:
    mov dx, CONFIG_DATA
    in al, dx
    ret

; Sends al; a line ends with \r\n, as on a terminal.
say:
    mov dx, SERIAL
    cmp al, 10
    jne .plain
    mov al, 13
    out dx, al
    mov al, 10
.plain:
    out dx, al
    ret

section .data
wanted: db "opt/minato/script", 0
wanted_length equ $ - wanted
no_table: dq 0

section .bss
name: resb 56
size: resd 1
alignb 16
resb 4096
stack_top:
