// SPDX-License-Identifier: BSD-2-Clause
// The display as a terminal (servers/console/screen.c): what is shown, where, in which colours.
#include "servers/console/screen.h"

#include <stdlib.h>

#include "servers/console/charset.h"
#include "tap.h"

#define PLAIN 0x07 // light grey on black
#define SHOWN (SCREEN_ROWS * SCREEN_COLUMNS)

static uint16_t memory[SCREEN_CELLS];
static struct screen screen;

static void fresh(void)
{
    for (unsigned i = 0; i < SCREEN_CELLS; i++)
        memory[i] = 0x4123; // red and wrong
    screen_open(&screen, memory, 0, SCREEN_CELLS);
}

static void type(const char *text)
{
    screen_write(&screen, text, strlen(text));
}

// A row as it is shown, without the blanks at its end.
static const char *row(unsigned number)
{
    static char text[SCREEN_COLUMNS + 1];
    unsigned length = SCREEN_COLUMNS;

    for (unsigned i = 0; i < SCREEN_COLUMNS; i++)
        text[i] = (char)memory[screen.start + number * SCREEN_COLUMNS + i];
    while (length > 0 && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
    return text;
}

static unsigned colours(unsigned line, unsigned column)
{
    return memory[screen.start + line * SCREEN_COLUMNS + column] >> 8;
}

static void is_at(unsigned line, unsigned column, const char *rule)
{
    unsigned place = screen_cursor(&screen) - screen.start;

    is(place / SCREEN_COLUMNS * 100 + place % SCREEN_COLUMNS, line * 100 + column, rule);
}

// A fresh display, these bytes, and what row 0 shows then.
static void shows(const char *bytes, const char *want, const char *rule)
{
    fresh();
    type(bytes);
    is_text(row(0), want, rule);
}

// ---- text -------------------------------------------------------------------------------------

static void test_text(void)
{
    shows("ahoy", "ahoy", "text is shown where the cursor is");
    is_at(0, 4, "which moves on");
    is(colours(0, 0), PLAIN, "in light grey on black");
    is_text(row(1), "", "other rows are empty");
    type("\nsecond\rfirst \n");
    is_text(row(1), "first", "a carriage return goes to the beginning of the line");
    is_at(2, 0, "a newline to that of the next");
    shows("abc\b\bX", "aXc", "backspace goes left and removes nothing");
    shows("\bX", "X", "not beyond the left edge");
    shows("a\tb\tc", "a       b       c", "tabs stand at multiples of eight");
    shows("\a\x01\x7f" "a", "a", "other control characters show nothing");
    fresh();
    for (unsigned i = 0; i < SCREEN_COLUMNS; i++)
        type(i % 2 ? "b" : "a");
    is_at(0, 79, "a full line does not begin another");
    type("c");
    is_at(1, 1, "its next character does");
    is_text(row(1), "c", "and stands there");
    fresh();
    type("\x1b[80Gx\nnext");
    is_text(row(1), "next", "a newline after the last column is one line, not two");
}

static void test_characters(void)
{
    shows("\xc3\xa4\xc3\x9f", "\x84\xe1", "UTF-8 is shown by the display's own characters");
    shows("\xe2\x94\x80\xe2\x94\x82", "\xc4\xb3", "lines and corners, too");
    shows("\xe2\x82\xac\xf0\x9f\x98\x80", "??", "what it has not is a question mark");
    shows("\xc3" "a", "?a", "a character that is cut off is one as well");
    shows("\xa4\xff" "b", "??b", "and bytes that begin none");
    is(charset_find(0x20), ' ', "a space is a space");
    is(charset_find(0x2591), 0xb0, "the first of the shades");
    is(charset_find(0x25a0), 0xfe, "the last but one");
    is(charset_find(0x9b), '?', "control characters are none");
}

// ---- scrolling --------------------------------------------------------------------------------

static void test_scrolling(void)
{
    char line[16];
    int wrong = 0;

    fresh();
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "%sline %u", i ? "\n" : "", i);
        type(line);
        for (unsigned k = 0; k < SCREEN_ROWS && i >= SCREEN_ROWS; k++) {
            snprintf(line, sizeof(line), "line %u", i - SCREEN_ROWS + 1 + k);
            wrong += strcmp(row(k), line) != 0;
        }
        wrong += screen.start + SHOWN > SCREEN_CELLS;
    }
    is(wrong, 0, "a thousand lines: the last 25 are always shown, within the memory");
    is_at(24, 8, "the cursor stays in the last row");
    type("\x1b[41m\n\x1b[0m");
    is(colours(24, 10), 0x47, "a new row has the background chosen");
    fresh();
    type("one\ntwo\nthree\nfour\x1b[2;3r");
    is_at(0, 0, "a region begins at the top left");
    type("\x1b[3;1H\nnew");
    is_text(row(0), "one", "above the region nothing moves");
    is_text(row(1), "three", "in it rows go up");
    is_text(row(2), "new", "a new one comes in");
    is_text(row(3), "four", "below nothing moves");
    type("\x1b[2;1H\x1bM");
    is_text(row(1), "", "a reverse line feed at its top brings one in there");
    is_text(row(2), "three", "and moves the others down");
    type("\x1b[25;1H\nlast");
    is_text(row(24), "last", "below the region the last row stays the last");
    is_text(row(3), "four", "and nothing scrolls");
    type("\x1b[5;2r\x1b[r\x1b[25;1H\n");
    is_text(row(2), "four", "no region: all scrolls again");
}

