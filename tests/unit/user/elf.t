#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/unit/user/run elf user/lib/program/elf.c
