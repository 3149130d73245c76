// SPDX-License-Identifier: BSD-2-Clause
// What a thread may have for itself of the processor's tables: three TLS segments in the GDT, and
// the debug registers.
#include <mach/vm_param.h>
#include "x86/machine.h"

// Bits of the high word of a descriptor.
#define DESCRIPTOR_ACCESSED 0x100u
#define DESCRIPTOR_CODE 0x800u
#define DESCRIPTOR_MEMORY 0x1000u // not a system segment
#define DESCRIPTOR_DPL3 0x6000u
#define DESCRIPTOR_PRESENT 0x8000u
#define DESCRIPTOR_LONG 0x200000u // reserved here

#define DR7_ENABLE 0xFFu      // local and global enables of the four breakpoints
#define DR7_FIXED 0x400u      // always 1
#define DR7_GENERAL 0x2000u   // trap on access to debug registers: not the user's affair
#define DR7_USER 0xFFFF03FFu
#define DR6_FIXED 0xFFFF0FF0u

static bool tls_valid(const struct i386_descriptor *d)
{
    uint32_t must = DESCRIPTOR_MEMORY | DESCRIPTOR_DPL3 | DESCRIPTOR_PRESENT;

    if (d->low_word == 0 && d->high_word == 0)
        return true;
    return (d->high_word & (must | DESCRIPTOR_CODE | DESCRIPTOR_LONG)) == must;
}

kern_return_t tls_set(struct machine_thread *m, const struct i386_tls_state *state)
{
    uint32_t any = 0;

    for (unsigned i = 0; i < TLS_ENTRIES; i++) {
        if (!tls_valid(&state->desc[i]))
            return KERN_INVALID_ARGUMENT;
        if (state->desc[i].high_word)
            any |= i == 0 ? MACHINE_TLS : MACHINE_TLS | MACHINE_TLS_MORE;
    }
    for (unsigned i = 0; i < TLS_ENTRIES; i++) {
        uint32_t high = state->desc[i].high_word;

        // Marked as accessed, so that the processor never writes to the GDT.
        high |= high ? DESCRIPTOR_ACCESSED : 0;
        m->tls[i] = (uint64_t)high << 32 | state->desc[i].low_word;
    }
    m->flags = (m->flags & ~(MACHINE_TLS | MACHINE_TLS_MORE)) | any;
    if (machine_is_current(m)) {
        uint16_t fs = read_fs(), gs = read_gs();

        memcpy(&gdt[GDT_TLS], m->tls, sizeof m->tls);
        load_fs(fs);
        load_gs(gs);
    }
    return KERN_SUCCESS;
}

void debug_load(const struct machine_thread *m)
{
    uint32_t enabled = 0;

    if (m->flags & MACHINE_DEBUG) {
        __asm__ volatile("movl %0, %%dr0" : : "r"(m->debug[0]));
        __asm__ volatile("movl %0, %%dr1" : : "r"(m->debug[1]));
        __asm__ volatile("movl %0, %%dr2" : : "r"(m->debug[2]));
        __asm__ volatile("movl %0, %%dr3" : : "r"(m->debug[3]));
        __asm__ volatile("movl %0, %%dr6" : : "r"(DR6_FIXED));
        enabled = m->debug[7];
    }
    __asm__ volatile("movl %0, %%dr7" : : "r"(enabled | DR7_FIXED));
}

kern_return_t debug_set(struct machine_thread *m, const struct i386_debug_state *state)
{
    if (state->dr[7] & DR7_GENERAL)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < 4; i++) {
        unsigned kind = state->dr[7] >> (16 + 4 * i) & 15;

        // Up to 4 bytes may be watched from the address on. A breakpoint of length 8 or on I/O
        // ports (needs CR4.DE) is not offered.
        if (state->dr[i] > VM_MAX_ADDRESS - 4 || (kind & 3) == 2 || (kind >> 2) == 2)
            return KERN_INVALID_ARGUMENT;
    }
    memcpy(m->debug, state->dr, sizeof m->debug);
    m->debug[4] = m->debug[5] = 0;
    m->debug[7] &= DR7_USER;
    m->flags = m->debug[7] & DR7_ENABLE ? m->flags | MACHINE_DEBUG : m->flags & ~MACHINE_DEBUG;
    if (machine_is_current(m))
        debug_load(m);
    return KERN_SUCCESS;
}

uint32_t debug_take_status(void)
{
    uint32_t status;

    __asm__ volatile("movl %%dr6, %0" : "=r"(status));
    __asm__ volatile("movl %0, %%dr6" : : "r"(DR6_FIXED));
    return status;
}
