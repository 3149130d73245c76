# SPDX-License-Identifier: BSD-2-Clause
#
# Starting the machine. The launchers are tools/run, tools/scenario, tools/gdb/start and, for
# everything else, tools/qemu; they share tools/qemu_machine.py. Standard output is the answer.

SYSTEM := build/minato.elf build/boot.tar
.PHONY: deps-run deps-gdb deps-iso run scenario gdb iso bench

deps-run deps-gdb deps-iso:
	@CROSS=$(CROSS) HOSTCC=$(HOSTCC) tools/deps $(@:deps-%=%)
deps-gdb: deps-run

# Only who asks for KVM needs the program that tries it.
RUN_NEEDS := $(SYSTEM) $(if $(filter kvm,$(ACCEL)),build/tools/kvm-probe.elf) | deps-run
build/tools/kvm-probe.elf: tools/qemu-kvm-probe.asm tools/qemu-probe.ld | deps-build
	@mkdir -p $(@D)
	$(Q)nasm -f elf32 -o $@.o $<
	$(Q)$(CROSS)ld -m elf_i386 -T tools/qemu-probe.ld -o $@ $@.o

# Python does not start with a folder for its standard input.
run: $(RUN_NEEDS)
	@[ ! -d /dev/stdin ] || \
	    { echo 'run: standard input is a folder: give it a terminal or a script' >&2; exit 2; }
	@tools/run
scenario: $(RUN_NEEDS)
	@tools/scenario
gdb: $(RUN_NEEDS) deps-gdb
	@tools/gdb/start $(PROGRAM_ELF)

iso: build/minato.iso
build/minato.iso: $(SYSTEM) boot/grub.cfg | deps-iso
	$(call say,ISO,$@)
	@rm -rf build/iso && mkdir -p build/iso/boot/grub
	@cp $(SYSTEM) build/iso/boot/ && cp boot/grub.cfg build/iso/boot/grub/
	$(Q)grub-mkrescue -o $@ build/iso > build/iso.log 2>&1 || { cat build/iso.log >&2; exit 1; }

bench: $(RUN_NEEDS)
	@tests/bench/report build/bench.json
