#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: every result of mach_msg that can occur is met by a scenario, and so is every KERN code that
# a contract of the kernel's calls names. Run from the top of the tree.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use File::Find;
use Test::More;

my $scenarios = '';
find(sub { $scenarios .= read_file($_) if /\.lua$/ }, 'tests/scenarios');

# Not yet, or never: why.
my %exempt = (
    MACH_SEND_IN_PROGRESS => 'kernel internal',
    MACH_SEND_INVALID_NOTIFY => 'MACH_SEND_CANCEL is not offered',
    MACH_SEND_INVALID_RT_OOL_SIZE => 'there are no real-time ports',
    MACH_RCV_IN_PROGRESS => 'kernel internal',
    MACH_RCV_IN_PROGRESS_TIMED => 'kernel internal',
    MACH_MSG_IPC_KERNEL => 'an allocation that fails in a receive: tests/unit/ipc meets it',
    MACH_MSG_INVALID_RT_DESCRIPTOR => 'there are no real-time ports',
    KERN_INVALID_TASK => 'a call that a task has overtaken on its way to its end',
);

my $header = read_file('include/mach/message.h');
my @codes = $header =~ /^#define (MACH_(?:SEND|RCV)_\w+) 0x1000/mg;
push @codes, $header =~ /^#define (MACH_MSG_(?:IPC|VM|INVALID)_\w+) 0x/mg;
cmp_ok(scalar(@codes), '>', 35, 'message.h has codes: ' . @codes);

my %named;
for my $name (qw(mach mach_port mach_host sync clock minato device_io bootstrap)) {
    my $text = read_file("include/mach/$name.defs");
    $named{$1} = 1 while $text =~ /^ \* {2,}(?:.*, )?(KERN_\w+)/mg;
}
cmp_ok(scalar(keys %named), '>', 20, 'contracts name codes: ' . keys %named);

for my $code (grep { !$exempt{$_} } @codes, sort keys %named) {
    like($scenarios, qr/\b$code\b/, "$code is met by a scenario");
}
done_testing();
