/* SPDX-License-Identifier: BSD-2-Clause
 *
 * help() at the prompt and in scripts: all calls by group, or one of them with its arguments and
 * the words of its .defs. The texts come with the entries (entry.h).
 */
#include "help.h"

#include "entry.h"
#include "spawn.h"
#include "state.h"
#include "test.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 78
#define GROUP "besides mach"

static const struct entry others[] = {
    {"spawn.task", spawn_task, GROUP, "code, values, ports", "object",
     "Runs code, a string or a function that uses no local variable from outside, in a new task.\n"
     "There the table args has the values, and names of its own for the ports: {key = name} hands\n"
     "over a send right, {key = {name, disp}} chooses. object.task is the task."},
    {"spawn.thread", spawn_thread, GROUP, "code, values", "object",
     "The same in a thread of this task, with the same names. object.thread is the thread."},
    {"object:wait", NULL, GROUP, "ms", "true, value | false, error text | nil, \"timeout\"",
     "What the code returned, if it ends within ms; without ms, when it ends."},
    {"test", test_run, GROUP, "rule, function(t) ... end", "nothing",
     "One TAP point, with the checks that are fields of t. What the test leaves behind fails it."},
    {"t.eq", NULL, GROUP, "got, want, why", "boolean", "Tables are compared by what is in them."},
    {"t.ok", NULL, GROUP, "x, why", "boolean", NULL},
    {"t.fail", NULL, GROUP, "why", "nothing", NULL},
    {"t.skip", NULL, GROUP, "reason", "nothing", "Ends the test as skipped."},
    {"t.within", NULL, GROUP, "ms, f", "what f returns", "A failure if f takes longer."},
    {"t.leaks_ok", NULL, GROUP, "reason", "nothing", "Permits it to leave something behind."},
    {0},
};
#define OTHERS (sizeof(others) / sizeof(others[0]) - 1)

/* Goes through the fields of mach, then the others; null after the last. */
static const struct entry *any_entry(unsigned i)
{
    static unsigned of_mach;

    while (entry_at(of_mach) != NULL)
        of_mach++;
    if (i < of_mach)
        return entry_at(i);
    return i - of_mach < OTHERS ? &others[i - of_mach] : NULL;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

/* The names of one group, as many on a line as fit. */
static void list_group(const char *group)
{
    const struct entry *entry;
    size_t column = 0;

    say("%s:\n", group);
    for (unsigned i = 0; (entry = any_entry(i)) != NULL; i++) {
        if (strcmp(entry->group, group) != 0)
            continue;
        size_t length = strlen(entry->name) + 2;
        if (column > 0 && column + length > WIDTH) {
            say("\n");
            column = 0;
        }
        say("  %s", entry->name);
        column += length;
    }
    say("\n");
}

static void list_all(void)
{
    const char *last = "";
    const struct entry *entry;

    for (unsigned i = 0; (entry = any_entry(i)) != NULL; i++) {
        if (strcmp(entry->group, last) != 0)
            list_group(entry->group);
        last = entry->group;
    }
    say("All but the last group are fields of mach, as are the constants (mach.KERN_SUCCESS).\n"
        "help(\"vm_allocate\") explains one call, help(\"semaphore\") lists what has that in its "
        "name.\n");
}

static void signature(const struct entry *entry)
{
    say("%s%s(%s) -> %s\n", strcmp(entry->group, GROUP) == 0 ? "" : "mach.", entry->name,
        entry->arguments, entry->results);
}

static void explain(const struct entry *entry)
{
    signature(entry);
    if (entry->text != NULL)
        say("%s\n", entry->text);
}

/* Everything whose name contains the word; 0 if there is nothing. */
static int list_matches(const char *word)
{
    const struct entry *entry;
    int found = 0;

    for (unsigned i = 0; (entry = any_entry(i)) != NULL; i++)
        if (strstr(entry->name, word) != NULL) {
            signature(entry);
            found++;
        }
    for (unsigned i = 0; i < constant_count; i++)
        if (strstr(constants[i].name, word) != NULL) {
            say("mach.%s = %lld (0x%llx)\n", constants[i].name, (long long)constants[i].value,
                (long long)constants[i].value & 0xffffffffll);
            found++;
        }
    return found;
}

/* The entry with that name, or that function if it is not null. */
static const struct entry *find(const char *name, lua_CFunction function)
{
    const struct entry *entry;

    for (unsigned i = 0; (entry = any_entry(i)) != NULL; i++)
        if (strcmp(entry->name, name) == 0 || (function != NULL && entry->function == function))
            return entry;
    return NULL;
}

static int help(lua_State *L)
{
    const struct entry *entry;

    if (lua_isnoneornil(L, 1)) {
        list_all();
        output_flush();
        return 0;
    }
    const char *word = luaL_tolstring(L, 1, NULL);
    if (strncmp(word, "mach.", 5) == 0)
        word += 5;
    entry = find(word, lua_tocfunction(L, 1));
    if (entry != NULL)
        explain(entry);
    else if (!list_matches(word))
        say("nothing is called '%s'; help() lists the calls\n", word);
    output_flush();
    return 0;
}

void help_open(lua_State *L)
{
    lua_pushcfunction(L, help);
    lua_setglobal(L, "help");
}
