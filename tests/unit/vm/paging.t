#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Pages that are paged out: what happens while they come back, and a default pager that is odd.
exec "$(dirname "$0")/run" paging.debug
