// SPDX-License-Identifier: BSD-2-Clause
// thread_get_state and thread_set_state: the flavors of <mach/thread_status.h>.
//
// No state can give a thread rights that it does not have: selectors that are not the user's and
// privileged flags are replaced by safe values, descriptors and debug registers are checked. What
// becomes bad later (a selector whose TLS segment is emptied) faults on the way out, see fault.c.
#include "x86/machine.h"

#define EFLAGS_USER \
    (EFLAGS_ARITHMETIC | EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_RF | EFLAGS_AC | EFLAGS_ID)

_Static_assert(offsetof(struct i386_thread_state, eip) - offsetof(struct i386_thread_state, es) ==
                   FRAME_GENERAL_SIZE, "es to eax lie alike in state and frame");

static kern_return_t general_get(struct machine_thread *m, struct i386_thread_state *s)
{
    struct trap_frame *f = m->frame;
    bool live = machine_is_current(m);

    frame_complete(f);
    memcpy(&s->es, &f->es, FRAME_GENERAL_SIZE);
    s->gs = live ? read_gs() : m->gs;
    s->fs = live ? read_fs() : m->fs;
    s->es &= 0xFFFF;
    s->ds &= 0xFFFF;
    s->esp = s->uesp = f->esp;
    s->eip = f->eip;
    s->cs = f->cs & 0xFFFF;
    s->efl = f->eflags;
    s->ss = f->ss & 0xFFFF;
    return KERN_SUCCESS;
}

// `selector` if it denotes data that `m` may use, else `safe`.
static uint16_t data_selector(const struct machine_thread *m, uint32_t selector, uint16_t safe)
{
    unsigned index = (selector & 0xFFFF) >> 3;

    if ((selector & 7) != 3) // privilege 3, in the GDT
        return safe;
    if (index == SELECTOR_UDATA >> 3)
        return SELECTOR_UDATA;
    if (index >= GDT_TLS && index < GDT_TLS + TLS_ENTRIES && m->tls[index - GDT_TLS])
        return (uint16_t)selector;
    return safe;
}

static kern_return_t general_set(struct machine_thread *m, const struct i386_thread_state *s)
{
    struct trap_frame *f = m->frame;

    if (s->efl & EFLAGS_VM)
        return KERN_INVALID_ARGUMENT;
    m->fs = data_selector(m, s->fs, 0);
    m->gs = data_selector(m, s->gs, 0);
    if (machine_is_current(m)) {
        load_fs(m->fs);
        load_gs(m->gs);
    }
    f->how = HOW_SET;
    memcpy(&f->es, &s->es, FRAME_GENERAL_SIZE);
    f->es = data_selector(m, s->es, SELECTOR_UDATA);
    f->ds = data_selector(m, s->ds, SELECTOR_UDATA);
    f->ss = data_selector(m, s->ss, SELECTOR_UDATA);
    f->cs = SELECTOR_UCODE;
    f->eip = s->eip;
    f->esp = s->uesp;
    f->eflags = (s->efl & EFLAGS_USER) | EFLAGS_FIXED | EFLAGS_IF;
    return KERN_SUCCESS;
}

static kern_return_t tls_get(struct machine_thread *m, struct i386_tls_state *s)
{
    for (unsigned i = 0; i < I386_TLS_ENTRIES; i++) {
        s->desc[i].low_word = (uint32_t)m->tls[i];
        s->desc[i].high_word = (uint32_t)(m->tls[i] >> 32);
    }
    return KERN_SUCCESS;
}

static const natural_t flavors[] = {
    i386_THREAD_STATE, i386_FLOAT_STATE, i386_TLS_STATE, i386_DEBUG_STATE,
};

// Words of a flavor; 0 for one that we do not know.
static mach_msg_type_number_t flavor_count(thread_state_flavor_t flavor)
{
    switch (flavor) {
    case THREAD_STATE_FLAVOR_LIST: return sizeof flavors / sizeof flavors[0];
    case i386_THREAD_STATE: return i386_THREAD_STATE_COUNT;
    case i386_FLOAT_STATE: return i386_FLOAT_STATE_COUNT;
    case i386_TLS_STATE: return i386_TLS_STATE_COUNT;
    case i386_DEBUG_STATE: return i386_DEBUG_STATE_COUNT;
    default: return 0;
    }
}

bool machine_thread_state_own(thread_state_flavor_t flavor)
{
    return flavor == i386_TLS_STATE;
}

bool machine_thread_state_settable(thread_state_flavor_t flavor)
{
    return flavor != THREAD_STATE_FLAVOR_LIST && flavor_count(flavor) != 0;
}

kern_return_t machine_thread_get_state(struct machine_thread *m, thread_state_flavor_t flavor,
                                       thread_state_t state, mach_msg_type_number_t *count)
{
    mach_msg_type_number_t words = flavor_count(flavor);

    if (words == 0 || *count < words)
        return KERN_INVALID_ARGUMENT;
    *count = words;
    switch (flavor) {
    case i386_THREAD_STATE: return general_get(m, (struct i386_thread_state *)state);
    case i386_TLS_STATE: return tls_get(m, (struct i386_tls_state *)state);
    case i386_FLOAT_STATE: fpu_get(m, (struct i386_float_state *)state); return KERN_SUCCESS;
    case i386_DEBUG_STATE: memcpy(state, m->debug, sizeof m->debug); return KERN_SUCCESS;
    default: memcpy(state, flavors, sizeof flavors); return KERN_SUCCESS;
    }
}

kern_return_t machine_thread_set_state(struct machine_thread *m, thread_state_flavor_t flavor,
                                       thread_state_t state, mach_msg_type_number_t count)
{
    if (!machine_thread_state_settable(flavor) || count < flavor_count(flavor))
        return KERN_INVALID_ARGUMENT;
    switch (flavor) {
    case i386_THREAD_STATE: return general_set(m, (const struct i386_thread_state *)state);
    case i386_TLS_STATE: return tls_set(m, (const struct i386_tls_state *)state);
    case i386_FLOAT_STATE: return fpu_set(m, (const struct i386_float_state *)state);
    default: return debug_set(m, (const struct i386_debug_state *)state);
    }
}
