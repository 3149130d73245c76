#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: a scenario says the same, byte for byte, each time it is run, whatever this computer does
# meanwhile; another seed changes only what is drawn from it.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

# Threads of several tasks, a shared queue, timeouts and the clock: all that could come out of step.
my $place = folder();
my $race = write_file("$place/race.lua", <<'END');
test("ten threads and three tasks report in an order that never changes", function(t)
    local kr, port = mach.mach_port_allocate(mach.mach_task_self(), mach.MACH_PORT_RIGHT_RECEIVE)
    t.eq(kr, mach.KERN_SUCCESS)
    mach.mach_port_insert_right(mach.mach_task_self(), port, port, mach.MACH_MSG_TYPE_MAKE_SEND)
    local workers = {}
    for i = 1, 10 do
        workers[#workers + 1] = spawn.thread([[
            for round = 1, 5 do
                mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND,
                          id = args.number * 10 + round}
                mach.thread_switch(0, mach.SWITCH_OPTION_NONE, 0)
            end]], {port = port, number = i})
    end
    for i = 1, 3 do
        workers[#workers + 1] = spawn.task([[
            mach.send{remote = args.port, disp = mach.MACH_MSG_TYPE_COPY_SEND, id = args.number}]],
            {number = 1000 + i}, {port = port})
    end
    local order = {}
    for _ = 1, 53 do
        local kr, msg = mach.receive{port = port, timeout = 2000}
        t.eq(kr, mach.KERN_SUCCESS)
        order[#order + 1] = msg and msg.id
    end
    for _, worker in ipairs(workers) do t.ok(worker:wait(2000)) end
    print("order", table.concat(order, " "))
    local kr, now = mach.clock_get_time(select(2,
        mach.host_get_clock_service(mach.mach_host_self(), mach.REALTIME_CLOCK)))
    print("clock", now and now.tv_sec, now and now.tv_nsec)
    t.leaks_ok("this test is about order, not about names")
    mach.mach_port_destroy(mach.mach_task_self(), port)
end)
END

my $first = run('tools/scenario', $race);
is($first->{status}, 0, 'the scenario passes') or diag($first->{out});
like($first->{out}, qr/order[ \t]\d+( \d+){52}/, 'and has reported an order');
my $second = run('tools/scenario', $race);
is($second->{out}, $first->{out}, 'a second run says the same, byte for byte');

# The same with this computer busy.
my @busy = map { my $pid = fork() // die; if (!$pid) { 1 while 1 } $pid } 1 .. 3;
my $third = run('tools/scenario', $race);
kill 'KILL', @busy;
waitpid($_, 0) for @busy;
is($third->{out}, $first->{out}, 'so does a run on a busy computer');

my %seed = (env => {SEED => 7});
is(run('tools/scenario', $race, \%seed)->{out}, run('tools/scenario', $race, \%seed)->{out},
    'two runs with the same seed agree');

done_testing();
