#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Rule: `make run` with a terminal gives a Lua prompt inside the machine, with line editing, history
and help(); Ctrl-A X leaves, and the terminal is as it was before."""

import os
import pty
import re
import select
import signal
import sys
import termios
import time

PROMPT = rb"(^|[\r\n]|\x1b\[[0-9;]*[A-Za-z])> "
PATIENCE = 20       # seconds of wall-clock time for any one answer
# Keys typed at the prompt, the line that comes of it, the rule. (QEMU takes one ^A for itself.)
KEYS = [
    (b"10 + 1)\x1b[Hprint(\x1b[F\r", b"11", "Home and End"),
    (b"10 + 2)\x01\x01print(\x05\r", b"12", "^A and ^E"),
    (b"print(1x3)\x02\x02\x02\x06\x02\x04\r", b"13", "^B and ^F, ^D deletes"),
    (b"print(1x4)\x1b[D\x1b[D\x1b[D\x1b[3~\r", b"14", "Delete"),
    (b"print(15)junk\x02\x02\x02\x02\x0b\r", b"15", "^K deletes to the end"),
    (b"junk\x15print(16)\r", b"16", "^U deletes to the beginning"),
    (b"print(17) junk\x17\r", b"17", "^W deletes a word"),
    (b"\x10\x10\x10\x0e\r", b"16", "^P and ^N go through the history"),
    (b"1\x1b[A\x1b[B8\r", b"18", "after the history comes what was typed"),
    (b"\x12+ 1\r", b"11", "^R searches the history"),
    (b"\x12print(1\x12\r", b"16", "^R again finds an older line"),
    (b"mach.KERN_INVALID_NA\t\r", b"15", "Tab completes a name"),
    (b"for i = 19, 19 do\rprint(i)\rend\r", b"19", "a statement of three lines"),
    (b"garbage(\x03print(20)\r", b"20", "^C drops the line"),
    (b"20 +\r\x0321\r", b"21", "^C drops a line that is continued"),
]
points = 0
failed = 0


def point(passed, text, seen=b""):
    global points, failed
    points += 1
    failed += not passed
    print(f"{'ok' if passed else 'not ok'} {points} - {text}")
    if not passed:
        for line in seen.decode("utf-8", "replace").splitlines():
            print(f"# {line!r}")
    sys.stdout.flush()


class Terminal:
    """A program that runs in a terminal of its own."""

    def __init__(self, *command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.seen = b""     # what has come and was not asked for yet

    def expect(self, pattern):
        """Waits for text that the pattern matches and takes it from `seen`; False if it never comes."""
        end = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return True
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            try:
                self.seen += os.read(self.fd, 4096)
            except OSError:
                return False

    def type(self, keys):
        os.write(self.fd, keys)

    def answer(self, keys):
        """Types at the next prompt: keys that edit mean nothing before the editor reads them."""
        self.expect(PROMPT)
        self.type(keys)

    def end(self):
        """Waits for the program's end; its status, or None when it does not end."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 4096)
                except OSError:
                    time.sleep(0.05)
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        return None


def line(text):
    """A pattern for a whole line of output."""
    return rb"\n" + text + rb"\r*\n"


def main():
    try:
        terminal = Terminal("tools/run")
    except OSError:
        print("1..0 # SKIP this system gives no pseudo-terminal (is devpts mounted?)")
        return 0
    modes = termios.tcgetattr(terminal.fd)
    point(terminal.expect(PROMPT), "a prompt appears", terminal.seen)
    terminal.type(b"print(6 * 7)\r")
    point(terminal.expect(line(b"42")), "a line is run", terminal.seen)
    terminal.answer(b"\x1b[A\x1b[D + 1\r")
    point(terminal.expect(line(b"43")),
          "the line before comes back, and can be edited in the middle", terminal.seen)
    terminal.answer(b"prinx(1)\x1b[D\x1b[D\x1b[D\x7ft\r")
    point(terminal.expect(line(b"1")), "backspace works in the middle", terminal.seen)
    for keys, want, rule in KEYS:
        terminal.answer(keys)
        point(terminal.expect(line(want)), rule, terminal.seen)
    terminal.answer(b"mach.mach_port_all\t\t")
    point(terminal.expect(rb"\nmach_port_allocate +mach_port_allocate_full"),
          "Tab again lists the names that begin so", terminal.seen)
    terminal.type(b"\x15\r")
    for what, code in (("code that runs", b"while true do end"),
                       ("code that waits", b"mach.receive{port = mach.mach_reply_port()}")):
        terminal.answer(b"print('now') " + code + b"\r")
        terminal.expect(line(b"now"))
        terminal.type(b"\x03")
        point(terminal.expect(rb"interrupted\r*\n"), "^C interrupts " + what, terminal.seen)
    terminal.answer(b"string.rep('ab',\r")
    terminal.expect(rb">> ")
    terminal.type(b"3)\r")
    point(terminal.expect(line(b"ababab")), "an expression of two lines is printed", terminal.seen)
    terminal.answer(b"error('my' .. ' mistake')\r")
    point(terminal.expect(rb"my mistake"), "an error is told", terminal.seen)
    terminal.answer(b"spawn.run('top')\r")
    point(terminal.expect(rb"\x1b\[H\x1b\[2Jup ") and terminal.expect(rb"%CPU.* bootstrap") or
          terminal.expect(rb"bootstrap"), "top shows the tasks", terminal.seen)
    point(terminal.expect(rb"\x1b\[H\x1b\[2Jup "), "again and again", terminal.seen)
    terminal.type(b"xq")
    point(terminal.expect(line(b"0")), "until q is typed; the prompt is back", terminal.seen)
    terminal.type(b"print(6 * 8)\r")
    point(terminal.expect(line(b"48")), "with its editing", terminal.seen)
    terminal.type(b"\r")
    terminal.answer(b"help()\r")
    point(terminal.expect(rb"mach_port_allocate"), "help() lists the calls", terminal.seen)
    terminal.expect(PROMPT)
    terminal.type(b"\x01x")
    point(terminal.end() == 0, "Ctrl-A X leaves with status 0")
    point(termios.tcgetattr(terminal.fd)[:4] == modes[:4], "the terminal is as before")
    terminal = Terminal("tools/run")
    terminal.answer(b"\x04")
    point(terminal.expect(rb"powering off"), "^D at an empty line powers off", terminal.seen)
    point(terminal.end() == 0, "with status 0")
    terminal = Terminal("env", "CPU=no-such-cpu", "tools/run")
    point(terminal.expect(rb"run: QEMU refused to start: .*no-such-cpu"), "a refusal is told",
          terminal.seen)
    point(terminal.end() not in (0, None), "and is no success")
    print(f"1..{points}")
    return 1 if failed else 0


sys.exit(main())
