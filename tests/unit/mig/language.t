#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Spellings that occur in OSF's own .defs are taken, the preprocessor and the options do what the
# manual says, and outputs find each other.
use strict;
use warnings;
use Test::More;
use File::Temp 'tempdir';

my $mig = 'build/tools/mig';
my $dir = tempdir(CLEANUP => 1);
system('make', '-s', $mig) unless -x $mig;
mkdir "$dir/h";
mkdir "$dir/c";

sub put {
    my ($name, $text) = @_;
    open my $file, '>', "$dir/$name" or die;
    print $file $text;
    close $file;
}

# What the user header of a text declares.
sub compile {
    my ($text, $options) = @_;
    put('t.defs', $text);
    my $output = `$mig -Iinclude -I$dir -header $dir/t.h @{[$options // '']} $dir/t.defs 2>&1`;
    return "failed: $output" if $?;
    return $output . `cat $dir/t.h`;
}

my $start = "subsystem t 100;\n#include <mach/std_types.defs>\n";

for (
    [ 'text behind #else and #endif', "#if 0\n#else SEQNOS\nroutine a(p : mach_port_t);\n#endif SEQNOS\n" ],
    [ 'keywords in any case', "ROUTINE a(P: mach_port_t; OuT x: int; y: pointer_t, DEALLOC[]);" ],
    [ 'a colon at the name', "simpleroutine a(\n\tport:\t\tmach_port_t);" ],
    [ 'a name on its own line', "routine\na\n(\n\treqPort\t:\tmach_port_t;\n    out\tx\t:\tint\n);" ],
    [ 'empty statements', ";;routine a(p : mach_port_t);;" ],
    [ 'types by number', "type u = 2; routine a(p : mach_port_t; x : u);" ],
    [ 'classes without spaces', "type u = polymorphic|MACH_MSG_TYPE_PORT_SEND_ONCE\n\tctype: mach_port_t; routine a(p : u);" ],
    [ 'a type made in the argument', "routine a(p : mach_port_t; out n : mach_port_name_array_t = ^array[] of mach_port_name_t ctype: mach_port_array_t);" ],
    [ 'long skips', "skip;\n" x 40 . "routine a(p : mach_port_t);" ],
    [ 'old kernel conditionals', "#ifdef MACH_KERNEL\n#include <norma_vm.h>\n#endif\t/* MACH_KERNEL */\nroutine a(p : mach_port_t);" ],
    [ 'a structure of structures', "type u = struct[2] of struct[3] of int; routine a(p : mach_port_t; x : u);" ],
    [ 'a pointer to a number', "type u = ^ int; routine a(p : mach_port_t; x : u);" ],
    [ 'an indefinite array with a star', "type u = array[*] of char; routine a(p : mach_port_t; x : u);" ],
  )
{
    my ($name, $text) = @$_;
    like(compile($start . $text), qr/\A[^f].*kern_return_t a\(/s, $name);
}

# ---- the preprocessor ----
put('inner.defs', "routine lookup(p : mach_port_t; name : int);\n");
my $twice = "#define lookup lookup_old\n#include \"inner.defs\"\n#undef lookup\n#include \"inner.defs\"\n";
my $header = compile($start . $twice);
like($header, qr/kern_return_t lookup_old\(/, 'a name redefined around an include');
like($header, qr/kern_return_t lookup\(/, '  and not redefined');
like($header, qr/lookup_old, id 100 .*lookup, id 101 /s, '  each with its id');
like(compile($start . "routine NAME(p : mach_port_t);\n", '-DNAME=called'), qr/ called\(/, '-D');
like(compile($start . "routine a(p : mach_port_t\n#ifdef X\n; x : int\n#endif\n);\n", '-D X -UX'),
     qr/ a\(\n    mach_port_t p\);/, '-U');
like(compile($start . "routine linux(p : mach_port_t; i386 : int; unix : int);\n"),
     qr/ linux\(\n    mach_port_t p,\n    int i386,\n    int unix\)/, 'no names of the host are defined');
like(compile($start . "routine a(p : mach_port_t);\n", "-cc 'cc -DNOTHING'"), qr/ a\(/, '-cc');

# ---- prefixes ----
$header = compile($start . "userprefix u_;\nroutine a(p : mach_port_t);\nuserprefix v_;\n" .
                  "routine b(p : mach_port_t);\n");
like($header, qr/ u_a\(.* v_b\(/s, 'userprefix holds for what follows');
like(compile($start . "userprefix u_;\nroutine a(p : mach_port_t);\n", '-prefix msg_'), qr/ msg_a\(/,
     '-prefix stands above userprefix');

put('t.defs', $start . "serverprefix s_;\nroutine a(p : mach_port_t);\nserverprefix t_;\n" .
    "routine b(p : mach_port_t);\n");
system("$mig -Iinclude -sheader $dir/s.h $dir/t.defs");
like(`cat $dir/s.h`, qr/ s_a\(.* t_b\(/s, 'so does serverprefix');

# ---- kernel sides by option, and by the words in the subsystem statement ----
like(compile($start . "#if KERNEL_USER\nroutine a(p : mach_port_t);\n#endif\n", '-kernel-user'),
     qr/ipc_port_t p\)/, '-kernel-user defines KERNEL_USER and takes the kernel\'s types');
put('t.defs', $start . "#if KERNEL_SERVER\nroutine a(p : mach_port_t);\n#endif\n");
system("$mig -Iinclude -kernel-server -server $dir/s.c $dir/t.defs");
like(`cat $dir/s.c`, qr/ipc_port_t p\).*msgh_remote_port/s, '-kernel-server likewise');
for (['KernelUser', 1, 0], ['KernelServer', 0, 1], ['KernelServer KernelUser', 1, 1], ['', 0, 0]) {
    my ($words, @kernel) = @$_;
    put('t.defs', $start =~ s/subsystem/subsystem $words/r . 'routine a(p : mach_port_t);');
    system("$mig -Iinclude -header $dir/t.h -sheader $dir/s.h $dir/t.defs");
    is(`cat $dir/t.h` =~ /ipc_port_t p\)/ ? 1 : 0, $kernel[0], "the user's side of '$words'");
    is(`cat $dir/s.h` =~ /ipc_port_t p\)/ ? 1 : 0, $kernel[1], "  the server's");
}

# ---- outputs ----
put('t.defs', $start . "import <a.h>;\nuimport \"b.h\";\nsimport <c.h>;\nimport <a.h>;\n" .
    "routine a(p : mach_port_t);\n");
system("$mig -Iinclude -header $dir/h/t.h -user $dir/c/t_user.c -sheader $dir/h/ts.h " .
       "-server $dir/c/t_server.c $dir/t.defs");
like(`cat $dir/c/t_user.c`, qr{#include "\.\./h/t\.h"}, 'stubs include their header where it is');
like(`cat $dir/c/t_server.c`, qr{#include "\.\./h/ts\.h"}, '  on both sides');
my @user = `grep '^#include' $dir/h/t.h`;
my @server = `grep '^#include' $dir/h/ts.h`;
is(scalar(grep { /<a\.h>/ } @user), 1, 'a file is imported once');
ok((grep { /"b\.h"/ } @user) && !(grep { /c\.h/ } @user), 'uimport is for the user');
ok((grep { /<c\.h>/ } @server) && !(grep { /b\.h/ } @server), 'simport is for the server');
system("$mig -Iinclude -user $dir/c/alone.c $dir/t.defs");
like(`cat $dir/c/alone.c`, qr/typedef struct .*kern_return_t a\(/s, 'stubs alone hold their declarations');
ok(-c '/dev/null' && !system("$mig -Iinclude -user /dev/null -header /dev/null $dir/t.defs") &&
   -c '/dev/null', 'an output may be /dev/null');
my $first = `cat $dir/h/t.h $dir/c/t_user.c $dir/c/t_server.c`;
system("$mig -Iinclude -header $dir/h/t.h -user $dir/c/t_user.c -sheader $dir/h/ts.h " .
       "-server $dir/c/t_server.c $dir/t.defs");
is(`cat $dir/h/t.h $dir/c/t_user.c $dir/c/t_server.c`, $first, 'the same input, the same output');
done_testing();
