#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kernel/vm/page_tree.c against arrays.
exec "$(dirname "$0")/run" page_tree.debug
