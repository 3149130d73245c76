# SPDX-License-Identifier: BSD-2-Clause
#
# `make fuzz`: random calls on the kernel (user/bin/fuzz, docs/fuzz.md). What calls there are comes
# from the descriptions that MIG writes of all of include/mach/*.defs, and from the list of traps.
.PHONY: fuzz

FUZZ_JSON := $(patsubst %,build/user/mig/%.json,$(filter mach/%,$(USER_MIG)))

build/user/bin/fuzz/calls.c: $(FUZZ_JSON) include/mach/syscall_sw.h tools/fuzzgen
	$(call say,FUZZGEN,$@)
	@mkdir -p $(@D)
	$(Q)tools/fuzzgen $@ --traps include/mach/syscall_sw.h $(FUZZ_JSON)
build/user/bin/fuzz/calls.o: build/user/bin/fuzz/calls.c build/flags | $(USER_READY)
	$(call say,CC,$<)
	$(Q)$(CC) $(USER_CFLAGS) -Iuser/bin/fuzz $(DEPGEN) -c -o $@ $<
build/user/bin/fuzz.elf: build/user/bin/fuzz/calls.o

fuzz: $(RUN_NEEDS)
	@tools/fuzz
