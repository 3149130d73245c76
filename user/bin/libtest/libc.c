// SPDX-License-Identifier: BSD-2-Clause
// The C library on top of libmach: memory, files, time.
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void test_memory(void)
{
    char *start = sbrk(0), *block;

    block = malloc(3000000);
    ok(block != NULL, "malloc of 3 MB");
    memset(block, 0x55, 3000000);
    ok(block[0] == 0x55 && block[2999999] == 0x55, "that can be written");
    free(block);
    ok((char *)sbrk(0) - start < 1000000, "free gives large memory back");
    errno = 0;
    ok(sbrk(0x7fffffff) == (void *)-1 && errno == ENOMEM, "more than there is: ENOMEM");
    errno = 0;
    ok(sbrk(-0x7fffffff) == (void *)-1 && errno == ENOMEM, "less than nothing: ENOMEM");
    start = sbrk(0);
    sbrk(1000000);
    sbrk(-1000000);
    ok(sbrk(0) == start, "the break goes up and down");
    block = sbrk(1000000);
    ok(block[0] == 0 && block[999999] == 0, "and what comes again is empty");
    sbrk(-1000000);
}

static void test_files(void)
{
    FILE *file = fopen("bin/libtest", "r");
    char magic[4] = "";

    ok(file != NULL && fread(magic, 1, 4, file) == 4 && memcmp(magic, "\177ELF", 4) == 0,
       "fopen reads a file of the archive");
    ok(file != NULL && fseek(file, 1, SEEK_SET) == 0 && fgetc(file) == 'E', "fseek");
    if (file != NULL)
        fclose(file);
    errno = 0;
    ok(fopen("no/such/file", "r") == NULL && errno == ENOENT, "no such file: ENOENT");
    errno = 0;
    ok(fopen("bin/libtest", "w") == NULL && errno == EROFS, "opened for writing: EROFS");
    errno = 0;
    ok(write(17, "x", 1) == -1 && errno == EBADF, "a descriptor that is not open: EBADF");
}

static void test_text(void)
{
    struct timeval now = {0, 0};
    char text[100];

    snprintf(text, sizeof(text), "%lld %.3f %s", 1234567890123LL, 2.5, "x");
    ok(strcmp(text, "1234567890123 2.500 x") == 0, "printf knows long long and double");
    ok(gettimeofday(&now, NULL) == 0 && now.tv_sec > 1700000000, "the calendar is past 2023");
}

void test_libc(void)
{
    unsigned names = count_names();

    test_memory();
    test_files();
    test_text();
    is((int)count_names(), (int)names, "the C library leaves no names behind");
}
