# SPDX-License-Identifier: BSD-2-Clause
#
# Everything that runs in user mode: libmach (user/lib and the MIG stubs), the servers and the
# native programs, and the boot archive that carries them.
#
#   user/lib/**/*.c .asm   build/user/libmach.a
#   servers/NAME/*.c       build/servers/NAME.elf     in the archive: servers/NAME (bootstrap: just so)
#   user/bin/NAME/*.c      build/user/bin/NAME.elf    in the archive: bin/NAME
#   user/lib/lua/NAME.lua  as it is                   in the archive: lua/NAME.lua
#
# The .elf keeps its symbols for gdb; the archive gets a stripped copy. Each program has an address
# of its own, 4 MiB after the one before, so that gdb can know all their symbols at once.

USER_CFLAGS = $(GUEST_FLAGS) $(WARN) $(LIBC_FLAGS) -ffunction-sections -fdata-sections \
    -Iinclude -Ibuild/include -Iuser/lib -Iuser/lib/include $(if $(DEBUG),-DDEBUG=1)
USER_BASE   := 0x08048000

# What a program needs beyond libmach and the C library.
LIBS_lua    := $(LIBLUA)
CFLAGS_lua  = -isystem build/lua -isystem $(LUA_SRC)/src

# ---- libmach --------------------------------------------------------------------------------
sources      = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c $(d)/*.asm)))
objects      = $(patsubst %.asm,build/%.asm.o,$(patsubst %.c,build/%.o,$(1)))
LIBMACH_DIRS := $(shell find user/lib -type d 2>/dev/null)
LIBMACH_OBJ  := $(call objects,$(call sources,$(LIBMACH_DIRS))) $(USER_MIG_SRC:.c=.o)

build/user/libmach.a: $(LIBMACH_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@.new && $(CROSS)ar rcsD $@.new $(LIBMACH_OBJ) && mv $@.new $@

# What must be there before anything of the user side is compiled.
USER_READY := $(LIBC) $(USER_MIG_HEADERS)

build/user/mig/%.o: build/user/mig/%.c build/flags | $(USER_READY)
	$(call say,CC,$<)
	$(Q)$(CC) $(USER_CFLAGS) -w $(DEPGEN) -c -o $@ $<
build/user/%.o: user/%.c build/flags | $(USER_READY)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(PROGRAM_CFLAGS) $(DEPGEN) -c -o $@ $<
build/servers/%.o: servers/%.c build/flags | $(USER_READY)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(PROGRAM_CFLAGS) $(DEPGEN) -c -o $@ $<
build/user/%.asm.o: user/%.asm build/include/mach/syscall_sw.inc | deps-build
	$(call say,NASM,$<)
	@mkdir -p $(@D)
	$(Q)nasm -f elf32 -g -F dwarf -Ibuild/include/ -I$(<D)/ -MD $@.d -MP -o $@ $<
# The trap numbers for NASM, from the C header.
build/include/mach/syscall_sw.inc: include/mach/syscall_sw.h
	@mkdir -p $(@D)
	$(Q)sed -n 's/^#define \(MACH_TRAP_[A-Za-z_]*\) \([0-9]*\).*$$/%define \1 \2/p' $< > $@

# ---- programs -------------------------------------------------------------------------------
with_source = $(foreach d,$(wildcard $(1)/*/),$(if $(wildcard $(d)*.c),$(d:/=)))
PROGRAMS    := $(sort $(call with_source,servers)) $(sort $(call with_source,user/bin))
PROGRAM_ELF := $(PROGRAMS:%=build/%.elf)

# Bootstrap lies where the kernel maps the archive: at the lowest address that it gives out, behind the
# header of 512 bytes.
BOOTSTRAP_BASE := 0x10200
# $(1): how many programs lie below in the address space.
program_base = $$$$(($(USER_BASE) + $(1) * 0x400000))

# $(1): directory, $(2): its address.
define program_rule
build/$(1)/%.o: PROGRAM_CFLAGS = $$(CFLAGS_$(notdir $(1)))
build/$(1).elf: $(call objects,$(call sources,$(1) $(wildcard $(1)/*/))) \
    $(LIBS_$(notdir $(1))) build/user/libmach.a user/lib/program.ld build/program-list
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(GUEST_FLAGS) -nostdlib -static -no-pie -Wl,-T,user/lib/program.ld \
	    -Wl,--defsym=PROGRAM_BASE=$(2) \
	    -Wl,-z,noexecstack,-z,separate-code,-z,max-page-size=4096,--build-id=none,--gc-sections \
	    -o $$@ $$(filter %.o,$$^) $(LIBS_$(notdir $(1))) \
	    -Wl,--start-group build/user/libmach.a $$(NEWLIB)/lib/libc.a $$(NEWLIB)/lib/libm.a -lgcc \
	    -Wl,--end-group
endef
PROGRAM_INDEX := 0
address_of = $(if $(filter servers/bootstrap,$(1)),$(BOOTSTRAP_BASE),\
                  $(call program_base,$(words $(PROGRAM_INDEX))))
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p),$(strip $(call address_of,$(p)))))\
$(eval PROGRAM_INDEX += $(p)))

# A program's address follows from its place in the list, so a longer list links all again.
build/program-list: FORCE
	@mkdir -p build
	@echo '$(PROGRAMS)' | cmp -s - $@ || echo '$(PROGRAMS)' > $@

# ---- the boot archive -----------------------------------------------------------------------
# A ustar file in which nothing depends on when, where or by whom it was made. First entry:
# bootstrap, which the kernel starts, as it is to lie in memory, zeros of .bss and all; then the other
# servers, the programs, the modules of Lua.
archive_name = $(patsubst user/bin/%,bin/%,$(patsubst servers/bootstrap,bootstrap,$(1)))
ARCHIVE_ORDER := $(filter servers/bootstrap,$(PROGRAMS)) \
                 $(filter-out servers/bootstrap,$(PROGRAMS))
LUA_MODULES := $(sort $(wildcard user/lib/lua/*.lua))

build/module-list: FORCE
	@mkdir -p build
	@echo '$(LUA_MODULES)' | cmp -s - $@ || echo '$(LUA_MODULES)' > $@

build/boot.tar: $(PROGRAM_ELF) $(LUA_MODULES) build/program-list build/module-list tools/user.mk
	$(call say,TAR,$@)
	@rm -rf build/archive && mkdir -p build/archive
	$(Q)set -e; for p in $(foreach p,$(ARCHIVE_ORDER),$(p):$(call archive_name,$(p))); do \
	    mkdir -p build/archive/$$(dirname $${p#*:}); \
	    $(CROSS)strip -o build/archive/$${p#*:} build/$${p%%:*}.elf; done
	$(Q)$(CROSS)objcopy -O binary --set-section-flags .bss=alloc,load,contents \
	    build/servers/bootstrap.elf build/archive/bootstrap
	@mkdir -p build/archive/lua
	$(Q)install -m 644 $(LUA_MODULES) build/archive/lua/
	$(Q)tar -C build/archive --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 \
	    --mode=u=rwX,go=rX -cf $@ $(foreach p,$(ARCHIVE_ORDER),$(call archive_name,$(p))) \
	    $(LUA_MODULES:user/lib/%=%)
