#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kernel/vm/page.c, page_map.c: blocks, the reserve, mappings.
exec "$(dirname "$0")/run" page.debug
