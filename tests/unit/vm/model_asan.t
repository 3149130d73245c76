#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Maps, copies and faults against a simple model, under AddressSanitizer.
exec "$(dirname "$0")/run" model.asan
