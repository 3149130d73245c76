#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# The JSON description is well-formed and tells the truth: its offsets and sizes are those of the C
# structs, its arguments those of the C prototypes.
use strict;
use warnings;
use Test::More;
use JSON::PP;

my $here = 'tests/unit/mig';
my $out = 'build/tests/unit/mig/json';
my $cross = $ENV{CROSS} // 'i686-linux-gnu-';
plan skip_all => "${cross}gcc is missing" if system("${cross}gcc --version >/dev/null 2>&1");
system('make', '-s', 'build/tools/mig') unless -x 'build/tools/mig';
system('mkdir', '-p', $out);

sub slurp {
    open my $file, '<', $_[0] or die "$_[0]: $!";
    local $/;
    return <$file>;
}

sub pad { return ($_[0] + 3) & ~3 }

# Assertions that a message of the description has the layout of the C struct.
sub layout {
    my ($type, $message) = @_;
    my %size = map { $_->{name} => pad($_->{size}) } @{ $message->{fields} };
    my $text = "_Static_assert(sizeof($type) == $message->{max_size}, \"size\");\n";

    for (@{ $message->{descriptors} }) {
        $text .= "_Static_assert(offsetof($type, $_->{name}) == $_->{offset}, \"\");\n";
    }
    for my $field (@{ $message->{fields} }) {
        my $offset = $field->{offset};
        $offset += $size{$_} for @{ $field->{after} };
        $text .= "_Static_assert(offsetof($type, $field->{name}) == $offset, \"\");\n";
        $text .= "_Static_assert(sizeof((($type *)0)->$field->{name}) == $field->{size}, \"\");\n"
            if !$field->{varying} || $field->{kind} ne 'varray';
    }
    $text .= "_Static_assert(offsetof($type, NDR) == $message->{ndr_offset}, \"\");\n"
        if defined $message->{ndr_offset};
    $text .= "_Static_assert(offsetof($type, RetCode) == $message->{retcode_offset}, \"\");\n"
        if defined $message->{retcode_offset};
    return $text;
}

my %kinds;
for my $name (qw(data ports special hostile)) {
    is(system("build/tools/mig -Iinclude -I$here -json $out/$name.json -header $out/$name.h " .
              "$here/$name.defs"), 0, "$name: compiled");
    my $json = eval { decode_json(slurp("$out/$name.json")) };
    ok($json, "$name: well-formed") or diag($@);
    is($json->{subsystem}, $name, "$name: names the subsystem");
    my $header = slurp("$out/$name.h");
    my $check = "#include <stddef.h>\n#include \"$name.h\"\n";

    for my $routine (@{ $json->{routines} }) {
        my ($params) = $header =~ /extern kern_return_t $routine->{user_function}\(\n(.*?)\);/s;
        my @c_names = map { /(\w+)$/ } split /,\n/, $params;
        my @pointers = map { /\*\w+$/ && !/const \w+ \*\w+$/ ? 1 : 0 } split /,\n/, $params;
        my @args = @{ $routine->{args} };

        is_deeply([map { $_->{name} } @args], \@c_names, "$routine->{name}: the C parameters")
            or diag($params);
        is_deeply([map { $_->{by_pointer} ? 1 : 0 } @args], \@pointers, '  passed as C passes them');
        is(!!$routine->{reply}, $routine->{kind} eq 'routine', '  a reply if it is a routine');
        my %by_name = map { $_->{name} => $_ } @args;
        for my $arg (@args) {
            $kinds{ $arg->{kind} }++;
            ok($arg->{c_type} && defined $arg->{size}, "  $arg->{name} has a C type and a size");
            for my $key (qw(count_arg disposition_arg dealloc_arg)) {
                ok($by_name{ $arg->{$key} }, "  $key of $arg->{name} is an argument")
                    if $arg->{$key};
            }
            ok($by_name{ $arg->{of} }, "  $arg->{name} belongs to an argument") if $arg->{of};
        }
        $check .= layout("__Request__$routine->{name}_t", $routine->{request});
        $check .= layout("__Reply__$routine->{name}_t", $routine->{reply}) if $routine->{reply};
    }
    open my $file, '>', "$out/$name.c" or die;
    print $file $check;
    close $file;
    is(system("${cross}gcc -std=gnu11 -Wall -Wextra -Iinclude -I$here -I$out -c " .
              "-o $out/$name.o $out/$name.c"), 0, "$name: every offset and size is that of C");
}
for (qw(scalar struct array varray c_string port polyport port_array ool ool_ports count
        disposition dealloc)) {
    ok($kinds{$_}, "the tests have met a $_");
}

# Some particulars.
my $ports = decode_json(slurp("$out/ports.json"));
my ($memory) = grep { $_->{name} eq 'memory' } @{ $ports->{routines} };
my %arg = map { $_->{name} => $_ } @{ $memory->{args} };
is($arg{someDealloc}{kind}, 'dealloc', 'Dealloc[] is an argument');
is($arg{some}{dealloc_arg}, 'someDealloc', '  of the array');
is($arg{some}{max}, 6, 'the limit of an array');
ok(!$arg{ints}{element}{varying} && $arg{ints}{element}{size} == 4 && $arg{ints}{element}{signed},
   'elements are described');
my ($done) = grep { $_->{name} eq 'done' } @{ $ports->{routines} };
is($done->{args}[0]{direction}, 'request_port', 'the request port');
is($done->{args}[1]{direction}, 'in', '  its disposition');
is($done->{args}[0]{disposition}, undef, 'a polymorphic disposition is null');
is($done->{args}[0]{received_disposition}, 'MACH_MSG_TYPE_PORT_SEND_ONCE', '  what arrives is not');
my $data = decode_json(slurp("$out/data.json"));
my ($count) = grep { $_->{name} eq 'vCnt' }
    map { @{ $_->{args} } } grep { $_->{name} eq 'count_inout' } @{ $data->{routines} };
is($count->{direction}, 'inout', 'CountInOut makes the count go both ways');
is($data->{end}, 4014, 'ids end behind the last');
my ($scalars) = grep { $_->{name} eq 'scalars' } @{ $data->{routines} };
is(join(' ', map { $_->{real} ? 'real' : $_->{signed} ? 'signed' : 'unsigned' }
        grep { $_->{kind} eq 'scalar' } @{ $scalars->{args} }),
   'unsigned signed signed signed real real unsigned signed signed unsigned signed',
   'the kinds of numbers: a byte and a boolean have no sign');
my $special = decode_json(slurp("$out/special.json"));
my %of = map { $_->{name} => $_ } map { @{ $_->{args} } } @{ $special->{routines} };
ok(!$of{timeout}{signed} && $of{flags}{signed}, '  nor has natural_t, but integer_t has');
is($of{number2}{trailer_field}, 'msgh_seqno', 'a field of the trailer');
ok(!exists $of{x}{trailer_field}, '  is said of nothing else');
ok($of{code}{ret_code} && !exists $of{x}{ret_code}, 'RetCode');
is($special->{source}, "$here/special.defs", 'the source, as it was named');
my ($fixed) = grep { $_->{name} eq 'fixed' } @{ $data->{routines} };
my @lines = split /\n/, slurp($fixed->{file});
like($fixed->{file}, qr/data\.defs$/, 'the file of a routine');
like($lines[$fixed->{line} - 1], qr/^routine fixed\(/, '  and its line');
done_testing();
