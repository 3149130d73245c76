// SPDX-License-Identifier: BSD-2-Clause
// The boot command line: words, of which those that begin with "minato." concern us. The kernel reads
// none of them; programs get all of these as their environment.
#include "bootstrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS 1000000000u
#define TIMEOUT_MAX 1000000u // seconds

struct options options = {.run = "lua", .seed = 1};

// Seconds with an optional fraction ("10", "0.5") in nanoseconds; 0 if it is no such number.
static uint64_t parse_seconds(const char *text)
{
    uint64_t value = 0, unit = NS;

    if (*text < '0' || *text > '9')
        return 0;
    for (; *text >= '0' && *text <= '9' && value <= (uint64_t)TIMEOUT_MAX * NS; text++)
        value = value * 10 + (uint64_t)(*text - '0') * NS;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++) {
            unit /= 10;
            value += (uint64_t)(*text - '0') * unit;
        }
    return *text == '\0' && value <= (uint64_t)TIMEOUT_MAX * NS ? value : 0;
}

// The value in a word "key=value"; null if the word has another key.
static const char *value_of(const char *word, const char *key)
{
    size_t length = strlen(key);

    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool parse_seed(const char *text, unsigned *seed)
{
    char *end;

    errno = 0;
    *seed = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

// 1M … 2047M.
static bool is_megabytes(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    return *text >= '0' && *text <= '9' && strcmp(end, "M") == 0 && value > 0 && value < 2048;
}

static const char *parse_word(const char *word)
{
    static char wrong[160];
    const char *value;

    if ((value = value_of(word, "minato.run")) != NULL) {
        if (*value == '\0' || strlen(value) >= sizeof(options.run))
            return "minato.run= wants the name of a program";
        strcpy(options.run, value);
    } else if ((value = value_of(word, "minato.timeout")) != NULL) {
        options.limit = parse_seconds(value);
        if (options.limit == 0) {
            snprintf(wrong, sizeof(wrong),
                     "minato.timeout=%.60s: that must be a number of seconds above 0", value);
            return wrong;
        }
    } else if ((value = value_of(word, "minato.paging")) != NULL) {
        options.paging = is_megabytes(value);
        if (!options.paging) {
            snprintf(wrong, sizeof(wrong), "minato.paging=%.60s: that must be a size such as 64M",
                     value);
            return wrong;
        }
    } else if (value_of(word, "minato.quiet") != NULL) {
        options.quiet = true;
    } else if ((value = value_of(word, "minato.seed")) != NULL &&
               !parse_seed(value, &options.seed)) {
        snprintf(wrong, sizeof(wrong),
                 "minato.seed=%.60s: that must be a whole number from 0 to 4294967295", value);
        return wrong;
    }
    return NULL;
}

// Ends each word with a zero byte: every run of spaces is one. Returns the size of all.
static size_t split(char *line)
{
    char *to = line;

    for (const char *from = line; *from != '\0'; from++) {
        if (*from != ' ')
            *to++ = *from;
        else if (to > line && to[-1] != '\0')
            *to++ = '\0';
    }
    if (to == line || to[-1] != '\0')
        *to++ = '\0';
    return (size_t)(to - line);
}

const char *options_parse(char *line)
{
    const char *words = line, *first_wrong = NULL;
    size_t size = split(line);

    options.words = words;
    options.size = size;
    for (size_t at = 0; at < size;) {
        const char *wrong = parse_word(words + at);

        if (first_wrong == NULL)
            first_wrong = wrong;
        at += strlen(words + at) + 1;
    }
    return first_wrong;
}
