// SPDX-License-Identifier: BSD-2-Clause
// Compares the kernel's library functions (linked under kernel_* names) with the C library's, and
// the region lists with a model of one bool per address. Prints TAP. Built by ../kernel-lib.t.
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "x86/regions.h"

void *kernel_memcpy(void *to, const void *from, size_t size);
void *kernel_memmove(void *to, const void *from, size_t size);
void *kernel_memset(void *to, int byte, size_t size);
int kernel_memcmp(const void *a, const void *b, size_t size);
size_t kernel_strlen(const char *s);
size_t kernel_strnlen(const char *s, size_t max);
int kernel_strcmp(const char *a, const char *b);
int kernel_strncmp(const char *a, const char *b, size_t max);
size_t kernel_strlcpy(char *to, const char *from, size_t size);
int kernel_snprintf(char *buffer, size_t size, const char *format, ...);

#define ROUNDS 20000
#define SIZE 300

static unsigned points, failures;
static char complaint[512];

// One TAP point; the complaint of the first failed round explains it.
static void point(bool ok, const char *rule)
{
    printf("%sok %u - %s\n", ok ? "" : "not ", ++points, rule);
    if (!ok) {
        printf("# %s\n", complaint);
        failures++;
    }
}

static bool differ(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(complaint, sizeof complaint, format, args);
    va_end(args);
    return false;
}

static unsigned below(unsigned limit)
{
    return (unsigned)rand() % limit;
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void fill(uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)rand();
}

static bool copies(void)
{
    static uint8_t ours[SIZE], theirs[SIZE];

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned size = below(100), to = below(200), from = below(200);

        fill(ours, SIZE);
        memcpy(theirs, ours, SIZE);
        if (kernel_memmove(ours + to, ours + from, size) != ours + to)
            return differ("memmove does not return its first argument");
        memmove(theirs + to, theirs + from, size);
        if (memcmp(ours, theirs, SIZE) != 0)
            return differ("memmove of %u bytes from %u to %u", size, from, to);
        if (to + size <= from || from + size <= to) {
            kernel_memcpy(ours + from, ours + to, size);
            memcpy(theirs + from, theirs + to, size);
            if (memcmp(ours, theirs, SIZE) != 0)
                return differ("memcpy of %u bytes from %u to %u", size, to, from);
        }
    }
    return true;
}

static bool fills(void)
{
    static uint8_t ours[SIZE], theirs[SIZE];

    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned size = below(100), to = below(200);
        int byte = rand();

        fill(ours, SIZE);
        memcpy(theirs, ours, SIZE);
        kernel_memset(ours + to, byte, size);
        memset(theirs + to, byte, size);
        if (memcmp(ours, theirs, SIZE) != 0)
            return differ("memset of %u bytes at %u to %d", size, to, byte);
    }
    return true;
}

static bool comparisons(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t a[20], b[20];
        unsigned size = below(20);

        fill(a, 20);
        memcpy(b, a, 20);
        if (below(4))
            b[below(20)] = (uint8_t)rand();
        if (sign(kernel_memcmp(a, b, size)) != sign(memcmp(a, b, size)))
            return differ("memcmp of %u bytes", size);
    }
    return true;
}

// A string of few different characters, so that equal beginnings are common.
static void words(char *text, unsigned size)
{
    unsigned length = below(size);

    for (unsigned i = 0; i < length; i++)
        text[i] = "ab\xff"[below(3)];
    text[length] = '\0';
}

static bool strings(void)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        char a[8], b[8], ours[8], theirs[8];
        unsigned max = below(8);

        words(a, 8);
        words(b, 8);
        if (kernel_strlen(a) != strlen(a) || kernel_strnlen(a, max) != strnlen(a, max))
            return differ("strlen or strnlen of \"%s\", %u", a, max);
        if (sign(kernel_strcmp(a, b)) != sign(strcmp(a, b)))
            return differ("strcmp of \"%s\" and \"%s\"", a, b);
        if (sign(kernel_strncmp(a, b, max)) != sign(strncmp(a, b, max)))
            return differ("strncmp of \"%s\" and \"%s\", %u", a, b, max);
        memset(ours, 'x', 8);
        memset(theirs, 'x', 8);
        snprintf(theirs, max, "%s", a);
        if (kernel_strlcpy(ours, a, max) != strlen(a)
            || memcmp(ours, theirs, max ? strlen(theirs) + 1 : 8) != 0)
            return differ("strlcpy of \"%s\" to %u bytes", a, max);
    }
    return true;
}

// A conversion with random flags, width and precision, around a value of every magnitude.
static bool formats(const char *letters, unsigned longs)
{
    static const char *const flags[] = {"", "-", "0", "-0"};

    for (unsigned round = 0; round < ROUNDS; round++) {
        char format[40], ours[80], theirs[80];
        unsigned size = below(4) ? sizeof ours : below(12);
        unsigned long long value = ((unsigned long long)rand() << 33 ^ (unsigned)rand() << 1
                                    ^ (unsigned)rand()) >> below(64);
        char precision[8] = "";
        int got, want;

        if (!below(3))
            snprintf(precision, sizeof precision, ".%u", below(12));
        snprintf(format, sizeof format, "<%%%s%.*u%s%s%c>", flags[below(4)], (int)below(2),
                 below(3) ? below(24) + 1 : 0, precision, &"ll"[2 - longs],
                 letters[below((unsigned)strlen(letters))]);
        memset(ours, 'x', sizeof ours);
        memset(theirs, 'x', sizeof theirs);
        if (longs == 2) {
            got = kernel_snprintf(ours, size, format, value);
            want = snprintf(theirs, size, format, value);
        } else {
            got = kernel_snprintf(ours, size, format, (unsigned long)value);
            want = snprintf(theirs, size, format, (unsigned long)value);
        }
        if (got != want || memcmp(ours, theirs, sizeof ours) != 0)
            return differ("%s of %llx, room %u: \"%.70s\" %d, want \"%.70s\" %d", format, value,
                          size, ours, got, theirs, want);
    }
    return true;
}

