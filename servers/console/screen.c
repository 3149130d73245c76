// SPDX-License-Identifier: BSD-2-Clause
// A terminal in the display's memory. Scrolling moves the part that is shown: only when the memory is at
// its end are the rows copied to its beginning, once in 180 lines.
//
// Bytes go through screen_byte: a small machine for escape sequences, and UTF-8 in between. A sequence
// that is not known is read to its end and has no effect.
#include "screen.h"

#include "charset.h"

#include <string.h>

#define SHOWN (SCREEN_ROWS * SCREEN_COLUMNS)
#define ESCAPE 0x1b
#define BLANK_FOREGROUND 7
#define REPLACEMENT 0xfffd // for bytes that are no UTF-8

static const struct pen plain = {.foreground = BLANK_FOREGROUND};

// ---- cells ------------------------------------------------------------------------------------

static uint16_t *cell(const struct screen *screen, unsigned row, unsigned column)
{
    return &screen->cells[screen->start + row * SCREEN_COLUMNS + column];
}

static uint16_t with_pen(const struct pen *pen, uint8_t shown)
{
    unsigned front = pen->foreground, back = pen->background;

    if (pen->reverse) {
        front = pen->background;
        back = pen->foreground;
    }
    return (uint16_t)((pen->blink << 7 | back << 4 | pen->bright << 3 | front) << 8 | shown);
}

static void erase(uint16_t *from, size_t count, const struct pen *pen)
{
    const struct pen background = {.foreground = BLANK_FOREGROUND, .background = pen->background};

    while (count-- > 0)
        *from++ = with_pen(&background, ' ');
}

static void move_cells(uint16_t *to, const uint16_t *from, unsigned rows)
{
    memmove(to, from, rows * SCREEN_COLUMNS * sizeof(*to));
}

// ---- scrolling --------------------------------------------------------------------------------

// The whole display goes up one row: what is shown begins a row later, or all again at the beginning.
static void advance(struct screen *screen)
{
    if (screen->start + SHOWN + SCREEN_COLUMNS <= SCREEN_CELLS) {
        screen->start += SCREEN_COLUMNS;
        return;
    }
    move_cells(screen->cells, cell(screen, 1, 0), SCREEN_ROWS - 1);
    screen->start = 0;
}

// Rows top … bottom - 1 go up by `rows`; empty ones come in below.
static void scroll_up(struct screen *screen, unsigned top, unsigned bottom, unsigned rows)
{
    if (rows > bottom - top)
        rows = bottom - top;
    if (top == 0 && bottom == SCREEN_ROWS)
        for (unsigned i = 0; i < rows; i++)
            advance(screen);
    else
        move_cells(cell(screen, top, 0), cell(screen, top + rows, 0), bottom - top - rows);
    erase(cell(screen, bottom - rows, 0), rows * SCREEN_COLUMNS, &screen->pen);
}

static void scroll_down(struct screen *screen, unsigned top, unsigned bottom, unsigned rows)
{
    if (rows > bottom - top)
        rows = bottom - top;
    move_cells(cell(screen, top + rows, 0), cell(screen, top, 0), bottom - top - rows);
    erase(cell(screen, top, 0), rows * SCREEN_COLUMNS, &screen->pen);
}

static void line_feed(struct screen *screen)
{
    if (screen->at.row + 1 == screen->bottom)
        scroll_up(screen, screen->top, screen->bottom, 1);
    else if (screen->at.row + 1 < SCREEN_ROWS)
        screen->at.row++;
}

static void reverse_line_feed(struct screen *screen)
{
    if (screen->at.row == screen->top)
        scroll_down(screen, screen->top, screen->bottom, 1);
    else if (screen->at.row > 0)
        screen->at.row--;
}

// ---- the cursor -------------------------------------------------------------------------------

static unsigned at_most(unsigned value, unsigned most)
{
    return value < most ? value : most;
}

static void go_to(struct screen *screen, unsigned row, unsigned column)
{
    screen->at.row = at_most(row, SCREEN_ROWS - 1);
    screen->at.column = at_most(column, SCREEN_COLUMNS - 1);
}

// Where the cursor shows: behind the last column it stays on that.
static unsigned column_of(const struct screen *screen)
{
    return at_most(screen->at.column, SCREEN_COLUMNS - 1);
}

static void go_up(struct screen *screen, unsigned rows)
{
    unsigned top = screen->at.row >= screen->top ? screen->top : 0;

    go_to(screen, screen->at.row - at_most(rows, screen->at.row - top), column_of(screen));
}

