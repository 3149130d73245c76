// SPDX-License-Identifier: BSD-2-Clause
// Circular doubly linked lists, threaded through the objects that they hold.
//
// A `struct list` is either the head of a list or a link inside an object; an object that is on no
// list has a link that points to itself, so removing twice is harmless and `list_empty(&obj->link)`
// asks "is it on a list?". Read next: tree.h, for what must be found by key.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define container_of(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

// Walks a list front to back; the body must not remove `link` (use list_for_each_safe for that).
#define list_for_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)
#define list_for_each_safe(link, head)                                                        \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);         \
         link = link##_next, link##_next = link->next)

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

// Inserts `l` just before `where`; before a head that is the tail of the list.
static inline void list_insert_before(struct list *where, struct list *l)
{
    l->next = where;
    l->prev = where->prev;
    where->prev->next = l;
    where->prev = l;
}

static inline void list_insert_tail(struct list *head, struct list *l)
{
    list_insert_before(head, l);
}

static inline void list_insert_head(struct list *head, struct list *l)
{
    list_insert_before(head->next, l);
}

static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

// Takes the first link off the list; NULL when it is empty.
static inline struct list *list_pop(struct list *head)
{
    struct list *l = head->next;

    if (l == head)
        return NULL;
    list_remove(l);
    return l;
}
