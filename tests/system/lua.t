#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Rule: a script's failed checks, errors, leaks and time-outs become failed points that say why, and
# the run goes on; what a script prints, how it ends and its status come out as docs/lua.md says.
# The other half, what passes, is in tests/scenarios/lua/.
use strict;
use warnings;
use lib 'tests/system';
use Run;
use Test::More;

my $place = folder();
my $number = 0;

# Boots one scenario; its name is cut from what it says.
sub scenario {
    my ($text) = @_;
    my $file = write_file("$place/" . ++$number . '.lua', $text);
    my $r = run('tools/scenario', $file);
    $r->{out} =~ s/\Q$file\E/FILE/g;
    return $r;
}

# The part of an output that belongs to one point.
sub point_of {
    my ($r, $n) = @_;
    my ($text) = $r->{out} =~ /^((?:not )?ok $n - .*?)(?=^(?:not )?ok \d|^1\.\.|\z)/ms;
    return $text // '';
}

my $r = scenario(<<'END');
local self = mach.mach_task_self()
local function port() return select(2, mach.mach_port_allocate(self, 1)) end
test("unequal numbers", function(t)
    t.eq(15, 0, "the reason")
    t.eq(1, 1)
end)
test("unequal tables", function(t) t.eq({1, {x = 2}}, {1, {x = 3}}) end)
test("not ok", function(t) t.ok(nil, "it was nil") t.fail("and this") end)
test("an error", function(t) error("some error") end)
test("a leaked name", function(t) port() end)
test("a leaked reference", function(t) mach.mach_port_mod_refs(self, self, 0, 2) end)
test("a leaked semaphore and thread", function(t)
    mach.semaphore_create(self, 0, 0)
    mach.thread_create(self)
end)
test("a task left alone", function(t)
    spawn.task("mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 1000})")
end)
test("a wait that never ends", function(t)
    local p = port()
    t.within(50, function() pcall(mach.receive, {port = p}) mach.receive{port = p} end)
    mach.mach_port_destroy(self, p)
end)
local co = coroutine.wrap(function() while true do end end)
test("code that never ends", function(t)
    t.within(50, function() while true do pcall(function() while true do end end) end end)
    t.within(50, co)
    t.within(50, function() coroutine.wrap(function() while true do end end)() end)
end)
test("waits of other kinds", function(t)
    local _, sem = mach.semaphore_create(self, 0, 0)
    t.within(50, function() mach.semaphore_wait(sem) end)
    t.within(50, function() mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_sec = 1000}) end)
    local child = spawn.task("mach.receive{port = mach.mach_reply_port()}")
    t.within(50, function() child:wait() end)
    local p = port()
    mach.mach_port_insert_right(self, p, p, mach.MACH_MSG_TYPE_MAKE_SEND)
    t.within(50, function() mach.task_suspend(p) end) -- nobody will reply
    mach.mach_port_destroy(self, p)
    mach.task_terminate(child.task)
    child:wait()
    mach.semaphore_destroy(self, sem)
    mach.mach_port_deallocate(self, sem)
end)
print("said by the script\nin two lines")
test("the run goes on # here", function(t) t.ok(true) end)
test("skipped", function(t) t.skip("not today") end)
END

is($r->{status}, 1, 'failed points make status 1');
is(point_of($r, 1), <<'END', 't.eq says where, why, what it got and what it wanted');
not ok 1 - unequal numbers
#   FILE:4: the reason
#     got:  15 (KERN_INVALID_NAME, if it is a return code)
#     want: 0 (KERN_SUCCESS, if it is a return code)
END
is(point_of($r, 2), <<'END', 'of tables also where the first difference is');
not ok 2 - unequal tables
#   FILE:7: not equal
#     the first difference is at [2].x
#     got:  {1, {x = 2}}
#     want: {1, {x = 3}}
END
like(point_of($r, 3), qr/FILE:8: it was nil\n#     got:  nil\n#   FILE:8: and this\n/,
    'a failed check does not end the test');
like(point_of($r, 4), qr/^#   FILE:9: some error\n#   stack traceback:/m,
    'an error ends the test as failed, with a trace back');
