// SPDX-License-Identifier: BSD-2-Clause
// The line discipline (line.c): what becomes of typed bytes before a program reads them. Knows
// nothing of ports or hardware.
#ifndef CONSOLE_LINE_H
#define CONSOLE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX 1024   // bytes of a line being edited
#define READY_MAX 4096  // cells of finished input; more typing is answered with a bell
#define ECHO_MAX (4 * LINE_MAX) // most that one typed byte can make appear (^R, ^U)

struct line {
    char edit[LINE_MAX]; // the line being edited
    size_t edit_length;
    // Finished input, a ring. A cell is a byte, or LINE_END: end of input without a newline (^D).
    unsigned short ready[READY_MAX];
    size_t ready_head, ready_count;
    size_t lines; // newlines and LINE_ENDs among the ready cells
    struct {
        size_t head, count, lines;
    } before; // the last read
    // What the last byte makes appear on the screen.
    char echo[ECHO_MAX];
    size_t echo_length;
};

enum line_event {
    LINE_NOTHING,
    LINE_INTERRUPT, // ^C where it counts: all input so far has been dropped
};

// One typed byte, under the mode (CONSOLE_RAW, …) of the session it is for. Fills in `echo`.
enum line_event line_input(struct line *line, char c, unsigned mode);
// Whether a read under this mode would get something (or the end of the file) now.
bool line_readable(const struct line *line, unsigned mode);
// Moves up to `max` > 0 bytes of input to `data`; the line is readable. 0: end of file.
size_t line_read(struct line *line, char *data, size_t max, unsigned mode);
// The last read has reached nobody: its input is the next one's. Nothing has been typed since.
void line_read_undo(struct line *line);

#endif
