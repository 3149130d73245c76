#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The memory of a Lua state: blocks keep their contents, and are used again.
exec tests/unit/lua/run heap heap.c
