// SPDX-License-Identifier: BSD-2-Clause
// The console's output queue (servers/console/output.c).
#include "servers/console/output.h"

#include <stdlib.h>

#include "tap.h"

static struct output output;

static const char *take_all(void)
{
    static char text[4 * OUTPUT_MAX];
    size_t n = 0;

    while (!output_empty(&output))
        text[n++] = output_take(&output);
    text[n] = '\0';
    return text;
}

static void test_order(void)
{
    ok(output_empty(&output), "a new queue is empty");
    ok(output_put(&output, "one ", 4) && output_put(&output, "two", 3), "bytes can be put");
    is_text(take_all(), "one two", "and come out in their order");
    output_put(&output, "a\nb\n\n", 5);
    is_text(take_all(), "a\r\nb\r\n\r\n", "a newline becomes carriage return and line feed");
    output_put(&output, "\r\n", 2);
    is_text(take_all(), "\r\r\n", "a carriage return of the program's own stays");
    output_put(&output, "", 0);
    ok(output_empty(&output), "nothing put is nothing there");
}

static void test_room(void)
{
    static char block[OUTPUT_MAX + 1];

    memset(block, 'x', sizeof(block));
    is((long)output_room(&output), OUTPUT_MAX, "an empty queue has OUTPUT_MAX bytes of room");
    ok(!output_put(&output, block, OUTPUT_MAX + 1), "more than fits is refused");
    ok(output_empty(&output), "as a whole");
    ok(output_put(&output, block, OUTPUT_MAX), "as much as fits is taken");
    ok(!output_put(&output, block, 1), "a full queue takes nothing");
    output_take(&output);
    ok(output_put(&output, "y", 1), "until a byte has left");
    while (!output_empty(&output))
        output_take(&output);
}

// Against a model: a plain string.
static void test_random(void)
{
    static char model[1 << 20], taken[1 << 21], piece[300];
    size_t put = 0, got = 0, want = 0;
    static char expanded[1 << 21];

    srand(2);
    while (put < sizeof(model) - sizeof(piece)) {
        size_t n = rand() % sizeof(piece);

        for (size_t i = 0; i < n; i++)
            piece[i] = "abc\n"[rand() % 4];
        if (output_put(&output, piece, n)) {
            memcpy(model + put, piece, n);
            put += n;
        }
        for (n = rand() % 400; n > 0 && !output_empty(&output); n--)
            taken[got++] = output_take(&output);
    }
    while (!output_empty(&output))
        taken[got++] = output_take(&output);
    for (size_t i = 0; i < put; i++) {
        if (model[i] == '\n')
            expanded[want++] = '\r';
        expanded[want++] = model[i];
    }
    is((long)got, (long)want, "random puts and takes: all that was put came out");
    ok(got == want && memcmp(taken, expanded, got) == 0, "unchanged and in order");
}

int main(void)
{
    test_order();
    test_room();
    test_random();
    return tap_end();
}
