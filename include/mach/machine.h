/* SPDX-License-Identifier: BSD-2-Clause */
/* Kinds of processors, for host_info(HOST_BASIC_INFO), and processor states.
 * Source: OSF mach/machine.h; CPU_SUBTYPE_INTEL: macOS. */
#ifndef _MACH_MACHINE_H_
#define _MACH_MACHINE_H_

#include <mach/vm_types.h>

typedef integer_t cpu_type_t;
typedef integer_t cpu_subtype_t;

#define CPU_TYPE_ANY ((cpu_type_t)-1)
#define CPU_TYPE_I386 ((cpu_type_t)7)
#define CPU_TYPE_X86 CPU_TYPE_I386

/* Family (6 for Pentium Pro and later) and model. */
#define CPU_SUBTYPE_INTEL(f, m) ((cpu_subtype_t)((f) + ((m) << 4)))
#define CPU_SUBTYPE_I386_ALL CPU_SUBTYPE_INTEL(3, 0)
#define CPU_SUBTYPE_386 CPU_SUBTYPE_INTEL(3, 0)
#define CPU_SUBTYPE_486 CPU_SUBTYPE_INTEL(4, 0)
#define CPU_SUBTYPE_586 CPU_SUBTYPE_INTEL(5, 0)
#define CPU_SUBTYPE_PENT CPU_SUBTYPE_INTEL(5, 0)
#define CPU_SUBTYPE_PENTPRO CPU_SUBTYPE_INTEL(6, 1)

#define CPU_STATE_MAX 4
#define CPU_STATE_USER 0
#define CPU_STATE_SYSTEM 1
#define CPU_STATE_IDLE 2
#define CPU_STATE_NICE 3

#endif
