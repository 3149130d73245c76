// SPDX-License-Identifier: BSD-2-Clause
// Inside libmach: whether this task was created by another program with its memory (child.c).
#ifndef LIBMACH_CHILD_H
#define LIBMACH_CHILD_H

#include <stdbool.h>

extern bool is_child_task;

#endif
