/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions: kinds, masks, behaviours, and the codes i386 gives with them.  An exception of a
 * thread goes to the port registered for its kind with the thread, then the task, then the host; if
 * nobody answers KERN_SUCCESS the task is terminated.  Ports are set with
 * {thread,task,host}_{set,get,swap}_exception_ports (mach_host.defs, minato.defs); what they
 * receive is exc.defs.  Source: OSF mach/exception.h.
 */
#ifndef _MACH_EXCEPTION_H_
#define _MACH_EXCEPTION_H_

#include <mach/port.h>
#include <mach/thread_status.h>
#include <mach/vm_types.h>

typedef int exception_type_t;
typedef integer_t exception_data_type_t;
typedef exception_data_type_t *exception_data_t;
typedef unsigned int exception_mask_t;
typedef int exception_behavior_t;
typedef exception_mask_t *exception_mask_array_t;
typedef exception_behavior_t *exception_behavior_array_t;
typedef thread_state_flavor_t *exception_flavor_array_t;
typedef mach_port_t *exception_port_array_t;
typedef mach_port_t exception_port_t;

#define EXC_BAD_ACCESS 1      /* code: KERN_PROTECTION_FAILURE, …; subcode: the address */
#define EXC_BAD_INSTRUCTION 2 /* code: EXC_I386_INVOP; subcode 0 */
#define EXC_ARITHMETIC 3      /* code: EXC_I386_DIV, … */
#define EXC_EMULATION 4       /* instruction to be emulated */
#define EXC_SOFTWARE 5        /* raised by software; code is its affair */
#define EXC_BREAKPOINT 6      /* code: EXC_I386_SGL, EXC_I386_BPT */
#define EXC_SYSCALL 7         /* system call of a task without emulator; code: its number */
#define EXC_MACH_SYSCALL 8    /* unknown Mach trap; code: its number */
#define EXC_RPC_ALERT 9       /* OSF migrating RPC; never raised */
#define EXC_TYPES_COUNT 10    /* kinds plus one: 0 is none */

#define EXC_MASK_BAD_ACCESS (1 << EXC_BAD_ACCESS)
#define EXC_MASK_BAD_INSTRUCTION (1 << EXC_BAD_INSTRUCTION)
#define EXC_MASK_ARITHMETIC (1 << EXC_ARITHMETIC)
#define EXC_MASK_EMULATION (1 << EXC_EMULATION)
#define EXC_MASK_SOFTWARE (1 << EXC_SOFTWARE)
#define EXC_MASK_BREAKPOINT (1 << EXC_BREAKPOINT)
#define EXC_MASK_SYSCALL (1 << EXC_SYSCALL)
#define EXC_MASK_MACH_SYSCALL (1 << EXC_MACH_SYSCALL)
#define EXC_MASK_RPC_ALERT (1 << EXC_RPC_ALERT)
#define EXC_MASK_ALL                                                                               \
    (EXC_MASK_BAD_ACCESS | EXC_MASK_BAD_INSTRUCTION | EXC_MASK_ARITHMETIC | EXC_MASK_EMULATION |   \
     EXC_MASK_SOFTWARE | EXC_MASK_BREAKPOINT | EXC_MASK_SYSCALL | EXC_MASK_MACH_SYSCALL |          \
     EXC_MASK_RPC_ALERT)
#define EXC_MASK_VALID EXC_MASK_ALL

#define EXCEPTION_DEFAULT 1        /* exception_raise: thread and task ports */
#define EXCEPTION_STATE 2          /* exception_raise_state: registers */
#define EXCEPTION_STATE_IDENTITY 3 /* exception_raise_state_identity: both */

#define EXCEPTION_CODE_MAX 2 /* code, subcode */
#define FIRST_EXCEPTION 1

/* i386: codes of EXC_BAD_INSTRUCTION, EXC_ARITHMETIC, EXC_SOFTWARE, EXC_BREAKPOINT. */
#define EXC_I386_INVOP 1     /* invalid opcode */
#define EXC_I386_INVTSSFLT 10 /* bad task state segment */
#define EXC_I386_SEGNPFLT 11 /* segment not present */
#define EXC_I386_STKFLT 12   /* stack segment */
#define EXC_I386_GPFLT 13    /* general protection */
#define EXC_I386_ALIGNFLT 17 /* alignment */
#define EXC_I386_DIV 1       /* division by zero or overflow */
#define EXC_I386_INTO 2      /* into */
#define EXC_I386_NOEXT 3     /* no FPU */
#define EXC_I386_EXTOVR 4    /* FPU operand out of segment */
#define EXC_I386_EXTERR 5    /* FPU error; subcode: its status word */
#define EXC_I386_EMERR 6     /* FPU emulator error */
#define EXC_I386_BOUND 7     /* bound */
#define EXC_I386_SSEEXTERR 8 /* SSE error; subcode: mxcsr */
#define EXC_I386_SGL 1       /* single step or debug register */
#define EXC_I386_BPT 2       /* int3 */

#endif
