// SPDX-License-Identifier: BSD-2-Clause
// Compares the kernel's library functions (linked under kernel_* names) with the C library's and
// the compiler's, and the list of usable memory with a model of one bool per page. Prints TAP. Built
// by ../kernel-lib.t.
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib/assert.h"
#include "x86/boot.h"

void *kernel_memcpy(void *to, const void *from, size_t size);
void *kernel_memmove(void *to, const void *from, size_t size);
void *kernel_memset(void *to, int byte, size_t size);
int kernel_memcmp(const void *a, const void *b, size_t size);
size_t kernel_strlen(const char *s);
size_t kernel_strlcpy(char *to, const char *from, size_t size);
uint64_t kernel___udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
uint64_t kernel___udivdi3(uint64_t n, uint64_t d);
uint64_t kernel___umoddi3(uint64_t n, uint64_t d);
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

// A string of few different characters.
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
        char a[8], ours[8], theirs[8];
        unsigned max = below(8);

        words(a, 8);
        if (kernel_strlen(a) != strlen(a))
            return differ("strlen of \"%s\"", a);
        memset(ours, 'x', 8);
        memset(theirs, 'x', 8);
        snprintf(theirs, max, "%s", a);
        if (kernel_strlcpy(ours, a, max) != strlen(a)
            || memcmp(ours, theirs, max ? strlen(theirs) + 1 : 8) != 0)
            return differ("strlcpy of \"%s\" to %u bytes", a, max);
    }
    return true;
}

// A conversion with random flags, width and precision, around a value of every magnitude. A signed one
// has no width.
static bool formats(char letter)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        char format[40], ours[80], theirs[80];
        unsigned size = below(4) ? sizeof ours : below(12);
        unsigned long value = ((unsigned long)rand() << 1 ^ (unsigned long)rand()) >> below(32);
        int got, want;

        snprintf(format, sizeof format, "<%%%s%.*u%s%c>", below(2) && letter != 'd' ? "0" : "",
                 (int)below(2), below(3) && letter != 'd' ? below(24) + 1 : 0, below(2) ? "l" : "",
                 letter);
        memset(ours, 'x', sizeof ours);
        memset(theirs, 'x', sizeof theirs);
        got = kernel_snprintf(ours, size, format, value);
        want = snprintf(theirs, size, format, value);
        if (got != want || memcmp(ours, theirs, sizeof ours) != 0)
            return differ("%s of %lx, room %u: \"%.70s\" %d, want \"%.70s\" %d", format, value,
                          size, ours, got, theirs, want);
    }
    return true;
}

static bool text_formats(void)
{
    static const char *const forms[] = {"%s", "%10s|"};

    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[20], ours[64], theirs[64];
        const char *form = forms[below(2)];

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
    const char *form = "%%%d|%5u|%p|%ld|%s|%08lx";
    char *null = NULL;

    kernel_snprintf(ours, sizeof ours, form, -42, 42, ours, -7l, null, 0xabcdl);
    snprintf(theirs, sizeof theirs, form, -42, 42, ours, -7l, null, 0xabcdl);
    return strcmp(ours, theirs) == 0 ? true : differ("\"%s\", want \"%s\"", ours, theirs);
}

// ---- usable memory -------------------------------------------------------------------------

#define PAGES 512
#define PAGE 4096u

// What boot_memory_next finds, page by page: stretches ascending and apart, each as long as it can
// be.
static bool memory_agrees(const bool *model)
{
    uintptr_t start = 0, end = 0, at = 0;

    for (; boot_memory_next(&start, &end); start = end) {
        if (start % PAGE != 0 || end % PAGE != 0 || end <= start || end > PAGES * PAGE)
            return differ("a stretch from %lx to %lx", (long)start, (long)end);
        if (at > 0 && start == at)
            return differ("two stretches meet at %lx", (long)at);
        for (; at < start; at += PAGE)
            if (model[at / PAGE])
                return differ("%lx is missing", (long)at);
        for (; at < end; at += PAGE)
            if (!model[at / PAGE])
                return differ("%lx is said to be usable", (long)at);
    }
    for (; at < PAGES * PAGE; at += PAGE)
        if (model[at / PAGE])
            return differ("%lx is missing", (long)at);
    return true;
}

