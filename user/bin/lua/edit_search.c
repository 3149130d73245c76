/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ^R: a search backwards through the history, letter by letter. The newest line that contains the
 * letters is shown; ^R again looks for an older one, Backspace takes a letter back, ^C or ^G gives
 * up and brings back what was typed. Any other key ends the search with the line found.
 */
#include "edit.h"

#include <stdio.h>
#include <string.h>

struct search {
    char letters[64];
    size_t length;
    unsigned from;          /* lines of the history below this number are looked at */
    char before[LINE_SIZE]; /* the line when the search began */
};

/* Shows the newest line below `from` that contains the letters; 0 if there is none. */
static int find(struct editor *e, struct search *s)
{
    for (unsigned i = s->from; i-- > 0;) {
        const char *place = strstr(e->history[i], s->letters);
        if (place == NULL)
            continue;
        s->from = i + 1;
        edit_set_line(e, e->history[i]);
        e->cursor = (size_t)(place - e->history[i]);
        e->recall = i;
        return 1;
    }
    return 0;
}

static void draw(struct editor *e, const struct search *s, int found)
{
    const char *prompt = e->prompt;
    char words[96];

    snprintf(words, sizeof(words), "(%s '%s') ", found ? "search" : "no line with", s->letters);
    e->prompt = words;
    edit_refresh(e);
    e->prompt = prompt;
}

/* Changes the letters; the search begins anew at the newest line. */
static int change(struct editor *e, struct search *s, int key)
{
    if (key == KEY_BACKSPACE || key == KEY_RUBOUT)
        s->length -= s->length > 0;
    else if (s->length + 1 < sizeof(s->letters))
        s->letters[s->length++] = (char)key;
    s->letters[s->length] = '\0';
    s->from = e->history_count;
    return s->length == 0 || find(e, s);
}

int edit_search(struct editor *e)
{
    struct search s = {.from = e->history_count};
    int found = 1;

    strcpy(s.before, e->line);
    for (;;) {
        draw(e, &s, found);
        int key = edit_key(e);
        if (key == KEY_CTRL_R) {
            s.from -= s.from > 0 && found && s.length > 0;
            found = find(e, &s);
        } else if ((key >= ' ' && key < 256) || key == KEY_BACKSPACE) {
            found = change(e, &s, key);
        } else if (key == KEY_CTRL_C || key == KEY_CTRL_G) {
            edit_set_line(e, s.before);
            e->recall = e->history_count;
            return 0;
        } else {
            return key;
        }
    }
}
