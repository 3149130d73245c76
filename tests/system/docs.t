#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""Rule: what README and docs/lua.md show is what happens: their sessions at the prompt and their
scenarios are repeated, and each line that they print is compared. "…" in them stands for anything;
the number of a name that the kernel chose is not compared. And what any page names is there: files,
functions, modules."""

import difflib
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

TREE = os.getcwd()
PATIENCE = 20       # seconds of wall-clock time for any one answer
READY = rb">?> \x1b\[K"
FOLDERS = ("boot", "docs", "include", "kernel", "servers", "tests", "tools", "user")
# What the pages say of other systems, or to other programs.
NOT_OURS = set("""bootstrap_look_up cpu_reset mach_absolute_time mps_pset_count rpc_subsystem
                  x86_DEBUG_STATE32 cells_server counter_next MACH_RCV_LIMITS
                  MACH_RCV_OVERWRITE_ERROR""".split())
NAME = re.compile(r"(local_port = |^0 {7}|name 0x|i686: )[0-9a-f]{3,5}\b")
points = 0


def blocks(path):
    """The examples of a page: fenced ones and indented ones, as lists of lines."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for fenced, indented in re.findall(r"^```\w*\n(.*?)^```$|((?:^    [^\n]*\n|^\n)+)", text,
                                       re.MULTILINE | re.DOTALL):
        lines = fenced.splitlines() or [line[4:] for line in indented.strip("\n").splitlines()]
        if any(lines):
            yield lines


def compare(text, shown, got):
    """One point: are the lines as shown? "…" is any text, on a line of its own any lines."""
    global points
    points += 1
    shown, got = ([NAME.sub(r"\1N", line.expandtabs().rstrip()) for line in lines]
                  for lines in (shown, got))
    pattern = "".join("(.*\n)*" if line.strip() == "…"
                      else re.escape(line).replace("…", ".*") + "\n" for line in shown)
    passed = re.fullmatch(pattern, "".join(line + "\n" for line in got))
    print(f"{'ok' if passed else 'not ok'} {points} - {text}")
    if not passed:
        for line in difflib.unified_diff(shown, got, "shown", "real", lineterm=""):
            print("#", line)
    sys.stdout.flush()


class Screen:
    """A terminal that knows what the prompt's editor uses: what it shows, line by line."""

    def __init__(self):
        self.lines, self.column = [""], 0

    def feed(self, text):
        for count, command, char in re.findall(r"\x1b\[([0-9]*)([A-Z])|([^\x1b])", text):
            line = self.lines[-1]
            if command == "K":
                self.lines[-1] = line[:self.column]
            elif command == "C":
                self.column += int(count or 1)
            elif char == "\r":
                self.column = 0
            elif char == "\n":
                self.lines.append("")
            elif char:
                self.lines[-1] = (line[:self.column].ljust(self.column) + char
                                  + line[self.column + 1:])
                self.column += 1


def session(keys):
    """Types lines at the prompt, each when it is asked for; returns what the screen shows then."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv("tools/run", ["tools/run"])
    screen, seen = Screen(), b""
    for line in [*keys, None]:
        end = time.monotonic() + PATIENCE
        while not re.search(READY, seen):
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                break
            seen += os.read(terminal, 4096)
        screen.feed(seen.decode("utf-8", "replace"))
        seen = b""
        if line is not None:
            os.write(terminal, line.encode() + b"\r")
    os.write(terminal, b"\x01x")
    while True:
        try:
            os.read(terminal, 4096)
        except OSError:
            break
    os.waitpid(pid, 0)
    return screen.lines[:-1]        # without the prompt that is still empty


def typed(lines):
    return [match[1] for line in lines for match in [re.match(r">?> (.*)", line)] if match]


def scenario(name, script):
    """What a scenario of this name prints."""
    with tempfile.TemporaryDirectory(prefix="minato.") as folder:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(script) + "\n")
        return subprocess.run([os.path.join(TREE, "tools/scenario"), name], cwd=folder, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              encoding="utf-8").stdout.splitlines()


def readme():
    page = list(blocks("README.md"))
    at = next(i for i, block in enumerate(page) if block[0] == "$ make -s run")
    tour = page[at] + page[at + 1]
    compare("README: the tour at the prompt", tour[1:], session(typed(tour)))
    at = next(i for i, block in enumerate(page) if block[0] == "$ make -s scenario S=hello.lua")
    compare("README: the first scenario", page[at][1:], scenario("hello.lua", page[at - 1]))


def lua_page():
    page = list(blocks("docs/lua.md"))
    prompt = next(block for block in page if block[0].startswith("> "))
    got = session(typed(prompt))
    start = next((i for i, line in enumerate(got) if line.startswith("> ")), 0)
    compare("docs/lua.md: at the prompt", prompt, got[start:])
    at = next(i for i, block in enumerate(page) if block[0].startswith(("ok ", "not ok ")))
    compare("docs/lua.md: the scenario", page[at], scenario("example.lua", page[at - 1])[1:])


def sources():
    """All files of ours by path, with their text."""
    paths = [os.path.join(place, file) for folder in FOLDERS
             for place, _, files in os.walk(folder) for file in files]
    for path in ["Makefile", "linker.ld", *paths]:
        with open(path, encoding="utf-8", errors="replace") as file:
            yield path, file.read()


def names():
    """One point for each page: the files it names or links to, and the words with a `_`, are there."""
    global points
    tree = dict(sources())
    words = set(re.findall(r"\w+", "".join(text for path, text in tree.items()
                                           if not path.startswith("docs/"))))
    paths = "".join(f"/{path}\n" for path in tree)
    for page in ["README.md", *sorted(path for path in tree if path.startswith("docs/"))]:
        with open(page, encoding="utf-8") as file:
            text = file.read()
        known = words | NOT_OURS | set(re.findall(r"\w+", "".join(map("\n".join, blocks(page)))))
        prose = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```$", "", text)))
        files = re.findall(r"(?<![\w*/.-])[\w/-]+\.(?:c|h|asm|defs|lua|mk|t|ld|inc)\b", prose)
        lost = {file for file in files if f"/{file}\n" not in paths and "NAME" not in file
                and re.match(r"\w+", file)[0] not in known}
        lost |= {link for link in re.findall(r"\]\(([^)#]+)", text)
                 if not os.path.exists(os.path.join(os.path.dirname(page), link))}
        lost |= {word for word in re.findall(r"(?<!\w)[A-Za-z]\w*_\w+(?!\w|\.[ch])", prose)
                 if word not in known and not re.search("NAME|SUBSYSTEM|_$", word)}
        points += 1
        print(f"{'not ok' if lost else 'ok'} {points} - {page}: what it names is there")
        for name in sorted(lost):
            print(f"# {name} is not")
    points += 1
    ours = {os.path.basename(path)[:-4] for path in tree if path.startswith("user/lib/lua/")}
    listed = re.search(r"Ours:(.*?);", tree["docs/lua.md"], re.DOTALL)[1]
    lost = ours - set(re.findall(r"\w+", listed))
    print(f"{'not ok' if lost else 'ok'} {points} - docs/lua.md lists each module of ours")
    for name in sorted(lost):
        print(f"# {name} is not listed")


names()
try:
    for end in pty.openpty():
        os.close(end)
except OSError:
    print(f"# no sessions: this system gives no pseudo-terminal (is devpts mounted?)\n1..{points}")
    sys.exit()
readme()
lua_page()
print(f"1..{points}")
