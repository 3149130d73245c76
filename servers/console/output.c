// SPDX-License-Identifier: BSD-2-Clause
// A ring of bytes. Newlines grow to two bytes only when they are taken, so that "room" is in the
// caller's units.
#include "output.h"

size_t output_room(const struct output *output)
{
    return OUTPUT_MAX - output->count;
}

bool output_put(struct output *output, const char *data, size_t size)
{
    if (size > output_room(output))
        return false;
    for (size_t i = 0; i < size; i++)
        output->data[(output->head + output->count + i) % OUTPUT_MAX] = data[i];
    output->count += size;
    return true;
}

bool output_empty(const struct output *output)
{
    return output->count == 0;
}

char output_take(struct output *output)
{
    char c = output->data[output->head];

    if (c == '\n' && !output->carriage_returned) {
        output->carriage_returned = true;
        return '\r';
    }
    output->carriage_returned = false;
    output->head = (output->head + 1) % OUTPUT_MAX;
    output->count--;
    return c;
}
