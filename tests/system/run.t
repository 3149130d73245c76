#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: `make -s run` with a script on standard input prints what the script prints and nothing else,
# and ends with the script's status (make itself turns any other than 0 into 2).
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my %make = (env => {MAKEFLAGS => ''});

my $r = run('make', '-s', 'run', {stdin => "print(1)\n", %make});
is($r->{out}, "1\n", "print(1): one line and nothing else");
is($r->{status}, 0, 'status 0');

$r = run('make', '-s', 'run', {stdin => "print(mach.mach_task_self())\n", %make});
like($r->{out}, qr/\A\d+\n\z/, 'the task knows its own port');

$r = run('tools/run', {stdin => "print('a')\nos.exit(3)\n"});
is($r->{out}, "a\n", 'os.exit: output until then');
is($r->{status}, 3, 'os.exit(3): status 3');
$r = run('make', '-s', 'run', {stdin => "os.exit(3)\n", %make});
isnt($r->{status}, 0, 'os.exit(3): make fails');
is(run('tools/run', {stdin => "os.exit(123)\n"})->{status}, 123, 'os.exit(123): status 123');
for my $status (124, 127, 256, -1) {
    $r = run('tools/run', {stdin => "os.exit($status)\n"});
    is($r->{status}, 1, "os.exit($status): status 1, for it would say something else");
    is($r->{err}, '', 'and nothing is said of the machine');
}

$r = run('tools/run', {stdin => "print('unfinished\n"});
isnt($r->{status}, 0, 'a syntax error: not 0');
like($r->{out} . $r->{err}, qr/stdin:1: unfinished string/, 'and says where');

$r = run('tools/run', {stdin => "local function f() error('too bad') end\nf()\n"});
isnt($r->{status}, 0, 'an error: not 0');
like($r->{out} . $r->{err}, qr/stdin:1: too bad/, 'and says where');

$r = run('tools/run', {stdin => ''});
is($r->{status}, 0, 'an empty script is fine');
is($r->{out}, '', 'and says nothing');

$r = run('tools/run', {stdin => '', env => {RUN => 'ps'}});
is($r->{status}, 0, 'a program that takes no script is given none');
like($r->{out}, qr/\d +R +ps$/m, 'and runs');

my $long = join('', map { "print($_)\n" } 1 .. 3000);
$r = run('tools/run', {stdin => $long});
is($r->{out}, join('', map { "$_\n" } 1 .. 3000), 'a long script and its output arrive whole');

done_testing();
