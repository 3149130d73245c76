// SPDX-License-Identifier: BSD-2-Clause
// The archive reader (user/lib/program/ustar.c): names, contents, and damaged archives.
#include <ustar.h>

#include <stdlib.h>

#include "tap.h"

#define BLOCK 512
static char archive[64 * BLOCK];
static size_t length;

static void set_checksum(char *header)
{
    unsigned sum = 0;

    memset(header + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
}

static char *add(const char *prefix, const char *name, char type, const char *data)
{
    char *header = archive + length;
    size_t size = strlen(data);

    memset(header, 0, BLOCK);
    strncpy(header, name, 100);
    strncpy(header + 345, prefix, 155);
    snprintf(header + 124, 12, "%011o", (unsigned)size);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    set_checksum(header);
    memcpy(header + BLOCK, data, size);
    length += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    return header;
}

static void fresh(void)
{
    memset(archive, 0, sizeof(archive));
    length = 0;
}

// The contents of a file as a string; null if there is none.
static const char *contents(const char *name)
{
    static char text[4096];
    struct ustar_file file;

    if (!ustar_find(archive, length + 2 * BLOCK, name, &file))
        return NULL;
    memcpy(text, file.data, file.size);
    text[file.size] = '\0';
    return text;
}

static void test_files(void)
{
    char name[101];

    fresh();
    add("", "bootstrap", '0', "first");
    add("", "bin/", '5', "");
    add("", "bin/lua", '0', "second");
    add("", "old", '\0', "third");
    add("", "./dotted", '0', "fourth");
    add("a/prefix", "name", '0', "fifth");
    add("", "empty", '0', "");
    memset(name, 'n', 100);
    name[100] = '\0';
    add("", name, '0', "long");
    is_text(contents("bootstrap"), "first", "the first file");
    is_text(contents("bin/lua"), "second", "a file behind a folder");
    is_text(contents("old"), "third", "a file of the old type");
    is_text(contents("dotted"), "fourth", "a leading ./ does not count");
    is_text(contents("a/prefix/name"), "fifth", "a name in two parts");
    is_text(contents("empty"), "", "an empty file");
    is_text(contents(name), "long", "a name that fills its field");
    is_text(contents("bin/"), NULL, "a folder is no file");
    is_text(contents("none"), NULL, "no file of that name");
    is_text(contents(""), NULL, "no file without a name");
}

static int count_files(size_t size)
{
    struct ustar_file file;
    size_t offset = 0;
    int count = 0;

    while (ustar_next(archive, size, &offset, &file))
        count++;
    return count;
}

static void test_damage(void)
{
    char *second;

    fresh();
    add("", "a", '0', "x");
    second = add("", "b", '0', "y");
    is(count_files(length), 2, "two files");
    is(count_files(length - BLOCK), 1, "a file that is cut off does not count");
    is(count_files(BLOCK - 1), 0, "nor half a header");
    second[0] = 'c';
    is(count_files(length), 1, "a header with a wrong checksum ends the archive");
    set_checksum(second);
    is(count_files(length), 2, "with the right one it is a file again");
    memcpy(second + 124, "77777777777", 11);
    set_checksum(second);
    is(count_files(length), 1, "a size beyond the archive ends it");
    memcpy(second + 124, "0000000x001", 11);
    set_checksum(second);
    is(count_files(length), 1, "so does a size that is no number");
    memcpy(second + 257, "nostar", 6);
    set_checksum(second);
    is(count_files(length), 1, "and a wrong magic word");
}

// Any single damage: nothing outside the archive is ever named.
static void test_fuzz(void)
{
    struct ustar_file file;
    int outside = 0;

    srand(3);
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(length);
        size_t offset = 0;

        memcpy(copy, archive, length);
        for (int j = rand() % 4; j >= 0; j--)
            copy[rand() % length] = (char)rand();
        while (ustar_next(copy, length, &offset, &file))
            outside += (const char *)file.data + file.size > copy + length;
        free(copy);
    }
    is(outside, 0, "20000 damaged archives: no file reaches out of its archive");
}

int main(void)
{
    test_files();
    test_damage();
    fresh();
    add("", "a", '0', "x");
    add("p", "b", '0', "yyy");
    add("", "c", '0', "");
    test_fuzz();
    return tap_end();
}
