#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Names, rights, queues and notifications against a simple model, under AddressSanitizer and UBSan.
exec "$(dirname "$0")/run"
