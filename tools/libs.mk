# SPDX-License-Identifier: BSD-2-Clause
#
# The two libraries of native programs that are not ours, built once from Debian's own sources:
# newlib (package newlib-source) and Lua 5.4 (source package lua5.4, fetched by tools/apt-root).
# They survive `make clean`. The versions used are printed when they are built.
#
#   NEWLIB_TAR=file.tar.xz   another newlib        LUA_SRC=dir   an unpacked Lua 5.4 source tree

NEWLIB      := build/newlib/i686-elf
NEWLIB_TAR  ?= $(lastword $(sort $(wildcard /usr/src/newlib/newlib-*.tar.xz)))
LUA_SRC     ?= build/lua-src
LIBC        := $(NEWLIB)/lib/libc.a
LIBLUA      := build/lua/liblua.a

# Every program may use the C library, so this is what its compiler is told about it.
LIBC_FLAGS  = -nostdinc -isystem $(NEWLIB)/include -isystem $(GCC_INCLUDE) -D__DYNAMIC_REENT__

NEWLIB_CFLAGS := -march=i686 -O2 -g0 -ffreestanding -fno-pie -fno-pic -fno-stack-protector \
    -fcf-protection=none -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
    -U__linux__ -U__linux -Ulinux -U__unix__ -U__gnu_linux__ -D__DYNAMIC_REENT__
NEWLIB_CONFIGURE := --target=i686-elf --disable-multilib --disable-libgloss --disable-shared \
    --disable-nls --disable-newlib-supplied-syscalls --enable-newlib-io-long-long \
    --enable-newlib-io-c99-formats --enable-newlib-retargetable-locking
# All processors, unless somebody has said how many.
NEWLIB_JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

$(LIBC): | deps-build
	$(call say,NEWLIB,$(notdir $(or $(NEWLIB_TAR),the tarball of newlib-source)) (a minute))
	@rm -rf build/newlib build/newlib.d && mkdir -p build/newlib build/newlib.d/obj
	@set -e; tar=$${NEWLIB_TAR:-$$(ls /usr/src/newlib/newlib-*.tar.xz | tail -n 1)}; \
	    tar -C build/newlib.d --strip-components=1 --one-top-level=src -xf "$$tar"
	+@cd build/newlib.d/obj && { \
	    ../src/configure --prefix=$(CURDIR)/build/newlib $(NEWLIB_CONFIGURE) \
	    CC_FOR_TARGET='$(CC)' AS_FOR_TARGET='$(CROSS)as' LD_FOR_TARGET='$(CROSS)ld' \
	    AR_FOR_TARGET='$(CROSS)ar' RANLIB_FOR_TARGET='$(CROSS)ranlib' \
	    NM_FOR_TARGET='$(CROSS)nm' OBJDUMP_FOR_TARGET='$(CROSS)objdump' \
	    OBJCOPY_FOR_TARGET='$(CROSS)objcopy' READELF_FOR_TARGET='$(CROSS)readelf' \
	    STRIP_FOR_TARGET='$(CROSS)strip' CFLAGS_FOR_TARGET='$(NEWLIB_CFLAGS)' && \
	    MAKEFLAGS='$(filter-out --no-builtin%,$(filter -%,$(MAKEFLAGS)))' \
	        $(MAKE) $(NEWLIB_JOBS) MAKEINFO=true all-target-newlib && \
	    $(MAKE) MAKEINFO=true install-target-newlib; \
	    } > ../log 2>&1 || { tail -n 20 ../log >&2; \
	    echo 'newlib did not build: the whole story is in build/newlib.d/log' >&2; exit 1; }
	@mv build/newlib.d/log build/newlib/log && rm -rf build/newlib.d
	@touch $@

build/lua-src/src/lua.h: | deps-build
	$(call say,FETCH,lua5.4 (Debian source package))
	@rm -rf build/lua-src build/apt/source && mkdir -p build/apt/source
	@tools/apt-root source lua5.4 build/apt/source >&2
	@cd build/apt/source && { dpkg-source --no-check -x lua5.4_*.dsc tree > ../lua.log 2>&1 \
	    || { cat ../lua.log >&2; exit 1; }; } && mv tree ../../lua-src
	@sed -n 's/^Version: /  LUA    version /p' build/apt/source/lua5.4_*.dsc | tail -n 1 >&2
	@touch $@

# All of Lua but its two main programs; on newlib it needs one header that Debian generates. A fixed
# seed for its hashes, so that pairs() goes through a table in the same order in every run.
$(LIBLUA): $(LUA_SRC)/src/lua.h $(LIBC) tools/libs.mk
	$(call say,LUA,$@)
	@rm -rf build/lua && mkdir -p build/lua
	@echo '#define DEB_HOST_MULTIARCH "minato"' > build/lua/lua5.4-deb-multiarch.h
	$(Q)cd build/lua && for c in $(abspath $(LUA_SRC))/src/*.c; do \
	    case $$c in */lua.c|*/luac.c) continue;; esac; \
	    echo $$c; done | xargs -n 1 -P 2 $(CC) $(filter-out -g,$(GUEST_FLAGS)) \
	    $(LIBC_FLAGS:$(NEWLIB)%=$(CURDIR)/$(NEWLIB)%) -ffunction-sections -fdata-sections -w \
	    -I. -I$(abspath $(LUA_SRC))/src '-Dluai_makeseed(...)=0x6d696e61' -c
	$(Q)$(CROSS)ar rcsD $@ build/lua/*.o
