#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Trees of pages against arrays, under AddressSanitizer.
exec "$(dirname "$0")/run" page_tree.asan
