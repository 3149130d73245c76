// SPDX-License-Identifier: BSD-2-Clause
// Output on its way to the serial line: a queue of bytes (output.c). Knows nothing of ports or
// hardware.
#ifndef CONSOLE_OUTPUT_H
#define CONSOLE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_MAX 16384

struct output {
    char data[OUTPUT_MAX]; // a ring
    size_t head, count;
    bool carriage_returned; // the newline at the head has had its carriage return
};

size_t output_room(const struct output *output);
// Appends all or nothing: false if there is no room.
bool output_put(struct output *output, const char *data, size_t size);
bool output_empty(const struct output *output);
// The next byte for the line, where a newline is two: carriage return, line feed. Not if empty.
char output_take(struct output *output);

#endif
