#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: `make gdb` stops the machine before its first instruction, with gdb attached on a free port and
# the symbols of the kernel and of every program at hand; our commands show the kernel's objects.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

alarm 100;      # should a breakpoint not be hit: the signal ends us, and make and gdb with us

# What gdb says when it is given these commands and then ends.
sub gdb {
    my $flags = join ' ', '-nx', '-batch', map { "-ex \"$_\"" } @_;
    my $r = run('make', '-s', 'gdb', {env => {GDBFLAGS => $flags, MAKEFLAGS => ''}});
    is($r->{status}, 0, "gdb ends well: @_") or diag($r->{err});
    return $r->{out} . $r->{err};
}

my $said = gdb('info registers eip', 'info registers cs', 'info line kernel_main', 'info symbol _start');
like($said, qr/^eip +0xfff0\b/m, 'the machine is before its first instruction');
like($said, qr/^cs +0xf000\b/m, 'in the firmware');
unlike($said, qr/No symbol table is loaded|No debug/, 'the symbols are there');

for my $program (map { m{build/(.*)\.elf$} } glob('build/servers/*.elf build/user/bin/*.elf')) {
    my ($main) = run('nm', "build/$program.elf")->{out} =~ /^([0-9a-f]+) T main$/m;
    like(gdb("info symbol 0x$main"), qr/^main in section \.text of .*\Q$program\E\.elf/m,
        "$program: an address in it is known by name");
}

$said = gdb('hbreak thread_make', 'ignore 1 5', 'continue', 'bt 3', 'minato tasks', 'minato threads all',
    'minato current', 'minato ports bootstrap');
like($said, qr/^#0 +thread_make/m, 'a breakpoint in the kernel is hit');
like($said, qr/^ +\d+ bootstrap +threads/m, 'minato tasks knows bootstrap');
like($said, qr/^ \* +\d+ running/m, 'minato threads marks the one that runs');
like($said, qr/^ *0x[0-9a-f]+ .*\b(send|receive)\b/m, 'minato ports lists rights');

my $r = run('sh', '-c', 'exec script -qec tools/gdb/console /dev/null < /dev/null');
is($r->{out} =~ s/\r//gr, "console: no machine is being debugged: start one with make gdb\n",
    'without a machine tools/gdb/console says what to do, and nothing else');

done_testing();
