// SPDX-License-Identifier: BSD-2-Clause
// Formatted text (printf.h). An unknown conversion is printed as it stands.
//
// Characters go to a struct out, which either fills a buffer or feeds the console.
#include "lib/printf.h"
#include <stdint.h>
#include "lib/string.h"

struct out {
    char *buffer;  // NULL: to the console
    size_t size;   // of the buffer
    size_t length; // put so far, or that would have been
};

static void put(struct out *out, char c)
{
    if (out->buffer == NULL)
        console_putc(c);
    else if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_text(struct out *out, int width, char padding, const char *text, size_t length)
{
    for (; width > (int)length; width--)
        put(out, padding);
    for (; length > 0; length--)
        put(out, *text++);
}

static void put_number(struct out *out, int width, char padding, uint32_t value, unsigned base)
{
    char text[12];
    char *at = text + sizeof text;

    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    put_text(out, width, padding, at, (size_t)(text + sizeof text - at));
}

// One conversion, `format` after its %; returns what follows it.
static const char *put_conversion(struct out *out, const char *format, va_list *args)
{
    const char *begin = format;
    const char *text;
    char padding = *format == '0' ? '0' : ' ';
    int width = 0, number;

    for (; *format >= '0' && *format <= '9'; format++)
        width = width * 10 + (*format - '0');
    if (*format == 'l') // as long as an int
        format++;
    switch (*format) {
    case 'd':
        number = va_arg(*args, int);
        if (number < 0)
            put(out, '-');
        put_number(out, width, padding, number < 0 ? -(uint32_t)number : (uint32_t)number, 10);
        break;
    case 'u': put_number(out, width, padding, va_arg(*args, uint32_t), 10); break;
    case 'x': put_number(out, width, padding, va_arg(*args, uint32_t), 16); break;
    case 'p':
        put_text(out, 0, ' ', "0x", 2);
        put_number(out, width, padding, va_arg(*args, uintptr_t), 16);
        break;
    case 's':
        text = va_arg(*args, const char *);
        text = text == NULL ? "(null)" : text;
        put_text(out, width, ' ', text, strlen(text));
        break;
    case '%': put(out, '%'); break;
    default:
        put(out, '%');
        return begin;
    }
    return format + 1;
}

static void format_to(struct out *out, const char *format, va_list args)
{
    while (*format != '\0') {
        if (*format == '%')
            format = put_conversion(out, format + 1, &args);
        else
            put(out, *format++);
    }
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    struct out out = {buffer, size, 0};
    va_list args;

    va_start(args, format);
    format_to(&out, format, args);
    va_end(args);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

void vprintf(const char *format, va_list args)
{
    format_to(&(struct out){NULL, 0, 0}, format, args);
}

void printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}
