#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The line editor of the Lua prompt: keys in, line and screen out.
exec tests/unit/lua/run edit edit.c edit_key.c edit_search.c
