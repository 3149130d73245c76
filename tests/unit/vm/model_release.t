#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Maps, copies and faults against a simple model, as the kernel is built.
exec "$(dirname "$0")/run" model
