/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register state of an i386 thread: flavors of thread_get_state, thread_set_state,
 * thread_create_running and of exception messages. Each travels as an array of natural_t whose
 * length is the flavor's _COUNT; a shorter buffer gives KERN_INVALID_ARGUMENT. Source: OSF
 * mach/i386/thread_status.h for the general registers; float, TLS and debug are Minato's
 * (docs/differences.md says why).
 */
#ifndef _MACH_THREAD_STATUS_H_
#define _MACH_THREAD_STATUS_H_

#include <mach/vm_types.h>

#ifndef __ASSEMBLER__

typedef int thread_state_flavor_t;
typedef thread_state_flavor_t *thread_state_flavor_array_t;
typedef natural_t *thread_state_t;

#define THREAD_STATE_MAX 144 /* words; the largest flavor is i386_FLOAT_STATE with 128 */
typedef natural_t thread_state_data_t[THREAD_STATE_MAX];

#define THREAD_STATE_FLAVOR_LIST 0 /* get only: the flavors below, one word each */
#define THREAD_STATE_NONE 7        /* exception ports: no state wanted */

/*
 * General registers.  Segment selectors and privileged bits of efl that a user must not set are
 * replaced by safe values; virtual-8086 mode in efl gives KERN_INVALID_ARGUMENT.  esp is where the
 * CPU's pusha would put the kernel's stack pointer: get returns uesp there, set ignores it; uesp is
 * the thread's stack pointer.
 */
#define i386_THREAD_STATE 1
typedef struct i386_thread_state {
    unsigned int gs;
    unsigned int fs;
    unsigned int es;
    unsigned int ds;
    unsigned int edi;
    unsigned int esi;
    unsigned int ebp;
    unsigned int esp;
    unsigned int ebx;
    unsigned int edx;
    unsigned int ecx;
    unsigned int eax;
    unsigned int eip;
    unsigned int cs;
    unsigned int efl;
    unsigned int uesp;
    unsigned int ss;
} i386_thread_state_t;
#define i386_THREAD_STATE_COUNT (sizeof(struct i386_thread_state) / sizeof(unsigned int))

/* FPU and SSE registers: the 512-byte image of the fxsave instruction. */
#define i386_FLOAT_STATE 2
typedef struct i386_float_state {
    unsigned short fcw;          /* x87 control word */
    unsigned short fsw;          /* x87 status word */
    unsigned char ftw;           /* abridged tag word */
    unsigned char reserved1;
    unsigned short fop;          /* last opcode */
    unsigned int fip;            /* last instruction */
    unsigned short fcs;
    unsigned short reserved2;
    unsigned int fdp;            /* last operand */
    unsigned short fds;
    unsigned short reserved3;
    unsigned int mxcsr;          /* set: bits outside mxcsr_mask give KERN_INVALID_ARGUMENT */
    unsigned int mxcsr_mask;     /* get only */
    unsigned char st[8][16];     /* ST(0)..ST(7), 10 bytes each */
    unsigned char xmm[8][16];
    unsigned char reserved4[224];
} i386_float_state_t;
#define i386_FLOAT_STATE_COUNT (sizeof(struct i386_float_state) / sizeof(unsigned int))

/*
 * Segments of the thread: GDT entries 6, 7 and 8 (selectors 0x33, 0x3b, 0x43), as the CPU's 8-byte
 * descriptors.  Set accepts data segments of privilege 3 and all-zero (empty) ones only; another
 * descriptor gives KERN_INVALID_ARGUMENT.
 */
#define i386_TLS_STATE 64
struct i386_descriptor {
    unsigned int low_word;
    unsigned int high_word;
};
#define I386_TLS_ENTRIES 3
#define I386_TLS_FIRST 6 /* index of the first in the GDT */
typedef struct i386_tls_state {
    struct i386_descriptor desc[I386_TLS_ENTRIES];
} i386_tls_state_t;
#define i386_TLS_STATE_COUNT (sizeof(struct i386_tls_state) / sizeof(unsigned int))

/* Debug registers; only user addresses may be watched.  dr4 and dr5 are 0. */
#define i386_DEBUG_STATE 10
typedef struct i386_debug_state {
    unsigned int dr[8];
} i386_debug_state_t;
#define i386_DEBUG_STATE_COUNT (sizeof(struct i386_debug_state) / sizeof(unsigned int))

#define MACHINE_THREAD_STATE i386_THREAD_STATE
#define MACHINE_THREAD_STATE_COUNT i386_THREAD_STATE_COUNT

#endif /* __ASSEMBLER__ */
#endif
