/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Editing one line. After every key the line is drawn anew: back to the first column, the prompt,
 * the part of the line that fits, the rest cleared, the cursor to its place. A line that is too
 * long for the terminal is shown in part, around the cursor. Searching is in edit_search.c, the
 * keyboard's escape sequences in edit_key.c.
 */
#include "edit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct editor *e, const char *text)
{
    e->put(e->context, text, strlen(text));
}

void edit_refresh(struct editor *e)
{
    size_t room = e->columns > strlen(e->prompt) + 2 ? e->columns - strlen(e->prompt) - 1 : 1;
    size_t first = e->cursor >= room ? e->cursor - room + 1 : 0;
    size_t shown = e->length - first < room ? e->length - first : room;
    size_t column = strlen(e->prompt) + e->cursor - first;
    char place[24];

    put(e, "\r");
    put(e, e->prompt);
    e->put(e->context, e->line + first, shown);
    put(e, "\x1b[K\r");
    if (column > 0) {
        snprintf(place, sizeof(place), "\x1b[%uC", (unsigned)column);
        put(e, place);
    }
}

void edit_set_line(struct editor *e, const char *text)
{
    snprintf(e->line, sizeof(e->line), "%s", text);
    e->length = e->cursor = strlen(e->line);
}

/* ---- changing the line --------------------------------------------------------------------- */

static void insert(struct editor *e, const char *text, size_t size)
{
    if (e->length + size >= LINE_SIZE) {
        put(e, "\a");
        return;
    }
    memmove(e->line + e->cursor + size, e->line + e->cursor, e->length - e->cursor + 1);
    memcpy(e->line + e->cursor, text, size);
    e->length += size;
    e->cursor += size;
}

/* Deletes the characters from `start` up to `end`. */
static void erase(struct editor *e, size_t start, size_t end)
{
    memmove(e->line + start, e->line + end, e->length - end + 1);
    e->length -= end - start;
    e->cursor = start;
}

static int is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static size_t word_left(const struct editor *e)
{
    size_t at = e->cursor;

    while (at > 0 && !is_word(e->line[at - 1]))
        at--;
    while (at > 0 && is_word(e->line[at - 1]))
        at--;
    return at;
}

static size_t word_right(const struct editor *e)
{
    size_t at = e->cursor;

    while (at < e->length && !is_word(e->line[at]))
        at++;
    while (at < e->length && is_word(e->line[at]))
        at++;
    return at;
}

/* ^W: back to the last space. */
static size_t space_left(const struct editor *e)
{
    size_t at = e->cursor;

    while (at > 0 && e->line[at - 1] == ' ')
        at--;
    while (at > 0 && e->line[at - 1] != ' ')
        at--;
    return at;
}

/* ---- history ------------------------------------------------------------------------------- */

void edit_remember(struct editor *e, const char *line)
{
    if (line[0] == '\0' ||
        (e->history_count > 0 && strcmp(e->history[e->history_count - 1], line) == 0))
        return;
    char *copy = malloc(strlen(line) + 1);
    if (copy == NULL)
        return;
    strcpy(copy, line);
    if (e->history_count == HISTORY_MAX) {
        free(e->history[0]);
        memmove(e->history, e->history + 1, (HISTORY_MAX - 1) * sizeof(e->history[0]));
        e->history_count--;
    }
    e->history[e->history_count++] = copy;
}

/* Shows the history's line number `index`; the one after the last is the line that was typed. */
static void recall(struct editor *e, unsigned index)
{
    if (index > e->history_count) {
        put(e, "\a");
        return;
    }
    if (e->recall == e->history_count)
        strcpy(e->typed, e->line);
    e->recall = index;
    edit_set_line(e, index == e->history_count ? e->typed : e->history[index]);
}

/* ---- completion ---------------------------------------------------------------------------- */

/* Characters that all completions have in common. */
static size_t common(const struct completions *found)
{
    size_t length = strlen(found->words[0]);

    for (unsigned i = 1; i < found->count; i++)
        while (strncmp(found->words[0], found->words[i], length) != 0)
            length--;
    return length;
}

