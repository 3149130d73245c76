// SPDX-License-Identifier: BSD-2-Clause
// Editing of lines: a byte either edits the current line or finishes it; a finished line moves to
// the ready ring, where reads take it from. In raw mode every byte is finished at once.
//
// On the screen a control character is shown as ^X and takes two columns; the second and further
// bytes of a UTF-8 character take none.
#include "line.h"

#include <servers/console_types.h>
#include <string.h>

#define LINE_END 0x100
#define CONTROL(letter) ((letter) - '@')
#define DELETE 0x7f

// ---- the screen -------------------------------------------------------------------------------

static void echo_bytes(struct line *line, const char *bytes, size_t size)
{
    if (line->echo_length + size > sizeof(line->echo))
        return;
    memcpy(line->echo + line->echo_length, bytes, size);
    line->echo_length += size;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == DELETE;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void echo_char(struct line *line, char c)
{
    char shown[2] = {'^', (char)(c ^ 0x40)};

    if (is_control(c))
        echo_bytes(line, shown, 2);
    else
        echo_bytes(line, &c, 1);
}

static void echo_line(struct line *line)
{
    for (size_t i = 0; i < line->edit_length; i++)
        echo_char(line, line->edit[i]);
}

// ---- finished input ---------------------------------------------------------------------------

// There is room for the cell: line_input sees to it.
static void ready_put(struct line *line, unsigned short cell)
{
    line->ready[(line->ready_head + line->ready_count++) % READY_MAX] = cell;
    if (cell == '\n' || cell == LINE_END)
        line->lines++;
}

static unsigned short ready_take(struct line *line)
{
    unsigned short cell = line->ready[line->ready_head];

    line->ready_head = (line->ready_head + 1) % READY_MAX;
    line->ready_count--;
    if (cell == '\n' || cell == LINE_END)
        line->lines--;
    return cell;
}

static bool ready_is(const struct line *line, unsigned short cell)
{
    return line->ready_count > 0 && line->ready[line->ready_head] == cell;
}

static void finish(struct line *line, unsigned short end)
{
    for (size_t i = 0; i < line->edit_length; i++)
        ready_put(line, (unsigned char)line->edit[i]);
    ready_put(line, end);
    line->edit_length = 0;
}

// ---- editing ----------------------------------------------------------------------------------

static void erase_char(struct line *line)
{
    char c;

    do
        c = line->edit[--line->edit_length];
    while (is_continuation(c) && line->edit_length > 0);
    echo_bytes(line, "\b \b", 3);
    if (is_control(c))
        echo_bytes(line, "\b \b", 3);
}

static void erase_word(struct line *line)
{
    while (line->edit_length > 0 && line->edit[line->edit_length - 1] == ' ')
        erase_char(line);
    while (line->edit_length > 0 && line->edit[line->edit_length - 1] != ' ')
        erase_char(line);
}

static void insert(struct line *line, char c)
{
    // Room for this byte, for what ends the line, and for the whole line among the finished input.
    if (line->edit_length + 1 >= LINE_MAX ||
        line->ready_count + line->edit_length + 2 > READY_MAX) {
        echo_bytes(line, "\a", 1);
        return;
    }
    line->edit[line->edit_length++] = c;
    echo_char(line, c);
}

static void end_line(struct line *line)
{
    if (line->ready_count + line->edit_length + 1 > READY_MAX) {
        echo_bytes(line, "\a", 1);
        return;
    }
    finish(line, '\n');
    echo_bytes(line, "\n", 1);
}

static void end_file(struct line *line)
{
    if (line->ready_count + line->edit_length + 1 <= READY_MAX)
        finish(line, LINE_END);
}

static enum line_event interrupt(struct line *line)
{
    line->edit_length = 0;
    line->ready_count = 0;
    line->lines = 0;
    return LINE_INTERRUPT;
}

static enum line_event input_cooked(struct line *line, char c)
{
    switch (c) {
    case CONTROL('C'):
        echo_bytes(line, "^C\n", 3);
        return interrupt(line);
    case '\b':
    case DELETE:
        if (line->edit_length > 0)
            erase_char(line);
        break;
    case CONTROL('W'):
        erase_word(line);
        break;
    case CONTROL('U'):
        while (line->edit_length > 0)
            erase_char(line);
        break;
    case CONTROL('R'):
        echo_bytes(line, "^R\n", 3);
        echo_line(line);
        break;
    case CONTROL('D'):
        end_file(line);
        break;
    case '\r':
    case '\n':
        end_line(line);
        break;
    default:
        insert(line, c);
        break;
    }
    return LINE_NOTHING;
}

static enum line_event input_raw(struct line *line, char c, unsigned mode)
{
    if (c == CONTROL('C') && (mode & CONSOLE_INTERRUPT))
        return interrupt(line);
    // A line that was being edited when the mode changed comes first.
    if (line->ready_count + line->edit_length + 1 <= READY_MAX)
        finish(line, (unsigned char)c);
    else
        echo_bytes(line, "\a", 1);
    return LINE_NOTHING;
}

enum line_event line_input(struct line *line, char c, unsigned mode)
{
    enum line_event event;

    line->echo_length = 0;
    if (mode & CONSOLE_RAW)
        return input_raw(line, c, mode);
    event = input_cooked(line, c);
    if (mode & CONSOLE_NO_ECHO)
        line->echo_length = 0;
    return event;
}

// ---- reading ----------------------------------------------------------------------------------

static void skip_ends(struct line *line)
{
    while (ready_is(line, LINE_END))
        ready_take(line);
}

bool line_readable(const struct line *line, unsigned mode)
{
    // In raw mode ends of lines do not count, and there is no byte if there is nothing else.
    if (mode & CONSOLE_RAW)
        for (size_t i = 0; i < line->ready_count; i++)
            if (line->ready[(line->ready_head + i) % READY_MAX] != LINE_END)
                return true;
    return !(mode & CONSOLE_RAW) && line->lines > 0;
}

static size_t read_raw(struct line *line, char *data, size_t max)
{
    size_t size = 0;

    for (skip_ends(line); size < max && line->ready_count > 0; skip_ends(line))
        data[size++] = (char)ready_take(line);
    return size;
}

size_t line_read(struct line *line, char *data, size_t max, unsigned mode)
{
    size_t size = 0;

    line->before.head = line->ready_head;
    line->before.count = line->ready_count;
    line->before.lines = line->lines;
    if (mode & CONSOLE_RAW)
        return read_raw(line, data, max);
    while (size < max && !ready_is(line, LINE_END)) {
        data[size++] = (char)ready_take(line);
        if (data[size - 1] == '\n')
            return size;
    }
    // An end that a read came up to belongs to that read: the next one is not the end of the file.
    if (ready_is(line, LINE_END))
        ready_take(line);
    return size;
}

void line_read_undo(struct line *line)
{
    line->ready_head = line->before.head;
    line->ready_count = line->before.count;
    line->lines = line->before.lines;
}
