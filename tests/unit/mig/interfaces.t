#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Our own interfaces go through the compiler: the stubs of both sides compile without a warning, and
# ids and layouts are those that OSF and macOS document.
use strict;
use warnings;
use Test::More;
use JSON::PP;

my $out = 'build/tests/unit/mig/interfaces';
my $cross = $ENV{CROSS} // 'i686-linux-gnu-';
plan skip_all => "${cross}gcc is missing" if system("${cross}gcc --version >/dev/null 2>&1");
system('make', '-s', 'build/tools/mig') unless -x 'build/tools/mig';
system('mkdir', '-p', $out);

my %routine;
for my $defs (sort(glob('include/mach/*.defs'), glob('include/servers/*.defs'))) {
    my ($name) = $defs =~ m{(\w+)\.defs$};
    next if $name =~ /types$/;
    is(system("build/tools/mig -Iinclude -header $out/$name.h -user $out/${name}_user.c " .
              "-sheader $out/${name}_server.h -server $out/${name}_server.c " .
              "-json $out/$name.json $defs"), 0, "$defs: compiled");
    for my $side (qw(user server)) {
        is(system("${cross}gcc -std=gnu11 -O2 -ffreestanding -Wall -Wextra -Werror -Iinclude " .
                  "-c -o $out/${name}_$side.o $out/${name}_$side.c"), 0, "  its $side stubs");
    }
    open my $file, '<', "$out/$name.json" or next;
    local $/;
    $routine{ $_->{name} } = $_ for @{ decode_json(<$file>)->{routines} };
}

# id, bytes of the largest request and reply: OSF's numbers.
my @known = (
    [ task_create => 2001, 56, 40 ],
    [ vm_region => 2004, 44, undef ],
    [ task_threads => 2011, 24, 52 ],
    [ vm_allocate => 2021, 44, 40 ],
    [ vm_read => 2026, 40, 52 ],
    [ vm_write => 2027, 56, 36 ],
    [ task_get_special_port => 2058, 36, 40 ],
    [ task_set_special_port => 2059, 52, 36 ],
    [ mach_port_names => 3200, 24, 68 ],
    [ mach_port_allocate => 3204, 36, 40 ],
    [ mach_port_request_notification => 3214, 60, 40 ],
    [ mach_port_insert_right => 3215, 52, 36 ],
    [ mach_port_extract_right => 3216, 40, 40 ],
    [ semaphore_create => 617000, 40, 40 ],
    [ semaphore_signal => 617002, 24, 36 ],
    [ mach_notify_port_deleted => 65, 36, undef ],
    [ mach_notify_port_destroyed => 69, 40, undef ],
    [ mach_notify_no_senders => 70, 36, undef ],
    [ mach_notify_send_once => 71, 24, undef ],
    [ mach_notify_dead_name => 72, 36, undef ],
);
for (@known) {
    my ($name, $id, $request, $reply) = @$_;
    my $r = $routine{$name};
  SKIP: {
        skip "$name is not in our interfaces", 3 unless $r;
        is($r->{id}, $id, "$name: its id");
        is($r->{request}{max_size}, $request, '  bytes of the request');
        skip 'no fixed reply', 1 unless defined $reply;
        is($r->{reply}{max_size}, $reply, '  bytes of the reply');
    }
}
done_testing();
