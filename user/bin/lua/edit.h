/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A line editor for a terminal in raw mode, and the history of what was typed. It knows nothing of
 * Lua or of Mach: bytes come from one function and go to another, so that it can be tested
 * anywhere.
 *
 *   left right home end ^B ^F ^A ^E     move             ^P ^N up down   older, newer line
 *   Ctrl-left Ctrl-right                move by words    ^R              search in older lines
 *   Backspace Delete ^D                 delete           Tab             complete
 *   ^K ^U ^W                            delete to the end, to the start, the word before
 *   ^L  clear the screen     ^C  drop the line     ^D in an empty line  end of input
 */
#ifndef LUA_EDIT_H
#define LUA_EDIT_H

#include <stddef.h>

#define LINE_SIZE 1024
#define HISTORY_MAX 200
#define COMPLETIONS_MAX 256

/* What could stand at the cursor: each is the text that would follow the `typed` characters before
 * the cursor that belong to it. */
struct completions {
    unsigned count;
    const char *words[COMPLETIONS_MAX];
    unsigned typed; /* characters before the cursor that every word begins with */
};

struct editor {
    void *context;
    int (*get)(void *context); /* the next byte, -1 at the end of input */
    void (*put)(void *context, const char *bytes, size_t size);
    /* Fills in the completions of what is before the cursor; may be null. */
    void (*complete)(void *context, const char *line, size_t cursor, struct completions *found);
    unsigned columns; /* of the terminal */

    unsigned history_count;
    char *history[HISTORY_MAX]; /* oldest first */

    /* while a line is being edited: */
    const char *prompt;
    char line[LINE_SIZE];
    size_t length, cursor;
    unsigned recall;       /* index in the history; history_count: the line being typed */
    char typed[LINE_SIZE]; /* that line, while an older one is shown */
};

enum edit_result { EDIT_LINE, EDIT_INTERRUPTED, EDIT_END };

/* Lets the user type a line, which is in editor->line afterwards. */
enum edit_result edit_line(struct editor *editor, const char *prompt);
/* Adds a line to the history, unless it is empty or the same as the last one. */
void edit_remember(struct editor *editor, const char *line);

/* Between edit.c and edit_search.c. */
void edit_refresh(struct editor *editor);
void edit_set_line(struct editor *editor, const char *text);
/* ^R. Returns the key that ended the search, to be treated as usual; 0 if there is none. */
int edit_search(struct editor *editor);

enum {
    KEY_CTRL_A = 1,
    KEY_CTRL_B,
    KEY_CTRL_C,
    KEY_CTRL_D,
    KEY_CTRL_E,
    KEY_CTRL_F,
    KEY_CTRL_G,
    KEY_BACKSPACE,
    KEY_TAB,
    KEY_NEWLINE,
    KEY_CTRL_K,
    KEY_CTRL_L,
    KEY_ENTER,
    KEY_CTRL_N,
    KEY_CTRL_P = 16,
    KEY_CTRL_R = 18,
    KEY_CTRL_U = 21,
    KEY_CTRL_W = 23,
    KEY_ESCAPE = 27,
    KEY_RUBOUT = 127,
    /* made of escape sequences: */
    KEY_LEFT = 256,
    KEY_RIGHT,
    KEY_UP,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_DELETE,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT,
    KEY_UNKNOWN
};

/* The next key, escape sequences decoded; -1 at the end of input. */
int edit_key(struct editor *editor);

#endif
