# SPDX-License-Identifier: BSD-2-Clause
#
# Minato's build, in one make process: this file names the targets a person types and the flags;
# the rules are in tools/*.mk, one subject each:
#
#   tools/mig.mk     the interface compiler, and the stubs it makes from *.defs
#   tools/libs.mk    newlib and Lua, built once from Debian's sources
#   tools/kernel.mk  build/minato.elf
#   tools/user.mk    libmach, the servers and programs, and the boot archive build/boot.tar
#   tools/lua.mk     what the Lua program gets besides: generated bindings of the kernel calls
#   tools/run.mk     run, scenario, gdb, iso, bench
#   tools/fuzz.mk    fuzz: random calls on the kernel
#   tools/test.mk    test, mutants, loc, check-layers
#
# Sources are found by wildcard: a new .c file in the right directory is part of the build.
# Everything that is made lies under build/. `make V=1` shows the commands.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables

# ---- what a user may set -------------------------------------------------------------------
CROSS   ?= i686-linux-gnu-#   tools for the guest: CROSS=i686-elf- works too
CROSS   := $(strip $(CROSS))
HOSTCC  ?= gcc
PYTHON  := /usr/bin/python3
V       ?=
DEBUG   ?=#                   DEBUG=1: assertions and self-checks in the kernel
WERROR  ?= $(if $(CI),1)#     warnings are errors in CI only

# ---- flags for everything that runs in the guest ------------------------------------------
CC      := $(CROSS)gcc
GUEST_FLAGS := -std=gnu11 -march=i686 -O2 -g -ffreestanding -fno-pie -fno-pic \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
    -fno-strict-aliasing -mno-sse -mno-mmx \
    -U__linux__ -U__linux -Ulinux -U__unix__ -U__gnu_linux__
WARN    := -Wall -Wextra $(if $(WERROR),-Werror)
DEPGEN  = -MMD -MP -MT $@ -MF $@.d

# ---- how a recipe speaks: one line on standard error, or the whole command with V=1 --------
Q       := $(if $(V),,@)
say     = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)' >&2)

include tools/mig.mk
include tools/libs.mk
include tools/kernel.mk
include tools/user.mk
include tools/lua.mk
include tools/run.mk
include tools/fuzz.mk
include tools/test.mk

.PHONY: all kernel deps-build user deps help clean distclean FORCE
all: build/minato.elf build/boot.tar
kernel: build/minato.elf
user: build/boot.tar

# Says what is missing and why, and installs it. An order-only prerequisite of everything that
# needs a tool; takes some milliseconds when nothing is missing. What the goals will need later on is
# asked for at once, so that nobody comes back to a build that stopped half-way for another package.
GOAL_NEEDS := build $(if $(filter run scenario bench mutants fuzz gdb,$(MAKECMDGOALS)),run) \
    $(filter gdb iso,$(MAKECMDGOALS)) $(if $(filter test tests test-long,$(MAKECMDGOALS)),test)
deps-build:
	@CROSS=$(CROSS) HOSTCC=$(HOSTCC) tools/deps $(GOAL_NEEDS)
deps-run deps-gdb deps-iso deps-test: deps-build
deps:
	@CROSS=$(CROSS) HOSTCC=$(HOSTCC) tools/deps build run test

# Objects that depend on this file are compiled again when the flags change.
build/flags: FORCE | deps-build
	@mkdir -p build
	@echo '$(CC) $(KERNEL_CFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(KERNEL_CFLAGS)' > $@

help:
	@tail -n +2 tools/help.txt

clean:
	rm -rf $(filter-out build/newlib build/apt build/lua-src build/lua,$(wildcard build/*))
distclean:
	rm -rf build

-include $(shell find build -name '*.d' -type f 2>/dev/null)