static void go_down(struct screen *screen, unsigned rows)
{
    unsigned last = (screen->at.row < screen->bottom ? screen->bottom : SCREEN_ROWS) - 1;

    go_to(screen, at_most(screen->at.row + rows, last), column_of(screen));
}

static void go_left(struct screen *screen, unsigned columns)
{
    unsigned column = column_of(screen);

    go_to(screen, screen->at.row, column - at_most(columns, column));
}

static void save(struct screen *screen)
{
    screen->saved = screen->at;
    screen->saved_pen = screen->pen;
}

static void restore(struct screen *screen)
{
    screen->at = screen->saved;
    screen->pen = screen->saved_pen;
}

// ---- colours ----------------------------------------------------------------------------------

// The display's number of a colour that the standard calls black, red, green, yellow, blue, magenta,
// cyan, white: red and blue change places.
static uint8_t colour(unsigned number)
{
    return (uint8_t)((number & 2) | (number & 1) << 2 | (number >> 2 & 1));
}

// One of 256: sixteen are ours, the others are left out.
static void extended_colour(struct pen *pen, bool background, unsigned number)
{
    if (number >= 16)
        return;
    if (background) {
        pen->background = colour(number & 7);
        return;
    }
    pen->foreground = colour(number & 7);
    pen->bright = number >= 8;
}

static void set_pen(struct pen *pen, unsigned number)
{
    switch (number) {
    case 0:
        *pen = plain;
        break;
    case 1:
        pen->bright = true;
        break;
    case 5:
        pen->blink = true;
        break;
    case 7:
        pen->reverse = true;
        break;
    case 2:
    case 22:
        pen->bright = false;
        break;
    case 25:
        pen->blink = false;
        break;
    case 27:
        pen->reverse = false;
        break;
    case 30 ... 37:
        pen->foreground = colour(number - 30);
        break;
    case 39:
        pen->foreground = plain.foreground;
        break;
    case 40 ... 47:
        pen->background = colour(number - 40);
        break;
    case 49:
        pen->background = plain.background;
        break;
    case 90 ... 97:
        extended_colour(pen, false, number - 90 + 8);
        break;
    case 100 ... 107:
        extended_colour(pen, true, number - 100 + 8);
        break;
    }
}

static void select_pen(struct screen *screen)
{
    for (unsigned i = 0; i < screen->count; i++) {
        unsigned number = screen->numbers[i];

        if ((number == 38 || number == 48) && i + 2 < screen->count && screen->numbers[i + 1] == 5) {
            extended_colour(&screen->pen, number == 48, screen->numbers[i + 2]);
            i += 2;
        } else if (number == 38 || number == 48) {
            return; // red, green and blue: nothing here can show it
        } else {
            set_pen(&screen->pen, number);
        }
    }
}

// ---- sequences --------------------------------------------------------------------------------

// The number at that place; `otherwise` if it is not given or 0.
static unsigned number(const struct screen *screen, unsigned index, unsigned otherwise)
{
    return index < screen->count && screen->numbers[index] > 0 ? screen->numbers[index] : otherwise;
}

// 0: from the cursor to the end, 1: from the beginning to the cursor, 2: all.
static void erase_part(struct screen *screen, unsigned which, unsigned first, unsigned end)
{
    unsigned here = screen->at.row * SCREEN_COLUMNS + column_of(screen);
    unsigned from = which == 0 ? here : first, to = which == 1 ? here + 1 : end;

    if (which <= 2)
        erase(cell(screen, 0, from), to - from, &screen->pen);
}

// Moves the rest of the line right by `count` and clears what becomes free, or left.
static void insert_cells(struct screen *screen, unsigned count)
{
    uint16_t *here = cell(screen, screen->at.row, column_of(screen));
    unsigned rest = SCREEN_COLUMNS - column_of(screen);

    count = at_most(count, rest);
    memmove(here + count, here, (rest - count) * sizeof(*here));
    erase(here, count, &screen->pen);
}

static void delete_cells(struct screen *screen, unsigned count)
{
    uint16_t *here = cell(screen, screen->at.row, column_of(screen));
    unsigned rest = SCREEN_COLUMNS - column_of(screen);

    count = at_most(count, rest);
    memmove(here, here + count, (rest - count) * sizeof(*here));
    erase(here + rest - count, count, &screen->pen);
}

