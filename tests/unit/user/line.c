// SPDX-License-Identifier: BSD-2-Clause
// The console's line discipline (servers/console/line.c): what typed bytes become, and what shows.
#include "servers/console/line.h"

#include <servers/console_types.h>
#include <stdlib.h>

#include "tap.h"

static struct line line;
static char shown[8192]; // all echo since type() began
static char got[8192];

static enum line_event type_mode(const char *keys, unsigned mode)
{
    enum line_event event = LINE_NOTHING;

    shown[0] = '\0';
    for (; *keys != '\0'; keys++) {
        event = line_input(&line, *keys, mode);
        strncat(shown, line.echo, line.echo_length);
    }
    return event;
}

static enum line_event type(const char *keys)
{
    return type_mode(keys, 0);
}

// One read, as a string; "-" if it would wait, "EOF" at the end of the file.
static const char *read_mode(size_t max, unsigned mode)
{
    size_t size;

    if (!line_readable(&line, mode))
        return "-";
    size = line_read(&line, got, max, mode);
    got[size] = '\0';
    return size > 0 ? got : "EOF";
}

static const char *read_line(void)
{
    return read_mode(sizeof(got) - 1, 0);
}

static void fresh(void)
{
    memset(&line, 0, sizeof(line));
}

static void test_lines(void)
{
    fresh();
    type("hel");
    is_text(read_line(), "-", "an unfinished line cannot be read");
    is_text(shown, "hel", "typed characters show");
    type("lo\r");
    is_text(shown, "lo\n", "Return shows a new line");
    is_text(read_line(), "hello\n", "Return finishes a line with a newline");
    is_text(read_line(), "-", "a line is read once");
    type("one\ntwo\n");
    is_text(read_line(), "one\n", "a read gets at most one line");
    is_text(read_line(), "two\n", "the next read gets the next line");
    type("abcdef\n");
    is_text(read_mode(4, 0), "abcd", "a short read gets the beginning of the line");
    is_text(read_mode(4, 0), "ef\n", "the next read gets the rest");
}

static void test_editing(void)
{
    fresh();
    type("helpp\b\x7flo\n");
    is_text(read_line(), "hello\n", "Backspace and Delete remove a character");
    type("a\b");
    is_text(shown, "a\b \b", "a removed character is blanked out");
    type("\b");
    is_text(shown, "", "in an empty line Backspace does nothing");
    type("x\x01\b");
    is_text(shown, "x^A\b \b\b \b", "a control character takes two columns");
    type("\x15");
    type("k\xc3\xa9\b");
    is_text(shown, "k\xc3\xa9\b \b", "a character of two bytes takes one column");
    type("\n");
    is_text(read_line(), "k\n", "and is removed whole");
    type("one two  \x17three\n");
    is_text(read_line(), "one three\n", "^W removes a word and the blanks behind it");
    type("wrong\x15right\n");
    is_text(read_line(), "right\n", "^U removes the line");
    type("ab\x12");
    is_text(shown, "ab^R\nab", "^R shows the line again");
    type("\n");
}

static void test_end_of_file(void)
{
    fresh();
    type("\x04");
    is_text(read_line(), "EOF", "^D in an empty line is the end of the file");
    is_text(read_line(), "-", "which is read once");
    type("part\x04");
    is_text(read_line(), "part", "^D behind text finishes it without a newline");
    is_text(read_line(), "-", "and is not the end of the file too");
    type("part\x04");
    is_text(read_mode(4, 0), "part", "a read of just that length takes the end with it");
    is_text(read_line(), "-", "so the next one waits");
}

static void test_interrupt(void)
{
    fresh();
    type("first\nsec");
    is(type("\x03"), LINE_INTERRUPT, "^C interrupts");
    is_text(shown, "^C\n", "and shows");
    is_text(read_line(), "-", "and drops what was not read");
    type("x\n");
    is_text(read_line(), "x\n", "and what was being typed");
}

