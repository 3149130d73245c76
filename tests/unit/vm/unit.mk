# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the host tests of kernel/vm and of kernel/lib's slabs and trees: the kernel's own sources,
# compiled as a 32-bit Linux program, with fake.c in place of kernel/x86 and kernel/kern. Each test is
# linked three times: build/tests/vm/NAME as the kernel is built, NAME.debug with the debug build's checks
# and traps for undefined behaviour, NAME.asan under AddressSanitizer and UBSan with the computer's heap in
# place of slabs. Run from the top of the tree by ./run.

HOST32 ?= i686-linux-gnu-
HERE   := tests/unit/vm
OUT    := build/tests/vm
KERNEL := $(addprefix kernel/,lib/tree.c lib/slab.c x86/memory.c kern/ledger.c) $(sort $(wildcard kernel/vm/*.c))
HELP   := $(addprefix $(HERE)/,fake.c check.c tap.c)
TESTS  := $(patsubst $(HERE)/test_%.c,%,$(wildcard $(HERE)/test_*.c))

FLAGS  := -std=gnu11 -march=i686 -O2 -g -fno-strict-aliasing -fno-pie -fno-builtin-printf -Wall -Wextra -Wno-unused-parameter -DKERNEL=1 -fno-builtin-vprintf \
          -Iinclude -Ikernel -Ibuild/kernel/mig -I$(HERE) -MMD -MP
DEBUG  := -DDEBUG=1 -fsanitize=undefined -fsanitize-undefined-trap-on-error
ASAN   := -DDEBUG=1 -fsanitize=address,undefined -fno-sanitize=nonnull-attribute -fno-sanitize-recover=all
LOADER := $(shell $(HOST32)gcc -print-file-name=ld-linux.so.2)
# Allocations go through fake.c, which can make the n-th one fail.
WRAP   := -Wl,--wrap=slab_alloc,--wrap=page_alloc,--wrap=page_alloc_zeroed,--wrap=kmalloc

OBJ       := $(patsubst %.c,$(OUT)/%.o,$(KERNEL) $(HELP))
DEBUG_OBJ := $(OBJ:.o=.debug.o)
ASAN_OBJ  := $(filter-out %/slab.asan.o,$(OBJ:.o=.asan.o)) $(OUT)/$(HERE)/host_heap.asan.o

all: $(TESTS:%=$(OUT)/%) $(TESTS:%=$(OUT)/%.debug)
.SECONDARY:

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	@$(HOST32)gcc $(FLAGS) -c -o $@ $<
$(OUT)/%.debug.o: %.c
	@mkdir -p $(@D)
	@$(HOST32)gcc $(FLAGS) $(DEBUG) -c -o $@ $<
$(OUT)/%.asan.o: %.c
	@mkdir -p $(@D)
	@$(HOST32)gcc $(FLAGS) -O1 $(ASAN) -c -o $@ $<
$(OUT)/%: $(OUT)/$(HERE)/test_%.o $(OBJ)
	@$(HOST32)gcc -static -no-pie $(WRAP) -o $@ $^
$(OUT)/%.debug: $(OUT)/$(HERE)/test_%.debug.o $(DEBUG_OBJ)
	@$(HOST32)gcc -static -no-pie $(WRAP) -o $@ $^
$(OUT)/%.asan: $(OUT)/$(HERE)/test_%.asan.o $(ASAN_OBJ)
	@$(HOST32)gcc $(ASAN) -static-libasan -static-libubsan -no-pie $(WRAP) -Wl,--dynamic-linker=$(LOADER) \
	    -Wl,-rpath=$(dir $(LOADER)) -o $@ $^

# The prototypes of the functions served and called, made by MIG.
MIG_HEADERS := build/kernel/mig/mach_server.h build/kernel/mig/memory_object_user.h
$(OBJ) $(DEBUG_OBJ) $(ASAN_OBJ) $(TESTS:%=$(OUT)/$(HERE)/test_%.asan.o) $(TESTS:%=$(OUT)/$(HERE)/test_%.o) $(TESTS:%=$(OUT)/$(HERE)/test_%.debug.o): \
    | $(MIG_HEADERS)
$(MIG_HEADERS):
	@$(MAKE) -s -f Makefile $@

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
