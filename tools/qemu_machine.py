# SPDX-License-Identifier: BSD-2-Clause
"""The machine: how QEMU is started for Minato, watched, and ended.

Used by tools/qemu, tools/run, tools/scenario and the bench reporter. `Machine` holds what a boot
consists of and turns it into QEMU's command line; `run_batch` boots it with the serial line as a
stream of text lines and a wall-clock limit; `run_interactive` puts the serial line into the
terminal. Everything a user can get wrong is refused by `LaunchError` with one sentence.

The environment may say: QEMU (the program), MEM (MiB, default 128), CPU (model), ACCEL (tcg, kvm),
SCREEN (the display of a machine that a person uses: yes, or a word that QEMU's -display takes),
MINATO_KERNEL and MINATO_ARCHIVE (other files than those in build/).
"""

import ctypes
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNEL = os.environ.get("MINATO_KERNEL") or os.path.join(TREE, "build", "minato.elf")
ARCHIVE = os.environ.get("MINATO_ARCHIVE") or os.path.join(TREE, "build", "boot.tar")
PROBE = os.path.join(TREE, "build", "tools", "kvm-probe.elf")

# The least model with everything the kernel asks for: sysenter, pse, pge, fxsr, cmov, tsc.
DEFAULT_CPU = "pentium3"
LEAST_MEMORY = 4    # MiB; below it the loader cannot place the boot archive, and says nothing
MOST_MEMORY = 4096  # of 32 address bits; the kernel says that it leaves most of that alone
MOST_SECONDS = 1000000
TIMED_OUT = 124
NO_STATUS = 125
# Statuses of the kernel itself (kernel/x86/boot.h).
KERNEL_SAYS = {126: "the kernel refused to run on this processor or from this loader",
               127: "the kernel panicked"}


class LaunchError(Exception):
    """The machine cannot be started; the text says why and what to do."""


def readable(path, what, cure="check the path"):
    """Returns `path` if it is a file that can be read."""
    if not os.path.exists(path):
        raise LaunchError(f"{what} {path} does not exist: {cure}")
    if not os.path.isfile(path):
        raise LaunchError(f"{what} {path} is not a file: {cure}")
    if not os.access(path, os.R_OK):
        raise LaunchError(f"{what} {path} cannot be read: check its permissions")
    return path


def escaped(text):
    """A value inside one of QEMU's comma-separated options."""
    return text.replace(",", ",,")


def words(text, what):
    """A value that is a list: its words as a shell reads them."""
    try:
        return shlex.split(text)
    except ValueError:
        raise LaunchError(f"{what} has a quote or backslash without end: {text}") from None


def whole(text, what, least, most):
    """A whole number within bounds, from the environment or an option."""
    if not re.fullmatch(r"[0-9]{1,20}", text) or not least <= int(text) <= most:
        raise LaunchError(f"{what} must be a whole number from {least} to {most}, not '{text}'")
    return int(text)


def duration(text, what):
    """A limit of time above zero, from the environment or an option; the most is bootstrap's, too."""
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]+)?", text) or not 0 < float(text) <= MOST_SECONDS:
        raise LaunchError(f"{what} must be a number of seconds above 0, at most {MOST_SECONDS}, "
                          f"not '{text}'")
    return float(text)


def seed_words():
    """The word of the kernel's command line that SEED asks for, in a list."""
    seed = os.environ.get("SEED")
    return [f"minato.seed={whole(seed, 'SEED', 0, 2**32 - 1)}"] if seed else []


