/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes of memory that the machine knows of, and what vm_machine_attribute() does with them.
 * Source: OSF mach/vm_attributes.h. */
#ifndef _MACH_VM_ATTRIBUTES_H_
#define _MACH_VM_ATTRIBUTES_H_

typedef unsigned vm_machine_attribute_t;

#define MATTR_CACHE 1     /* may be cached */
#define MATTR_MIGRATE 2   /* may migrate between nodes */
#define MATTR_REPLICATE 4 /* may be replicated on nodes */

typedef int vm_machine_attribute_val_t;

#define MATTR_VAL_OFF 0          /* switch off */
#define MATTR_VAL_ON 1           /* switch on */
#define MATTR_VAL_GET 2          /* return the current value */
#define MATTR_VAL_CACHE_FLUSH 6  /* flush all caches */
#define MATTR_VAL_DCACHE_FLUSH 7 /* flush the data cache */
#define MATTR_VAL_ICACHE_FLUSH 8 /* flush the instruction cache */
#define MATTR_VAL_CACHE_SYNC 9   /* make the instruction cache see the data */
#define MATTR_VAL_GET_INFO 10    /* macOS: residency of the page */

#endif
