#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Rule: a machine with a display and a keyboard shows there what the serial line shows, and what is typed
there is typed; the kernel's own words, a panic's too, are on the display."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "tools")
import qemu_machine as qemu     # found through the line above

PATIENCE = 60       # seconds of wall-clock time for anything that is to happen
COLUMNS, ROWS = 80, 25
NAMES = {" ": "spc", "(": "shift-9", ")": "shift-0", "*": "shift-8", "+": "shift-equal", "=": "equal",
         "'": "apostrophe", '"': "shift-apostrophe", ".": "dot", ",": "comma", "_": "shift-minus",
         "[": "bracket_left", "]": "bracket_right", "\\": "backslash", "\n": "ret", "-": "minus"}
points = 0
failed = 0


def point(passed, text, seen=""):
    global points, failed
    points += 1
    failed += not passed
    print(f"{'ok' if passed else 'not ok'} {points} - {text}")
    for line in [] if passed else str(seen).splitlines():
        print(f"# {line}")
    sys.stdout.flush()


class Computer:
    """A machine in QEMU whose keys we press, and whose display and memory we look at."""

    def __init__(self, *options, without=(), iso=None):
        self.folder = tempfile.TemporaryDirectory(prefix="minato.")
        machine = qemu.Machine(iso=iso)
        machine.words = ["minato.run=lua"]
        machine.extra = ["-qmp", f"unix:{self.folder.name}/qmp,server=on,wait=on", *options]
        command = machine.command("stdio")
        for word in without:
            at = command.index(word)
            del command[at - 1:at + 1]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, preexec_fn=qemu.die_with_parent)
        self.serial = b""
        self.qmp = self.connect()
        self.qmp.readline()
        self.do("qmp_capabilities")

    def connect(self):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                link = socket.socket(socket.AF_UNIX)
                link.connect(f"{self.folder.name}/qmp")
                return link.makefile("rw")
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def do(self, command, **arguments):
        """One QMP command; its answer."""
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        while True:
            answer = json.loads(self.qmp.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")

    def memory(self, address, size):
        path = f"{self.folder.name}/memory"
        self.do("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as file:
            return file.read()

    def monitor(self, line):
        return self.do("human-monitor-command", **{"command-line": line})

    def port(self, number):
        """What an I/O port reads."""
        return int(self.monitor(f"i /b {number}").split("=")[-1], 16)

    def register(self, index):
        """A register of the display's controller; the machine stands still meanwhile."""
        before = self.port(0x3d4)
        self.monitor(f"o /b 0x3d4 {index}")
        value = self.port(0x3d5)
        self.monitor(f"o /b 0x3d4 {before}")
        return value

    def display(self):
        """The cells shown: (rows of text, rows of colours, row and column of the cursor)."""
        self.do("stop")
        start = self.register(12) << 8 | self.register(13)
        cursor = (self.register(14) << 8 | self.register(15)) - start
        shown = self.memory(0xb8000 + 2 * start, 2 * COLUMNS * ROWS)
        if self.do("query-status")["status"] == "paused":   # not if it is switched off
            self.do("cont")
        rows = [shown[2 * COLUMNS * i:2 * COLUMNS * (i + 1)] for i in range(ROWS)]
        return ([row[::2].decode("cp437").rstrip(" \0") for row in rows], [row[1::2] for row in rows],
                divmod(cursor, COLUMNS))

    def listen(self, seconds):
        """Takes what comes on the serial line; False if nothing does."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.serial += data
        return bool(data)

    def heard(self, pattern):
        """Waits for text on the serial line and takes it away; False if it never comes."""
        end = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self.serial)
            if match:
                self.serial = self.serial[match.end():]
                return True
            if not self.listen(max(0, end - time.monotonic())):
                return False

    def seen(self, condition):
        """Waits until condition(text, colours, cursor) of the display holds; what is shown then or at
        last, and whether it held."""
        end = time.monotonic() + PATIENCE
        while True:
            display = self.display()
            if condition(*display):
                return display, True
            if time.monotonic() > end:
                return display, False
            self.listen(0.05)

    def events(self, *keys):
        """Presses keys together and releases them."""
        changes = [(key, True) for key in keys] + [(key, False) for key in reversed(keys)]
        self.do("input-send-event", events=[
            {"type": "key", "data": {"down": pressed, "key": {"type": "qcode", "data": key}}}
            for key, pressed in changes])

    def press(self, chord, count=1):
        """Presses keys, shift-a for example, and waits until the machine has taken their codes: the
        keyboard keeps no more than a few, and nobody knows how fast the machine is."""
        for _ in range(count):
            self.events(*chord.split("-"))
            end = time.monotonic() + PATIENCE
            while self.port(0x64) & 1 and time.monotonic() < end:
                self.listen(0.001)

    def type(self, text):
        for c in text:
            self.press(NAMES.get(c) or (f"shift-{c.lower()}" if c.isupper() else c))

    def run(self, text):
        """Types a statement on the serial line."""
        self.heard(rb"\r> \x1b\[K\r\x1b\[2C$")
        self.process.stdin.write(text.encode() + b"\r")
        self.process.stdin.flush()

    def end(self):
        self.do("quit")
        self.process.wait()
        self.folder.cleanup()


def last_lines(text):
    """The rows down to the last that is not empty."""
    while text and not text[-1]:
        text = text[:-1]
    return text


def typing(computer):
    (text, _, cursor), shown = computer.seen(lambda text, _, cursor: last_lines(text)[-1:] == [">"]
                                             and cursor[1] == 2)
    point(shown, "the prompt is on the display, the cursor behind it", text)
    point(any(line.startswith("Minato 0.1") for line in text), "above it the first words", text)
    computer.type("print(6*7)\n")
    point(computer.heard(rb"\n42\r"), "what is typed on the keyboard is run, as the serial line says",
          computer.serial)
    (text, _, _), shown = computer.seen(lambda text, *_: last_lines(text)[-3:] == ["> print(6*7)", "42", ">"])
    point(shown, "and the display", text)
    computer.press("up")
    computer.press("home")
    computer.press("delete", 5)
    computer.type("print")
    computer.press("end")
    computer.press("left")
    computer.press("backspace")
    computer.type("8\n")
    (text, _, _), shown = computer.seen(lambda text, *_: last_lines(text)[-2:-1] == ["48"])
    point(shown, "arrows, Home, End, Delete and Backspace edit the line", text)
    computer.press("caps_lock")
    computer.type("print")
    computer.press("caps_lock")
    point(computer.heard(rb"PRINT"), "Caps Lock makes letters large", computer.serial)
    computer.press("ctrl-u")
    computer.type("'a_B'\n")
    (text, _, _), shown = computer.seen(lambda text, *_: last_lines(text)[-3:-1] == ["> 'a_B'", "a_B"])
    point(shown, "Control and Shift; Caps Lock comes and goes", text)
    computer.type("print('now') while 1 do end\n")
    computer.heard(rb"\nnow\r")
    computer.press("ctrl-c")
    (text, _, _), shown = computer.seen(lambda text, *_: any("interrupted" in line for line in text))
    point(shown, "Control-C interrupts", text)


def output(computer):
    computer.serial += b"\r> \x1b[K\r\x1b[2C"   # the prompt has been seen
    computer.run("for i = 1, 1000 do print('line ' .. i) end")
    wanted = [f"line {i}" for i in range(977, 1001)] + [">"]
    (text, _, cursor), shown = computer.seen(lambda text, _, cursor: text == wanted and
                                             cursor == (24, 2))
    point(shown, "a thousand lines: the last are shown, the cursor is behind them",
          "\n".join([*text, str(cursor)]))
    computer.run(r"_ = io.write('\27[2J\27[3;5H\27[31mred\27[44m on blue\27[0m\n')")
    (text, colours, _), shown = computer.seen(lambda text, *_: text[2:4] == ["    red on blue", ">"])
    point(shown and colours[2][4:7] == b"\x04" * 3 and colours[2][7:15] == b"\x14" * 8,
          "the display is erased, the cursor placed, colours are shown", (text, colours[2]))
    picture = f"{computer.folder.name}/picture.ppm"
    computer.do("screendump", filename=picture)
    with open(picture, "rb") as file:
        kind, size, _, dots = file.read().split(b"\n", 3)
    width = int(size.split()[0])
    row = dots[3 * width * 16 * 2:3 * width * 16 * 3]   # the third of the display
    found = {tuple(part > 100 for part in row[i:i + 3]) for i in range(0, len(row), 3)}
    point(kind == b"P6" and size == b"720 400" and
          found == {(False, False, False), (True, False, False), (False, False, True)},
          "and are red and blue on a picture of it", (kind, size, found))
    computer.run("spawn.task('mach.vm_deallocate(mach.mach_task_self(), 0x1000, 0xb0000000)'):wait()")
    (text, _, _), shown = computer.seen(lambda text, *_: last_lines(text)[-1:] == [">"] and
                                        any("ended by bad access" in line for line in text))
    point(shown, "the kernel's words stand among ours, and we go on behind them", text)


def memory_for_devices(computer):
    computer.run("c = require 'machine_code' kr, host, dev = mach.bootstrap_ports(mach.bootstrap_port)")
    computer.run("kr, at, ph = mach.device_dma_allocate(dev, mach.mach_task_self(), 12288)")
    computer.run("page = c.page_with(function() return c.load_imm(0, 0x79616f68) .. "
                 "c.store(0, at + 8192) .. c.STAY end)")
    computer.run("thread = c.thread_at(page) mach.thread_resume(thread)")
    computer.run("print('physical', ph)")
    while not re.search(rb"\nphysical\t\d+\r", computer.serial) and computer.listen(PATIENCE):
        continue
    found = re.search(rb"\nphysical\t(\d+)\r", computer.serial)
    physical = int(found[1]) if found else 0
    end = time.monotonic() + PATIENCE
    while computer.memory(physical + 8192, 4) != b"hoay" and time.monotonic() < end:
        computer.listen(0.05)
    point(computer.memory(physical, 12288) == bytes(8192) + b"hoay" + bytes(4092),
          "memory for devices is where the kernel says, in a piece, cleared but for what was written",
          physical)


def restart(computer):
    computer.run("path = string.pack('<I8I4I4', 0, 0, 16) .. 'servers/console\\0'")
    computer.run("kr, m = mach.rpc{remote = mach.bootstrap_port, id = 4702, body = path, "
                 "disp = mach.MACH_MSG_TYPE_COPY_SEND} -- program_task")
    computer.run("mach.task_terminate(m.ports[1][1])")
    computer.heard(rb"started again in 100 ms")
    computer.type("print('after')\n")
    (text, _, _), shown = computer.seen(lambda text, *_: "after" in text)
    point(shown and any("servers/console has died" in line for line in text),
          "a console server that is started again goes on there, with display and keyboard", text)


def panic():
    computer = Computer("-no-shutdown", without=["isa-debug-exit,iobase=0xf4,iosize=0x04"])
    computer.run("mach.host_reboot(select(2, mach.bootstrap_ports(mach.bootstrap_port)), 0x1000)")
    computer.heard(rb"back trace")
    (text, _, _), shown = computer.seen(lambda text, *_: "back trace:" in text)
    point(shown and any(line.startswith("panic: host_reboot asked") for line in text) and
          any(line.startswith("running: task ") for line in text), "a panic is on the display", text)
    computer.end()


def from_grub():
    subprocess.run(["make", "-s", "iso"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env={**os.environ, "MAKEFLAGS": ""})
    computer = Computer(iso="build/minato.iso")
    computer.seen(lambda text, _, cursor: last_lines(text)[-1:] == [">"] and cursor[1] == 2)
    computer.type("print(6*7)\n")
    (text, _, _), shown = computer.seen(lambda text, *_: last_lines(text)[-3:] == ["> print(6*7)", "42", ">"])
    point(shown, "started by GRUB: display and keyboard are all that is needed", text)
    computer.end()


def main():
    computer = Computer()
    typing(computer)
    output(computer)
    memory_for_devices(computer)
    restart(computer)
    computer.end()
    panic()
    from_grub()
    print(f"1..{points}")
    return 1 if failed else 0


sys.exit(main())