static void set_region(struct screen *screen)
{
    unsigned top = number(screen, 0, 1) - 1, bottom = at_most(number(screen, 1, SCREEN_ROWS), SCREEN_ROWS);

    if (top + 1 >= bottom)
        return;
    screen->top = top;
    screen->bottom = bottom;
    go_to(screen, 0, 0);
}

// Insert and delete lines, which count from the cursor's on.
static void shift_lines(struct screen *screen, void (*scroll)(struct screen *screen, unsigned top,
                                                              unsigned bottom, unsigned rows))
{
    if (screen->at.row < screen->top || screen->at.row >= screen->bottom)
        return;
    scroll(screen, screen->at.row, screen->bottom, number(screen, 0, 1));
    screen->at.column = 0;
}

// Sequences that change cells; false if it is none of them.
static bool edit_sequence(struct screen *screen, char final)
{
    unsigned line = screen->at.row * SCREEN_COLUMNS;

    switch (final) {
    case '@':
        insert_cells(screen, number(screen, 0, 1));
        return true;
    case 'J':
        erase_part(screen, number(screen, 0, 0), 0, SHOWN);
        return true;
    case 'K':
        erase_part(screen, number(screen, 0, 0), line, line + SCREEN_COLUMNS);
        return true;
    case 'L':
        shift_lines(screen, scroll_down);
        return true;
    case 'M':
        shift_lines(screen, scroll_up);
        return true;
    case 'P':
        delete_cells(screen, number(screen, 0, 1));
        return true;
    case 'S':
        scroll_up(screen, screen->top, screen->bottom, number(screen, 0, 1));
        return true;
    case 'T':
        scroll_down(screen, screen->top, screen->bottom, number(screen, 0, 1));
        return true;
    case 'X':
        erase(cell(screen, screen->at.row, column_of(screen)),
              at_most(number(screen, 0, 1), SCREEN_COLUMNS - column_of(screen)), &screen->pen);
        return true;
    }
    return false;
}

static void move_sequence(struct screen *screen, char final)
{
    switch (final) {
    case 'A':
        go_up(screen, number(screen, 0, 1));
        break;
    case 'B':
        go_down(screen, number(screen, 0, 1));
        break;
    case 'C':
        go_to(screen, screen->at.row, column_of(screen) + number(screen, 0, 1));
        break;
    case 'D':
        go_left(screen, number(screen, 0, 1));
        break;
    case 'E':
        go_down(screen, number(screen, 0, 1));
        screen->at.column = 0;
        break;
    case 'F':
        go_up(screen, number(screen, 0, 1));
        screen->at.column = 0;
        break;
    case 'G':
        go_to(screen, screen->at.row, number(screen, 0, 1) - 1);
        break;
    case 'H':
    case 'f':
        go_to(screen, number(screen, 0, 1) - 1, number(screen, 1, 1) - 1);
        break;
    case 'd':
        go_to(screen, number(screen, 0, 1) - 1, column_of(screen));
        break;
    case 's':
        save(screen);
        break;
    case 'u':
        restore(screen);
        break;
    }
}

static void end_sequence(struct screen *screen, char final)
{
    screen->state = SCREEN_TEXT;
    if (screen->extended) {
        if ((final == 'h' || final == 'l') && number(screen, 0, 0) == 25)
            screen->cursor_hidden = final == 'l';
    } else if (final == 'm') {
        select_pen(screen);
    } else if (final == 'r') {
        set_region(screen);
    } else if (!edit_sequence(screen, final)) {
        move_sequence(screen, final);
    }
}

static void sequence_byte(struct screen *screen, char c)
{
    unsigned *last = &screen->numbers[screen->count - 1];

    if (c >= '0' && c <= '9')
        *last = at_most(*last * 10 + (unsigned)(c - '0'), 9999);
    else if (c == ';' && screen->count < SCREEN_NUMBERS)
        screen->numbers[screen->count++] = 0;
    else if (c >= '<' && c <= '?')
        screen->extended = true;
    else if (c >= '@' && c <= '~')
        end_sequence(screen, c);
}

static void reset(struct screen *screen)
{
    screen->pen = screen->saved_pen = plain;
    screen->at = screen->saved = (struct place){0, 0};
    screen->top = 0;
    screen->bottom = SCREEN_ROWS;
    screen->cursor_hidden = false;
}

