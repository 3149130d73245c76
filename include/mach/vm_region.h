/* SPDX-License-Identifier: BSD-2-Clause */
/* What vm_region() tells about a range of addresses with equal attributes.
 * Source: OSF mach/vm_region.h, Kernel Interface manual, vm_region. */
#ifndef _MACH_VM_REGION_H_
#define _MACH_VM_REGION_H_

#include <mach/boolean.h>
#include <mach/message.h>
#include <mach/vm_behavior.h>
#include <mach/vm_inherit.h>
#include <mach/vm_prot.h>
#include <mach/vm_types.h>

typedef int vm_region_flavor_t;
typedef int *vm_region_info_t;

#define VM_REGION_INFO_MAX 16 /* words */
typedef int vm_region_info_data_t[VM_REGION_INFO_MAX];

#define VM_REGION_BASIC_INFO 10
typedef struct vm_region_basic_info {
    vm_prot_t protection;
    vm_prot_t max_protection;
    vm_inherit_t inheritance;
    boolean_t shared;   /* shared with another task */
    boolean_t reserved; /* kept from vm_allocate(anywhere) */
    vm_offset_t offset; /* of the region's start in its memory object */
    vm_behavior_t behavior;
    unsigned short user_wired_count;
} vm_region_basic_info_data_t, *vm_region_basic_info_t;
#define VM_REGION_BASIC_INFO_COUNT                                                                 \
    ((mach_msg_type_number_t)(sizeof(vm_region_basic_info_data_t) / sizeof(int)))

#endif
