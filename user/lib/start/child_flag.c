// SPDX-License-Identifier: BSD-2-Clause
// Set in a task that was created with another's memory (child.c); by itself, so that programs that
// never do that need nothing of child.c.
#include "start/child.h"

bool is_child_task;
