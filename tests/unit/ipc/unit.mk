# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the host test of kernel/ipc, build/tests/ipc/model: the kernel's own sources, compiled as a
# 32-bit Linux program under AddressSanitizer and UBSan, with fake.c in place of kernel/kern, kernel/vm
# and kernel/x86. Run from the top of the tree by ./run. FAULTY=folder/NAME.c makes folder/model, with
# that file in the place of kernel/ipc/NAME.c (tests/mutants/run --host).

HOST32 ?= i686-linux-gnu-
HERE   := tests/unit/ipc
OUT    ?= build/tests/ipc
NAMES  := $(filter-out convert port_traps,$(patsubst kernel/ipc/%.c,%,$(wildcard \
          kernel/ipc/*.c)))
HELP   := $(patsubst %.c,%,$(wildcard $(HERE)/*.c)) tests/unit/vm/tap kernel/lib/tree \
          kernel/kern/waitq build/kernel/mig/notify_user
LOADER := $(shell $(HOST32)gcc -print-file-name=ld-linux.so.2)

# The kernel's own memcpy takes a null pointer when there is nothing to copy.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=nonnull-attribute -fno-sanitize-recover=all
FLAGS  := -std=gnu11 -march=i686 -O1 -g -fno-strict-aliasing -fno-pie -fno-omit-frame-pointer -Wall -Wextra \
          -Wno-unused-parameter \
          -ffreestanding -DKERNEL=1 -DDEBUG=1 $(SANITIZE) -Iinclude -Ikernel -Ibuild/kernel/mig \
          -I$(HERE) -Itests/unit/vm -MMD -MP
OBJ    := $(NAMES:%=$(OUT)/kernel/ipc/%.o) $(HELP:%=$(OUT)/%.o)

WRAP   := -Wl,--wrap=kmsg_alloc,--wrap=kobject_serve,--wrap=kobject_call,--wrap=mach_msg_send_from_kernel
LINK   := $(HOST32)gcc $(SANITIZE) -static-libasan -static-libubsan -no-pie $(WRAP) \
          -Wl,--dynamic-linker=$(LOADER) -Wl,-rpath=$(dir $(LOADER))

$(OUT)/model: $(OBJ)
	@$(LINK) -o $@ $^

ifdef FAULTY
PLACE := $(patsubst %/,%,$(dir $(FAULTY)))
$(PLACE)/faulty.o: $(FAULTY)
	@$(HOST32)gcc $(FLAGS) -c -o $@ $<
$(PLACE)/model: $(PLACE)/faulty.o $(filter-out %/kernel/ipc/$(notdir $(FAULTY:.c=.o)),$(OBJ))
	@$(LINK) -o $@ $^
endif

MADE := build/kernel/mig/notify_user.c build/kernel/mig/mach_port_server.h \
        build/kernel/mig/minato_server.h
$(MADE):
	@$(MAKE) -s -f Makefile $@
$(OUT)/%.o: %.c | $(MADE)
	@mkdir -p $(@D)
	@$(HOST32)gcc $(FLAGS) -c -o $@ $<

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
