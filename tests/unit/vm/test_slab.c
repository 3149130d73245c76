// SPDX-License-Identifier: BSD-2-Clause
// Rule: slabs hand out memory that nobody else has, count it, give pages back, and (in the debug
// build) stop at misuse.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "fake.h"
#include "lib/slab.h"
#include "tap.h"
#include "vm/page.h"

#define OBJECTS 3000

static unsigned char *memory[OBJECTS];
static unsigned sizes[OBJECTS];

// Random allocations and releases of `size(…)` bytes; each is filled with its number while it
// lives.
static void churn(unsigned largest)
{
    for (int step = 0; step < 40000; step++) {
        unsigned i = (unsigned)rand() % OBJECTS;

        if (memory[i] == NULL) {
            sizes[i] = 1 + (unsigned)rand() % largest;
            memory[i] = kmalloc(sizes[i]);
            CHECK(memory[i] != NULL && ((uintptr_t)memory[i] & 7) == 0);
            if (memory[i] != NULL)
                memset(memory[i], (int)i & 255, sizes[i]);
            continue;
        }
        for (unsigned n = 0; n < sizes[i]; n += 1 + sizes[i] / 16)
            CHECK_EQ(memory[i][n], i & 255);
        kfree(memory[i]);
        memory[i] = NULL;
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        kfree(memory[i]);
        memory[i] = NULL;
    }
}

static void test_sizes(void)
{
    struct resources before = resources_now();

    churn(300);
    check_resources(before);
    tap_rule("small kmallocs keep their contents and all comes back");
    churn(2100);
    check_resources(before);
    tap_rule("kmallocs up to half a page, likewise");
    for (unsigned size = 2041; size <= 128 << 10; size += 1777) {
        char *p = kmalloc(size);

        CHECK(p != NULL);
        memset(p, 1, size);
        CHECK(slab_bytes_in_use() >= before.bytes + size);
        kfree(p);
    }
    CHECK(kmalloc((4 << 20) + 1) == NULL);
    CHECK(kmalloc(~(size_t)0) == NULL);
    kfree(NULL);
    check_resources(before);
    tap_rule("large kmallocs take whole pages, up to 4 MiB");
    char *zero = kzalloc(777);
    for (int i = 0; i < 777; i++)
        CHECK_EQ(zero[i], 0);
    kfree(zero);
    tap_rule("kzalloc clears");
}

static void test_exhaustion(void)
{
    struct slab_cache cache = SLAB_CACHE(cache, "exhaustion", 1000);
    struct resources before = resources_now();
    struct list kept;
    struct list *object;
    unsigned count = 0;

    list_init(&kept);
    while ((object = slab_alloc(&cache)) != NULL) {
        list_insert_tail(&kept, object);
        count++;
    }
    CHECK_EQ(pages_free, 32); // of the servers
    CHECK_EQ(cache.in_use, count);
    CHECK(kmalloc(5000) == NULL && kmalloc(100) == NULL);
    while ((object = list_pop(&kept)) != NULL)
        slab_free(&cache, object);
    CHECK_EQ(cache.in_use, 0);
    check_resources(before);
    CHECK(list_empty(&cache.partial)); // every page has gone back
    tap_rule("when memory is short slab_alloc says NULL, and works again afterwards");
}

#ifdef DEBUG
static void double_free(void)
{
    char *p = kmalloc(40);

    kfree(p);
    kfree(p);
}
static void write_past_end(void)
{
    char *p = kmalloc(48);

    p[48] = 1;
    kfree(p);
}
static void write_after_free(void)
{
    char *p = kmalloc(40), *keep = kmalloc(40);

    kfree(p);
    p[8] = 1;
    p = kmalloc(40);
    printf("# %p %p\n", (void *)p, (void *)keep);
}

// Runs `misuse` in a process of its own, which must panic.
static void expect_panic(void (*misuse)(void), const char *rule)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        fake_expect_panic = true;
        misuse();
        _Exit(0);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 3);
    tap_rule(rule);
}

static void test_misuse(void)
{
    expect_panic(double_free, "debug build: a double free stops the machine");
    expect_panic(write_past_end, "debug build: a write past the end is found at the release");
    expect_panic(write_after_free, "debug build: a write after the release is found");
}
#else
static void test_misuse(void)
{
}
#endif

int main(void)
{
    fake_boot(16, 0);
    srand(1);
    test_sizes();
    test_exhaustion();
    test_misuse();
    return tap_done();
}
