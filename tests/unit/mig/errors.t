#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# What the compiler says of bad .defs and bad command lines: file, line, what was expected; it
# exits 1 and writes nothing.
use strict;
use warnings;
use Test::More;
use File::Temp 'tempdir';

my $mig = 'build/tools/mig';
my $dir = tempdir(CLEANUP => 1);
system('make', '-s', $mig) unless -x $mig;

sub put {
    my ($name, $text) = @_;
    open my $file, '>', "$dir/$name" or die;
    print $file $text;
    close $file;
}

# Exit status and what was printed.
sub run {
    my ($command) = @_;
    my $output = `$command 2>&1`;
    return ($? >> 8, $output);
}

my @outputs = map { "-$_ $dir/out.$_" } qw(header user server sheader json);

sub wrote { return grep { -e } glob("$dir/out.*") }

# A file that begins with three good lines must fail at a given line with a given sentence.
sub bad {
    my ($name, $text, $line, $pattern) = @_;
    put('bad.defs', "subsystem bad 100;\n#include \"types.h\"\n\n$text");
    my ($status, $output) = run("$mig -I$dir @outputs $dir/bad.defs");
    is($status, 1, "$name: exits 1");
    like($output, qr/^\Q$dir\E\/bad.defs:$line: .*$pattern/, "$name: says where and what");
    is_deeply([wrote()], [], "$name: writes nothing");
}

put('types.h', <<'END');
type int = MACH_MSG_TYPE_INTEGER_32;
type short = MACH_MSG_TYPE_INTEGER_16;
type mach_port_t = MACH_MSG_TYPE_COPY_SEND;
type ints_t = array[*:10] of int;
type ool_t = ^array[] of int;
END

# ---- syntax ----
bad('missing semicolon', "routine a(p : mach_port_t)\nroutine b(p : mach_port_t);\n", 4,
    qr/expected ';' after '\)', found 'routine'/);
bad('missing semicolon between arguments', "routine a(p : mach_port_t\n    x : int);\n", 4,
    qr/expected ';' or '=' or '\)' or ',' after 'mach_port_t', found 'x'/);
