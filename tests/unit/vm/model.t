#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Maps, copies and faults against a simple model, checked build.
exec "$(dirname "$0")/run" model.debug
