/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Types keys into the line editor and looks at the line that comes out, and at a terminal that
 * obeys the few sequences the editor uses.
 */
#include "edit.h"
#include "tap.h"

#include <stdlib.h>

#define SCREEN 400

/* The last line of a terminal, and where its cursor is. */
static struct {
    const char *keys; /* still to come */
    char line[SCREEN];
    unsigned column;
    char all[4096]; /* what was put first */
    size_t used;
} terminal;

static int get(void *context)
{
    (void)context;
    return *terminal.keys != '\0' ? (unsigned char)*terminal.keys++ : -1;
}

/* ESC [ number letter. Returns how many characters it has. */
static size_t escape(const char *text)
{
    unsigned number = 0;
    size_t at = 2;

    while (text[at] >= '0' && text[at] <= '9')
        number = number * 10 + (unsigned)(text[at++] - '0');
    if (text[at] == 'K')
        memset(terminal.line + terminal.column, 0, SCREEN - terminal.column);
    else if (text[at] == 'C')
        terminal.column += number;
    return at + 1;
}

static void put(void *context, const char *bytes, size_t size)
{
    (void)context;
    if (size < sizeof(terminal.all) - terminal.used) {
        memcpy(terminal.all + terminal.used, bytes, size);
        terminal.used += size;
    }
    for (size_t i = 0; i < size;) {
        if (bytes[i] == '\x1b') {
            i += escape(bytes + i);
            continue;
        }
        if (bytes[i] == '\r') {
            terminal.column = 0;
        } else if (bytes[i] == '\n') {
            memset(terminal.line, 0, SCREEN);
            terminal.column = 0;
        } else if (bytes[i] != '\a') {
            terminal.line[terminal.column++] = bytes[i];
        }
        i++;
    }
}

static void complete(void *context, const char *line, size_t cursor, struct completions *found)
{
    static const char *const words[] = {"alpha", "alphabet", "beta"};
    size_t start = cursor;

    (void)context;
    while (start > 0 && line[start - 1] != ' ')
        start--;
    found->typed = (unsigned)(cursor - start);
    for (unsigned i = 0; i < 3; i++)
        if (strncmp(words[i], line + start, found->typed) == 0)
            found->words[found->count++] = words[i];
}

static struct editor editor = {.get = get, .put = put, .complete = complete, .columns = 40};

static enum edit_result type(const char *keys)
{
    terminal.keys = keys;
    terminal.used = 0;
    memset(terminal.all, 0, sizeof(terminal.all));
    return edit_line(&editor, "> ");
}

/* The keys, ended by Enter, make this line. */
static void line_is(const char *keys, const char *want, const char *rule)
{
    char all[4096];

    snprintf(all, sizeof(all), "%s\r", keys);
    enum edit_result result = type(all);
    is(result == EDIT_LINE ? editor.line : "(no line)", want, rule);
}

static void test_moving(void)
{
    line_is("abc", "abc", "characters are inserted");
    line_is("ac\x1b[Db", "abc", "left, and a character in the middle");
    line_is("bc\x01"
            "a",
            "abc", "^A goes to the start");
    line_is("ab\x1b[H\x1b[Fc", "abc", "Home and End");
    line_is("ab\x1bOH\x1bOFc", "abc", "Home and End of a keypad");
    line_is("ab\x1b[1~\x1b[4~c", "abc", "Home and End of a console");
    line_is("abc\x02\x02\x06x", "abxc", "^B and ^F");
    line_is("one two three\x1b[1;5D\x1b[1;5D-", "one -two three", "Ctrl-left goes by words");
    line_is("one two\x01\x1b[1;5C-", "one- two", "Ctrl-right goes by words");
    line_is("\x1b[D\x1b[D\x1b[C\x1b[Cx", "x", "moving beyond the ends does nothing");
    line_is("a\x1b[99;7z\x1bx"
            "b",
            "ab", "unknown sequences have no effect");
}

static void test_deleting(void)
{
    line_is("abx\x7f"
            "c",
            "abc", "Backspace");
    line_is("abx\x08"
            "c",
            "abc", "^H");
    line_is("xabc\x01\x1b[3~", "abc", "Delete");
    line_is("xabc\x01\x04", "abc", "^D in a line that is not empty");
    line_is("abcdef\x1b[D\x1b[D\x1b[D\x0b", "abc", "^K deletes to the end");
    line_is("defabc\x1b[D\x1b[D\x1b[D\x15", "abc", "^U deletes to the start");
    line_is("one two  \x17", "one ", "^W deletes a word");
    line_is("\x7f\x08\x17\x15\x0b\x1b[3~", "", "deleting nothing does nothing");
}