static void test_raw(void)
{
    fresh();
    type_mode("a\x04\b", CONSOLE_RAW);
    is_text(shown, "", "raw input does not show");
    is_text(read_mode(100, CONSOLE_RAW), "a\x04\b", "raw input is what was typed");
    is_text(read_mode(100, CONSOLE_RAW), "-", "without input a raw read waits");
    is(type_mode("\x03", CONSOLE_RAW), LINE_NOTHING, "raw ^C is a character");
    is_text(read_mode(100, CONSOLE_RAW), "\x03", "that can be read");
    is(type_mode("\x03", CONSOLE_RAW | CONSOLE_INTERRUPT), LINE_INTERRUPT,
       "with CONSOLE_INTERRUPT it interrupts");
    type("\x04");
    is_text(read_mode(100, CONSOLE_RAW), "-", "the end of a file is nothing to a raw read");
    type("ed");
    type_mode("x", CONSOLE_RAW);
    is_text(read_mode(100, CONSOLE_RAW), "edx", "a line begun before raw mode comes first");
    type_mode("secret\n", CONSOLE_NO_ECHO);
    is_text(shown, "", "with CONSOLE_NO_ECHO nothing shows");
    fresh();
}

// What a reader that has died was to get, another one gets.
static void test_undo(void)
{
    fresh();
    type("one\ntwo\n");
    read_mode(2, 0);
    line_read_undo(&line);
    is_text(read_line(), "one\n", "a read that is undone leaves its input");
    line_read_undo(&line);
    is_text(read_line(), "one\n", "a whole line, too");
    is_text(read_line(), "two\n", "with the next one behind it");
    type("\x04");
    read_line();
    line_read_undo(&line);
    is_text(read_line(), "EOF", "and the end of the file");
    type_mode("raw", CONSOLE_RAW);
    read_mode(2, CONSOLE_RAW);
    line_read_undo(&line);
    is_text(read_mode(9, CONSOLE_RAW), "raw", "and bytes in raw mode");
    is_text(read_mode(9, CONSOLE_RAW), "-", "but once only");
}

static void test_limits(void)
{
    size_t length = 0, total = 0;
    bool bell = false;

    fresh();
    for (int i = 0; i < 2 * LINE_MAX; i++) {
        line_input(&line, 'x', 0);
        bell |= line.echo_length == 1 && line.echo[0] == '\a';
    }
    type("\n");
    length = strlen(read_line());
    is((long)length, LINE_MAX, "a line has at most LINE_MAX bytes, its newline included");
    ok(bell, "more is answered with a bell");
    for (int i = 0; i < 3 * READY_MAX; i++)
        line_input(&line, i % 10 == 9 ? '\n' : 'y', 0);
    while (line_readable(&line, 0))
        total += line_read(&line, got, sizeof(got) - 1, 0);
    ok(total > READY_MAX - 2 * LINE_MAX && total <= READY_MAX,
       "without reads at most READY_MAX bytes are kept");
}

// Any bytes in any mode: what is read never exceeds what was typed, and nothing breaks.
static void test_anything(void)
{
    size_t typed = 0, taken = 0;

    fresh();
    srand(1);
    for (int i = 0; i < 200000; i++) {
        unsigned mode = rand() % (CONSOLE_MODE_BITS + 1);

        line_input(&line, (char)rand(), mode);
        typed++;
        if (rand() % 50 == 0 && line_readable(&line, mode))
            taken += line_read(&line, got, 1 + rand() % 300, mode);
    }
    ok(taken <= typed, "random typing in random modes: no more is read than was typed");
    ok(line.ready_count <= READY_MAX && line.edit_length < LINE_MAX, "and the limits hold");
}

int main(void)
{
    test_lines();
    test_editing();
    test_end_of_file();
    test_interrupt();
    test_raw();
    test_undo();
    test_limits();
    test_anything();
    return tap_end();
}
