// SPDX-License-Identifier: BSD-2-Clause
// A hash table of names. Looking up by port, which only happens when a port dies, walks it all.
#include "table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

static struct entry *bucket[BUCKETS];
static unsigned count;

static struct entry **bucket_of(const char *name)
{
    unsigned hash = 2166136261u; // FNV-1a

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &bucket[hash % BUCKETS];
}

struct entry *table_find(const char *name)
{
    for (struct entry *entry = *bucket_of(name); entry != NULL; entry = entry->next)
        if (strcmp(entry->name, name) == 0)
            return entry;
    return NULL;
}

struct entry *table_add(const char *name)
{
    struct entry **head = bucket_of(name);
    struct entry *entry = count < NAMES_MAX ? calloc(1, sizeof(*entry)) : NULL;

    if (entry == NULL)
        return NULL;
    strncpy(entry->name, name, sizeof(entry->name) - 1);
    entry->next = *head;
    *head = entry;
    count++;
    return entry;
}

void table_remove(struct entry *entry)
{
    struct entry **link = bucket_of(entry->name);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free(entry);
    count--;
}

struct entry *table_find_port(mach_port_t port)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct entry *entry = bucket[i]; entry != NULL; entry = entry->next)
            if (entry->port == port)
                return entry;
    return NULL;
}
