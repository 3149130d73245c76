#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# The public headers: each compiles by itself for the kernel, for a freestanding and for a hosted
# program, includes nothing but its like and <stdint.h>, <stddef.h>; layouts and values are OSF's
# (headers/layout.c); the .defs have OSF's message ids and a contract for each call; every error
# code has a sentence of its own.
# Run from the top of the tree.  Headers that include what MIG makes are skipped until it is made.
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $cross = ($ENV{CROSS} // 'i686-linux-gnu-') . 'gcc';
my $host = $ENV{HOSTCC} // 'gcc';
my $dir = tempdir(CLEANUP => 1);
my @headers = sort map { m{^include/(.*)} } glob 'include/mach/*.h';

# What a header includes, itself included, as far as it lies in include/.
sub closure {
    my ($header, $seen) = @_;
    return if $seen->{$header}++ || !-e "include/$header";
    open my $in, '<', "include/$header" or die "include/$header: $!\n";
    my @lines = <$in>;
    closure($_, $seen) for map { /^\s*#\s*include\s*<([^>]+)>/ ? $1 : () } @lines;
}

sub compiles {
    my ($what, $compiler, $flags, $header) = @_;
    my $file = "$dir/one.c";
    open my $out, '>', $file or die "$file: $!\n";
    print $out "#include <$header>\n#include <$header>\nint unused_;\n";
    close $out;
    my $said = `$compiler -std=gnu11 -fsyntax-only -Wall -Wextra -Werror $flags $file 2>&1`;
    ok($? == 0, "$header compiles by itself: $what") or diag $said;
}

my %kernel_never = map { $_ => 1 } qw(mach/mach.h mach/mach_interface.h mach/host_priv.h mach/task.h
    mach/thread_act.h mach/vm_map.h);

for my $header (@headers) {
    my %seen;
    closure($header, \%seen);
    my @foreign = grep { !m{^mach/} && !/^(stdint|stddef)\.h$/ } keys %seen;
    is("@foreign", '', "$header includes only <mach/…>, <stdint.h>, <stddef.h>");

    compiles('kernel', $cross, '-Iinclude -ffreestanding -DKERNEL=1', $header)
        unless $kernel_never{$header};
    my @missing = grep { m{^mach/} && !-e "include/$_" && !-e "build/include/$_" } keys %seen;
  SKIP: {
        skip "$header needs @missing, which MIG has not made yet", 2 if @missing;
        my $flags = '-Iinclude -Ibuild/include';
        compiles('freestanding program', $cross, "$flags -ffreestanding", $header);
        compiles('hosted program', $host, $flags, $header);
    }
}

my $said = `$cross -std=gnu11 -ffreestanding -fsyntax-only -Wall -Wextra -Werror -Iinclude \\
    tests/unit/headers/layout.c 2>&1`;
ok($? == 0, 'sizes, offsets and values are those of OSF Mach') or diag $said;

# ---- trap numbers: each has a count of arguments, no two are equal, all can become NASM's ----
{
    open my $in, '<', 'include/mach/syscall_sw.h' or die "syscall_sw.h: $!\n";
    my (%number, %args, %used, @twice);
    while (<$in>) {
        $number{$1} = $2 if /^#define MACH_TRAP_([a-z_]+) (\d+)$/;
        $args{$1} = $2 if /^#define MACH_TRAP_ARGS_([a-z_]+) (\d+)$/;
    }
    push @twice, grep { $used{$number{$_}}++ } keys %number;
    is("@twice", '', 'no two traps have the same number');
    is(join(' ', sort keys %args), join(' ', sort keys %number), 'each trap has a count of arguments');
    cmp_ok(scalar keys %number, '>=', 20, 'there are at least 20 traps');
}

# ---- message ids: those of OSF for its routines, ours where we said so -------------------------
my %ids = (
    mach_port => [3200, mach_port_names => 3200, mach_port_type => 3201, mach_port_rename => 3202,
        mach_port_allocate_name => 3203, mach_port_allocate => 3204, mach_port_destroy => 3205,
        mach_port_deallocate => 3206, mach_port_get_refs => 3207, mach_port_mod_refs => 3208,
        mach_port_set_mscount => 3211, mach_port_get_set_status => 3212, mach_port_move_member =>
        3213, mach_port_request_notification => 3214, mach_port_insert_right => 3215,
        mach_port_extract_right => 3216, mach_port_set_seqno => 3218, mach_port_get_attributes =>
        3219, mach_port_set_attributes => 3220, mach_port_allocate_qos => 3229,
        mach_port_allocate_full => 3230, mach_port_insert_member => 3231, mach_port_extract_member
        => 3232],
    bootstrap => [999999, bootstrap_ports => 1000001, bootstrap_arguments => 1000002,
        bootstrap_completed => 1000004, bootstrap_get_module => 1000006],
    sync => [617000, semaphore_create => 617000, semaphore_destroy => 617001, semaphore_signal =>
        617002, semaphore_signal_all => 617003, semaphore_wait => 617004, lock_set_create => 617005,
        lock_set_destroy => 617006, lock_acquire => 617007, lock_release => 617008, lock_try =>
        617009, lock_make_stable => 617010, lock_handoff => 617011, lock_handoff_accept => 617012,
        semaphore_signal_thread => 617013, semaphore_timedwait => 617014, semaphore_wait_signal =>
        617015, semaphore_timedwait_signal => 617016],
    memory_object => [2200, memory_object_init => 2200, memory_object_terminate => 2201,
        memory_object_data_request => 2203, memory_object_data_unlock => 2204,
        memory_object_lock_completed => 2206, memory_object_supply_completed => 2207,
        memory_object_data_return => 2208, memory_object_synchronize => 2210,
        memory_object_change_completed => 2213],
    device_io => [2950, device_io_subset => 2950, device_io_port_grant => 2951,
        device_interrupt_attach => 2952, device_interrupt_ack => 2953, device_interrupt_detach =>
        2954, device_memory_subset => 2955, device_join => 2956, device_memory_map => 2957,
        device_dma_allocate => 2958],
    exc => [2400, exception_raise => 2401, exception_raise_state => 2402,
        exception_raise_state_identity => 2403],
    mach_host => [2600, host_default_memory_manager => 2601, host_kernel_version => 2619,
        thread_depress_abort => 2631, host_set_time => 2632, host_get_time => 2634, host_reboot =>
        2635, vm_wire => 2636, thread_wire => 2637, host_info => 2638, host_get_boot_info => 2642,
        host_statistics => 2643, host_page_size => 2644, vm_remap => 2679,
        thread_set_exception_ports => 2680, task_set_exception_ports => 2681,
        thread_get_exception_ports => 2682, task_get_exception_ports => 2683,
        thread_swap_exception_ports => 2684, task_swap_exception_ports => 2685, task_policy => 2691,
        task_set_policy => 2692, thread_policy => 2693, thread_set_policy => 2694],
    clock => [3125000, host_get_clock_service => 3125000, host_get_clock_control => 3125001,
        clock_get_time => 3125002, clock_get_attributes => 3125003, clock_set_time => 3125004,
        clock_set_attributes => 3125005, clock_map_time => 3125006, clock_alarm => 3125007],
    notify => [64, mach_notify_port_deleted => 65, mach_notify_port_destroyed => 69,
        mach_notify_no_senders => 70, mach_notify_send_once => 71, mach_notify_dead_name => 72],
    minato => [4200, minato_task_counts => 4200, minato_host_counts => 4201, minato_host_set_seed =>
        4202, minato_port_info => 4203, minato_task_set_name => 4204, host_set_exception_ports =>
        4205, host_get_exception_ports => 4206, host_swap_exception_ports => 4207,
        minato_task_get_limits => 4208, minato_task_set_limits => 4209, minato_host_tasks => 4210,
        minato_task_name => 4211, minato_thread_wait => 4212, minato_vm_region => 4213,
        minato_port_messages => 4214, minato_trace_set => 4215,
        minato_trace_read => 4216],
    clock_reply => [3125100, clock_alarm_reply => 3125107],
    mach => [2000, task_wire => 2000, task_create => 2001, memory_object_get_attributes => 2002,
        memory_object_change_attributes => 2003, vm_region => 2004, task_terminate => 2008,
        task_get_emulation_vector => 2009, task_set_emulation_vector => 2010, task_threads => 2011,
        thread_terminate => 2016, thread_get_state => 2017, thread_set_state => 2018, vm_allocate =>
        2021, vm_deallocate => 2023, vm_protect => 2024, vm_inherit => 2025, vm_read => 2026,
        vm_write => 2027, vm_copy => 2028, vm_msync => 2031, memory_object_synchronize_completed =>
        2032, mach_ports_register => 2033, mach_ports_lookup => 2034, vm_behavior_set => 2036,
        memory_object_data_unavailable => 2039, memory_object_lock_request => 2044, task_set_info =>
        2052, task_suspend => 2056, task_resume => 2057, task_get_special_port => 2058,
        task_set_special_port => 2059, thread_create => 2061, thread_suspend => 2062, thread_resume
        => 2063, thread_abort => 2064, thread_get_special_port => 2067, thread_set_special_port =>
        2068, task_set_emulation => 2070, thread_abort_safely => 2072, vm_map => 2089,
        memory_object_data_error => 2090, memory_object_destroy => 2092, memory_object_data_supply
        => 2093, thread_create_running => 2096, task_info => 2098, vm_machine_attribute => 2099,
        thread_info => 2100],
);

for my $name (sort keys %ids) {
    my ($base, %want) = @{$ids{$name}};
    for my $flags ('', '-DKERNEL_SERVER=1', '-DKERNEL_USER=1') {
        my $text = `$cross -E -P -x c -Iinclude $flags include/mach/$name.defs 2>&1`;
        my %got;
        my ($found) = $text =~ /\bsubsystem\b[^;]*?(\d+)\s*;/;
        is($found, $base, "$name.defs $flags: base");
        my $id = $base;
        while ($text =~ /^\s*(skip|routine\s+(\w+)|simpleroutine\s+(\w+))/mg) {
            $got{$2 // $3} = $id if $1 ne 'skip';
            $id++;
        }
        is_deeply(\%got, \%want, "$name.defs $flags: each routine has its message id");
    }
}

# ---- contracts: every call is described above its declaration, every interface names its source
# ----
sub contents {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}
my %defined = map { $_ => 1 } map { contents($_) =~ /^#define (\w+)/mg } glob 'include/*/*.h';

for my $defs (sort grep { !/_types\.defs$/ } glob 'include/*/*.defs') {
    my $text = contents($defs);
    my ($head) = $text =~ m{\A/\*.*?\*/\s*/\*(.*?)\*/}s;
    like($head // '', qr/Source: \w|\bOurs\b/, "$defs says where its semantics come from");
    my @bare;
    while ($text =~ /^(?:simple)?routine\s+(\w+)\s*\(/mg) {
        my ($name, $before) = ($1, substr($text, 0, $-[0]));
        push @bare, $name unless $before =~ m{/\*[\s*]*\Q$name\E:\s(?:(?!\*/).)+\*/\s*\z}s;
    }
    is("@bare", '', "$defs: each call has a contract");
    my @unknown = grep { !$defined{$_} }
        $text =~ /\b((?:KERN|NETNAME|BOOTSTRAP|CONSOLE|MIG|MACH|VM)_[A-Z_]*[A-Z])\b/g;
    is("@unknown", '', "$defs: the constants it mentions exist");
}

# ---- error codes -------------------------------------------------------------------------------
my @codes = (0 .. 56, 1000 .. 1004, 1100 .. 1106, 4591, map { -$_ } 300 .. 309);
for my $header (qw(message mig_errors kern_return bootstrap_types)) {
    open my $in, '<', "include/mach/$header.h" or die "$header.h: $!\n";
    while (<$in>) {
        push @codes, hex $1 if /^#define (?:MACH_SEND|MACH_RCV)_\w+ (0x1000[04][0-9a-f]{3})\b/;
    }
}
my @plain = @codes;
push @codes, map { 0x1000400c | $_ << 9 } 1 .. 31;   # every set of special bits
push @codes, 0x1000400b | 0x2000, 0x10000004 | 0x1000;
my @unknown = (57, 99, 999, 1005, 1099, 1107, 4590, -1, -299, -310, 0x10000012, 0x10004099,
    0x7fffffff, -2147483648);

my $built = `$host -std=gnu11 -Wall -Wextra -Werror -Iinclude -o $dir/errors \\
    tests/unit/headers/errors.c user/lib/mach/error_string.c 2>&1`;
ok($? == 0, 'error_string.c compiles for the host') or diag $built;
my @lines = `$dir/errors @codes @unknown 2>$dir/stderr`;
is(scalar @lines, @codes + @unknown, 'there is a line for each code');
my (%text, %of, %type);
for (@lines) {
    chomp;
    my ($code, $type, $sentence) = split /\t/;
    $text{$code} = $sentence;
    $type{$code} = $type;
    push @{$of{$sentence}}, $code;
}
is(join('; ', map { "@{$of{$_}}: $_" } grep { @{$of{$_}} > 1 } sort keys %of), '',
    'no two codes have the same sentence');
is(join(' ', grep { $text{$_} =~ /^unknown|^$/ } @plain), '', 'each code of the headers is known');
is(join(' ', grep { $text{$_} !~ /^unknown error code $_ / } @unknown), '',
    'an unknown code gives a sentence with its number');
is($text{0x1000400c | 0x2000 | 0x400},
    "$text{0x1000400c} (no room in the name space, kernel memory for out-of-line data is short)",
    'special bits say what was short');
is("@type{0, 0x10000003, 0x1000400c | 0x3e00, -303, 1102, 1001, 4591, -1}",
    '(os/kern) (ipc/send) (ipc/rcv) (ipc/mig) (bootstrap) (netname) (console) (?/?)',
    'mach_error_type says whose');
open my $err, '<', "$dir/stderr" or die "$dir/stderr: $!\n";
is(<$err>, "headers.t (os/kern) the name denotes no right (0xf)\n",
    'mach_error writes a line to standard error');

done_testing();
