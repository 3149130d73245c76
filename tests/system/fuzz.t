#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rules: random calls hurt nobody but their makers; a seed says what happens, to the byte; what goes
# wrong is noticed and said, with the command that repeats it.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

sub fuzz { return run('tools/fuzz', {env => {@_}}) }

my $first = fuzz(SEED => 1, TIME => 8); # each call a hundred times
is($first->{status}, 0, 'seed 1 finds nothing')
    or diag(join "\n", grep { /fuzz|Minato/ } split /\n/, $first->{out});
my ($made, $done) = $first->{out} =~ /^all +(\d+) +(\d+)/m;
cmp_ok($made // 0, '>', 10000, 'thousands of calls were made');
cmp_ok($done // 0, '>', 1000, 'and many succeeded');
my %row = map { /^(\S+(?: \(trap\))?) +\d+ +(\d+)/ ? ($1 => $2) : () } split /\n/, $first->{out};
my @never = grep { !$row{$_} } qw(thread_create vm_allocate mach_port_names semaphore_create
    task_threads vm_write mach_port_insert_right clock_get_time),
    'mach_msg (trap)', 'vm_allocate (trap)';
is("@never", '', 'also of those that need right arguments');
my @declared = map { read_file($_) =~ /^(?:simple)?routine (\w+)\(/mg } glob 'include/mach/*.defs';
is(join(' ', grep { !exists $row{$_} } @declared), '', 'all calls of include/mach are there');
like($first->{out}, qr/^fuzz: the witness: [1-9]\d* rounds, [1-9]\d* calls, [1-9]\d* messages/m,
    'the witness was at work, and the victims reached it');

is(fuzz(SEED => 1, TIME => 1)->{out}, fuzz(SEED => 1, TIME => 1)->{out},
    'the same seed, the same bytes');
isnt(fuzz(SEED => 2, TIME => 1)->{out}, fuzz(SEED => 3, TIME => 1)->{out},
    'another seed, other calls');

# ---- harm that is done on purpose ----

my %harm = (memory => qr/FAILED: the witness: a word of its copy of inherited memory: 0x0/,
            name => qr/FAILED: the witness: names of send rights: 0x\w+, should be/,
            death => qr/FAILED: a call of the witness|FAILED: the witness has ended/,
            task => qr/FAILED: left behind: tasks: \d+, before \d+/);
for my $plant (sort keys %harm) {
    my $r = fuzz(SEED => 5, TIME => 0.5, PLANT => $plant);
    is($r->{status}, 1, "$plant: status 1");
    like($r->{out}, $harm{$plant}, 'and what it is');
    like($r->{err}, qr/^fuzz: to run it again: make fuzz SEED=5 TIME=0\.5\b/m, 'and how to');
}

like(fuzz(SEED => 1, TIME => 1_000_000, CPU => 'none')->{err}, qr/SEED=1 TIME=1000000 /,
    'a long time is said without an exponent');

# ---- mistakes ----

for my $case ([SEED => 'x'], [SEED => -1], [TIME => 0], [TIME => 'long']) {
    my $r = fuzz(@$case);
    is($r->{status}, 2, "$case->[0]=$case->[1] is refused");
    ok(one_sentence($r->{err}), 'in a sentence') or diag($r->{err});
}

done_testing();
