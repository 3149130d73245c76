#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/unit/user/run ustar user/lib/program/ustar.c
