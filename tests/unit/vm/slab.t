#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kernel/lib/slab.c: sizes, exhaustion, what the debug build catches.
exec "$(dirname "$0")/run" slab.debug
