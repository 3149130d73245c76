#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A pager's memory and its copies against arrays, checked build.
exec "$(dirname "$0")/run" pager_model.debug
