#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The two kernel sides, called against each other in a 32-bit host program.
set -e
here=tests/unit/mig
out=build/tests/unit/mig/kernel
cross=${HOST32:-i686-linux-gnu-} # must make programs that run here

if ! "${cross}gcc" --version >/dev/null 2>&1; then
    echo "1..0 # SKIP ${cross}gcc is missing (apt install gcc-i686-linux-gnu libc6-dev-i386-cross)"
    exit 0
fi
[ -x build/tools/mig ] || make -s build/tools/mig >&2
mkdir -p "$out"
mig="build/tools/mig -Iinclude -I$here"
$mig -kernel-server -sheader "$out/kernel_server.h" -server "$out/kernel_server.c" $here/kernel.defs
$mig -kernel-user -header "$out/kernel_user.h" -user "$out/kernel_user.c" $here/kernel.defs
"${cross}gcc" -std=gnu11 -O2 -g -static -Wall -Wextra -Werror -Iinclude -I$here/kernel -I$here \
    -I"$out" -o "$out/test" $here/test_kernel.c "$out/kernel_user.c" "$out/kernel_server.c"
exec "$out/test"