static void test_endings(void)
{
    ok(type("abc\x03") == EDIT_INTERRUPTED, "^C drops the line");
    ok(type("\x04") == EDIT_END, "^D in an empty line ends");
    ok(type("abc") == EDIT_END, "the end of the input ends");
    ok(type("a\n") == EDIT_LINE, "a newline ends a line too");
}

static void test_history(void)
{
    edit_remember(&editor, "first");
    edit_remember(&editor, "second");
    edit_remember(&editor, "second");
    edit_remember(&editor, "");
    ok(editor.history_count == 2, "empty and repeated lines are not remembered");
    line_is("\x1b[A", "second", "up brings the last line");
    line_is("\x1b[A\x1b[A", "first", "twice up the one before");
    line_is("\x1b[A\x1b[A\x1b[A\x1b[A", "first", "up stops at the oldest");
    line_is("typed\x1b[A\x1b[B", "typed", "down brings back what was typed");
    line_is("\x10\x10\x0e!", "second!", "^P and ^N; the line can be edited");
    line_is("\x1b[B\x1b[Bx", "x", "down without history does nothing");
    line_is("\x12"
            "irs",
            "first", "^R finds a line by its letters");
    line_is("\x12s\x12", "first", "^R again finds an older one");
    line_is("\x12sec\x7f\x7f\x7f"
            "fi\x05!",
            "first!", "Backspace in a search; ^E takes the line");
    line_is("own\x12"
            "fir\x07!",
            "own!", "^G gives the search up");
    line_is("\x12zzz\x7f\x7f\x7fir", "first", "no line with those letters");
    for (int i = 0; i < 2 * HISTORY_MAX; i++) {
        char text[24];
        snprintf(text, sizeof(text), "line %d", i);
        edit_remember(&editor, text);
    }
    ok(editor.history_count == HISTORY_MAX, "the history has a limit");
    is(editor.history[0], "line 200", "beyond which the oldest goes");
}

static void test_completion(void)
{
    line_is("b\t", "beta", "Tab completes what is unique");
    line_is("x al\t", "x alpha", "and otherwise what all have in common");
    line_is("z\t", "z", "nothing fits: nothing happens");
    line_is("alpha\t", "alpha", "a second Tab lists");
    ok(strstr(terminal.all, "alpha     alphabet") != NULL, "the completions in columns");
    line_is("b b\x02\x02\t", "beta b", "in the middle of a line");
}

static void test_screen(void)
{
    char digits[201] = "";

    for (int i = 0; i < 20; i++)
        strcat(digits, "0123456789");
    line_is(digits, digits, "a line longer than the screen");
    edit_set_line(&editor, "abc");
    editor.cursor = 1;
    edit_refresh(&editor);
    is(terminal.line, "> abc", "prompt and line are shown");
    ok(terminal.column == 3, "the cursor is where it belongs");
    edit_set_line(&editor, digits);
    edit_refresh(&editor);
    ok(strlen(terminal.line) < 40 && terminal.column < 40, "a long line is shown in part");
    editor.cursor = 0;
    edit_refresh(&editor);
    ok(strncmp(terminal.line, "> 0123", 6) == 0 && terminal.column == 2,
       "at its start when the cursor is there");
}

static void test_too_long(void)
{
    char *keys = malloc(3 * LINE_SIZE);

    memset(keys, 'a', 3 * LINE_SIZE);
    keys[3 * LINE_SIZE - 2] = '\r';
    keys[3 * LINE_SIZE - 1] = '\0';
    ok(type(keys) == EDIT_LINE && editor.length < LINE_SIZE, "a line has a limit");
    ok(strlen(editor.line) == editor.length, "and is whole");
    free(keys);
}

/* Any keys in any order leave a line that is one. */
static void test_random(void)
{
    static const char special[] = "\x01\x02\x04\x05\x06\x08\x0b\x0e\x10\x12\x15\x17\x09"
                                  "\x1b[OABCDHF~;13";
    char keys[300];
    int good = 1;

    srand(1);
    for (int round = 0; round < 3000; round++) {
        size_t n = 1 + (size_t)rand() % (sizeof(keys) - 2);
        for (size_t i = 0; i < n; i++)
            keys[i] = rand() % 2 ? (char)('a' + rand() % 26)
                                 : special[(size_t)rand() % (sizeof(special) - 1)];
        keys[n] = '\0';
        type(keys);
        good &= editor.cursor <= editor.length && strlen(editor.line) == editor.length;
    }
    ok(good, "3000 random lines");
}

int main(void)
{
    test_moving();
    test_deleting();
    test_endings();
    test_history();
    test_completion();
    test_screen();
    test_too_long();
    test_random();
    for (unsigned i = 0; i < editor.history_count; i++)
        free(editor.history[i]);
    return tap_end();
}
