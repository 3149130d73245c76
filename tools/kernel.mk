# SPDX-License-Identifier: BSD-2-Clause
#
# The kernel: all of kernel/*/, the assembly of boot/, and the server stubs that MIG makes for the
# kernel's own objects. Linked twice, because the kernel carries its own symbol table for back
# traces: the first link, with an empty table, fixes the addresses; the second puts the table
# where nothing moves, and tools/ksyms checks that nothing did.

LIBGCC := __udivmoddi4 __udivdi3 __umoddi3#  of libgcc only these, which kernel/lib/divide.c calls
LAYOUT := kernel/x86/layout.c#   gives the assembly its numbers, and is not linked
KERNEL_SRC := $(filter-out $(LAYOUT),$(sort $(wildcard kernel/*/*.c)))
KERNEL_ASM := $(sort $(wildcard kernel/*/*.asm boot/*.asm))
KERNEL_OBJ := $(KERNEL_SRC:%.c=build/%.o) $(KERNEL_ASM:%.asm=build/%.asm.o) \
              $(KERNEL_MIG_SRC:.c=.o) build/kernel/trap_table.asm.o $(LIBGCC:_%=build/kernel/%.o) \
              $(if $(DEBUG),build/tests/audit/audit.o build/tests/audit/holders.o)

GCC_INCLUDE = $(eval GCC_INCLUDE := $(shell $(CC) -print-file-name=include))$(GCC_INCLUDE)

# Arguments in registers: functions that assembly calls say in their comments which. A served function
# or callback takes what its interface gives, whether it has a use for it or not. Structures are cleared
# by one rep stosl: what gcc makes otherwise takes longer and more room.
KERNEL_CFLAGS = $(GUEST_FLAGS) -mregparm=3 $(WARN) -Wno-unused-parameter -mno-80387 \
    -mmemset-strategy=rep_4byte:-1:noalign -mpreferred-stack-boundary=2 \
    -fno-omit-frame-pointer -momit-leaf-frame-pointer -nostdinc -isystem $(GCC_INCLUDE) \
    -Iinclude -Ikernel -Ibuild/kernel/mig -DKERNEL=1 $(if $(DEBUG),-DDEBUG=1)
KERNEL_LINK := $(CC) $(GUEST_FLAGS) -nostdlib -static -no-pie -Wl,-T,linker.ld \
    -Wl,--build-id=none -Wl,-z,noexecstack \
    $(LIBGCC:%=-Wl,--wrap=%)

build/kernel/%.o: kernel/%.c build/flags | deps-build $(KERNEL_MIG_HEADERS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(DEPGEN) -c -o $@ $<

build/tests/audit/%.o: tests/audit/%.c build/flags | deps-build $(KERNEL_MIG_HEADERS)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(DEPGEN) -c -o $@ $<

# Generated code is not ours to warn about.
build/kernel/mig/%.o: build/kernel/mig/%.c build/flags | deps-build $(KERNEL_MIG_HEADERS)
	$(call say,CC,$<)
	$(Q)$(CC) $(KERNEL_CFLAGS) -w $(DEPGEN) -c -o $@ $<

# The words that the assembly uses, but for those that layout.c explains itself.
X86_ASM := $(sort $(wildcard kernel/x86/*.asm kernel/x86/*.inc))
build/kernel/layout_words.h: $(X86_ASM) $(LAYOUT)
	@mkdir -p $(@D)
	$(Q)sed 's/;.*//; /^section/d' $(X86_ASM) | grep -ow '[A-Z][A-Z0-9_]*' | sort -u | \
	    grep -vxF "$$(sed -n 's/^ .*\(PLACE\|NUMBER\)(\([A-Z0-9_]*\),.*/\2/p' $(LAYOUT))" | \
	    sed -E 's/^FRAME_(.*)/PLACE(&, trap_frame, \L\1);/; t; s/^CPU_(.*)/PLACE(&, cpu, \L\1);/; t; \
	        s/^TASK_(.*)/PLACE(&, task_entry, \L\1);/; t; s/.*/SAME(&);/' > $@
build/kernel/layout.inc: $(LAYOUT) build/kernel/layout_words.h build/flags | deps-build $(KERNEL_MIG_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CFLAGS) -Ibuild/kernel $(DEPGEN) -S -o $@.s $<
	$(Q)sed -n 's/^->//p' $@.s > $@

build/kernel/%.asm.o: kernel/%.asm build/kernel/layout.inc | deps-build
	$(call say,NASM,$<)
	@mkdir -p $(@D)
	$(Q)nasm -f elf32 -g -F dwarf -Iinclude/ -Ikernel/ -I$(<D)/ -Ibuild/kernel/ -MD $@.d -MP -o $@ $<
build/boot/%.asm.o: boot/%.asm | deps-build
	$(call say,NASM,$<)
	@mkdir -p $(@D)
	$(Q)nasm -f elf32 -g -F dwarf -Iinclude/ -Ikernel/ -I$(<D)/ -MD $@.d -MP -o $@ $<

$(LIBGCC:_%=build/kernel/%.o): build/flags | deps-build
	@mkdir -p $(@D)
	$(Q)$(CROSS)ar p "$$($(CC) -print-libgcc-file-name)" $(@F) > $@

build/kernel/ksyms0.asm: tools/ksyms
	@mkdir -p $(@D)
	$(Q)tools/ksyms empty > $@
build/kernel/ksyms.asm: build/kernel/minato0.elf tools/ksyms
	$(call say,KSYMS,$@)
	$(Q)$(CROSS)nm -n $< | tools/ksyms table > $@
build/kernel/trap_table.asm: include/mach/syscall_sw.h tools/traptable
	$(Q)tools/traptable < $< > $@
build/kernel/%.asm.o: build/kernel/%.asm build/kernel/layout.inc | deps-build
	$(Q)nasm -f elf32 -Ibuild/kernel/ -o $@ $<

build/kernel/minato0.elf: $(KERNEL_OBJ) build/kernel/ksyms0.asm.o linker.ld
	$(call say,LD,$@)
	$(Q)$(KERNEL_LINK) -o $@ $(filter %.o,$^)
build/minato.elf: $(KERNEL_OBJ) build/kernel/ksyms.asm.o linker.ld build/kernel/minato0.elf
	$(call say,LD,$@)
	$(Q)$(KERNEL_LINK) -o $@ $(filter %.o,$^)
	$(Q)$(CROSS)nm -n $@ | tools/ksyms check build/kernel/ksyms.asm
