#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# tools/luagen: a binding for every routine of the .defs and a constant for every number of the
# headers; what it does not know is an error that names the routine and the argument. Run from the
# top of the tree, after `make`.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();
my $mig = 'build/tools/mig';
my $cc = ($ENV{CROSS} // 'i686-linux-gnu-') . 'gcc';
my $number = 0;

# Runs MIG and luagen on a made-up interface of one routine.
sub generate {
    my ($routine) = @_;
    my $name = "$place/" . ++$number;
    write_file("$name.defs", "subsystem made_up 100;\n#include <mach/std_types.defs>\n$routine\n");
    my $r = run($mig, '-cc', "$cc -E -x c", '-Iinclude', '-user', '/dev/null',
        '-header', '/dev/null',
        '-server', '/dev/null', '-sheader', '/dev/null', '-json', "$name.json", "$name.defs");
    return $r if $r->{status};
    $r = run('tools/luagen', 'calls', "$name.c", '--layouts', 'user/bin/lua/layout_table.c',
        '--include', 'include', "$name.json");
    $r->{c} = -e "$name.c" ? read_file("$name.c") : '';
    return $r;
}

# ---- all of the interface ---------------------------------------------------------------------

# Every subsystem that the kernel serves: a scenario can call all of it, bad_arguments.lua does.
my $calls = read_file('build/user/bin/lua/calls.c');
my @served = read_file('build/kernel/mig/subsystems.c') =~ /&(\w+)_subsystem\b/g;
cmp_ok(scalar(@served), '>=', 8, "the kernel serves @served");
for my $name (@served) {
    my $defs = read_file("include/mach/$name.defs");
    $defs =~ s{/\*.*?\*/}{}gs;
    my @routines = $defs =~ /^\s*(?:simple)?routine\s+(\w+)/mg;
    my @missing = grep { $calls !~ /^    \{"$_", call_$_, "$name\.defs",$/m } @routines;
    is("@missing", '', "$name.defs: all " . @routines . ' routines have a binding');
}
like($calls, qr/vm_allocate: zero-filled memory of size bytes/, 'help has the words of the .defs');
like($calls, qr/in     wait_time  tvalspec_t: \{tv_sec=, tv_nsec=\}\\n/,
    'and the fields of a small structure');
like($calls, qr/out    data         pointer_t: a string\\n/, 'and what Lua has for an array');

my $constants = read_file('build/user/bin/lua/constants.c');
for my $name (qw(KERN_SUCCESS MACH_PORT_DEAD MACH_SEND_INVALID_DEST MACH_RCV_LARGE VM_PROT_READ
        TASK_BASIC_INFO MINATO_OBJECT_TASK i386_THREAD_STATE MIG_BAD_ID TASK_BASIC_INFO_COUNT)) {
    like($constants, qr/^    \{"$name", \(lua_Integer\)\($name\)\},$/m, "$name is a constant");
}
for my $name (qw(MACH_MSG_NULL TIME_VALUE_H msgh_request_port)) {
    unlike($constants, qr/"$name"/, "$name is none");
}
my @names = $constants =~ /^    \{"(\w+)"/mg;
is("@names", join(' ', sort @names), 'the constants are sorted, for bsearch');

# ---- made-up interfaces -----------------------------------------------------------------------

my $r = generate('routine ask(port : mach_port_t; n : int; out answer : int);');
is($r->{status}, 0, 'a routine that has a form in Lua');
like($r->{c}, qr/int v_n = \(int\)arg_signed\(L, &call, 2\);/, 'its arguments are taken in order');
like($r->{c}, qr/kern_return_t kr = ask\(v_port, v_n, &v_answer\);/, 'the stub is called');

my %errors = (
    'type t = struct[3] of int; routine ask(port : mach_port_t; s : t);' =>
        qr/ask, argument s: there is no layout of t/,
    'type t = array[*:4] of int64; routine ask(port : mach_port_t; s : t);' =>
        qr/ask, argument s: an array of \S+ has no form in Lua/,
    'routine ask(port : mach_port_t; waittime limit : int);' =>
        qr/ask, argument limit: a wait_time has no form in Lua/,
);
for my $routine (sort keys %errors) {
    $r = generate($routine);
    ok($r->{status} != 0 && $r->{c} eq '', "refused: $routine");
    like($r->{err}, $errors{$routine}, 'and the error names routine and argument');
}

$r = run('tools/luagen', 'calls', "$place/x.c", '--layouts', 'user/bin/lua/layout_table.c', '--include',
    'include', "$place/no-such-file.json");
ok($r->{status} != 0 && one_sentence($r->{err}), 'a missing file is told in one sentence');
write_file("$place/broken.json", "\x80{");
$r = run('tools/luagen', 'calls', "$place/x.c", '--layouts', 'user/bin/lua/layout_table.c', '--include',
    'include', "$place/broken.json");
ok($r->{status} != 0 && one_sentence($r->{err}), 'and so is one that is no JSON');
$r = run('tools/luagen', 'constants', "$place/x.c", '--cc', $cc);
like($r->{err}, qr/^luagen: --include is missing$/m, 'so is a missing option');

done_testing();
