# SPDX-License-Identifier: BSD-2-Clause
#
# What user/bin/lua needs beyond what every program gets (tools/user.mk): its bindings of the kernel
# calls and its table of constants, which tools/luagen makes of the .defs and of the headers.
#
#   build/user/bin/lua/json/NAME.json   MIG's description of include/mach/NAME.defs
#   build/user/bin/lua/calls.c          a binding for each routine
#   build/user/bin/lua/constants.c      the integers that include/mach/*.h define

LUA_DEFS := $(call have_defs,mach mach_port mach_host sync clock minato bootstrap device_io)
LUA_JSON := $(LUA_DEFS:%=build/user/bin/lua/json/%.json)
LUA_OBJ  := build/user/bin/lua/calls.o build/user/bin/lua/constants.o

build/user/bin/lua/json/%.json: include/mach/%.defs $(MIG) $(ALL_DEFS)
	@mkdir -p $(@D)
	$(Q)$(MIG_RUN) -user /dev/null -header /dev/null -server /dev/null -sheader /dev/null \
	    -json $@ $<
build/user/bin/lua/calls.c: $(LUA_JSON) user/bin/lua/layout_table.c tools/luagen
	$(call say,LUAGEN,$@)
	$(Q)tools/luagen calls $@ --layouts user/bin/lua/layout_table.c --include include $(LUA_JSON)
build/user/bin/lua/constants.c: $(wildcard include/mach/*.h) tools/luagen build/flags | $(USER_READY)
	$(call say,LUAGEN,$@)
	@mkdir -p $(@D)
	$(Q)tools/luagen constants $@ --cc '$(CC) $(USER_CFLAGS)' --include include mach

build/user/bin/lua/%.o: build/user/bin/lua/%.c build/flags | $(USER_READY)
	$(call say,CC,$<)
	$(Q)$(CC) $(USER_CFLAGS) $(PROGRAM_CFLAGS) -Iuser/bin/lua $(DEPGEN) -c -o $@ $<

# The headers of Lua, and the one that its build makes by hand.
$(LUA_OBJ) $(patsubst %.c,build/%.o,$(wildcard user/bin/lua/*.c)): | $(LIBLUA)
build/user/bin/lua.elf: $(LUA_OBJ)
# Its mach_msg() can be ended by a test's limit of time (user/bin/lua/watch.c).
build/user/bin/lua.elf: private GUEST_FLAGS += -Wl,--wrap=mach_msg
