#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kernel/lib/tree.c: order, balance, summaries.
exec "$(dirname "$0")/run" tree.debug
