// SPDX-License-Identifier: BSD-2-Clause
// Formatted text: %d %i %u %x %X %o %c %s %p %%, with flags - and 0, width and precision (numbers
// or *), lengths h, l, ll and z. An unknown conversion is printed as it stands.
//
// Characters go to a struct out, which either fills a buffer or feeds the console's sink.
#include "lib/printf.h"
#include <stdbool.h>
#include <stdint.h>
#include "lib/string.h"

struct out {
    char *buffer; // NULL: to the sink
    size_t size;  // of the buffer
    size_t length; // put so far, or that would have been
};

struct conversion {
    bool left, zero;
    int width;
    int precision; // -1: none given
    int longs;     // 0: int, 1: long, 2: long long
};

static void (*sink)(char c);

void printf_set_sink(void (*put)(char c))
{
    sink = put;
}

static void put(struct out *out, char c)
{
    if (!out->buffer) {
        if (sink)
            sink(c);
    } else if (out->length + 1 < out->size) {
        out->buffer[out->length] = c;
    }
    out->length++;
}

static void put_repeated(struct out *out, char c, int count)
{
    for (; count > 0; count--)
        put(out, c);
}

static void put_text(struct out *out, const struct conversion *c, const char *text, size_t length)
{
    int padding = c->width - (int)length;

    if (!c->left)
        put_repeated(out, ' ', padding);
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    if (c->left)
        put_repeated(out, ' ', padding);
}

static void put_string(struct out *out, const struct conversion *c, const char *text)
{
    if (!text)
        text = "(null)";
    put_text(out, c, text, strnlen(text, c->precision < 0 ? SIZE_MAX : (size_t)c->precision));
}

// `sign` is a prefix that goes before the zeros: "", "-", "0x".
static void put_number(struct out *out, const struct conversion *c, uint64_t value, unsigned base,
                       const char *digits, const char *sign)
{
    char text[24];
    char *at = text + sizeof text;
    int length, zeros;

    for (; value; value /= base)
        *--at = digits[value % base];
    length = (int)(text + sizeof text - at);
    zeros = (c->precision < 0 ? 1 : c->precision) - length;
    if (c->precision < 0 && c->zero && !c->left
        && zeros < c->width - length - (int)strlen(sign))
        zeros = c->width - length - (int)strlen(sign);
    if (zeros < 0)
        zeros = 0;

    int padding = c->width - length - zeros - (int)strlen(sign);

    if (!c->left)
        put_repeated(out, ' ', padding);
    for (; *sign; sign++)
        put(out, *sign);
    put_repeated(out, '0', zeros);
    for (; length > 0; length--)
        put(out, *at++);
    if (c->left)
        put_repeated(out, ' ', padding);
}

// va_list by pointer, so that the caller's moves on.
struct arguments {
    va_list list;
};

static uint64_t unsigned_argument(struct arguments *args, int longs)
{
    if (longs >= 2)
        return va_arg(args->list, unsigned long long);
    return longs == 1 ? va_arg(args->list, unsigned long) : va_arg(args->list, unsigned);
}

static void put_signed(struct out *out, const struct conversion *c, struct arguments *args)
{
    int64_t value;

    if (c->longs >= 2)
        value = va_arg(args->list, long long);
    else
        value = c->longs == 1 ? va_arg(args->list, long) : va_arg(args->list, int);
    put_number(out, c, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, "0123456789",
               value < 0 ? "-" : "");
}

static int number_parse(const char **format, struct arguments *args)
{
    int number = 0;

    if (**format == '*') {
        ++*format;
        return va_arg(args->list, int);
    }
    while (**format >= '0' && **format <= '9')
        number = number * 10 + (*(*format)++ - '0');
    return number;
}

static struct conversion conversion_parse(const char **format, struct arguments *args)
{
    struct conversion c = {.precision = -1};

    for (;; ++*format) {
        if (**format == '-')
            c.left = true;
        else if (**format == '0')
            c.zero = true;
        else
            break;
    }
    c.width = number_parse(format, args);
    if (c.width < 0) {
        c.left = true;
        c.width = -c.width;
    }
    if (**format == '.') {
        ++*format;
        c.precision = number_parse(format, args);
    }
    for (; **format == 'l' || **format == 'h' || **format == 'z'; ++*format)
        c.longs += **format == 'l';
    return c;
}

// One conversion, `format` after its %; returns what follows it.
static const char *put_conversion(struct out *out, const char *format, struct arguments *args)
{
    const char *begin = format;
    struct conversion c = conversion_parse(&format, args);

    switch (*format) {
    case 'd':
    case 'i': put_signed(out, &c, args); break;
    case 'u': put_number(out, &c, unsigned_argument(args, c.longs), 10, "0123456789", ""); break;
    case 'o': put_number(out, &c, unsigned_argument(args, c.longs), 8, "01234567", ""); break;
    case 'x':
        put_number(out, &c, unsigned_argument(args, c.longs), 16, "0123456789abcdef", "");
        break;
    case 'X':
        put_number(out, &c, unsigned_argument(args, c.longs), 16, "0123456789ABCDEF", "");
        break;
    case 'p':
        put_number(out, &c, (uintptr_t)va_arg(args->list, void *), 16, "0123456789abcdef", "0x");
        break;
    case 's': put_string(out, &c, va_arg(args->list, const char *)); break;
    case 'c': put_text(out, &c, &(char){(char)va_arg(args->list, int)}, 1); break;
    case '%': put(out, '%'); break;
    default:
        put(out, '%');
        return begin;
    }
    return format + 1;
}

static void format_to(struct out *out, const char *format, va_list list)
{
    struct arguments args;

    va_copy(args.list, list);
    while (*format) {
        if (*format == '%')
            format = put_conversion(out, format + 1, &args);
        else
            put(out, *format++);
    }
    va_end(args.list);
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    char none;
    struct out out = {size ? buffer : &none, size, 0};

    format_to(&out, format, args);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}

void vprintf(const char *format, va_list args)
{
    struct out out = {NULL, 0, 0};

    format_to(&out, format, args);
}

void printf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}
