#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The kernel's own printf, string functions, division and list of usable memory, built for the host and
# compared with the C library's, the compiler's, or a model, on seeded random input. Run from the top of
# the tree.
set -eu

cross=${HOST32:-i686-linux-gnu-} # must make programs that run here
out=build/tests/unit/kernel-lib
mkdir -p "$out"

# The kernel's functions get names of their own, so that the C library's can stand beside them.
for name in memcpy memmove memset memcmp strlen strlcpy \
            snprintf vprintf printf; do
    echo "$name kernel_$name"
done > "$out/names"
for name in __udivmoddi4 __udivdi3 __umoddi3; do
    echo "__wrap_$name kernel_$name"
    echo "__real_$name $name"
done >> "$out/names"

for source in kernel/lib/string.c kernel/lib/printf.c kernel/lib/divide.c kernel/x86/memory.c; do
    object=$out/$(basename "$source" .c).o
    "${cross}gcc" -std=gnu11 -march=i686 -O2 -g -ffreestanding -fno-pie -Ikernel -Iinclude \
        -c -o "$object" "$source"
    "${cross}objcopy" --redefine-syms="$out/names" "$object"
done
# Formats are made up at run time: -Wformat has nothing to say.
"${cross}gcc" -std=gnu11 -march=i686 -O1 -g -fno-builtin -fno-pie -static -Wall -Wextra \
    -Wno-format-nonliteral -Wno-format -Ikernel -Iinclude -o "$out/test" \
    tests/unit/kernel-lib/main.c "$out/string.o" "$out/printf.o" "$out/divide.o" \
    "$out/memory.o"
exec "$out/test"
