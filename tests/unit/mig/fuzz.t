#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Malformed requests, made at random from a fixed seed, to the generated servers of the tests' and
# of our own interfaces, under AddressSanitizer and UBSan. A server takes what the JSON description
# allows and answers all else with MIG_BAD_ARGUMENTS; it reads and writes nothing outside the two
# messages. The functions behind it, made here too, touch all that they are given. Rest: fuzz.c.
use strict;
use warnings;
use Test::More;
use JSON::PP;
use List::Util qw(min sum0);

my $here = 'tests/unit/mig';
my $out = 'build/tests/unit/mig/fuzz';
my $gcc = ($ENV{HOST32} // 'i686-linux-gnu-') . 'gcc'; # must make programs that run here
my $per_routine = 120;
my %right = (MACH_MSG_TYPE_PORT_RECEIVE => 16, MACH_MSG_TYPE_PORT_SEND => 17,
             MACH_MSG_TYPE_PORT_SEND_ONCE => 18);

plan skip_all => "$gcc is missing" if system("$gcc --version >/dev/null 2>&1");
chomp(my $loader = `$gcc -print-file-name=ld-linux.so.2`);
my ($libraries) = $loader =~ m{(.*)/};
$gcc .= ' -std=gnu11 -O1 -g -Wall -fsanitize=address,undefined -fno-sanitize-recover=all ' .
    "-static-libasan -static-libubsan -Iinclude -I$here -I$out";
$ENV{ASAN_OPTIONS} = 'detect_leaks=0';
system('make', '-s', 'build/tools/mig') unless -x 'build/tools/mig';
system('mkdir', '-p', $out);
srand(4711);

sub slurp {
    open my $file, '<', $_[0] or die "$_[0]: $!";
    local $/;
    return <$file>;
}

sub spew {
    my ($name, $text) = @_;
    open my $file, '>:raw', "$out/$name" or die;
    print $file $text;
    close $file;
}

sub pad { return ($_[0] + 3) & ~3 }
sub one_of { return $_[rand @_] }
sub word { return unpack('V', substr($_[0], $_[1], 4)) }

# ---- the functions behind a server ----

# Bytes of an argument, in C, for so many elements.
sub bytes {
    my ($arg, $count) = @_;
    return $arg->{varying} ? "$count * $arg->{element}{size}" : $arg->{size};
}

# A server function: reads its in arguments to the last byte and fills its out arguments.
sub function {
    my ($text, $routine) = @_;
    my ($name, $list) = $text =~ /(\w+)\((.*)\)/s;
    my %pointer = map { /(\*?)(\w+)$/ ? ($2 => $1) : () } split /,\n/, $list;
    my (@before, @after);

    for my $arg (grep { exists $pointer{ $_->{name} } && $_->{kind} } @{ $routine->{args} }) {
        my ($x, $kind, $way) = @$arg{qw(name kind direction)};
        my $star = $pointer{$x};
        my $n = $arg->{count_arg} // '';
        my $data = $kind =~ /array|c_string/ ? $x : $kind =~ /^ool/ ? "(void *)$star$x"
                 : $star ? $x : "&$x";
        my $whole = $kind =~ /^(scalar|port)$/ && "sizeof($star$x)"; # it may have been translated

        if ($kind eq 'count') {
            push @after, "*$x = choose(*$x, $arg->{max});" if $star;
        } elsif ($kind eq 'disposition') {
            push @after, "*$x = MACH_MSG_TYPE_MOVE_SEND;" if $star;
        } elsif ($kind ne 'dealloc') {
            my $count = $n && $pointer{$n} ? "*$n" : $n;
            my $room = $way eq 'out' ? $count : $arg->{max};
            push @before, $kind eq 'c_string' ? "touch($x, strlen($x) + 1);"
                                              : "touch($data, " . ($whole || bytes($arg, $count)) . ');'
                if $way =~ /^in/;
            unshift @after, $kind eq 'c_string' ? "fill($x, $arg->{max});"
                          : $kind =~ /^ool/ ? "*$x = 0;"
                          : "fill($data, " . ($whole || bytes($arg, $room)) . ');'
                if $way =~ /out$/;
        }
    }
    return join("\n    ", "$text\n{", @before, @after, 'calls++;', "return KERN_SUCCESS;\n}\n");
}

sub compile_interface {
    my ($defs, $name) = @_;

    system("build/tools/mig -Iinclude -I$here -server $out/${name}_server.c -sheader " .
           "$out/${name}_server.h -json $out/$name.json $defs") and die "mig $defs";
    my $json = decode_json(slurp("$out/$name.json"));
    my $header = slurp("$out/${name}_server.h");
    my $c = "#include <stddef.h>\n#include \"fuzz.h\"\n";
    my @functions;
    for my $routine (@{ $json->{routines} }) {
        my $f = $routine->{server_function};
        $header =~ /^extern (kern_return_t \Q$f\E\(\n.*?\));/ms or die "no prototype of $f";
        $c .= "#define $f ${name}_$f\n"; # interfaces may have functions of one name
        push @functions, function($1, $routine);
    }
    $c .= "#include \"${name}_server.c\"\n" . join('', @functions);
    $c .= "const void *const fuzz_$name = &$json->{subsystem}_subsystem;\n";
    spew("${name}_fuzz.c", $c);
    is(system("$gcc -c -o $out/${name}_fuzz.o $out/${name}_fuzz.c"), 0, "$defs: compiled");
    return $json;
}

# ---- messages ----

# A good request, with arrays of random length; those that $longer counts are too long, mostly.
sub good {
    my ($message, $longer) = @_;
    my (%limit, %count);
    my $body = '';

    for (grep { $_->{count_field} } @{ $message->{fields} }, @{ $message->{descriptors} }) {
        my $most = $_->{max} || 20;
        $limit{ $_->{count_field} } = min($most, $limit{ $_->{count_field} } // $most);
    }
    for my $d (@{ $message->{descriptors} }) {
        my $field = $d->{count_field} // '';
        $count{$field} //= int(rand($limit{$field} + 1)) + ($field eq $longer ? $limit{$field} : 0)
            if $d->{varying};
        my $n = $d->{varying} ? $count{$field} : $d->{max} // 1;
        my $size = $d->{kind} eq 'ool' ? $n * $d->{element}{size} : $n;
        my $right = $right{ $d->{received_disposition} // '' } // one_of(16, 17, 18);
        $body .= $d->{kind} eq 'ool' ? pack('VVCCxC', 0, $size, 0, 1, 1)
               : $d->{kind} eq 'ool_ports' ? pack('VVCCCC', 0, $size, 0, 1, $right, 2)
               : pack('Vx6CC', $_ <= $n ? 0x1003 : 0, $right, 0) for 1 .. $d->{count};
    }
    $body = pack('V', $message->{descriptor_count}) . $body if $message->{complex};
    $body .= "\0\0\0\0\1\0\0\0" if defined $message->{ndr_offset};
    for my $f (@{ $message->{fields} }) {
        my ($kind, $name) = @$f{qw(kind name)};
        my $n = $f->{varying} ? $count{ $f->{count_field} } : 0;
        if ($kind eq 'count') {
            my $string = grep { $_->{kind} eq 'c_string' && ($_->{count_field} // '') eq $name }
                @{ $message->{fields} };
            my $most = $limit{$name} // 50;
            $count{$name} //= $string + int(rand($most + 1 - $string)) +
                ($name eq $longer ? $most : 0);
            $body .= pack('V', $count{$name});
        } elsif ($kind eq 'c_string') {
            my $size = $f->{varying} ? $n : $f->{size};
            $body .= pack('a' . pad($size), 's' x rand($size));
        } else {
            my $size = $f->{varying} ? $n * $f->{element}{size} : $f->{size};
            $body .= pack('a' . pad($size), join '', map { chr rand 256 } 1 .. $size);
        }
    }
    my $bits = 18 | 17 << 8 | ($message->{complex} ? 0x80000000 : 0);
    return pack('V6', $bits, 24 + length $body, 0x2003, 0x1003, 0, $message->{id}) . $body;
}

# Whether a request is what the description says.
sub is_good {
    my ($message, $m) = @_;
    my ($size, $base, %at) = (length $m, $message->{min_size}, ());

    return 0 if (word($m, 0) >> 31) != ($message->{complex} ? 1 : 0);
    return 0 if $size < $base || $size > $message->{max_size};
    return 0 if $message->{complex} && word($m, 24) != $message->{descriptor_count};
    for my $f (@{ $message->{fields} }) {
        my $offset = $f->{offset} + sum0(map { $at{$_}{used} } @{ $f->{after} });
        my $used = pad($f->{size});
        if ($f->{varying}) {
            my $n = $at{ $f->{count_field} }{value};
            return 0 if $n > $f->{max} || ($f->{kind} eq 'c_string' && $n == 0);
            my $bytes = $n * ($f->{kind} eq 'c_string' ? 1 : $f->{element}{size});
            $base += $used = pad($bytes);
            return 0 if $base > $size;
            return 0 if $f->{kind} eq 'c_string' && substr($m, $offset, $bytes) !~ /\0/;
        } elsif ($f->{kind} eq 'c_string') {
            return 0 if substr($m, $offset, $f->{size}) !~ /\0/;
        }
        $at{ $f->{name} } = {used => $used, value => $f->{kind} eq 'count' ? word($m, $offset) : 0};
    }
    return 0 if $base != $size;
    for my $d (@{ $message->{descriptors} }) {
        my %kind = (port => 0, port_array => 0, ool => 1, ool_ports => 2);
        my $n = $d->{varying} ? $at{ $d->{count_field} }{value} : $d->{max} // 1;
        my $right = $right{ $d->{received_disposition} // '' }; # else that of the first
        return 0 if $d->{varying} && $d->{max} && $n > $d->{max};
        for my $i (0 .. $d->{count} - 1) {
            my ($name, $second, $disposition, $type) =
                unpack('VVx2CC', substr($m, $d->{offset} + 12 * $i, 12));
            $right //= $disposition;
            return 0 if $type != $kind{ $d->{kind} };
            return 0 if $type != 1 && $disposition != $right;
            return 0 if $d->{kind} eq 'port_array' && $i >= $n && $name != 0;
            return 0 if $type == 1 && $second != $n * $d->{element}{size};
            return 0 if $type == 2 && $second != $n;
        }
    }
    return 1;
}

# A request with a return code, as an answer has one, may be that code alone if it is an error.
sub is_error_answer {
    my ($routine, $m) = @_;

    return 0 if !grep { $_->{ret_code} } @{ $routine->{args} };
    return length($m) == 36 && !(word($m, 0) >> 31) && word($m, 32) != 0 ? 1 : 0;
}

my @strange = (0, 1, 3, 4, 5, 10, 11, 16, 17, 18, 255, 0x3fffffff, 0x40000001, 0x40000003,
               0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff);

# Spoils it, most of the time.
sub spoil {
    my ($message, $m) = @_;
    my $how = int rand(8);
    my @counts = grep { $_->{kind} eq 'count' } @{ $message->{fields} };
    my @at = grep { $_ < length $m } map { $_->{offset} } @counts; # behind an array: nearly there

    if ($how == 0) { # cut off
        $m = substr($m, 0, 24 + int rand(length($m) - 23));
    } elsif ($how == 1) { # more behind it
        $m .= pack('V', one_of(@strange)) x (1 + rand 4);
        $m = substr($m, 0, -1 - int rand(3)) if rand(4) < 1;
    } elsif ($how == 2) { # the other kind
        substr($m, 0, 4) = pack('V', word($m, 0) ^ 0x80000000);
    } elsif ($how == 3 && @at) {
        my $where = one_of(@at);
        substr($m, $where, 4) = pack('V', one_of(@strange, word($m, $where) + 1));
    } elsif ($how == 4 && $message->{complex}) { # a byte or a word of a descriptor
        my $where = 24 + 4 * int rand(1 + 3 * $message->{descriptor_count});
        if (rand(2) < 1) {
            substr($m, $where, 4) = pack('V', one_of(@strange, word($m, $where) - 1));
        } else {
            substr($m, $where + rand(4), 1) = chr rand 20;
        }
    } elsif ($how == 5) { # strings without an end
        $m =~ tr/\0/x/ if rand(2) < 1;
        $m = substr($m, 0, 24) . substr($m, 24) =~ s/s\0/ss/r;
    } elsif ($how == 6 && length $m > 24) {
        for (0 .. rand 3) {
            my $where = 24 + 4 * int rand((length($m) - 24) / 4);
            substr($m, $where, 4) = pack('V', word($m, $where) ^ 1 << int rand 32);
        }
    }
    return $m;
}

# What no kernel delivers: other header fields, more memory than there is.
sub as_delivered {
    my ($good, $m) = @_;

    substr($m, 0, 24) = pack('V', word($good, 0) & 0x7fffffff | word($m, 0) & 0x80000000) .
        pack('V', length $m) . substr($good, 8, 16);
    return $m unless word($m, 0) >> 31 && length $m >= 28;
    for my $i (0 .. min(word($m, 24), int((length($m) - 28) / 12)) - 1) {
        my $where = 28 + 12 * $i;
        my $type = ord substr($m, $where + 11, 1);
        substr($m, $where + 4, 4) = pack('V', word($m, $where + 4) & 0x1fff)
            if $type == 1 || $type == 2;
    }
    return $m;
}

# ---- all together ----

my ($messages, $table, %verdicts, @objects) = ('', '');
my @defs = (map({ "$here/$_.defs" } qw(data hostile ports special)),
            grep { !/types\.defs$/ } glob('include/mach/*.defs include/servers/*.defs'));

spew('fuzz.h', "#include <mach/mig.h>\n#include <string.h>\nextern int calls;\n" .
     "void touch(const void *data, size_t size);\nvoid fill(void *data, size_t size);\n" .
     "unsigned int choose(unsigned int room, unsigned int most);\n");
for my $i (0 .. $#defs) {
    my ($name) = $defs[$i] =~ m{(\w+)\.defs$};
    my $json = compile_interface($defs[$i], $name);
    $table .= "SUBSYSTEM(fuzz_$name)\n";
    push @objects, "$out/${name}_fuzz.o";
    for my $routine (@{ $json->{routines} }) {
        for (1 .. $per_routine) {
            my @counts = grep { $_->{kind} eq 'count' } @{ $routine->{request}{fields} };
            my $longer = @counts && rand(8) < 1 ? one_of(@counts)->{name} : '';
            my $good = good($routine->{request}, $longer);
            my $m = as_delivered($good, $longer ? $good : spoil($routine->{request}, $good));
            my $verdict = is_good($routine->{request}, $m) || is_error_answer($routine, $m);
            $verdicts{$verdict}++;
            # Some of its stubs look at the trailer, which the kernel puts behind each message.
            my $trailer = $name eq 'special' ? 20 : 0;
            $messages .= pack('VVVV', $i, $verdict, length $m, $trailer) . $m;
        }
    }
}
spew('table.h', $table);
spew('messages', $messages);
cmp_ok($verdicts{0}, '>', 5000, 'many messages are malformed');
cmp_ok($verdicts{1}, '>', 5000, 'many are not');
is(system("$gcc -Wl,--dynamic-linker=$loader -Wl,-rpath=$libraries " .
          "-o $out/test $here/fuzz.c @objects"), 0, 'linked');
my $answer = `$out/test $out/messages 2>&1`;
is($?, 0, 'no message is misjudged, none is read or written outside its bounds') or diag($answer);
is($answer, "$verdicts{1} served, $verdicts{0} refused\n", 'every message was tried');
done_testing();
