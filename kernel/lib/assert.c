// SPDX-License-Identifier: BSD-2-Clause
// The far end of kassert: a panic that quotes the condition.
#include "lib/assert.h"

void assert_failed(const char *what, const char *file, int line)
{
    panic("%s:%d: this should hold, and does not: %s", file, line, what);
}
