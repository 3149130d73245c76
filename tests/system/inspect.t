#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rules: ps, ports, vmmap, top and trace tell what there is, and agree with each other and with what a script
# has made; spawn.run runs a program to its end and gives its status; a program can be the job itself.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

# What a script prints, between marks: the output of each program that it runs.
sub outputs {
    my ($script) = @_;
    my $r = run('tools/run', {stdin => $script});
    is($r->{status}, 0, 'the script works') or diag($r->{out}, $r->{err});
    my @parts = split /^=== .*\n/m, $r->{out};
    shift @parts;
    return @parts;
}

my ($ps, $threads, $ports, $map, $ended) = outputs(<<'END');
local self = mach.mach_task_self()
local child = spawn.task("mach.receive{port = mach.mach_reply_port()}")
mach.minato_task_set_name(child.task, "waiter")
local stopped = select(2, mach.task_create(self, {}, false))
mach.minato_task_set_name(stopped, "nobody")
local port = mach.mach_reply_port()
for id = 70, 72 do
    mach.send{remote = port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = id, body = "text"}
end
local address = select(2, mach.vm_allocate(self, 0, 10 * 4096, true))
mach.vm_protect(self, address, 4096, false, mach.VM_PROT_READ)
mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 100000000}) -- the waiter waits now
print("=== ps") assert(spawn.run("ps") == 0)
print("=== ps -T -l") assert(spawn.run("ps", "-T", "-l") == 0)
print("=== ports -q") assert(spawn.run("ports", "-q") == 0)
print("=== vmmap") assert(spawn.run("vmmap", "lua") == 0)
mach.task_terminate(child.task)
child:wait(1000)
print("=== ps") assert(spawn.run("ps") == 0)
END

# ---- ps ----

like($ps, qr/^ +PID +THR +RSS +VSZ +TIME +STAT +WAIT +NAME$/m, 'ps: a heading');
my %task = map { (split)[-1] => [split] } grep { /^ *\d/ } split /\n/, $ps;
is_deeply([sort keys %task], [sort qw(bootstrap name console lua waiter nobody ps)],
          'each task is there, and only those');
is($task{bootstrap}[0], 1, 'bootstrap is task 1');
is($task{bootstrap}[1], 2, 'with two threads');
is($task{ps}[5], 'R', 'ps itself runs');
is_deeply([@{$task{waiter}}[5, 6]], ['S', 'receive'], 'one waits for a message');
is_deeply([@{$task{nobody}}[1, 2, 3, 5]], [0, 0, 0, '-'], 'one has neither threads nor memory');
ok($task{lua}[2] > 100 && $task{lua}[2] < $task{lua}[3], 'memory: less in page tables than mapped');
unlike($ended, qr/ waiter$/m, 'a task that has ended is no more');

# ---- ps -T and ports ----

my ($set) = $threads =~ / name\n +thread 1 .* receive port (\d+)$/m;
ok($set, 'ps -T: what the name server\'s thread waits for');
my ($name) = $ports =~ /^task \d+ \(name\).*?\n((?: .*\n)+)/m;
like($name, qr/^ +[0-9a-f]+ P +\d+ +$set +0\/0 .* w +set of [0-9a-f]+, [0-9a-f]+$/m,
     'ports: that is a set of two, on which somebody waits');