// ---- sequences --------------------------------------------------------------------------------

static void test_moves(void)
{
    fresh();
    type("\x1b[5;10H");
    is_at(4, 9, "a place by row and column");
    type("\x1b[2A\x1b[3B\x1b[4C\x1b[D");
    is_at(5, 12, "up, down, right, left");
    type("\x1b[99A\x1b[99D");
    is_at(0, 0, "not beyond the top left");
    type("\x1b[99;99f");
    is_at(24, 79, "nor the bottom right");
    type("\x1b[H\x1b[7G\x1b[3d");
    is_at(2, 6, "a column, a row");
    type("\x1b[2E");
    is_at(4, 0, "the beginning of a line below");
    type("ab\x1b[3F");
    is_at(1, 0, "or above");
    type("\x1b[3;4H\x1b" "7\x1b[33m\x1b[20;20H\x1b" "8x");
    is_at(2, 4, "saved and restored");
    is(colours(2, 3), PLAIN, "with the colours");
    type("\x1b[0;0H");
    is_at(0, 0, "0 is 1");
    type("\x1b[4294967299;2H");
    is_at(24, 1, "an absurd number is a large one");
    type("\x1b[5\nC");
    is_at(24, 5, "a newline inside a sequence counts, and the sequence goes on");
    type("\x1b[5\x1b[1Cx");
    is_at(24, 7, "ESC begins another");
    type("\x1b[?25l");
    ok(screen.cursor_hidden, "the cursor can be hidden");
    type("\x1b[?25h");
    ok(!screen.cursor_hidden, "and shown");
}

static void test_edits(void)
{
    shows("abcdef\x1b[3D\x1b[K", "abc", "erase to the end of the line");
    shows("abcdef\x1b[3D\x1b[1K", "    ef", "to the beginning");
    shows("abcdef\x1b[3D\x1b[2K", "", "all of it");
    shows("abcdef\x1b[3D\x1b[9K", "abcdef", "and nothing else");
    shows("abcdef\x1b[1;3H\x1b[2P", "abef", "delete characters");
    shows("abcdef\x1b[1;3H\x1b[2@", "ab  cdef", "insert blanks");
    shows("abcdef\x1b[1;3H\x1b[2X", "ab  ef", "erase some");
    shows("abcdef\x1b[1;3H\x1b[999P", "ab", "as many as there are");
    fresh();
    type("one\ntwo\nthree\x1b[2;2H\x1b[J");
    is_text(row(0), "one", "erase below the cursor: above it nothing");
    is_text(row(1), "t", "from it on");
    is_text(row(2), "", "to the end");
    type("\x1b[H\x1b[2J");
    is_text(row(0), "", "erase all");
    fresh();
    type("one\ntwo\nthree\x1b[2;2H\x1b[L");
    is_text(row(1), "", "insert a line");
    is_text(row(2), "two", "the others go down");
    is_at(1, 0, "the cursor goes to its beginning");
    type("\x1b[2M");
    is_text(row(1), "three", "delete two");
    type("\x1b[S");
    is_text(row(0), "three", "scroll up");
    type("\x1b[2T");
    is_text(row(2), "three", "scroll down");
    type("\x1b[24;1Hlast\x1b[999L\x1b[999M\x1b[999S\x1b[999T");
    is_text(row(23), "", "more lines than there are");
}

