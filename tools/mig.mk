# SPDX-License-Identifier: BSD-2-Clause
#
# The interface compiler build/tools/mig (from tools/mig/), and what it makes of each *.defs:
#
#   file                     for the kernel (build/kernel/mig/)     for user programs (libmach)
#   include/mach/NAME.defs   NAME_server.[ch] if in KERNEL_SERVES,  NAME_user.c, NAME_server.c,
#                            NAME_user.[ch]   if in KERNEL_CALLS    and the header (see below)
#   include/servers/NAME.defs                                       the same
#
# A kernel call that is also a trap keeps its C name for the trap; user/lib/mach/NAME.defs then
# stands in front of include/mach/NAME.defs and renames the routine's stub with cpp.
# The header of the user stubs is build/include/mach/NAME.h, or NAME_rpc.h where a header
# include/mach/NAME.h has been written by hand; the server's is NAME_server.h beside it.
# build/user/mig/*/NAME.json describes the messages, for tools that show them.

KERNEL_SERVES := mach mach_port mach_host sync clock minato device_io bootstrap
# Of these, the subsystems of which MIG makes traps as well, and for which routines.
TRAPPED    := sync mach
TRAPS_sync := semaphore_signal semaphore_signal_all semaphore_wait semaphore_wait_signal \
              semaphore_timedwait semaphore_timedwait_signal
TRAPS_mach := vm_deallocate
KERNEL_CALLS  := notify exc memory_object memory_object_default clock_reply

