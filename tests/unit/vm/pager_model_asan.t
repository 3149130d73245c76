#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A pager's memory and its copies against arrays, under AddressSanitizer.
exec "$(dirname "$0")/run" pager_model.asan