static void test_colours(void)
{
    fresh();
    type("\x1b[31ma\x1b[44mb\x1b[1mc\x1b[7md\x1b[0me\x1b[mf\x1b[93mg\x1b[39;49mh");
    is(colours(0, 0), 0x04, "red is the display's 4");
    is(colours(0, 1), 0x14, "on blue, its 1");
    is(colours(0, 2), 0x1c, "bright");
    is(colours(0, 3), 0x49, "front and back exchanged");
    is(colours(0, 4), PLAIN, "as in the beginning");
    is(colours(0, 5), PLAIN, "without a number, too");
    is(colours(0, 6), 0x0e, "a bright colour");
    is(colours(0, 7) & 0xf7, PLAIN, "the usual colours");
    fresh();
    type("\x1b[38;5;9ma\x1b[48;5;2mb\x1b[0;38;2;1;2;3;44mc\x1b[38;5;200md\x1b[5;22;25;27me");
    is(colours(0, 0), 0x0c, "one of sixteen by number");
    is(colours(0, 1), 0x2c, "for the background");
    is(colours(0, 2), PLAIN, "by its parts: left out with what follows");
    is(colours(0, 3), PLAIN, "one of 256: left out");
    is(colours(0, 4), PLAIN, "set and taken back");
    shows("\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20ma", "a", "more numbers than count");
}

static void test_unknown(void)
{
    shows("\x1b]0;a title\x07" "a", "a", "a string without effect");
    shows("\x1b]0;a title\x1b\\a", "a", "ended the other way");
    shows("\x1b(0a\x1b)Bb\x1b#8c", "abc", "character sets");
    shows("\x1b[>c\x1b[?1049ha\x1b[5nb\x1b=c\x1bZd", "abcd", "sequences that mean nothing here");
    shows("\x1b[1 qx", "x", "with a space in them");
    shows("abc\x1b" "c" "d", "d", "ESC c begins anew");
}

// ---- sharing the display ----------------------------------------------------------------------

static void test_taking_over(void)
{
    fresh();
    is_at(0, 0, "a display in no sensible state is emptied");
    is_text(row(24), "", "all of it");
    memory[3 * SCREEN_COLUMNS] = 0x0700 | 'k';
    screen_open(&screen, memory, 2 * SCREEN_COLUMNS, 3 * SCREEN_COLUMNS + 1);
    is_text(row(1), "k", "another's text stays");
    is_at(1, 1, "and we go on behind it");
    type("\x1b[32mx");
    screen_moved(&screen, 4 * SCREEN_COLUMNS, 6 * SCREEN_COLUMNS + 7);
    is_at(2, 7, "somebody has moved the cursor");
    type("y");
    is(colours(2, 7), 0x02, "the colours are ours still");
    screen_moved(&screen, SCREEN_CELLS - SHOWN + 1, SCREEN_CELLS - 1);
    is(screen.start, 0, "beyond the memory is no sensible state");
    screen_moved(&screen, 80, 79);
    is(screen.start, 0, "nor is a cursor outside what is shown");
}

// Whatever comes, nothing outside the memory is touched (the address sanitizer looks), the cursor is in
// what is shown, and that in the memory.
static void test_random(void)
{
    static const char often[] = "\x1b[[[;;0123456789?hlmHJKLMPSTX@ABCDrsu78M\n\r\b\tabc\xc3\xa4";
    int wrong = 0;

    srand(3);
    fresh();
    for (unsigned i = 0; i < 2000000; i++) {
        char c = rand() % 8 ? often[rand() % (sizeof(often) - 1)] : (char)rand();

        screen_write(&screen, &c, 1);
        wrong += screen.start + SHOWN > SCREEN_CELLS || screen_cursor(&screen) < screen.start ||
                 screen_cursor(&screen) >= screen.start + SHOWN || screen.top + 1 >= screen.bottom ||
                 screen.bottom > SCREEN_ROWS || screen.at.column > SCREEN_COLUMNS;
    }
    is(wrong, 0, "two million random bytes: everything stays within its bounds");
}

int main(void)
{
    test_text();
    test_characters();
    test_scrolling();
    test_moves();
    test_edits();
    test_colours();
    test_unknown();
    test_taking_over();
    test_random();
    return tap_end();
}
