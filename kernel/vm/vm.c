// SPDX-License-Identifier: BSD-2-Clause
// Starts virtual memory: physical pages first, then the caches of the structures built on them.
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/page_tree.h"

struct vm_counts vm_counts;

void vm_init(void)
{
    page_init();
    page_map_init();
    page_tree_init_module();
    vm_object_init_module();
    entry_init_module();
    vm_map_init_module();
    vm_copy_init_module();
}
