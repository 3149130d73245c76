/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual memory statistics: host_statistics(HOST_VM_INFO).  Counts are pages or events
 * since boot.  Source: OSF mach/vm_statistics.h. */
#ifndef _MACH_VM_STATISTICS_H_
#define _MACH_VM_STATISTICS_H_

#include <mach/vm_types.h>

typedef struct vm_statistics {
    integer_t free_count;      /* pages free */
    integer_t active_count;    /* pages in use */
    integer_t inactive_count;  /* pages in use, candidates for eviction */
    integer_t wire_count;      /* pages that stay */
    integer_t zero_fill_count; /* pages filled with zeros */
    integer_t reactivations;   /* inactive pages used again */
    integer_t pageins;         /* pages from pagers */
    integer_t pageouts;        /* pages to pagers */
    integer_t faults;          /* page faults */
    integer_t cow_faults;      /* faults that copied */
    integer_t lookups;         /* object cache looked up */
    integer_t hits;            /* … and found */
} vm_statistics_data_t, *vm_statistics_t;

#endif
