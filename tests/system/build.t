#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: the build is repeatable: a second make changes nothing, the boot archive has bootstrap as its
# first entry and depends on nothing but its contents; `make -s` leaves standard output alone.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my %env = (env => {MAKEFLAGS => ''});

my $r = run('make', '-s', \%env);
is($r->{status}, 0, 'make succeeds');
is($r->{out}, '', 'make -s: nothing on standard output');

my @before = map { (stat $_)[9] } 'build/minato.elf', 'build/boot.tar';
$r = run('make', '-s', \%env);
is($r->{err}, '', 'a second make does nothing');
is_deeply([map { (stat $_)[9] } 'build/minato.elf', 'build/boot.tar'], \@before,
    'and touches neither kernel nor archive');

$r = run('tar', '-tvf', 'build/boot.tar', '--numeric-owner', '--full-time', '--utc');
my @entries = split /\n/, $r->{out};
like($entries[0], qr/ bootstrap$/, 'the archive begins with bootstrap');
is(scalar(grep { !m{ 0/0 .* 1970-01-01 00:00:00 } } @entries), 0,
    'no entry has an owner or a date of its own');

is_deeply([grep { m{^lua/} } map { (split ' ')[-1] } @entries],
    [map { s{^user/lib/}{}r } sort glob 'user/lib/lua/*.lua'], 'the archive has the modules of Lua');

$r = run('make', 'help', \%env);
is($r->{status}, 0, 'make help succeeds');
like($r->{out}, qr/^make $_\b/m, "make help names make $_")
    for qw(run scenario test gdb bench iso mutants loc check-layers clean);

$r = run('make', '-sn', 'clean', \%env);
like($r->{out}, qr{^rm -rf build/.* build/minato\.elf\b}m, 'make clean would remove what we built');
unlike($r->{out}, qr{ build/(newlib|lua|lua-src|apt)\s}, 'but not what we fetched');

$r = run('make', '-s', 'no-such-target', \%env);
isnt($r->{status}, 0, 'an unknown target fails');
like($r->{err}, qr/No rule to make target 'no-such-target'/, 'and is named');

$r = run('make', '-s', 'loc', \%env);
like($r->{out}, qr/^ *(\d+) total of at most 14950$/m, 'make loc ends with the total');
my ($lines) = $r->{out} =~ /^ *(\d+) total/m;
cmp_ok($lines, '<', 14950, 'the kernel is below its limit');

$r = run('make', '-s', 'check-layers', \%env);
is($r->{status}, 0, 'make check-layers: nobody includes what is not his') or diag($r->{out});

done_testing();
