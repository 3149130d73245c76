#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: a tool that is missing or too old is named with its purpose and its cure, before anything is
# built; with everything there, tools/deps says nothing.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

# A folder with links to every tool of this computer except these.
sub path_without {
    my @without = @_;
    my $place = folder();
    my %seen;
    for my $file (map { glob("$_/*") } split /:/, $ENV{PATH}) {
        my ($name) = $file =~ m{([^/]+)$};
        next if $seen{$name}++ || grep { $_ eq $name } @without;
        symlink $file, "$place/$name";
    }
    return $place;
}

my $r = run('tools/deps', 'build', 'run', 'test');
is($r->{status}, 0, 'everything is here');
is($r->{out} . $r->{err}, '', 'then it is silent');

$r = run('tools/deps', 'biuld');
isnt($r->{status}, 0, 'an unknown group is not ready');
like($r->{err}, qr/^deps: there is no group biuld: build run .*are known$/, 'and named');

# No nasm, and an apt-get that notes how it is called and then puts nasm there.
my $path = path_without('nasm', 'apt-get', 'id', 'sudo');
write_file("$path/id", "#!/bin/sh\necho 0\n");
write_file("$path/apt-get", "#!/bin/sh\necho \"\$@\" >> $path/calls\necho apt speaks\n"
    . "case \"\$*\" in *install*) ln -s /usr/bin/nasm $path/nasm;; esac\n");
chmod 0755, "$path/id", "$path/apt-get";
$r = run('tools/deps', 'build', {env => {PATH => $path, DEPS => 'no'}});
isnt($r->{status}, 0, 'nasm missing: not ready');
like($r->{err}, qr/^deps: nasm is missing; it assembles .*\(package nasm\)$/m, 'says what and why');
like($r->{err}, qr/^deps: as root, run: apt-get install --no-remove nasm$/m, 'says what to do');
is($r->{out}, '', 'nothing on standard output');

$r = run('make', '-s', 'kernel', {env => {PATH => $path, DEPS => 'no', MAKEFLAGS => ''}});
isnt($r->{status}, 0, 'make without nasm fails');
like($r->{err}, qr/^deps: nasm is missing/m, 'with the same words');
unlike($r->{err}, qr/^  (CC|LD|NASM)/m, 'before it builds anything');

$r = run('tools/deps', 'build', {env => {PATH => $path}});
is($r->{status}, 0, 'installed: ready');
is($r->{out}, '', 'what apt says is not on standard output');
like($r->{err}, qr/^deps: installing nasm$/m, 'it is said what is installed');
my $calls = read_file("$path/calls");
like($calls, qr/^-qq update\n-qq install -y --no-remove --no-install-recommends nasm\n\z/,
    'apt-get is asked for that package alone, and not to remove any');

# Other tools, another newlib and Lua: the environment names them, so apt is no help.
for my $case ([CROSS => 'no-such-', 'no-such-gcc no-such-ld'],
    [HOSTCC => 'no-such-cc', 'no-such-cc'],
    [NEWLIB_TAR => '/none.tar', '/none.tar'], [LUA_SRC => '/none', '/none/src/lua.h']) {
    my ($name, $value, $missing) = @$case;
    $r = run('tools/deps', 'build', {env => {$name => $value}});
    isnt($r->{status}, 0, "$name=$value: not ready");
    like($r->{err}, qr/^deps: see that \Q$missing\E can be found, or leave out .*$name=/m,
        'why, and the cure');
}
$path = path_without('apt-get', 'dpkg-source', 'patch', 'flock');
is(run('tools/deps', 'build', {env => {PATH => $path}})->{status}, 1,
    'without apt: what unpacks the Lua of Debian is missed');
my $lua = folder();
mkdir "$lua/src" and write_file("$lua/src/lua.h", '');
$r = run('tools/deps', 'build', {env => {PATH => $path, LUA_SRC => $lua}});
is($r->{err}, '', 'but not with a Lua of our own');

# A QEMU of another age.
$path = path_without('qemu-system-i386');
write_file("$path/qemu-system-i386", "#!/bin/sh\necho 'QEMU emulator version 5.2.0'\n");
chmod 0755, "$path/qemu-system-i386";
$r = run('tools/deps', 'run', {env => {PATH => $path, DEPS => 'no'}});
isnt($r->{status}, 0, 'QEMU too old: not ready');
like($r->{err}, qr/qemu-system-i386 is version 5\.2\.0, too old: use QEMU 6/, 'with the cure');

done_testing();
