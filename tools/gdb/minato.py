# SPDX-License-Identifier: BSD-2-Clause
"""gdb commands for Minato's kernel, loaded by `make gdb`: `help minato` lists them.

They read the kernel's own structures (struct task, thread, space, port) through their debugging
information, so they need no copy of any layout. They work once the kernel has set itself up.
"""

import gdb

RIGHTS = [(0x10000, "send"), (0x20000, "receive"), (0x40000, "send-once"), (0x80000, "set"),
          (0x100000, "dead")]


def evaluate(expression):
    return gdb.parse_and_eval(expression)


def container(link, type_name, member):
    """The structure of that type whose field `member` is `link` (a struct list)."""
    kind = gdb.lookup_type(type_name)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    return gdb.Value(int(link.address) - offset).cast(kind.pointer())


def each(head, type_name, member):
    """Pointers to the structures on a list; a list that is not set up yet is empty."""
    link = head["next"]
    while int(link) not in (0, int(head.address)):
        yield container(link.dereference(), type_name, member)
        link = link.dereference()["next"]


def word(value):
    """A C string, or a dash."""
    return value.string() if int(value) else "-"


def each_task():
    return each(evaluate("all_tasks"), "struct task", "link")


def task_numbered(text):
    """The task that a command's argument names: a number, an expression; nothing: the current."""
    if not text:
        thread = evaluate("cpus[0].current")
        if int(thread) == 0:
            raise gdb.GdbError("no thread runs yet")
        return thread["task"]
    for task in each_task():
        if text in (str(int(task["number"])), task["name"].string()):
            return task
    raise gdb.GdbError(f"no task has the number or name {text}: see minato tasks")


def thread_line(thread):
    state = str(thread["state"]).replace("THREAD_", "").lower()
    reason = word(thread["wait_reason"]) if state == "waiting" else ""
    mark = "*" if int(thread) == int(evaluate("cpus[0].current")) else " "
    return (f" {mark}{int(thread['number']):3} {state:8} priority {int(thread['priority']):3} "
            f"suspended {int(thread['suspend_count'])} {reason:12} {int(thread):#x}")


class Minato(gdb.Command):
    """Looks at Minato's kernel objects. A TASK is a number or a name; none is the current one."""

    def __init__(self):
        super().__init__("minato", gdb.COMMAND_DATA, prefix=True)


class Tasks(gdb.Command):
    """minato tasks: all tasks."""

    def __init__(self):
        super().__init__("minato tasks", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for task in each_task():
            print(f"{int(task['number']):4} {task['name'].string():20} "
                  f"threads {int(task['thread_count']):3} "
                  f"suspended {int(task['suspend_count'])} {int(task):#x}")


class Threads(gdb.Command):
    """minato threads [TASK]: the threads of a task; `minato threads all`: of all of them."""

    def __init__(self):
        super().__init__("minato threads", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for task in each_task() if argument == "all" else [task_numbered(argument)]:
            print(f"task {int(task['number'])} {task['name'].string()}")
            for thread in each(task["threads"], "struct thread", "task_link"):
                print(thread_line(thread))


class Current(gdb.Command):
    """minato current: the thread that runs, its task and its user registers."""

    def __init__(self):
        super().__init__("minato current", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        thread = evaluate("cpus[0].current")
        if int(thread) == 0:
            print("no thread runs yet")
            return
        task = thread["task"]
        if int(task):
            print(f"task {int(task['number'])} {task['name'].string()}")
        print(thread_line(thread))
        if int(thread["machine"]["frame"]):
            print(thread["machine"]["frame"].dereference().format_string(format="x"))


class Ports(gdb.Command):
    """minato ports [TASK]: the names of a task, the rights behind them and the ports."""

    def __init__(self):
        super().__init__("minato ports", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        for entry in self.entries(task_numbered(argument)["space"]):
            if int(entry["type"]):
                self.show(entry)

    @staticmethod
    def entries(space):
        """The table's entries. Each, used or free, has a name that says its own index, and so they
        tell where a chunk ends."""
        index = 0
        for chunk in range(int(space["chunk_count"])):
            entries, first = space["chunks"][chunk], index
            while int(entries[index - first]["name"]) >> 8 == index:
                yield entries[index - first]
                index += 1

    @staticmethod
    def show(entry):
        bits = int(entry["type"])
        rights = " ".join(name for bit, name in RIGHTS if bits & bit)
        line = f"{int(entry['name']):#10x} {rights:16} references {int(entry['urefs']):5}"
        if not bits & 0x180000:
            port = entry["port"]
            kind = str(port["kind"]).replace("PORT_", "").lower()
            line += f"  {kind:10} messages {int(port['msgcount'])} {int(port):#x}"
        print(line)


for command in (Minato, Tasks, Threads, Current, Ports):
    command()
