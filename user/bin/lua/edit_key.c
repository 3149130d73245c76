/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From bytes to keys: the escape sequences that terminals send for the keys the editor knows. An
 * unknown sequence is read to its end and has no effect.
 */
#include "edit.h"

#include <ctype.h>

/* The key of a sequence ESC [ numbers letter. */
static int key_of_sequence(int number, int modifier, int letter)
{
    switch (letter) {
    case 'A':
        return KEY_UP;
    case 'B':
        return KEY_DOWN;
    case 'C':
        return modifier > 1 ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D':
        return modifier > 1 ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H':
        return KEY_HOME;
    case 'F':
        return KEY_END;
    case '~':
        return number == 1 || number == 7   ? KEY_HOME
               : number == 4 || number == 8 ? KEY_END
               : number == 3                ? KEY_DELETE
                                            : KEY_UNKNOWN;
    default:
        return KEY_UNKNOWN;
    }
}

static int bracket_sequence(struct editor *e)
{
    int numbers[2] = {0, 0}, which = 0, c;

    for (;;) {
        c = e->get(e->context);
        if (c >= '0' && c <= '9')
            numbers[which] = (numbers[which] * 10 + c - '0') % 1000;
        else if (c == ';')
            which = 1;
        else
            break;
    }
    return c < 0 ? c : key_of_sequence(numbers[0], numbers[1], c);
}

int edit_key(struct editor *e)
{
    int c = e->get(e->context);

    if (c != KEY_ESCAPE)
        return c;
    c = e->get(e->context);
    switch (c) {
    case '[':
        return bracket_sequence(e);
    case 'O': /* keypad mode: ESC O letter */
        c = e->get(e->context);
        return c < 0 ? c : key_of_sequence(0, 0, c);
    case 'b':
        return KEY_WORD_LEFT;
    case 'f':
        return KEY_WORD_RIGHT;
    default:
        return c < 0 ? c : KEY_UNKNOWN;
    }
}
