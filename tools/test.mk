# SPDX-License-Identifier: BSD-2-Clause
#
# Tests, all through prove, and the checks of the sources.
#
#   tests/unit/*.c          host programs that print TAP: built to build/tests/unit/NAME
#   tests/unit/**/*.t       scripts, run from the top of the tree
#   tests/system/*.t        boots, launchers, error messages
#   tests/scenarios/**/*.lua   one boot each
#
# T=file … runs only these tests. tests/long/ has what is no part of `make test`.

.PHONY: deps-test test test-long mutants loc check-layers tests
deps-test:
	@CROSS=$(CROSS) HOSTCC=$(HOSTCC) tools/deps build run test

UNIT_PROGRAMS := $(patsubst %.c,build/%,$(sort $(wildcard tests/unit/*.c)))
ALL_TESTS     := $(UNIT_PROGRAMS) $(sort $(shell find tests/unit tests/system -name '*.t' \
                 2>/dev/null)) $(sort $(shell find tests/scenarios -name '*.lua' 2>/dev/null))
UNIT_CFLAGS   := -std=gnu11 -O1 -g $(WARN) -fsanitize=address,undefined \
                 -fno-sanitize-recover=undefined -Iinclude -Ikernel -Itests/unit

build/tests/unit/%: tests/unit/%.c | deps-build
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) $(DEPGEN) -o $@ $<

tests: $(RUN_NEEDS) build/minato.iso $(MIG) $(UNIT_PROGRAMS)
test: tests deps-test
	@MAKEFLAGS= PERL5LIB=$(CURDIR)/tools/run_test prove --formatter Counted -j 2 --exec tools/run-test \
	    $(or $(T),$(ALL_TESTS))

# Other seeds of what is random, for hours; P=part … only those (tests/long/run).
test-long: tests deps-test
	@tests/long/run $(P)

# Applies one-line faults to the kernel, one at a time: does some scenario notice?
mutants: $(RUN_NEEDS)
	@tests/mutants/run $(M)

loc:
	@tools/loc kernel
check-layers:
	@tools/layers