def no_arguments():
    """For a tool that the environment tells everything."""
    if sys.argv[1:]:
        raise LaunchError(f"no argument is known, so not '{sys.argv[1]}' either: make help "
                          "lists the variables")


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check_port(port):
    """Refuses a TCP port of 127.0.0.1 that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LaunchError(f"port {port} of 127.0.0.1 cannot be used (it is taken, or not ours "
                              "to use): choose another, or none for a free one") from None


def die_with_parent():
    """In the child: ask to be ended when the launcher is killed, so that no QEMU stays behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Machine:
    """One boot: which image, which command line, which files handed in, which clock."""

    def __init__(self, kernel=KERNEL, archive=ARCHIVE, iso=None, icount=None):
        self.kernel = kernel
        self.archive = archive
        self.iso = iso              # boots this image instead of kernel and archive
        self.icount = icount        # instructions run on a virtual clock: 2**icount ns each
        self.memory = None          # MiB; None: MEM's or the default
        self.words = []             # the kernel's command line
        self.files = {}             # fw_cfg name -> path of the content
        self.strings = {}           # fw_cfg name -> content
        self.extra = []             # further options for QEMU, as they are
        self.display = ["-display", "none"]

    def hand_in_script(self, path, name):
        """Gives the guest a script through fw_cfg, and the name it is to be known by."""
        self.files["opt/minato/script"] = readable(path, "script")
        self.strings["opt/minato/script-name"] = name

    def image_options(self):
        if self.iso:
            return ["-boot", "d", "-cdrom", readable(self.iso, "image")]
        return ["-kernel", readable(self.kernel, "kernel", "make builds it"),
                "-initrd", escaped(readable(self.archive, "boot archive", "make builds it")),
                "-append", " ".join(self.words)]

    def clock_options(self, accel):
        if self.icount is None or accel == "kvm":
            return []
        return ["-icount", f"shift={self.icount},sleep=off",
                "-rtc", "base=2026-01-01T00:00:00,clock=vm"]

    def command(self, serial):
        """QEMU's command line; `serial` says where the serial line goes."""
        accel = os.environ.get("ACCEL") or "tcg"
        qemu = os.environ.get("QEMU") or "qemu-system-i386"
        if not shutil.which(qemu):
            raise LaunchError(f"{qemu} is missing: install the package qemu-system-x86")
        check_accelerator(qemu, accel)
        memory = whole(self.memory or os.environ.get("MEM") or "128", "MEM (the memory in MiB)",
                       LEAST_MEMORY, MOST_MEMORY)
        command = [qemu, "-nodefaults", "-no-user-config", "-no-reboot", *self.display,
                   "-vga", "std", "-machine", "pc", "-accel", accel, "-m", str(memory),
                   "-cpu", os.environ.get("CPU") or DEFAULT_CPU,
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-serial", serial]
        command += self.clock_options(accel) + self.image_options()
        for name, path in self.files.items():
            command += ["-fw_cfg", f"name={name},file={escaped(path)}"]
        for name, text in self.strings.items():
            command += ["-fw_cfg", f"name={name},string={escaped(text)}"]
        return command + self.extra


def check_accelerator(qemu, accel):
    """KVM may be present and yet unable to run a 32-bit guest with paging: try it first."""
    if accel not in ("tcg", "kvm"):
        raise LaunchError(f"ACCEL must be tcg or kvm, not '{accel}'")
    if accel == "tcg":
        return
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise LaunchError("/dev/kvm is missing or not ours to use: leave out ACCEL=kvm")
    probe = [qemu, "-nodefaults", "-display", "none", "-no-reboot", "-accel", "kvm", "-cpu",
             DEFAULT_CPU, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
             "-kernel", readable(PROBE, "probe", "make run ACCEL=kvm builds it")]
    try:
        status = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, timeout=10,
                                check=False, preexec_fn=die_with_parent).returncode
    except subprocess.TimeoutExpired:
        status = None
    if status != (42 << 1) | 1:
        raise LaunchError("this computer's KVM cannot run a 32-bit guest with paging: "
                          "leave out ACCEL=kvm")


class Ending:
    """How a boot ended: `status` is the guest's own, or TIMED_OUT, NO_STATUS; `why` explains."""

    def __init__(self, status, why=None):
        self.status = status
        self.why = why


def refusal(complaint):
    """What QEMU says when it does not start, and what of the environment may have made it so."""
    given = [f"{name}={os.environ[name]}" for name in ("QEMU", "MEM", "CPU", "ACCEL")
             if os.environ.get(name)]
    return f"QEMU refused to start: {complaint}" + (f": check {' '.join(given)}" if given else "")


