// SPDX-License-Identifier: BSD-2-Clause
// The display in text mode, as a terminal (screen.c): what a stream of bytes makes of its cells. Knows
// nothing of ports or hardware.
#ifndef CONSOLE_SCREEN_H
#define CONSOLE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCREEN_COLUMNS 80
#define SCREEN_ROWS 25
#define SCREEN_CELLS 16384 // in the display's memory, of which it shows SCREEN_ROWS rows

#define SCREEN_NUMBERS 16 // of an escape sequence; more do not count

enum screen_state {
    SCREEN_TEXT,
    SCREEN_ESCAPE,   // ESC came
    SCREEN_SEQUENCE, // ESC [ came, and perhaps numbers
    SCREEN_SKIP,     // one more byte belongs to a sequence without effect
    SCREEN_STRING,   // ESC ] came: a string without effect, up to BEL or ESC \.
};

struct place {
    unsigned row, column; // column may be SCREEN_COLUMNS: the next character begins a new line
};

struct pen {
    uint8_t foreground, background; // the display's colours, 0 … 7
    bool bright, blink, reverse;
};

struct screen {
    uint16_t *cells; // SCREEN_CELLS: character in the low byte, colours in the high one
    unsigned start;  // the first one shown
    struct place at, saved;
    struct pen pen, saved_pen;
    unsigned top, bottom; // the rows that scroll: top … bottom - 1
    bool cursor_hidden;
    enum screen_state state;
    unsigned numbers[SCREEN_NUMBERS], count; // of the sequence so far
    bool extended;                           // it began with ESC [ ? or the like
    unsigned code, code_left; // the character so far, and how many bytes of UTF-8 are still to come
};

// Goes on where somebody else has left the display: the first cell shown, the cursor's cell. Both are
// whatever the hardware says; what cannot be makes the display empty.
void screen_open(struct screen *screen, uint16_t *cells, unsigned start, unsigned cursor);
// The same, later: somebody else has written meanwhile. Colours and the rest stay.
void screen_moved(struct screen *screen, unsigned start, unsigned cursor);
// Shows the bytes: UTF-8, with the control characters and escape sequences of a VT100 and what xterm's
// users expect besides. A newline begins a new line, as for console_write.
void screen_write(struct screen *screen, const char *data, size_t size);
// The cell that the cursor is on.
unsigned screen_cursor(const struct screen *screen);

#endif
