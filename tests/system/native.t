#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rules: libmach and the servers pass the tests of bin/libtest; bootstrap says what is wrong with a
# command line, a program or a server, and the machine ends with a status that says so; the kernel
# says what ended a task.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();

sub boot { return run('tools/qemu', '--batch', '--icount', 5, @_) }

# The boot archive with some files replaced: name => file with the contents.
sub archive {
    my (%change) = @_;
    system("rm -rf $place/tar && mkdir -p $place/tar && tar -C $place/tar -xf build/boot.tar") == 0
        or die "build/boot.tar cannot be unpacked\n";
    system('cp', $change{$_}, "$place/tar/$_") for keys %change;
    chomp(my @names = `tar -tf build/boot.tar`);
    system('tar', '-C', "$place/tar", '--format=ustar', '-cf', "$place/boot.tar", @names) == 0
        or die "no archive\n";
    return "$place/boot.tar";
}

# ---- libtest: its points become ours ----

my $r = boot('--append', 'minato.run=libtest minato.timeout=100');
my $plan = 0;
for my $line (split /\n/, $r->{out}) {
    ok(!$1, $2) if $line =~ /^(not )?ok \d+ - (.*)/;
    diag($line) if $line =~ /^#   /;
    $plan = $1 if $line =~ /^1\.\.(\d+)$/;
}
ok($plan > 250, 'libtest came to its end') or diag($r->{out}, $r->{err});
my $line = qr/^(# thread \d+ says that this is its line \d+, and nobody else's)$/m;
my %whole = map { $_ => 1 } $r->{out} =~ /$line/g;
is(scalar keys %whole, 240, 'lines that 12 threads print stay whole');
is($r->{status}, 0, 'and its status is 0');

# ---- bootstrap: mistakes in words ----

my @wrong = (
    ['minato.run=nothing', 2, qr/minato\.run=nothing: there is no such program/],
    ['minato.run=', 2, qr/minato\.run= wants the name of a program/],
    ['minato.run=scenario', 2, qr/minato\.run=scenario needs a script/],
    ['minato.seed=0x1', 2, qr/minato\.seed=0x1: that must be a whole number from 0 to 4294967295/],
    ['minato.seed=4294967296', 2, qr/minato\.seed=4294967296: that must be a whole number/],
    ['minato.timeout=soon', 2, qr/minato\.timeout=soon: that must be a number of seconds above 0/],
);
for my $case (@wrong) {
    my ($words, $status, $sentence) = @$case;
    $r = boot('--append', $words);
    is($r->{status}, $status, "$words: status $status");
    is(scalar(grep { $_ =~ $sentence } split /\n/, $r->{out}), 1, 'and one sentence')
        or diag($r->{out});
}

my $loop = write_file("$place/loop.lua", "while true do end\n");
$r = boot('--append', 'minato.run=lua minato.timeout=0.5', '--script', $loop);
is($r->{status}, 124, 'a program that does not end: status 124');
like($r->{out}, qr/the time limit of 0\.500 s is over/, 'and a sentence');

# The console's server and bootstrap itself must be more urgent than any thread of a program.
my $urgent = write_file("$place/urgent.lua", <<'END');
local self, base, kr = mach.mach_thread_self(), -1, nil
repeat
    base = base + 1
    kr = mach.thread_policy(self, mach.POLICY_FIFO, {base_priority = base}, false)
until kr == 0
print("as urgent as can be")
while true do end
END
$r = boot('--timeout', '15', '--append', 'minato.run=lua minato.timeout=2', '--script', $urgent);
is($r->{status}, 124, 'a program that does not give the processor away: status 124');
like($r->{out}, qr/^as urgent as can be$/m, 'its words are shown');
like($r->{out}, qr/the time limit of 2\.000 s is over/, 'and it is the guest that ends it');

# ---- bootstrap: programs and servers that are not what they should be ----

my $text = write_file("$place/text", "this is no program\n");
$r = boot('--archive', archive('bin/libtest' => $text), '--append', 'minato.run=libtest');
is($r->{status}, 1, 'a job that is no program: status 1');
like($r->{out}, qr{bin/libtest cannot be started: it is no ELF file}, 'and a sentence');

$r = boot('--archive', archive('servers/console' => $text), '--append', 'minato.run=libtest');
is($r->{status}, 1, 'a console server that is no program: status 1');
like($r->{out}, qr{servers/console: it is no ELF file}, 'and a sentence without a console server');

for my $server ('console', 'name') {
    my $tar = archive("servers/$server" => 'build/archive/bin/libtest');
    $r = boot('--archive', $tar, '--append', 'minato.run=libtest minato.timeout=2');
    is($r->{status}, 124, "a $server server that ends at once: the time limit holds");
    like($r->{out}, qr{servers/$server has ended; it is started again in 100 ms},
        'it is started again, and that is said');
    like($r->{out}, qr{servers/$server has ended; it is started again in 200 ms},
        'after a longer and longer wait');
}

# ---- bootstrap: its own life, and what others may do to it ----

# However much a program takes, the servers and bootstrap have what they need to end it.
my $greedy = write_file("$place/greedy.lua", <<'END');
repeat local kr = mach.thread_create(mach.mach_task_self()) until kr ~= 0
while true do print("more") end
END
$r = boot('--timeout', '30', '--append', 'minato.run=lua minato.timeout=9', '--script', $greedy);
unlike($r->{out}, qr/\((bootstrap|console|name)\)|servers\//, 'a greedy program: no server dies');
like($r->{out}, qr/^bootstrap: /m, 'and bootstrap says how the program ended');

# Files are handed out without a copy: these are more than there is memory for.
my $reader = write_file("$place/reader.lua", <<'END');
local files = {}
for i = 1, 30 do files[i] = assert(io.open("bin/lua", "rb")) end
END
$r = boot('--append', 'minato.run=lua', '--script', $reader, {env => {MEM => 16}});
is($r->{status}, 0, 'a file that is open thirty times takes no memory of its own')
    or diag($r->{out});

# The kernel's sentence about a task that a fault ended; a breakpoint's kind says enough.
$r = run('tools/scenario', 'tests/scenarios/kern/faults.lua');
my @sentences = grep { / ended by (?!breakpoint)/ } split /\n/, $r->{out};
ok(@sentences > 40, 'the kernel says what ended a task');
is(join("\n", grep { /: code \d/ } @sentences), '', 'in words, whatever it was');

# A bootstrap that dies when it would end the machine. In the archive it is as it lies in memory.
my $cross = $ENV{CROSS} || 'i686-linux-gnu-';
my $names = `${cross}nm build/servers/bootstrap.elf`;
my ($start) = $names =~ /^(\w+) T _start$/m;
my ($address) = $names =~ /^(\w+) T end_machine$/m;
my $image = read_file('build/archive/bootstrap');
substr($image, hex($address) - hex($start), 2) = "\x0f\x0b"; # ud2
my $mortal = write_file("$place/mortal", $image);
my $short = write_file("$place/short.lua", "print('here')\n");
$r = boot('--timeout', '15', '--archive', archive('bootstrap' => $mortal), '--append',
    'minato.run=lua', '--script', $short);
is($r->{status}, 1, 'without bootstrap the machine does not go on: status 1');
like($r->{out}, qr/task 1 \(bootstrap\), thread \d+ ended by bad instruction.*\n.*the first task/,
    'and two sentences');

done_testing();