static void escape_byte(struct screen *screen, char c)
{
    screen->state = SCREEN_TEXT;
    switch (c) {
    case '[':
        screen->state = SCREEN_SEQUENCE;
        screen->numbers[0] = 0;
        screen->count = 1;
        screen->extended = false;
        break;
    case ']':
        screen->state = SCREEN_STRING;
        break;
    case '(':
    case ')':
    case '#':
        screen->state = SCREEN_SKIP;
        break;
    case '7':
        save(screen);
        break;
    case '8':
        restore(screen);
        break;
    case 'D':
        line_feed(screen);
        break;
    case 'E':
        screen->at.column = 0;
        line_feed(screen);
        break;
    case 'M':
        reverse_line_feed(screen);
        break;
    case 'c':
        reset(screen);
        erase(cell(screen, 0, 0), SHOWN, &plain);
        break;
    }
}

// ---- text -------------------------------------------------------------------------------------

static void show(struct screen *screen, unsigned code)
{
    if (screen->at.column == SCREEN_COLUMNS) {
        screen->at.column = 0;
        line_feed(screen);
    }
    *cell(screen, screen->at.row, screen->at.column++) = with_pen(&screen->pen, charset_find(code));
}

static void control(struct screen *screen, char c)
{
    switch (c) {
    case '\b':
        go_left(screen, 1);
        break;
    case '\t':
        go_to(screen, screen->at.row, (column_of(screen) / 8 + 1) * 8);
        break;
    case '\n':
    case '\v':
    case '\f':
        screen->at.column = 0;
        line_feed(screen);
        break;
    case '\r':
        screen->at.column = 0;
        break;
    case ESCAPE:
        screen->state = SCREEN_ESCAPE;
        break;
    }
}

// A byte of UTF-8: a character of its own, the first of several, or one that follows.
static void text_byte(struct screen *screen, unsigned char c)
{
    bool follows = (c & 0xc0) == 0x80;

    if (screen->code_left > 0 && follows) {
        screen->code = screen->code << 6 | (c & 0x3f);
        if (--screen->code_left == 0)
            show(screen, screen->code);
        return;
    }
    if (screen->code_left > 0) // cut off
        show(screen, REPLACEMENT);
    screen->code_left = 0;
    if (c < ' ' || c == 0x7f) {
        control(screen, (char)c);
    } else if (c < 0x80) {
        show(screen, c);
    } else if (follows || c >= 0xf8) {
        show(screen, REPLACEMENT);
    } else {
        screen->code_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        screen->code = c & (0x3fu >> screen->code_left);
    }
}

static void screen_byte(struct screen *screen, char c)
{
    // Control characters count inside a sequence, too; ESC begins another.
    if (screen->state != SCREEN_TEXT && screen->state != SCREEN_STRING &&
        (unsigned char)c < ' ') {
        control(screen, c);
        return;
    }
    switch (screen->state) {
    case SCREEN_TEXT:
        text_byte(screen, (unsigned char)c);
        break;
    case SCREEN_ESCAPE:
        escape_byte(screen, c);
        break;
    case SCREEN_SEQUENCE:
        sequence_byte(screen, c);
        break;
    case SCREEN_SKIP:
        screen->state = SCREEN_TEXT;
        break;
    case SCREEN_STRING:
        if (c == '\a')
            screen->state = SCREEN_TEXT;
        else if (c == ESCAPE)
            screen->state = SCREEN_SKIP;
        break;
    }
}

void screen_write(struct screen *screen, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        screen_byte(screen, data[i]);
}

// ---- the rest ---------------------------------------------------------------------------------

void screen_moved(struct screen *screen, unsigned start, unsigned cursor)
{
    bool sane = start + SHOWN <= SCREEN_CELLS && cursor >= start && cursor < start + SHOWN;

    screen->start = sane ? start : 0;
    screen->at.row = sane ? (cursor - start) / SCREEN_COLUMNS : 0;
    screen->at.column = sane ? (cursor - start) % SCREEN_COLUMNS : 0;
    if (!sane)
        erase(screen->cells, SHOWN, &plain);
}

void screen_open(struct screen *screen, uint16_t *cells, unsigned start, unsigned cursor)
{
    memset(screen, 0, sizeof(*screen));
    screen->cells = cells;
    reset(screen);
    screen_moved(screen, start, cursor);
}

unsigned screen_cursor(const struct screen *screen)
{
    return screen->start + screen->at.row * SCREEN_COLUMNS + column_of(screen);
}