/* Lists the completions below the line, in columns. */
static void list(struct editor *e, const struct completions *found)
{
    size_t width = 0;
    unsigned column = 0;

    for (unsigned i = 0; i < found->count; i++)
        if (strlen(found->words[i]) > width)
            width = strlen(found->words[i]);
    width += 2;
    put(e, "\n");
    for (unsigned i = 0; i < found->count; i++) {
        char word[LINE_SIZE];
        if (column > 0 && (column + 1) * width >= e->columns) {
            put(e, "\n");
            column = 0;
        }
        snprintf(word, sizeof(word), "%-*s", (int)width, found->words[i]);
        put(e, word);
        column++;
    }
    put(e, "\n");
}

static void complete(struct editor *e)
{
    struct completions found = {0};

    if (e->complete != NULL)
        e->complete(e->context, e->line, e->cursor, &found);
    if (found.count == 0) {
        put(e, "\a");
        return;
    }
    size_t shared = common(&found);
    if (shared > found.typed)
        insert(e, found.words[0] + found.typed, shared - found.typed);
    else if (found.count > 1)
        list(e, &found);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void move(struct editor *e, int key)
{
    switch (key) {
    case KEY_LEFT:
    case KEY_CTRL_B:
        e->cursor -= e->cursor > 0;
        return;
    case KEY_RIGHT:
    case KEY_CTRL_F:
        e->cursor += e->cursor < e->length;
        return;
    case KEY_HOME:
    case KEY_CTRL_A:
        e->cursor = 0;
        return;
    case KEY_END:
    case KEY_CTRL_E:
        e->cursor = e->length;
        return;
    case KEY_WORD_LEFT:
        e->cursor = word_left(e);
        return;
    case KEY_WORD_RIGHT:
        e->cursor = word_right(e);
        return;
    }
}

static void delete (struct editor *e, int key)
{
    switch (key) {
    case KEY_BACKSPACE:
    case KEY_RUBOUT:
        if (e->cursor > 0)
            erase(e, e->cursor - 1, e->cursor);
        return;
    case KEY_DELETE:
    case KEY_CTRL_D:
        if (e->cursor < e->length)
            erase(e, e->cursor, e->cursor + 1);
        return;
    case KEY_CTRL_K:
        erase(e, e->cursor, e->length);
        return;
    case KEY_CTRL_U:
        erase(e, 0, e->cursor);
        return;
    case KEY_CTRL_W:
        erase(e, space_left(e), e->cursor);
        return;
    }
}

/* A character at the end of a line that has room is just shown; returns whether that was so. */
static int append(struct editor *e, int key)
{
    char c = (char)key;

    if (key < ' ' || key > '~' || e->cursor != e->length ||
        strlen(e->prompt) + e->length + 2 >= e->columns || e->length + 1 >= LINE_SIZE)
        return 0;
    insert(e, &c, 1);
    e->put(e->context, &c, 1);
    return 1;
}

/* A key that neither ends the line nor searches. */
static void act(struct editor *e, int key)
{
    char c = (char)key;

    if (key == KEY_UP || key == KEY_CTRL_P)
        recall(e, e->recall > 0 ? e->recall - 1 : HISTORY_MAX + 1);
    else if (key == KEY_DOWN || key == KEY_CTRL_N)
        recall(e, e->recall + 1);
    else if (key == KEY_TAB)
        complete(e);
    else if (key == KEY_CTRL_L)
        put(e, "\x1b[H\x1b[2J");
    else if ((key >= ' ' && key < KEY_RUBOUT) || (key > KEY_RUBOUT && key < 256))
        insert(e, &c, 1);
    move(e, key);
    delete (e, key);
}

enum edit_result edit_line(struct editor *e, const char *prompt)
{
    e->prompt = prompt;
    e->recall = e->history_count;
    edit_set_line(e, "");
    edit_refresh(e);
    for (;;) {
        int key = edit_key(e);
        if (append(e, key))
            continue;
        if (key == KEY_CTRL_R)
            key = edit_search(e);
        if (key == KEY_ENTER || key == KEY_NEWLINE) {
            e->cursor = e->length;
            edit_refresh(e);
            put(e, "\n");
            return EDIT_LINE;
        }
        if (key == KEY_CTRL_C) {
            put(e, "^C\n");
            return EDIT_INTERRUPTED;
        }
        if (key < 0 || (key == KEY_CTRL_D && e->length == 0)) {
            put(e, "\n");
            return EDIT_END;
        }
        act(e, key);
        edit_refresh(e);
    }
}
