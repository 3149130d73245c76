#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/unit/user/run keys servers/console/keys.c