def judge(code, complaints):
    """What QEMU's exit code means. A code of isa-debug-exit is odd; so is QEMU's own 1."""
    errors = [line for line in complaints
              if "warning:" not in line and not line.startswith("VNC server running")]
    if code == 1 and errors:
        return Ending(NO_STATUS, refusal(errors[-1]))
    if code > 0 and code & 1:
        return Ending(code >> 1, KERNEL_SAYS.get(code >> 1))
    if code == 0:
        return Ending(NO_STATUS, "the machine was reset or powered off without giving a status")
    return Ending(NO_STATUS, f"QEMU ended with code {code}: " + (errors or ["no reason given"])[-1])


class LineSplitter:
    """Turns the bytes of a pipe into text lines, without the serial line's carriage returns."""

    def __init__(self, sink):
        self.sink = sink
        self.rest = b""

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.sink(line.removesuffix(b"\r").decode("utf-8", "surrogateescape"))

    def finish(self):
        if self.rest:
            self.feed(b"\n")


def stop(process):
    """Ends our own QEMU, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pump(process, streams, deadline):
    """Feeds the child's output to the splitters until it closes; False when time is over."""
    with selectors.DefaultSelector() as selector:
        for pipe, splitter in streams:
            selector.register(pipe, selectors.EVENT_READ, splitter)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 60)):
                data = os.read(key.fd, 65536)
                if data:
                    key.data.feed(data)
                else:
                    key.data.finish()
                    selector.unregister(key.fileobj)
    return True


def run_batch(machine, seconds, sink):
    """Boots without a terminal; calls `sink` with each line of the serial console; returns the
    Ending. After `seconds` of wall-clock time the machine is ended by force."""
    complaints = []
    process = subprocess.Popen(machine.command("stdio"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               preexec_fn=die_with_parent)
    try:
        console = LineSplitter(sink)
        streams = [(process.stdout, console), (process.stderr, LineSplitter(complaints.append))]
        if not pump(process, streams, time.monotonic() + seconds):
            console.finish()
            return Ending(TIMED_OUT, f"no end after {seconds:g} seconds of wall-clock time")
        return judge(process.wait(), complaints)
    finally:
        stop(process)


def show_screen(machine):
    """Gives the machine the display that SCREEN asks for; returns where its serial line goes."""
    screen = os.environ.get("SCREEN") or "no"
    if not re.fullmatch(r"[a-z-]+", screen):
        raise LaunchError(f"SCREEN must be yes, no or a word for QEMU's -display, not '{screen}'")
    if screen == "no":
        return "mon:stdio"
    machine.display = [] if screen == "yes" else ["-display", screen]
    if screen != "curses":
        return "mon:stdio"
    machine.extra += ["-monitor", "vc"]
    return "vc" # the terminal is the display's


def run_interactive(machine, seconds=None):
    """Boots with the serial line in the terminal (Ctrl-A X leaves); returns the Ending."""
    saved = terminal_state()
    serial = show_screen(machine)
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(machine.command(serial), stderr=complaints,
                                   preexec_fn=die_with_parent)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return Ending(TIMED_OUT, f"no end after {seconds:g} seconds of wall-clock time")
        finally:
            stop(process)
            restore_terminal(saved)
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "surrogateescape").splitlines()
    return Ending(0) if code == 0 else judge(code, said)


def terminal_state():
    """The terminal's settings, to be restored should QEMU not do so; None without a terminal."""
    import termios
    try:
        return termios.tcgetattr(sys.stdin)
    except (termios.error, ValueError):
        return None


def restore_terminal(saved):
    import termios
    if saved is not None:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, saved)


def launch(tool, action):
    """Runs `action` and exits with the status it returns; errors and signals become a sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # bytes go through as they are
    try:
        sys.exit(action())
    except LaunchError as error:
        print(f"{tool}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        forget_output()
        sys.exit(141)
    except OSError as error:
        forget_output()
        print(f"{tool}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def forget_output():
    """Nobody takes standard output: let what is left of it go nowhere, not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