static bool text_formats(void)
{
    static const char *const forms[] = {"%s", "%10s|", "%-10s|", "%.3s|", "%8.2s|", "%-8.2s|"};

    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[20], ours[64], theirs[64];
        const char *form = forms[below(6)];

        words(text, 20);
        kernel_snprintf(ours, sizeof ours, form, text);
        snprintf(theirs, sizeof theirs, form, text);
        if (strcmp(ours, theirs) != 0)
            return differ("%s: \"%s\", want \"%s\"", form, ours, theirs);
    }
    return true;
}

static bool mixed_formats(void)
{
    char ours[200], theirs[200];
    const char *form = "%c%%%*d|%-*s|%.*s|%p|%zu|%llu|%ld|%s";
    char *null = NULL;

    kernel_snprintf(ours, sizeof ours, form, 'q', 5, -42, 6, "ab", 2, "xyz", ours, sizeof ours,
                    1ull << 63, -7l, null);
    snprintf(theirs, sizeof theirs, form, 'q', 5, -42, 6, "ab", 2, "xyz", ours, sizeof ours,
             1ull << 63, -7l, null);
    return strcmp(ours, theirs) == 0 ? true : differ("\"%s\", want \"%s\"", ours, theirs);
}

#define SPACE 512

// Is the list ascending, its ranges apart, and does it hold exactly what the model holds?
static bool regions_agree(const struct regions *list, const bool *model)
{
    unsigned at = 0;

    for (unsigned i = 0; i < list->count; i++) {
        if (list->at[i].start < at + (i > 0) || list->at[i].end <= list->at[i].start)
            return differ("range %u is empty, or not apart from the one before", i);
        for (; at < list->at[i].start; at++) {
            if (model[at])
                return differ("%u is missing", at);
        }
        for (; at < list->at[i].end; at++) {
            if (!model[at])
                return differ("%u is in the list", at);
        }
    }
    for (; at < SPACE; at++) {
        if (model[at])
            return differ("%u is missing", at);
    }
    return true;
}

static bool regions_follow_model(void)
{
    for (unsigned round = 0; round < ROUNDS / 10; round++) {
        static bool model[SPACE];
        struct regions list = {0};

        memset(model, 0, sizeof model);
        for (unsigned step = 0; step < 30; step++) { // too few to overflow the list
            unsigned start = below(SPACE), end = start + below(40);
            bool add = below(3) != 0;

            end = end < SPACE ? end : SPACE;
            (add ? regions_add : regions_cut)(&list, start, end);
            for (unsigned i = start; i < end; i++)
                model[i] = add;
            if (!regions_agree(&list, model))
                return false;
        }
    }
    return true;
}

static bool regions_align_inwards(void)
{
    struct regions list = {0};

    regions_add(&list, 1, 8);     // nothing whole in it
    regions_add(&list, 9, 33);    // 16 … 32
    regions_add(&list, 48, 64);   // as it is
    regions_add(&list, 0xFFFFFFF5, 0xFFFFFFFF); // rounding its start up would wrap
    regions_align(&list, 16);
    if (list.count != 2 || list.at[0].start != 16 || list.at[0].end != 32 || list.at[1].start != 48
        || list.at[1].end != 64)
        return differ("%u ranges, the first %u to %u", list.count, (unsigned)list.at[0].start,
                      (unsigned)list.at[0].end);
    return true;
}

static bool regions_drop_smallest(void)
{
    struct regions list = {0};

    for (unsigned i = 0; i < 100; i++)
        regions_add(&list, i * 1000, i * 1000 + 10 + (i * 37) % 100);
    if (list.count != BOOT_REGIONS_MAX)
        return differ("%u ranges", list.count);
    // The sizes are 10 … 109, each once: the 32 largest must be there.
    for (unsigned i = 0; i < list.count; i++) {
        if (list.at[i].end - list.at[i].start < 110 - BOOT_REGIONS_MAX)
            return differ("range %u was kept, of %u bytes", i,
                          (unsigned)(list.at[i].end - list.at[i].start));
    }
    if (regions_total(&list) + list.dropped != 100 * 10 + 99 * 100 / 2)
        return differ("%u bytes kept and %u dropped", (unsigned)regions_total(&list),
                      (unsigned)list.dropped);
    return true;
}

int main(void)
{
    srand(1);
    printf("1..11\n");
    point(copies(), "memcpy and memmove copy what the C library's do, overlapping or not");
    point(fills(), "memset fills what the C library's does, and no more");
    point(comparisons(), "memcmp has the C library's sign");
    point(strings(), "strlen, strnlen, strcmp, strncmp, strlcpy agree with the C library's");
    point(formats("diuxXo", 1), "integers print as the C library prints them");
    point(formats("diuxXo", 2), "64-bit integers print as the C library prints them");
    point(text_formats(), "strings print as the C library prints them");
    point(mixed_formats(), "a format may mix conversions, and take widths as arguments");
    point(regions_follow_model(), "adding and cutting ranges agrees with a model of addresses");
    point(regions_align_inwards(), "ranges are aligned inwards, and empty ones go");
    point(regions_drop_smallest(), "a full list gives up its smallest range and counts the loss");
    return failures != 0;
}
