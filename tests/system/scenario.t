#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: tools/scenario and tools/run turn whatever a machine says and however it ends into the
# promised output and status. The machine here is a stand-in that repeats its script
# (tests/system/parrot.asm), so each way to go wrong can be had.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();
my $cross = $ENV{CROSS} || 'i686-linux-gnu-';
is(run('nasm', '-f', 'elf32', '-o', "$place/parrot.o", 'tests/system/parrot.asm')->{status}, 0,
    'the stand-in assembles');
is(run("${cross}ld", '-m', 'elf_i386', '-T', 'tools/qemu-probe.ld',
        '-o', "$place/parrot.elf", "$place/parrot.o")->{status}, 0, 'and links');
write_file("$place/archive", "\0" x 512);
my %env = (MINATO_KERNEL => "$place/parrot.elf", MINATO_ARCHIVE => "$place/archive");
my $number = 0;

# Runs one scenario per text; the files are named 1.lua, 2.lua, …
sub scenarios {
    my $folder = "$place/" . ++$number;
    mkdir $folder or die;
    my $name = 0;
    write_file("$folder/" . ++$name . '.lua', $_) for @_;
    my $r = run('tools/scenario', $folder, {env => \%env});
    $r->{out} =~ s/\Q$folder\E/F/g;
    return $r;
}

my $r = scenarios("ok 1 - a\nok 2 - b\n1..2\n", "hello\n# why\nok 1 - c # SKIP not here\n1..1\n");
is($r->{out}, <<'END', 'points are numbered on, other lines are diagnostics, one plan at the end');
# F/1.lua
ok 1 - a
ok 2 - b
# F/2.lua
# hello
# why
ok 3 - c # SKIP not here
1..3
END
is($r->{status}, 0, 'all passed: status 0');
is($r->{err}, '', 'and nothing on standard error');

$r = scenarios("ok 1 - a\nnot ok 2 - b\n1..2\n\@1");
is($r->{status}, 1, 'a failed point: status 1');
like($r->{out}, qr/^not ok 2 - b\n1\.\.2\n\z/m, 'and no second complaint');

my %endings = (
    'too few points'  => ["ok 1 - a\n1..3\n", qr/3 points were planned, 1 came/],
    'no plan'         => ["ok 1 - a\n", qr/ended with status 0 before the scenario did \(no plan\)/],
    'bad status'      => ["ok 1 - a\n1..1\n\@3", qr/every point passed, but .* status 3/],
    'a reset'         => ["ok 1 - a\n^", qr/the machine was reset or powered off without .* status/],
    'a panic'         => ["ok 1 - a\n1..1\npanic: bad news\n\@\xaf", qr/the kernel panicked/],
    'giving up'       => ["Bail out! no clock\n1..0\n", qr/the scenario gave up/],
);
for my $what (sort keys %endings) {
    my ($text, $pattern) = @{$endings{$what}};
    $r = scenarios($text);
    is($r->{status}, 1, "$what: status 1");
    like($r->{out}, qr/^not ok \d+ - F\/1\.lua: .*$pattern/m, "$what: a failed point says so");
}
like(scenarios("ok 1 - a\npanic: bad news\n^")->{out}, qr/^#   \| panic: bad news$/m,
    "a dead machine's last words are shown");
like(scenarios("1..0 # SKIP no disk\n")->{out}, qr/^ok 1 - F\/1\.lua # SKIP no disk$/m,
    'a file may skip all');

# What S names: one path as it stands, or words as a shell reads them, patterns too.
my $names = "$place/names";
mkdir $names or die;
write_file("$names/$_", "ok 1\n1..1\n") for 'a b.lua', "it's;#,\\.lua", "two\nlines.lua", 'x1.lua', 'x2.lua';

sub named {
    my $r = run('make', '-s', 'scenario', {env => {%env, MAKEFLAGS => '', S => $_[0]}});
    return join '|', $r->{status}, $r->{out} =~ m{^# \Q$names\E/(.*)}mg;
}
is(named("$names/a b.lua"), '0|a b.lua', 'S: a blank in a name');
is(named("$names/it's;#,\\.lua"), "0|it's;#,\\.lua", 'S: whatever else is in a name');
is(named("$names/two\nlines.lua"), '0|two lines.lua', 'S: a name of two lines is told in one');
is(named("$names/x?.lua '$names/a b.lua'"), '0|x1.lua|x2.lua|a b.lua', 'S: patterns, quoted words');

# tools/run: the script's output alone, its status, and the wall-clock limit.
$r = run('tools/run', {stdin => "one\ntwo\n\@3", env => \%env});
is($r->{out}, "one\ntwo\n", 'run: output alone on standard output');
is($r->{status}, 3, "run: the guest's status");
is(run('tools/run', {stdin => "caf\xe9 \r\xc3\xa9\n", env => \%env})->{out}, "caf\xe9 \r\xc3\xa9\n",
    'run: each byte as it came');
$r = run('tools/run', {stdin => "one\n&", env => {%env, TIMEOUT => 8}});
is($r->{status}, 124, 'run: a machine that hangs is ended');
like($r->{err}, qr/no end after 8 seconds of wall-clock time/, 'run: and it is said why');
is($r->{out}, "one\n", 'run: what it said before is kept');

# A launcher that is ended takes its machine with it.
my $child = open(my $pipe, '-|') // die "fork: $!";
if ($child == 0) {
    $ENV{$_} = $env{$_} for keys %env;
    write_file("$place/hang.lua", "here\n&");
    open(STDERR, '>', '/dev/null');
    exec 'tools/scenario', "$place/hang.lua";
    exit 127;
}
while (<$pipe>) { last if /here/ }
my @machines = split ' ', read_file("/proc/$child/task/$child/children");
is(scalar(@machines), 1, 'a hanging machine runs');
kill 'TERM', $child;
waitpid($child, 0);
is(kill(0, $machines[0]), 0, 'and is gone with its launcher');

done_testing();
