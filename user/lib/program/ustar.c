// SPDX-License-Identifier: BSD-2-Clause
// A ustar archive is a sequence of 512-byte blocks: a header, the file's data, the next header, …, and
// blocks of zeros. Every field is checked before it is believed.
#include <ustar.h>

#include <string.h>

#define BLOCK 512
#define MAGIC "ustar"

struct header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12]; // octal
    char mtime[12];
    char checksum[8]; // octal
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32], group[32], major[8], minor[8];
    char prefix[155];
    char rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

// The value of an octal field; 0 if it is not one.
static int octal(const char *field, size_t length, size_t *value)
{
    size_t i = 0;

    *value = 0;
    while (i < length && field[i] == ' ')
        i++;
    if (i == length || field[i] < '0' || field[i] > '7')
        return 0;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) {
        if (*value > ((size_t)-1 >> 3))
            return 0;
        *value = *value << 3 | (size_t)(field[i] - '0');
    }
    return i == length || field[i] == ' ' || field[i] == '\0';
}

// Sum of the header's bytes with blanks in place of the checksum.
static size_t sum(const struct header *header)
{
    const unsigned char *byte = (const unsigned char *)header;
    size_t first = offsetof(struct header, checksum), total = 0;

    for (size_t i = 0; i < BLOCK; i++)
        total += i >= first && i < first + sizeof(header->checksum) ? ' ' : byte[i];
    return total;
}

static int is_header(const struct header *header, size_t *size)
{
    size_t checksum;

    return memcmp(header->magic, MAGIC, sizeof(MAGIC) - 1) == 0 &&
           octal(header->checksum, sizeof(header->checksum), &checksum) &&
           checksum == sum(header) && octal(header->size, sizeof(header->size), size);
}

static void append(char *to, const char *from, size_t max)
{
    size_t length = strlen(to), n = 0;

    while (n < max && from[n] != '\0')
        n++;
    memcpy(to + length, from, n);
    to[length + n] = '\0';
}

static void full_name(const struct header *header, char *name)
{
    size_t skip = 0;

    name[0] = '\0';
    append(name, header->prefix, sizeof(header->prefix));
    if (name[0] != '\0')
        append(name, "/", 1);
    append(name, header->name, sizeof(header->name));
    if (name[0] == '.' && name[1] == '/')
        skip = 2;
    while (name[skip] == '/')
        skip++;
    memmove(name, name + skip, strlen(name + skip) + 1);
}

int ustar_next(const void *archive, size_t size, size_t *offset, struct ustar_file *file)
{
    while (*offset <= size && size - *offset >= BLOCK) {
        const struct header *header = (const void *)((const char *)archive + *offset);
        size_t length, left = size - *offset - BLOCK;

        if (!is_header(header, &length) || length > left)
            return 0;
        *offset += BLOCK + length;
        *offset += (BLOCK - *offset % BLOCK) % BLOCK;
        if (header->type == '0' || header->type == '\0') {
            full_name(header, file->name);
            file->data = header + 1;
            file->size = length;
            return 1;
        }
    }
    return 0;
}

int ustar_find(const void *archive, size_t size, const char *name, struct ustar_file *file)
{
    size_t offset = 0;

    while (ustar_next(archive, size, &offset, file))
        if (strcmp(file->name, name) == 0)
            return 1;
    return 0;
}
