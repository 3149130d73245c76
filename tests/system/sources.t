#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: `make loc` counts lines that hold code and no others; `make check-layers` finds each kind of
# forbidden include and accepts the allowed ones.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;
use File::Path 'make_path';

my $place = folder();
make_path("$place/code");
write_file("$place/code/a.c", <<'END');
// a comment
/* one
   over lines */ int a; /* and code in it */

char *s = "// no comment"; // but this
char *t = "/* neither";
int b = '"'; // "
   /* nothing here */
END
write_file("$place/code/b.asm", "; comment\n\n\tmov eax, ';'\t; code\nlabel:\n");
my $r = run('tools/loc', "$place/code");
like($r->{out}, qr/^ +6 total$/m, 'four lines of C and two of assembly') or diag($r->{out});
isnt(run('tools/loc', "$place/none")->{status}, 0, 'a folder that is not there is refused');

# A small tree with every kind of include: [file, line, is it forbidden?].
my @lines = (
    ['kernel/lib/a.c',     '#include "lib/list.h"',         0],
    ['kernel/lib/b.c',     '#include "kern/task.h"',        1],
    ['kernel/x86/a.c',     '#include "x86/cpu.h"',          0],
    ['kernel/x86/b.c',     '#include "kern/task.h"',        1],
    ['kernel/ipc/a.c',     '#include "kern/task.h"',        0],
    ['kernel/ipc/b.c',     '#include "x86/frame.h"',        1],
    ['kernel/x86/c.c',     '#include "x86/frame.h"',        0],
    ['kernel/kern/a.c',    '#include <mach/message.h>',     0],
    ['kernel/kern/b.c',    '#include <stdio.h>',            1],
    ['kernel/kern/c.c',    '#include <stdint.h>',           0],
    ['kernel/kern/d.c',    '#include "mach_server.h"',      0],
    ['kernel/kern/e.c',    '#include "../ipc/missing.h"',   1],
    ['kernel/vm/a.c',      '__asm__ volatile("hlt");',      1],
    ['kernel/vm/b.asm',    'hlt',                           1],
    ['include/mach/a.h',   '#include <mach/message.h>',     0],
    ['include/mach/b.h',   '#include <servers/name.h>',     1],
    ['include/mach/c.h',   '#include "../../kernel/kern/task.h"', 1],
    ['servers/name/a.c',   '#include <stdio.h>',            0],
    ['servers/name/b.c',   '#include <servers/name.h>',     0],
    ['servers/name/c.c',   '#include "../console/tty.h"',   1],
    ['servers/name/d.c',   '#include "../../kernel/kern/task.h"', 1],
    ['servers/name/e.c',   '#include "table.h"',            0],
    ['user/bin/ps/a.c',    '#include "../../../servers/name/table.h"', 1],
    ['user/bin/ps/b.c',    '#include <cthreads.h>',         0],
);
my %headers = ('kernel/lib/list.h' => '', 'kernel/kern/task.h' => '', 'kernel/x86/cpu.h' => '',
    'kernel/x86/frame.h' => "// Private to kernel/x86.\n", 'include/mach/message.h' => '',
    'include/servers/name.h' => '', 'servers/console/tty.h' => '', 'servers/name/table.h' => '',
    'user/lib/include/cthreads.h' => '');

sub add {
    my ($path, $text) = @_;
    make_path("$place/tree/" . $path =~ s{/[^/]+$}{}r);
    write_file("$place/tree/$path", $text);
}
add($_, $headers{$_}) for keys %headers;
add($_->[0], "$_->[1]\n") for @lines;
$r = run('tools/layers', "$place/tree");
is($r->{status}, 1, 'a tree with offenders fails');
for my $case (@lines) {
    my ($path, $line, $forbidden) = @$case;
    my $found = $r->{out} =~ /^\Q$path\E:1: /m ? 1 : 0;
    is($found, $forbidden, "$path: $line: " . ($forbidden ? 'found' : 'accepted'));
}
unlink map { "$place/tree/$_->[0]" } grep { $_->[2] } @lines;
is(run('tools/layers', "$place/tree")->{status}, 0, 'without them it passes');

isnt(run('tools/layers', "$place/none")->{status}, 0, 'a tree without sources is not in order');

done_testing();
