// SPDX-License-Identifier: BSD-2-Clause
// What the whole kernel is written in: C's own types, return codes, and kernel/lib but for printf.h.
// Headers of the kernel include this, so others need not.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <mach/kern_return.h>
#include "lib/assert.h"
#include "lib/list.h"
#include "lib/slab.h"
#include "lib/string.h"
#include "lib/tree.h"
