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
write_file("$place/limit.lua", "-- timeout: soon\n");

refused('unknown scenario', qr/nowhere\.lua does not exist/,
    'make', '-s', 'scenario', "S=$place/nowhere.lua");
refused('no scenario named', qr/which one\? make scenario S=/, 'make', '-s', 'scenario');
refused('folder without scenarios', qr/has no \.lua file/, 'tools/scenario', "$place/empty");
refused('timeout that is no number', qr/'-- timeout: soon' must be a number of seconds/,
    'tools/scenario', "$place/limit.lua");
refused('second scenario unknown', qr/nowhere\.lua does not exist/,
    'tools/scenario', $good, "$place/nowhere.lua");
refused('seed that is no number', qr/SEED must be a whole number, not 'x'/,
    'tools/scenario', $good, {env => {SEED => 'x'}});
refused('no emulator', qr/no-such-qemu is missing: install the package qemu-system-x86/,
    'tools/scenario', $good, {env => {QEMU => 'no-such-qemu'}});
refused('unknown processor', qr/QEMU refused to start: .*no-such-cpu/,
    'tools/qemu', '--batch', {env => {CPU => 'no-such-cpu'}});
refused('no memory', qr/MEM .*must be a number above zero, not '0'/,
    'tools/qemu', '--batch', {env => {MEM => 0}});
refused('too little memory', qr/MEM=1 is too small/, 'tools/qemu', '--batch', {env => {MEM => 1}});
refused('unknown accelerator', qr/ACCEL must be tcg or kvm, not 'warp'/,
    'tools/qemu', '--batch', {env => {ACCEL => 'warp'}});
refused('kernel that is not there', qr/kernel \S+none\.elf does not exist/,
    'tools/qemu', '--batch', '--kernel', "$place/none.elf");
refused('file to hand in that is not there', qr/file \S+none does not exist/,
    'tools/qemu', '--batch', '--file', "data=$place/none");
refused('folder in place of a script', qr/script \S+ is not a file/,
    'tools/qemu', '--batch', '--script', $place);
refused('limit that is no number', qr/TIMEOUT .* must be a number above zero, not 'long'/,
    'tools/run', {env => {TIMEOUT => 'long'}});

SKIP: {
    skip 'a file that root cannot read does not exist', 4 if $> == 0;
    chmod 0, $good;
    refused('scenario that cannot be read', qr/cannot be read: check its permissions/,
        'tools/scenario', $good);
    chmod 0644, $good;
}

# A port in use: we hold it.
use IO::Socket::INET;
my $holder = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "socket: $!";
my $port = $holder->sockport;
refused('gdb port in use', qr/port $port of 127\.0\.0\.1 cannot be used/,
    'tools/gdb/start', {env => {GDBPORT => $port}});
refused('gdb port in use', qr/port $port of 127\.0\.0\.1 cannot be used/,
    'tools/qemu', '--batch', '--gdb', $port);

my $r = run('tools/qemu', '--no-such-option');
is($r->{status}, 2, 'an unknown option is a mistake in the call');
like($r->{err}, qr/unrecognized arguments: --no-such-option/, 'and is named');

done_testing();