// The list cannot be emptied: each round is a process of its own.
static bool memory_round(unsigned round)
{
    static bool said[PAGES], denied[PAGES], model[PAGES];

    srand(round);
    for (unsigned step = 0; step < 60; step++) {
        uintptr_t start = below(PAGES * PAGE), end = start + below(30 * PAGE) + !below(20);
        bool usable = below(3) != 0;

        if (end > PAGES * PAGE)
            end = PAGES * PAGE;
        boot_memory_add(start, end, usable);
        for (uintptr_t at = 0; at < PAGES * PAGE; at += PAGE) {
            if (usable && at >= start && at + PAGE <= end)
                said[at / PAGE] = true;
            if (!usable && at + PAGE > start && at < end)
                denied[at / PAGE] = true;
            model[at / PAGE] = said[at / PAGE] && !denied[at / PAGE];
        }
        if (!memory_agrees(model))
            return false;
    }
    return true;
}

static bool memory_follows_model(void)
{
    for (unsigned round = 0; round < 200; round++) {
        int status;
        pid_t child = fork();

        if (child == 0)
            _exit(!memory_round(round));
        if (waitpid(child, &status, 0) != child || status != 0) {
            memory_round(round); // again, for its complaint
            return false;
        }
    }
    return true;
}

static bool memory_refuses_too_many(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        for (unsigned i = 0; i < 1000; i++)
            boot_memory_add(2 * i * PAGE, (2 * i + 1) * PAGE, true);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 3 << 8)
        return differ("status %x", status);
    return true;
}

// ---- division of 64 bits -------------------------------------------------------------------

// Powers of two and their neighbours, or random bits of random length.
static uint64_t operand(void)
{
    uint64_t random = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

    if (below(2) == 0)
        return (1ull << below(64)) + below(3) - 1;
    return random >> below(64);
}

static bool divides(uint64_t n, uint64_t d)
{
    uint64_t rest, quotient = kernel___udivmoddi4(n, d, &rest);

    if (quotient == n / d && rest == n % d && kernel___udivdi3(n, d) == n / d &&
        kernel___umoddi3(n, d) == n % d && kernel___udivmoddi4(n, d, NULL) == n / d)
        return true;
    return differ("%llu / %llu is not %llu, rest %llu", (unsigned long long)n, (unsigned long long)d,
                  (unsigned long long)quotient, (unsigned long long)rest);
}

static bool divisions(void)
{
    static const uint64_t edges[] = {0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF,
                                     0x100000000, 0x100000001, 0x1FFFFFFFF, 0x7FFFFFFFFFFFFFFF,
                                     0x8000000000000000, 0xFFFFFFFF00000000, UINT64_MAX - 1, UINT64_MAX};
    enum { EDGES = sizeof edges / sizeof edges[0] };

    for (unsigned i = 0; i < EDGES * EDGES; i++)
        if (edges[i % EDGES] != 0 && !divides(edges[i / EDGES], edges[i % EDGES]))
            return false;
    for (unsigned i = 0; i < 10 * ROUNDS; i++) {
        uint64_t d = operand();

        if (d != 0 && !divides(operand(), d))
            return false;
    }
    return true;
}

// ---- what the kernel provides --------------------------------------------------------------

void console_putc(char c)
{
    (void)c;
}

void panic(const char *format, ...)
{
    (void)format;
    _exit(3);
}

int main(void)
{
    srand(1);
    printf("1..11\n");
    point(copies(), "memcpy and memmove copy what the C library's do, overlapping or not");
    point(fills(), "memset fills what the C library's does, and no more");
    point(comparisons(), "memcmp has the C library's sign");
    point(strings(), "strlen and strlcpy agree with the C library's");
    point(formats('d'), "signed integers print as the C library prints them");
    point(formats('u') && formats('x'), "unsigned integers print as the C library prints them");
    point(text_formats(), "strings print as the C library prints them");
    point(mixed_formats(), "a format may mix conversions");
    point(divisions(), "quotients and rests of 64 bits are the compiler's own");
    point(memory_follows_model(), "usable memory is what a model of pages says");
    point(memory_refuses_too_many(), "a memory map in too many pieces is refused");
    return failures != 0;
}