bad('missing colon', "routine a(p mach_port_t);\n", 4, qr/expected ':' after 'p', found 'mach/);
bad('missing name', "routine (p : mach_port_t);\n", 4, qr/expected a name after 'routine'/);
bad('unknown statement', "\n\nprocedure a(p : mach_port_t);\n", 6,
    qr/expected a statement .* after ';', found 'procedure'/);
bad('missing type', "type t = ;\n", 4, qr/expected a type after '=', found ';'/);
bad('missing bracket', "type t = array[*:10 of int;\n", 4, qr/expected '\]' after '10', found 'of'/);
bad('unclosed routine', "routine a(\n  p : mach_port_t;\n", 6,
    qr/expected an argument after ';', found the end of the file/);
bad('import without a name', "import foo;\n", 4, qr/expected a file name .*after 'import'/);
bad('stray character', "type t = int \@;\n", 4, qr/expected ';' .*found '\@'/);
bad('flag of a fancy name', "routine a(p : mach_port_t; x : int, wired);\n", 4,
    qr/expected a flag after ',', found 'wired'/);
bad('intran without parts', "type t = int intran: f(int);\n", 4,
    qr/expected a name after 'f', found '\('/);
bad('subsystem without a base', "type u = int;\n#undef x\nsubsystem foo;\n", 6,
    qr/expected a number or '\(' after 'foo', found ';'/);

# ---- types ----
bad('unknown type', "routine a(p : mach_port_t;\n  x : integer);\n", 5,
    qr/expected the name of a type, found 'integer'/);
bad('array of varying arrays', "type t = array[4] of ints_t;\n", 4,
    qr/expected an element of fixed size/);
bad('array of pointers', "type t = array[4] of ool_t;\n", 4,
    qr/expected an element that lies in the message/);
bad('struct of ports', "type t = struct[2] of mach_port_t;\n", 4,
    qr/expected numbers in a struct, found ports/);
bad('empty array', "type t = array[0] of int;\n", 4, qr/expected a number of elements, found 0/);
bad('varying array of nothing', "type t = array[*:0] of int;\n", 4, qr/largest number .* found 0/);
bad('empty string', "type t = c_string[0];\n", 4, qr/expected the size of a string/);
bad('division by zero', "type t = array[4 / (2 - 2)] of int;\n", 4, qr/division by zero/);
bad('huge array', "type t = array[100000] of array[100000] of int;\n", 4, qr/at most \d+ bytes/);
bad('unknown number', "type t = 77;\n", 4, qr/expected the number of a message type, found 77/);
bad('mixed classes', "type t = MACH_MSG_TYPE_MAKE_SEND | MACH_MSG_TYPE_INTEGER_32;\n", 4,
    qr/expected a type of port right on both sides/);
bad('unknown class', "type t = MACH_MSG_TYPE_MAKE_SENDS;\n", 4, qr/found 'MACH_MSG_TYPE_MAKE_SENDS'/);
bad('conflicting C types', "type t = int ctype: a cusertype: b;\n", 4,
    qr/expected 'a' again as the user type, found 'b'/);
bad('translated array', "type t = ints_t intran: a f(b);\n", 4, qr/expected a port, a number or/);
bad('number too large', "type t = array[99999999999] of int;\n", 4, qr/does not fit 32 bits/);

# ---- routines ----
bad('no port', "routine a(x : int);\n", 4, qr/expected a port as the requestport argument 'x'/);
bad('no arguments', "routine a();\n", 4, qr/expected a port as the first argument of 'a'/);
bad('two request ports', "routine a(requestport p : mach_port_t;\nrequestport q : mach_port_t);\n",
    5, qr/expected one requestport argument, found 'q' after 'p'/);
bad('out in a simpleroutine', "simpleroutine a(p : mach_port_t;\n out x : int);\n", 5,
    qr/expected in arguments only in the simpleroutine 'a', found the out argument 'x'/);
bad('same routine twice', "routine a(p : mach_port_t);\n\nroutine a(p : mach_port_t);\n", 6,
    qr/expected a new name for a routine, found 'a' again \(see .*:4\)/);
bad('same argument twice', "routine a(p : mach_port_t;\nx : int;\nx : int);\n", 6,
    qr/expected a new name for an argument, found 'x' again/);
bad('a name of the stubs', "routine a(p : mach_port_t; OutP : int);\n", 4,
    qr/expected another name for an argument, found 'OutP'/);
for my $direction (qw(waittime sendtime msgoption msgseqno)) {
    bad("$direction of a short", "routine a(p : mach_port_t; $direction t : short);\n", 4,
        qr/expected a 32-bit number as the $direction argument 't'/);
    next if $direction eq 'msgseqno';
    bad("two of $direction", "routine a(p : mach_port_t; $direction t : int; $direction u : int);\n",
        4, qr/expected one $direction argument, found 'u' after 't'/);
}
bad('reply port that is none', "routine a(p : mach_port_t; replyport r : int);\n", 4,
    qr/expected a port as the replyport argument 'r'/);
bad('SameCount first', "routine a(p : mach_port_t; x : ints_t, SameCount);\n", 4,
    qr/expected SameCount with a varying array that follows/);
bad('SameCount across directions',
    "routine a(p : mach_port_t; x : ints_t; out y : ints_t, SameCount);\n", 4,
    qr/that follows another out one/);
bad('RetCode in a routine', "routine a(p : mach_port_t; x : int, RetCode);\n", 4,
    qr/expected RetCode with a 32-bit in argument of a simpleroutine/);
bad('two deallocs', "routine a(p : mach_port_t; x : ool_t, Dealloc, NotDealloc);\n", 4,
    qr/expected one of Dealloc, NotDealloc and Dealloc\[\]/);
bad('flag twice', "routine a(p : mach_port_t; x : ool_t, Dealloc, dealloc);\n", 4,
    qr/expected another flag, found the same one again/);
bad('brackets behind another flag', "routine a(p : mach_port_t; x : ool_t, Overwrite[]);\n", 4,
    qr/expected Dealloc before '\[\]'/);
bad('trailer of no reply', "simpleroutine a(p : mach_port_t; usersectoken t : int);\n", 4,
    qr/expected a routine for the usersectoken argument 't'/);
bad('message too large', "type big = array[20000] of int;\nroutine a(p : mach_port_t; x : big);\n",
    5, qr/the request of 'a' can take \d+ bytes; a message holds 65536/);
bad('second subsystem', "subsystem worse 200;\n", 4, qr/expected one subsystem statement, found a/);

# ---- places in other files ----
put('inner.defs', "type good = int;\n\ntype bad = array[0] of int;\n");
put('outer.defs', "subsystem s 1;\n#include \"types.h\"\n#include \"inner.defs\"\n");
my ($status, $output) = run("$mig -I$dir @outputs $dir/outer.defs");
is($status, 1, 'an error in an included file');
like($output, qr/inner\.defs:3: /, '  is named by its own file and line');
put('order.defs', "#include \"types.h\"\nroutine a(p : mach_port_t);\nsubsystem s 1;\n");
($status, $output) = run("$mig -I$dir @outputs $dir/order.defs");
like($output, qr/order\.defs:2: expected the subsystem statement before the first routine/,
     'a routine before its subsystem');
put('empty.defs', "\n");
($status, $output) = run("$mig @outputs $dir/empty.defs");
like($output, qr/empty\.defs:1: expected a subsystem statement/, 'no subsystem at all');
put('many.defs', "subsystem s 1;\n" . "type t = array[0] of u;\n" x 40);
($status, $output) = run("$mig @outputs $dir/many.defs");
like($output, qr/too many errors/, 'an end of errors');
cmp_ok(scalar(split /\n/, $output), '<=', 22, '  after twenty');

# ---- command line and files ----
put('good.defs', "subsystem s 1;\n#include \"types.h\"\nroutine a(p : mach_port_t; out x : int);\n");
my @bad_commands = (
    [ "$mig", qr/expected a \.defs file/, 'no file' ],
    [ "$mig $dir/nothing.defs", qr/cannot read .*nothing\.defs: No such file/, 'a missing file' ],
    [ "$mig -frob $dir/good.defs", qr/unknown option -frob/, 'an unknown option' ],
    [ "$mig $dir/good.defs -user", qr/expected a value after -user/, 'an option without its value' ],
    [ "$mig -kernel-server -traps $dir/out.traps $dir/good.defs", qr/-traps wants -trap-names/,
      'traps without names' ],
    [ "$mig -I$dir -kernel-server -traps $dir/out.traps -trap-names b $dir/good.defs",
      qr/no routine b for a trap/, 'a trap of no routine' ],
    [ "$mig -I$dir -kernel-server -traps $dir/out.traps -trap-names a $dir/good.defs",
      qr/a cannot be a trap: x is no plain value/, 'a trap with a result' ],
    [ "$mig $dir/good.defs $dir/bad.defs", qr/expected one \.defs file/, 'two files' ],
    [ "$mig -I$dir @outputs -user $dir/no/such/dir.c $dir/good.defs", qr/cannot .*no\/such/,
      'an output that cannot be written' ],
    [ "$mig -cc no-such-cpp $dir/good.defs", qr/cannot run the preprocessor no-such-cpp/,
      'a missing preprocessor' ],
    [ "MIGCC=no-such-cpp $mig $dir/good.defs", qr/cannot run the preprocessor no-such-cpp/,
      'the preprocessor that MIGCC names' ],
    [ "$mig @outputs $dir/good.defs -DX -I/nowhere -Dint=", qr/bad|expected|found|fail/,
      'a definition that breaks the file' ],
);
for (@bad_commands) {
    my ($command, $pattern, $name) = @$_;
    my ($code, $text) = run($command);
    is($code, 1, "$name: exits 1");
    like($text, $pattern, "$name: says so");
    is_deeply([wrote()], [], "$name: writes nothing");
}

# ---- nothing half-written over what was there ----
put('out.user', "old\n");
($status, $output) = run("$mig -I$dir @outputs $dir/bad.defs");
is(`cat $dir/out.user`, "old\n", 'a failure leaves old outputs alone');
($status, $output) = run("$mig -I$dir @outputs $dir/good.defs");
is($status, 0, 'a good file after that');
is($output, '', '  says nothing');
like(`cat $dir/out.user`, qr/kern_return_t a\(/, '  and writes its outputs');
is_deeply([glob("$dir/*.tmp")], [], '  leaving no temporary files');

# ---- warnings ----
put('warn.defs', "subsystem s 1;\n#include \"types.h\"\n" .
    "routine a(p : mach_port_t; x : int, Dealloc; out y : ool_t, CountInOut);\ntype int = mach_port_t;\n");
($status, $output) = run("$mig -I$dir $dir/warn.defs");
is($status, 0, 'what is only strange');
like($output, qr/warn\.defs:3: warning: .*'x' is ignored: it belongs to out-of-line data/,
     '  a flag without effect is warned of');
like($output, qr/warn\.defs:4: warning: type 'int' replaces another one declared at .*types\.h:1/,
     '  so is a type that replaces another');
done_testing();