my ($lua) = $ports =~ /^task \d+ \(lua\).*?\n((?: .*\n)+)/m;
like($lua, qr{^ +[0-9a-f]+ R +0 +\d+ +3/5 +3 +0 +\n}m, 'a port with three messages');
my ($messages) = $lua =~ m{ 3/5 .*\n((?: +id .*\n)+)};
is(join(',', ($messages // '') =~ /^ +id (\d+) +28 bytes +from task $task{lua}[0] +0 descriptors$/mg),
   '70,71,72', 'and these, in order');
my ($number) = $threads =~ / $task{waiter}[0] +1 .*waiter\n +thread 1 .* receive port (\d+)$/m;
my ($waiter) = $ports =~ /^task \d+ \(waiter\).*?\n((?: .*\n)+)/m;
like($waiter, qr{^ +[0-9a-f]+ R +0 +$number +0/5 +0 +0 w}m, 'the port that the waiter waits on');

# ---- vmmap ----

my @regions = map { [/^([0-9a-f]{8})-([0-9a-f]{8}) +(\d+) +(\d+) (...)\/(...) +(\w+)/] }
              grep { /^[0-9a-f]{8}-/ } split /\n/, $map;
ok(@regions > 5, 'vmmap: some regions');
my ($end, $mapped, $resident, $wrong) = (0, 0, 0, 0);
for (@regions) {
    my ($from, $to) = (hex $_->[0], hex $_->[1]);
    $wrong++ if $from < $end || $to - $from != $_->[2] * 1024 || $_->[3] > $_->[2];
    ($end, $mapped, $resident) = ($to, $mapped + $_->[2], $resident + $_->[3]);
}
is($wrong, 0, 'in order, none over another, sizes that agree');
like($map, qr/^@{[scalar @regions]} regions, $mapped KiB mapped, $resident KiB resident$/m, 'sums');
ok((grep { $_->[4] eq 'r-x' && $_->[3] > 0 } @regions) > 0, 'the program\'s text');
ok((grep { $_->[4] eq 'r--' && $_->[2] == 4 && $_->[6] eq 'ZERO' } @regions) > 0,
   'a page that was protected and never written to');

# ---- top ----

my ($top) = outputs(<<'END');
local busy = spawn.task("while true do end")
mach.minato_task_set_name(busy.task, "busy")
print("=== top") assert(spawn.run("top", "-n", "2", "-s", "400") == 0)
END
my @rounds = split /^up /m, $top;
is(scalar @rounds, 3, 'top -n 2: two rounds');
my ($first) = $rounds[2] =~ /NAME\n(.*)\n/;
like($first, qr/^ +\d+ +[5-9]\d\.\d% .* R +busy$/, 'the busiest task comes first');
like($rounds[2], qr/^memory: \d+ KiB, \d+ used, \d+ free/m, 'memory');

# ---- trace ----

my ($trace) = outputs(<<'END');
local port = mach.mach_reply_port()
local other = spawn.thread(function()
    mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 0, tv_nsec = 20000000})
    mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_MAKE_SEND, id = 4711}
    mach.receive{port = args.port}
end, {port = port})
print("=== trace") assert(spawn.run("trace", "-t", "60", "-k", "tmsb") == 0)
other:wait(1000)
END
my ($records) = $trace =~ /^(\d+) records, 0 lost$/m;
is(scalar(() = $trace =~ /^ *\d+\.\d{3} +\d+\.\d+ +\w/mg), $records, 'trace: a line for each record');
like($trace, qr/^ .* (\d+\.\d+) +runs, priority \d+\n(?:.*\n)*?.* \1 +send to port (\d+), id 4711, number 0\n(?:.*\n)*?.* \1 +receive from port \2, id 4711, number 0$/m,
     'a switch, a message sent and received');
unlike($trace, qr/ (?:interrupt|fault)/, 'and nothing of other kinds');

# ---- mistakes, and programs as the job ----

my ($codes) = outputs(<<'END');
print("=== codes")
print(spawn.run("vmmap", "4711"), spawn.run("vmmap"), spawn.run("ps", "-z"), spawn.run("ports", "-q", "no"))
for _, words in ipairs{{"nothing"}, {("x"):rep(200)}, {"ps", ("x"):rep(3000)}, {"ps", "a\0b"}} do
    print(select(2, pcall(spawn.run, table.unpack(words))))
end
END
like($codes, qr/^vmmap: there is no task 4711$/m, 'vmmap of no task');
like($codes, qr/^usage: vmmap TASK/m, 'vmmap without one');
like($codes, qr/^1\t2\t2\t1$/m, 'the statuses');
like($codes, qr/nothing cannot be run: bootstrap: unknown service or module/, 'no such program');
like($codes, qr/there is no such program/, 'a name that is too long');
like($codes, qr/the arguments are too long/, 'too many words');
like($codes, qr/it has a zero byte in it/, 'a zero byte');

my $r = run('tools/qemu', '--batch', '--icount', 5, '--append', 'minato.run=ps');
is($r->{status}, 0, 'minato.run=ps: status 0');
like($r->{out}, qr/^ +4 +1 .* R +ps\r?$/m, 'and it finds itself');

done_testing();
