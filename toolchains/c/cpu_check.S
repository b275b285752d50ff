// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// Entry of the files for 32-bit ARM, in code that every ARM since ARMv4T can run: a core that lacks what the file needs is
// told so in one line, exit 1, instead of dying by an illegal instruction in musl's first function.
// DC_HWCAP: masks of AT_HWCAP, of each of which a bit has to be set; DC_MESSAGE: the line. Both by toolchains/nuitka.py.
    .syntax unified
    .arch armv4t
    .arm
    .text
    .global dc_cpu_check
    .type dc_cpu_check, %function
dc_cpu_check:
    // At entry sp points at argc, argv..., 0, envp..., 0, auxv pairs. sp and r0 stay as they are for musl.
    mov     r8, r0
    ldr     r1, [sp]
    add     r4, sp, r1, lsl #2
    add     r4, r4, #8
1:  ldr     r1, [r4], #4
    cmp     r1, #0
    bne     1b
    mov     r5, #0
2:  ldr     r1, [r4], #4
    ldr     r2, [r4], #4
    cmp     r1, #16                 // AT_HWCAP
    moveq   r5, r2
    cmp     r1, #0                  // AT_NULL
    bne     2b
    ldr     r1, =masks
3:  ldr     r2, [r1], #4
    cmp     r2, #0
    beq     4f
    tst     r5, r2
    bne     3b
    mov     r0, #2
    ldr     r1, =message
    ldr     r2, =message_size
    mov     r7, #4                  // write
    svc     #0
    mov     r0, #1
    mov     r7, #1                  // exit
    svc     #0
4:  mov     r0, r8
    ldr     r1, =_start
    bx      r1
    .ltorg
    .section .rodata
    .balign 4
masks:
    .word DC_HWCAP, 0
message:
    .ascii "aws-iot-device-client: " DC_MESSAGE "\n"
    .equ message_size, . - message
