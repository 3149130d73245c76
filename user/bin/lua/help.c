/* SPDX-License-Identifier: BSD-2-Clause
 *
 * help() at the prompt and in scripts: all calls by group, or one of them with its arguments and
 * the words of its .defs. The texts come with the entries (entry.h).
 */
#include "help.h"

#include "entry.h"
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 78

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
    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++) {
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

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++) {
        if (strcmp(entry->group, last) != 0)
            list_group(entry->group);
        last = entry->group;
    }
    say("also:\n"
        "  spawn.task(code, values, ports)  spawn.thread(code, values)  object:wait(ms)\n"
        "  test(rule, function(t) ... end): t.eq t.ok t.fail t.skip t.within t.leaks_ok\n"
        "All but the last two lines are fields of mach, as are the constants (mach.KERN_SUCCESS).\n"
        "help(\"vm_allocate\") explains one call, help(\"semaphore\") lists what has that in its "
        "name.\n");
}

static void explain(const struct entry *entry)
{
    say("mach.%s(%s) -> %s\n", entry->name, entry->arguments, entry->results);
    if (entry->text != NULL)
        say("%s\n", entry->text);
}

/* Everything whose name contains the word; 0 if there is nothing. */
static int list_matches(const char *word)
{
    const struct entry *entry;
    int found = 0;

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++)
        if (strstr(entry->name, word) != NULL) {
            say("mach.%s(%s) -> %s\n", entry->name, entry->arguments, entry->results);
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

/* The entry of a function that the script gives. */
static const struct entry *entry_of(lua_CFunction function)
{
    const struct entry *entry;

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++)
        if (entry->function == function)
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
    entry = lua_iscfunction(L, 1) ? entry_of(lua_tocfunction(L, 1)) : entry_find(word);
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