# ---- the compiler ---------------------------------------------------------------------------
MIG      := build/tools/mig
MIG_SRC  := $(sort $(wildcard tools/mig/*.c))
MIG_LEX  := $(sort $(wildcard tools/mig/*.l))
MIG_YACC := $(sort $(wildcard tools/mig/*.y))
MIG_OBJ  := $(MIG_SRC:tools/mig/%.c=build/tools/mig.d/%.o) \
            $(MIG_LEX:tools/mig/%.l=build/tools/mig.d/%.lex.o) \
            $(MIG_YACC:tools/mig/%.y=build/tools/mig.d/%.tab.o)
MIG_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -Itools/mig -Ibuild/tools/mig.d
MIG_PARSER := $(MIG_YACC:tools/mig/%.y=build/tools/mig.d/%.tab.h)

build/tools/mig.d/%.tab.c build/tools/mig.d/%.tab.h &: tools/mig/%.y | deps-build
	$(call say,BISON,$<)
	@mkdir -p $(@D)
	$(Q)bison -d -o build/tools/mig.d/$*.tab.c $<
build/tools/mig.d/%.lex.c: tools/mig/%.l | deps-build
	$(call say,FLEX,$<)
	@mkdir -p $(@D)
	$(Q)flex -o $@ $<
build/tools/mig.d/%.o: build/tools/mig.d/%.c $(MIG_PARSER)
	$(call say,HOSTCC,$<)
	$(Q)$(HOSTCC) $(MIG_CFLAGS) -Wno-unused-function $(DEPGEN) -c -o $@ $<
build/tools/mig.d/%.o: tools/mig/%.c $(MIG_PARSER) | deps-build
	$(call say,HOSTCC,$<)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(MIG_CFLAGS) $(DEPGEN) -c -o $@ $<
$(MIG): $(MIG_OBJ)
	$(call say,HOSTLD,$@)
	$(Q)$(HOSTCC) -o $@ $^

# ---- stubs ----------------------------------------------------------------------------------
MACH_DEFS   := $(sort $(wildcard include/mach/*.defs))
SERVER_DEFS := $(sort $(wildcard include/servers/*.defs))
# A change in any .defs runs MIG again on all of them: they include each other, and it is quick.
ALL_DEFS    := $(MACH_DEFS) $(SERVER_DEFS) $(wildcard user/lib/mach/*.defs)
MIG_RUN     := $(MIG) -cc '$(CC)' -Iinclude

have_defs = $(foreach n,$(1),$(if $(wildcard include/mach/$(n).defs),$(n)))
KERNEL_SERVED := $(call have_defs,$(KERNEL_SERVES))
KERNEL_CALLED := $(call have_defs,$(KERNEL_CALLS))
KERNEL_MIG_SRC := $(KERNEL_SERVED:%=build/kernel/mig/%_server.c) \
                  $(KERNEL_CALLED:%=build/kernel/mig/%_user.c)
KERNEL_MIG_HEADERS := $(KERNEL_MIG_SRC:.c=.h)
KERNEL_MIG_SRC += build/kernel/mig/subsystems.c $(TRAPPED:%=build/kernel/mig/%_traps.c)

build/kernel/mig/%_server.c build/kernel/mig/%_server.h &: include/mach/%.defs $(MIG) $(ALL_DEFS)
	$(call say,MIG,$< (kernel server))
	@mkdir -p $(@D)
	$(Q)$(MIG_RUN) -kernel-server \
	    -server build/kernel/mig/$*_server.c -sheader build/kernel/mig/$*_server.h $<
# Where a message to the kernel finds its routine (kernel/ipc/kobject.c).
build/kernel/mig/subsystems.c: tools/mig.mk | deps-build
	@mkdir -p $(@D)
	$(Q)printf '#include "%s_server.h"\n' $(KERNEL_SERVED) > $@
	$(Q)echo 'const struct mig_subsystem *const subsystems[] = {' >> $@
	$(Q)printf '    (const void *)&%s_subsystem,\n' $(KERNEL_SERVED) >> $@
	$(Q)echo '    0};' >> $@
$(TRAPPED:%=build/kernel/mig/%_traps.c): build/kernel/mig/%_traps.c: include/mach/%.defs $(MIG) $(ALL_DEFS) tools/mig.mk
	@mkdir -p $(@D)
	$(Q)$(MIG_RUN) -kernel-server -traps $@ -trap-names '$(TRAPS_$*)' $<
build/kernel/mig/%_user.c build/kernel/mig/%_user.h &: include/mach/%.defs $(MIG) $(ALL_DEFS)
	$(call say,MIG,$< (kernel user))
	@mkdir -p $(@D)
	$(Q)$(MIG_RUN) -kernel-user \
	    -user build/kernel/mig/$*_user.c -header build/kernel/mig/$*_user.h $<

# User side, one rule per .defs: $(1) is mach/NAME or servers/NAME.
mig_source = $(firstword $(wildcard user/lib/$(1).defs) include/$(1).defs)
mig_header = build/include/$(1)$(if $(wildcard include/$(1).h),_rpc).h
define user_mig_rule
build/user/mig/$(1)_user.c build/user/mig/$(1)_server.c $(call mig_header,$(1)) \
build/include/$(1)_server.h build/user/mig/$(1).json &: $(call mig_source,$(1)) $$(MIG) $$(ALL_DEFS)
	$$(call say,MIG,$$<)
	@mkdir -p build/user/mig/$(dir $(1)) build/include/$(dir $(1))
	$$(Q)$$(MIG_RUN) -user build/user/mig/$(1)_user.c -header $(call mig_header,$(1)) \
	    -server build/user/mig/$(1)_server.c -sheader build/include/$(1)_server.h \
	    -json build/user/mig/$(1).json $$<
endef

USER_MIG     := $(patsubst include/%.defs,%,$(foreach d,$(MACH_DEFS) $(SERVER_DEFS),$(if \
                $(filter %_types.defs %/std_types.defs,$(d)),,$(d))))
USER_MIG_SRC := $(foreach m,$(USER_MIG),build/user/mig/$(m)_user.c build/user/mig/$(m)_server.c)
USER_MIG_HEADERS := $(foreach m,$(USER_MIG),$(call mig_header,$(m)) build/include/$(m)_server.h)
$(foreach m,$(USER_MIG),$(eval $(call user_mig_rule,$(m))))
