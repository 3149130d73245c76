#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Values of Lua scripts: packed and unpacked, shown, compared, as arguments and structures.
exec tests/unit/lua/run values serial.c show.c equal.c arg.c layout.c