like(point_of($r, 5), qr/^#   leaked: name 0x[0-9a-f]+, receive right, 1 ref$/m, 'a leaked name');
like(point_of($r, 6), qr/^#   leaked: name 0x[0-9a-f]+, send right, \d+ refs, before \d+$/m,
    'a leaked reference');
like(point_of($r, 7), qr/^#   leaked: 1 thread$/m, 'a leaked thread');
like(point_of($r, 7), qr/^#   leaked: 1 semaphore$/m, 'a leaked semaphore');
is(() = point_of($r, 8) =~ /^#   leaked: name/mg, 1, 'a task left alone: its name');
is(point_of($r, 9), "not ok 9 - a wait that never ends\n#   FILE:21: took longer than 50 ms\n",
    't.within ends a wait, and pcall does not help it');
is(() = point_of($r, 10) =~ /took longer than 50 ms/g, 3,
    't.within ends Lua code, also in coroutines');
is(() = point_of($r, 11) =~ /took longer than 50 ms/g, 4, 't.within ends every kind of wait');
unlike(point_of($r, 11), qr/leaked/, 'and leaves nothing behind itself');
like($r->{out}, qr/^# said by the script\n# in two lines$/m, 'what a scenario prints is a comment');
like($r->{out}, qr/^ok 12 - the run goes on \\# here$/m, 'the run goes on after all that');
like($r->{out}, qr/^ok 13 - skipped # SKIP not today$/m, 'a skipped test');
like($r->{out}, qr/^1\.\.13\n\z/m, 'the plan comes last');

$r = scenario("test('first', function(t) end)\nlocal x = nil + 1\n");
is($r->{status}, 1, 'an error outside a test: status 1');
like($r->{out}, qr/^ok 1 - first\nnot ok 2 - the script runs to its end\n#   FILE:2: attempt/m,
    'and a failed point with the error');
$r = scenario("test('first' function() end)");
like($r->{out}, qr/^not ok 1 - .*\n#   FILE:1: '\)' expected/m, 'a syntax error is a failed point');
$r = scenario("print('nothing')");
like($r->{out}, qr/^not ok 1 - the script has at least one test$/m,
    'a scenario without tests fails');
$r = scenario("test('a', function(t) end) os.exit(0)");
is($r->{status}, 0, 'os.exit ends a scenario with its plan');
$r = scenario("test('a', function(t) t.ok(true) end) test('b', function() os.exit(0) end)");
is($r->{status}, 1, 'os.exit(0) in the middle of a test: status 1');
like($r->{out}, qr/^not ok 2 - b\n#   os\.exit .*\n1\.\.2\n\z/m, 'and the test has failed');

# ---- what is left behind, and what is said ----------------------------------------------------

$r = scenario(<<'END');
local self = mach.mach_task_self()
test("a task without a name", function(t)
    local _, task = mach.task_create(self, {}, false)
    mach.mach_port_deallocate(self, task)
end)
test("a child's child", function(t)
    local code = "spawn.task('mach.receive{port = mach.mach_reply_port()}') return 1"
    t.eq({spawn.task(code):wait()}, {true, 1})
end)
test("a child's child that ends in time", function(t)
    local code = "spawn.task('mach.clock_sleep(0, 1, {tv_nsec = 200000000})') return 1"
    t.eq({spawn.task(code):wait()}, {true, 1})
end)
test("skipped, with a leak", function(t) mach.mach_reply_port() t.skip("not today") end)
test("skipped, with permission", function(t)
    t.leaks_ok("the port")
    mach.mach_reply_port()
    t.skip("not today")
end)
test("failed, with permission", function(t) t.leaks_ok("nothing") error("some error") end)
test("one\r\nline", function(t) for i = 1, 4000 do t.fail("again") end end)
END

is(point_of($r, 1), "not ok 1 - a task without a name\n#   leaked: 1 task\n", 'a leaked task');
is(point_of($r, 2), "not ok 2 - a child's child\n#   leaked: 1 task\n", 'a task of a child');
like($r->{out}, qr/^ok 3/m, 'which has a second to be gone');
like(point_of($r, 4), qr/^not ok 4 - skipped, with a leak\n#   leaked: name/,
    'a test that was skipped leaves nothing behind either');
is(point_of($r, 5), "ok 5 - skipped, with permission # SKIP not today\n#   leaks_ok: the port\n",
    'without permission');
like($r->{out}, qr/^# leaks_ok: 2 tests had permission .*\n1\.\.7\n\z/m,
    'permissions are counted at the end, however the test ended');
like(point_of($r, 7), qr/^not ok 7 - one  line\n(#   FILE:\d+: again\n)+#   \.\.\. and more/,
    'a description stays on its line; what there is no room for is said to be missing');

$r = scenario('for i = 1, 40 do test("leak", function() mach.mach_reply_port() end) end');
like($r->{out}, qr/^not ok 40 - leak\n#   leaked: .*\n1\.\.40\n\z/m,
    'a scenario of nothing but leaks comes to its end: each is known soon');

# ---- scripts that are no scenarios -----------------------------------------------------------

sub script { return run('tools/run', {stdin => $_[0]}) }

$r = script("print(mach.mach_task_self())");
like($r->{out}, qr/^\d+\n\z/, 'a script prints what it prints');
is($r->{status}, 0, 'and ends with status 0');
is(script("os.exit(7)")->{status}, 7, 'os.exit(n) is the status');
is(script("os.exit(false)")->{status}, 1, 'os.exit(false) is 1');
$r = script("print('before')\nerror('my mistake')");
is($r->{status}, 1, 'an error is status 1');
like($r->{out}, qr/^before\nlua: stdin:2: my mistake\nstack traceback:/, 'and is told');
like(script("error{code = 5}")->{out}, qr/^lua: \{code = 5\}\n/, 'a table as error: what is in it');
$r = script("test('a', function(t) t.eq(1, 2) end)");
is($r->{status}, 1, 'a script with a failed test: status 1');
like($r->{out}, qr/^not ok 1 - a\n.*^1\.\.1\n\z/ms, 'and TAP with a plan');
$r = script("print(io.read(), io.read('a'), spawn.thread('return io.read()'):wait())");
is($r->{out}, "nil\t\ttrue\tnil\n", 'who reads finds no input, and does not wait for any');
$r = script("spawn.task('print(\"from the child\")'):wait()\nprint('from the parent')");
is($r->{out}, "from the child\nfrom the parent\n", 'a child prints through a session of its own');

my $listed = script('help()')->{out};
like($listed, qr/\b$_\b/, "help() lists $_")
    for qw(mach_msg vm_allocate semaphore_timedwait spawn.task object:wait t.within);
$r = script('help("spawn.task") help(test) help("mach.vm_read") help("SYNC_POLICY")');
like($r->{out}, qr/^\Q$_\E\(.*\) -> .*\n.*\w/m, "help explains $_")
    for qw(spawn.task test mach.vm_read);
like($r->{out}, qr/^mach\.SYNC_POLICY_RANDOM = 256 \(0x100\)$/m, 'help(word) lists what has it');

# ---- minato.seed= ----------------------------------------------------------------------------

# The order in which a semaphore of the random policy wakes six threads.
sub order_of {
    my ($seed) = @_;
    my $r = run('tools/run', {env => {SEED => $seed}, stdin => <<'END'});
local _, sem = mach.semaphore_create(mach.mach_task_self(), mach.SYNC_POLICY_RANDOM, 0)
local _, port = mach.mach_port_allocate(mach.mach_task_self(), mach.MACH_PORT_RIGHT_RECEIVE)
for i = 1, 6 do
    spawn.thread("mach.semaphore_wait(args.sem) mach.send{remote = args.port, id = args.i}",
                 {sem = sem, port = port, i = i})
    mach.clock_sleep(0, mach.TIME_RELATIVE, {tv_nsec = 50000000})
end
local order = {}
for i = 1, 6 do
    mach.semaphore_signal(sem)
    order[i] = select(2, mach.receive{port = port}).id
end
print(table.concat(order, " "))
END
    return $r->{out};
}

my %orders = map { $_ => order_of($_) } 1 .. 4;
like($orders{1}, qr/^(\d ){5}\d\n\z/, 'a random semaphore wakes each of its waiters');
is(order_of(1), $orders{1}, 'minato.seed=1 twice gives the same order');
ok((grep { $orders{$_} ne $orders{1} } 2 .. 4), 'other seeds give other orders');

done_testing();
