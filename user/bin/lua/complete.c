/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tab at the prompt: completes a name in the table that stands before its last dot or colon, or a
 * global. The table `mach` is filled only as it is used, so its names are taken from the lists.
 */
#include "complete.h"

#include "entry.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where the dotted name begins that ends at the cursor, and where its last part does. */
static size_t find_name(const char *line, size_t cursor, size_t *last_part)
{
    size_t at = cursor;

    while (at > 0 && is_name(line[at - 1]))
        at--;
    *last_part = at;
    while (at > 0 && (is_name(line[at - 1]) || line[at - 1] == '.' || line[at - 1] == ':'))
        at--;
    return at;
}

/* Pushes the table that "a.b." names, without calling anything of the script's; 0 if none. */
static int push_table(lua_State *L, const char *path, size_t length)
{
    lua_pushglobaltable(L);
    while (length > 0) {
        size_t part = 0;
        while (part < length && is_name(path[part]))
            part++;
        if (!lua_istable(L, -1) || part == 0)
            return 0;
        lua_pushlstring(L, path, part);
        lua_rawget(L, -2);
        lua_remove(L, -2);
        part += part < length;
        path += part;
        length -= part;
    }
    return lua_istable(L, -1);
}

static void add(struct completions *found, const char *word, const char *typed)
{
    if (strncmp(word, typed, found->typed) != 0 || found->count == COMPLETIONS_MAX)
        return;
    for (unsigned i = 0; i < found->count; i++)
        if (strcmp(found->words[i], word) == 0)
            return;
    found->words[found->count++] = word;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_mach(struct completions *found, const char *typed)
{
    const struct entry *entry;

    for (unsigned i = 0; (entry = entry_at(i)) != NULL; i++)
        add(found, entry->name, typed);
    for (unsigned i = 0; i < constant_count; i++)
        add(found, constants[i].name, typed);
}

/* The string keys of the table at the stack's top. The strings are the table's: they stay. */
static void add_keys(lua_State *L, struct completions *found, const char *typed)
{
    int table = lua_gettop(L);

    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1))
        if (lua_type(L, -2) == LUA_TSTRING)
            add(found, lua_tostring(L, -2), typed);
}

void complete_name(lua_State *L, const char *line, size_t cursor, struct completions *found)
{
    size_t part, start = find_name(line, cursor, &part);
    int top = lua_gettop(L);

    found->typed = (unsigned)(cursor - part);
    if (start == cursor)
        return;
    if (push_table(L, line + start, part - start)) {
        add_keys(L, found, line + part);
        lua_getglobal(L, "mach");
        if (lua_rawequal(L, -1, -2))
            add_mach(found, line + part);
    }
    lua_settop(L, top);
    qsort(found->words, found->count, sizeof(found->words[0]), compare_words);
}
