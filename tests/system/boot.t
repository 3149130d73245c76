#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: the machine boots from the kernel file and from the GRUB image, runs what it is handed, and
# powers off with its status; on a processor without what we need it refuses in words.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();
my $script = write_file("$place/hello.lua", "print('hello from ' .. _VERSION)\n");

my $r = run('tools/qemu', '--batch', '--append', 'minato.run=lua', '--script', $script);
is($r->{status}, 0, 'boot by -kernel: status 0');
like($r->{out}, qr/^hello from Lua 5\.4$/m, 'and the script ran');

$r = run('make', '-s', 'iso', {env => {MAKEFLAGS => ''}});
is($r->{status}, 0, 'make iso');
$r = run('tools/qemu', '--batch', '--iso', 'build/minato.iso', '--script', $script);
is($r->{status}, 0, 'boot by GRUB: status 0');
like($r->{out}, qr/hello from Lua 5\.4$/m, 'and the script ran');

$r = run('tools/qemu', '--batch', '--timeout', '20', '--append', 'minato.run=lua',
    '--script', $script, {env => {CPU => '486'}});
isnt($r->{status}, 0, 'a processor of 1989: refused');
isnt($r->{status}, 124, 'at once');
like($r->{out}, qr/processor/i, 'in words') or diag($r->{out});
unlike($r->{out}, qr/hello from/, 'and nothing is run');

done_testing();
