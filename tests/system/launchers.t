#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: whatever a person can get wrong in calling the launchers is answered by one clear sentence
# on standard error, nothing on standard output, and a status that is not zero.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();
my $good = write_file("$place/good.lua", "print('never reached')\n");

sub refused {
    my ($what, $pattern, @call) = @_;
    my $r = run(@call);
    isnt($r->{status}, 0, "$what: the status is not zero");
    like($r->{err}, $pattern, "$what: the sentence says what is wrong");
    ok(one_sentence($r->{err}), "$what: it is one sentence") or diag($r->{err});
    is($r->{out}, '', "$what: nothing on standard output");
}

mkdir "$place/empty" or die;

refused('unknown scenario', qr/nowhere\.lua does not exist: check the path$/m,
    'make', '-s', 'scenario', "S=$place/nowhere.lua");
refused('no scenario named', qr/which one\? make scenario S=/, 'make', '-s', 'scenario');
refused('a list that ends within quotes', qr/S has a quote or backslash without end/,
    'make', '-s', 'scenario', "S=$good '$place/nowhere.lua");
refused('folder without scenarios', qr/has no \.lua file/, 'tools/scenario', "$place/empty");
for my $limit ('soon', '-1', '0', '1e3', '1000001', "\ntest('next line')", '9' x 30) {
    write_file("$place/limit.lua", "-- timeout: $limit\n");
    refused("timeout '$limit'", qr/limit\.lua: '-- timeout:' must be a number of seconds above 0/,
        'tools/scenario', $good, "$place/limit.lua");
}
refused('second scenario unknown', qr/nowhere\.lua does not exist/,
    'tools/scenario', $good, "$place/nowhere.lua");
for my $seed ('x', '-1', '0x10', '4294967296', "\xc2\xb2") {
    refused("SEED=$seed", qr/SEED must be a whole number from 0 to 4294967295, not '\Q$seed\E'/,
        @$_, {env => {SEED => $seed}})
        for ['tools/scenario', $good], ['tools/run'], ['tools/gdb/start'];
}
refused('no emulator', qr/no-such-qemu is missing: install the package qemu-system-x86/,
    'tools/scenario', $good, {env => {QEMU => 'no-such-qemu'}});
refused('unknown processor', qr/QEMU refused to start: .*no-such-cpu.*: check CPU=no-such-cpu$/m,
    'tools/qemu', '--batch', {env => {CPU => 'no-such-cpu'}});
for my $size (0, 3, 4097, 1.5, '1G', '9' x 30) {
    refused("MEM=$size", qr/MEM .*must be a whole number from 4 to 4096, not '\Q$size\E'/,
        'tools/qemu', '--batch', {env => {MEM => $size}});
}
refused('unknown accelerator', qr/ACCEL must be tcg or kvm, not 'warp'/,
    'tools/qemu', '--batch', {env => {ACCEL => 'warp'}});
refused('kernel that is not there', qr/kernel \S+none\.elf does not exist/,
    'tools/qemu', '--batch', '--kernel', "$place/none.elf");
refused('file to hand in that is not there', qr/file \S+none does not exist/,
    'tools/qemu', '--batch', '--file', "data=$place/none");
refused('folder in place of a script', qr/script \S+ is not a file/,
    'tools/qemu', '--batch', '--script', $place);
refused('limit that is no number', qr/TIMEOUT .* must be a number of seconds above 0, .*not 'long'/,
    'tools/run', {env => {TIMEOUT => 'long'}});
refused('option that is no limit', qr/--timeout must be a number of seconds above 0, .*not 'nan'/,
    'tools/qemu', '--batch', '--timeout', 'nan');
refused('standard input closed', qr/standard input is closed: give it a terminal or a script/,
    'sh', '-c', 'exec tools/run <&-');
refused('standard input is a folder', qr/standard input is a folder: give it a terminal or a script/,
    'sh', '-c', "exec make -s run < $place/empty");
refused('argument of a tool that takes none', qr/no argument is known, so not 'x' either/, $_, 'x')
    for 'tools/run', 'tools/fuzz';
refused('standard output full', qr/^(run|scenario): output: No space left on device$/m,
    'sh', '-c', "exec $_ > /dev/full")
    for "tools/run < $good", "tools/scenario $good";

# As a user who may not read everything, which root is not: in a copy of the launchers.
my $nobody = 65534;
my $tree = folder();
chmod 0755, $place, $tree;
system('cp', '-r', 'tools', $tree) == 0 or die;
write_file("$tree/in.lua", '');
mkdir "$tree/$_" or die for 'half', 'half/closed';
write_file("$tree/half/open.lua", '');

sub refused_to_nobody {
    my ($what, $pattern, @call) = @_;
    unshift @call, 'setpriv', "--reuid=$nobody", "--regid=$nobody", '--clear-groups' if $> == 0;
    refused($what, $pattern, @call);
}
chmod 0, "$tree/in.lua", "$tree/half/closed";
refused_to_nobody('scenario that cannot be read', qr/in\.lua cannot be read: check its permissions/,
    "$tree/tools/scenario", "$tree/in.lua");
refused_to_nobody('folder with one that cannot be read', qr{half/closed: Permission denied},
    "$tree/tools/scenario", "$tree/half");
chmod 0755, "$tree/half/closed";

mkdir "$tree/build" or die;
chmod 0555, "$tree/build";
refused_to_nobody('build that cannot be written to', qr{/build cannot be written to: remove it},
    "$tree/tools/deps", 'build');
refused_to_nobody('build that cannot be written to', qr{^gdb: build/gdb\.\w+: Permission denied$}m,
    "$tree/tools/gdb/start");
rename $tree, "$tree with a blank" or die;
refused('tree with a blank in its path', qr/the blank or special character in \S+ with a blank: move/,
    "$tree with a blank/tools/deps", 'build');
rename "$tree with a blank", $tree or die;

# A port in use: we hold it.
use IO::Socket::INET;
my $holder = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "socket: $!";
my $port = $holder->sockport;
refused('gdb port in use', qr/port $port of 127\.0\.0\.1 cannot be used/,
    'tools/gdb/start', {env => {GDBPORT => $port}});
refused('gdb port in use', qr/port $port of 127\.0\.0\.1 cannot be used/,
    'tools/qemu', '--batch', '--gdb', $port);

refused('gdb port that is none', qr/GDBPORT must be a whole number from 1 to 65535, not '$_'/,
    'tools/gdb/start', {env => {GDBPORT => $_}}) for 0, 65536, 'x';
refused('flags for gdb that end within quotes', qr/GDBFLAGS has a quote or backslash without end/,
    'tools/gdb/start', {env => {GDBFLAGS => '-batch "'}});

my $r = run('tools/qemu', '--no-such-option');
is($r->{status}, 2, 'an unknown option is a mistake in the call');
like($r->{err}, qr/unrecognized arguments: --no-such-option/, 'and is named');

done_testing();
