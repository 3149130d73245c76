#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Objects with a pager: busy and absent pages, errors, waits.
exec "$(dirname "$0")/run" pager.debug
