#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The vm_* calls: every documented answer.
exec "$(dirname "$0")/run" calls.debug
