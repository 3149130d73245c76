#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every operation with every one of its allocations failing.
exec "$(dirname "$0")/run" shortage.debug
