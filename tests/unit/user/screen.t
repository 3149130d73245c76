#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/unit/user/run screen servers/console/screen.c servers/console/charset.c
