#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
exec tests/unit/mig/run hostile sanitize
