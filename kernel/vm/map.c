// SPDX-License-Identifier: BSD-2-Clause
// Operations on address maps, each in the same three steps: check every argument and every entry
// concerned; get what memory is needed (cutting entries at the edges, which nobody can see); then
// change things, which cannot fail. Read first: map.h. Read next: entry.c for the entries, fault.c
// for what happens at an access, copy.c for memory in messages.
#include "vm/map.h"
#include "mach_host_server.h"
#include "mach_server.h"
#include "kern/ledger.h"
#include "kern/sched.h"
#include "vm/copy.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "x86/cpu.h"

#define FORK_STRIDE 32 // entries copied between two preemption points

struct slab_cache vm_map_cache = SLAB_CACHE(vm_map_cache, "address map", sizeof(struct vm_map));

// ---- life ----------------------------------------------------------------------------------

struct vm_map *vm_map_create(void)
{
    struct vm_map *map = slab_alloc(&vm_map_cache);

    if (map == NULL)
        return NULL;
    if (!pmap_init(&map->pmap)) {
        slab_free(&vm_map_cache, map);
        return NULL;
    }
    map->refs = 1;
    map->alive = true;
    map->stays = false;
    map_entries_init(map);
    return map;
}

bool vm_map_pay(struct vm_map *map, struct ledger *ledger)
{
    map->ledger = ledger;
    return map_can_pay(map, 0);
}

void vm_map_shutdown(struct vm_map *map)
{
    vm_offset_t start = 0;

    map->alive = false;
    while (map_remove_some(map, &start, VM_MAX_ADDRESS))
        sched_point();
}

void vm_map_free(struct vm_map *map)
{
    vm_map_shutdown(map);
    if (map->entries_paid > 0) // else the ledger may be gone
        ledger_credit(map->ledger, MINATO_LIMIT_MAP_ENTRIES, map->entries_paid);
    pmap_destroy(&map->pmap);
    slab_free(&vm_map_cache, map);
}

// ---- allocate and enter --------------------------------------------------------------------

// Where `size` bytes, a page multiple, are entered: at *address, or if `anywhere` at the first gap
// from there on.
static kern_return_t find_place(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                                vm_offset_t mask, bool anywhere)
{
    *address = trunc_page(*address);
    if (size > VM_MAX_ADDRESS)
        return anywhere ? KERN_NO_SPACE : KERN_INVALID_ADDRESS;
    if (!map_can_pay(map, 1))
        return KERN_RESOURCE_SHORTAGE;
    if (anywhere)
        return map_find_space(map, *address, size, mask, address);
    if (*address < VM_MIN_ADDRESS || *address >= VM_MAX_ADDRESS || size > VM_MAX_ADDRESS - *address)
        return KERN_INVALID_ADDRESS;
    return (*address & mask) != 0 ? KERN_INVALID_ARGUMENT : KERN_SUCCESS;
}

static bool inheritance_valid(vm_inherit_t inheritance)
{
    return inheritance >= 0 && inheritance <= VM_INHERIT_LAST_VALID;
}

// Makes an entry like `like` of fresh memory: more of what is below if that is alike.
static kern_return_t enter_fresh(struct vm_map *map, const struct vm_map_entry *like,
                                 vm_offset_t start, vm_offset_t end)
{
    struct vm_map_entry *e;
    struct room room;

    if (!map_room_at(map, start, end, &room))
        return KERN_NO_SPACE;
    e = room.below;
    if (e == NULL || e->end != start || !entries_alike(e, like) || !entry_extend(map, e, end)) {
        if ((e = entry_create(like, start, end)) == NULL)
            return KERN_RESOURCE_SHORTAGE;
        entry_insert_into(map, e, &room);
    }
    if (room.met)
        entry_join(map, e);
    map->hint = e; // it will be touched soon
    return KERN_SUCCESS;
}

// The object that a new entry is to show, with a reference, and the offset in it.
static kern_return_t object_to_enter(struct vm_object **object, vm_offset_t *offset, vm_size_t size,
                                     bool copy)
{
    struct vm_object *o = *object;

    if (*offset > VM_MAX_ADDRESS || size > VM_MAX_ADDRESS - *offset)
        return KERN_INVALID_ARGUMENT;
    if (*offset + size > o->size) {
        if (o->pager == NULL && !vm_object_grow(o, *offset + size - o->size))
            return KERN_INVALID_ARGUMENT;
        o->size = *offset + size; // how long it is, only its pager knows
    }
    if (!copy) {
        vm_object_reference(o);
        o->shared = true;
        return KERN_SUCCESS;
    }
    *object = vm_object_copy(o, *offset, size);
    *offset = 0;
    return *object == NULL ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

static kern_return_t enter_object(struct vm_map *map, const struct vm_map_entry *like, bool copy)
{
    struct vm_object *object = like->object;
    struct vm_map_entry *e;
    kern_return_t kr;

    if (!map_is_free(map, like->start, like->end))
        return KERN_NO_SPACE;
    if ((e = entry_create(like, like->start, like->end)) == NULL)
        return KERN_RESOURCE_SHORTAGE;
    kr = object_to_enter(&object, &e->offset, entry_size(e), copy);
    if (kr != KERN_SUCCESS) {
        entry_destroy(e);
        return kr;
    }
    e->object = object;
    e->shared = !copy;
    entry_insert(map, e);
    return KERN_SUCCESS;
}

// Completes the copies in [start, end) whose pagers want that (vm_object_settle). After an error the
// range goes again.
static kern_return_t settle(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
    kern_return_t kr = KERN_SUCCESS;
    struct vm_map_entry *e;

    for (vm_offset_t at = start; kr == KERN_SUCCESS && (e = entry_from(map, at)) != NULL &&
                                 e->start < end;) {
        struct vm_object *object = e->object;

        at = e->end;
        if (object == NULL)
            continue;
        vm_object_reference(object);
        kr = vm_object_settle(object);
        vm_object_deallocate(object);
    }
    if (kr != KERN_SUCCESS)
        vm_deallocate(map, start, end - start);
    return kr;
}

kern_return_t vm_map_enter(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                           vm_offset_t mask, bool anywhere, struct vm_object *object,
                           vm_offset_t offset, bool copy, vm_prot_t protection,
                           vm_prot_t max_protection, vm_inherit_t inheritance)
{
    struct vm_map_entry like = {.protection = protection,
                                .max_protection = max_protection,
                                .inheritance = inheritance,
                                .object = object,
                                .offset = offset,
                                .start = *address};
    kern_return_t kr;

    if (!map->alive || size == 0 || !page_aligned(offset) ||
        !inheritance_valid(inheritance) || ((protection | max_protection) & ~VM_PROT_ALL) != 0)
        return KERN_INVALID_ARGUMENT;
    if ((protection & ~max_protection) != 0)
        return KERN_PROTECTION_FAILURE;
    if (size <= VM_MAX_ADDRESS)
        size = round_page(size);
    if ((kr = find_place(map, &like.start, size, mask, anywhere)) != KERN_SUCCESS)
        return kr;
    like.end = like.start + size;
    kr = object == NULL ? enter_fresh(map, &like, like.start, like.end)
                        : enter_object(map, &like, copy);
    if (kr == KERN_SUCCESS && copy)
        kr = settle(map, like.start, like.end);
    if (kr == KERN_SUCCESS)
        *address = like.start;
    return kr;
}

kern_return_t vm_allocate(struct vm_map *map, vm_offset_t *address, vm_size_t size,
                              boolean_t anywhere)
{
    vm_offset_t start = anywhere ? 0 : *address;
    kern_return_t kr;

    if (map->alive && size == 0) {
        *address = 0;
        return KERN_SUCCESS;
    }
    if (!map->alive)
        return KERN_INVALID_ARGUMENT;
    if (size <= VM_MAX_ADDRESS)
        size = round_page(size);
    kr = find_place(map, &start, size, 0, anywhere);
    if (kr == KERN_SUCCESS)
        kr = enter_fresh(map, &fresh_entry, start, start + size);
    if (kr == KERN_SUCCESS)
        *address = start;
    return kr;
}

// ---- remove --------------------------------------------------------------------------------

kern_return_t vm_deallocate(struct vm_map *map, vm_offset_t address, vm_size_t size)
{
    vm_offset_t start, end;
    bool whole;

    if (!map->alive)
        return KERN_INVALID_ARGUMENT;
    if (size == 0)
        return KERN_SUCCESS;
    if (!range_of_pages(address, size, &start, &end) || map_is_free(map, start, end))
        return KERN_INVALID_ADDRESS;
    if (!map_clip(map, start, end))
        return KERN_RESOURCE_SHORTAGE;
    // In a hole somebody else might allocate memory, and lose it, if he came to run in between.
    whole = map_check(map, address, size, VM_PROT_NONE, VM_PROT_NONE, &start, &end) == KERN_SUCCESS;
    while (map_remove_some(map, &start, end)) {
        if (start >= end)
            break;
        if (whole)
            sched_point();
        else
            preemption_point();
        // Meanwhile something may have been allocated across the end.
        if (!map_clip(map, start, end))
            return KERN_RESOURCE_SHORTAGE;
    }
    return KERN_SUCCESS;
}

// ---- what entries say ----------------------------------------------------------------------

typedef void entry_setter(struct vm_map *map, struct vm_map_entry *e, int value);

// The entries that are in [start, end), which has been cut at both, get a new value of something.
static void change(struct vm_map *map, vm_offset_t start, vm_offset_t end, entry_setter *set,
                   int value)
{
    for (struct vm_map_entry *e = entry_from(map, start); e != NULL && e->start < end;
         e = entry_next(e)) {
        set(map, e, value);
        preemption_point();
    }
    map->version++;
    map_simplify(map, start, end);
}

// Cuts the entries of a range at its ends; their maximum protection must include `max`, their
// current one `now`.
static kern_return_t map_select(struct vm_map *map, vm_offset_t address, vm_size_t size,
                                vm_prot_t max, vm_prot_t now, vm_offset_t *start, vm_offset_t *end)
{
    kern_return_t kr = map_check(map, address, size, max, now, start, end);

    if (kr != KERN_SUCCESS)
        return kr;
    return map_clip(map, *start, *end) ? KERN_SUCCESS : KERN_RESOURCE_SHORTAGE;
}

// Both, for a range of the user's.
static kern_return_t change_range(struct vm_map *map, vm_offset_t address, vm_size_t size,
                                  vm_prot_t max, entry_setter *set, int value)
{
    vm_offset_t start, end;
    kern_return_t kr;

    if (size == 0)
        return KERN_SUCCESS;
    kr = map_select(map, address, size, max, VM_PROT_NONE, &start, &end);
    if (kr == KERN_SUCCESS)
        change(map, start, end, set, value);
    return kr;
}

// The page tables forget what the entry does not allow any more. What it allows newly, they learn
// at the next fault.
static void set_protection(struct vm_map *map, struct vm_map_entry *e, int protection)
{
    vm_prot_t lost = e->protection & ~protection;
    vm_offset_t at;

    e->protection = protection;
    if (lost == VM_PROT_NONE)
        return;
    for (at = pmap_next(&map->pmap, e->start, e->end); at < e->end;
         at = pmap_next(&map->pmap, at + PAGE_SIZE, e->end)) {
        if ((lost & VM_PROT_READ) != 0)
            page_unmap(&map->pmap, at);
        else
            pmap_protect(&map->pmap, at, pmap_lookup(&map->pmap, at).protection & ~lost);
        preemption_point();
    }
}

static void set_maximum(struct vm_map *map, struct vm_map_entry *e, int protection)
{
    e->max_protection = protection;
    set_protection(map, e, e->protection & protection);
}

kern_return_t vm_protect(struct vm_map *map, vm_offset_t address, vm_size_t size, boolean_t set_max,
                             vm_prot_t protection)
{
    if (!map->alive || (protection & ~VM_PROT_ALL) != 0)
        return KERN_INVALID_ARGUMENT;
    return change_range(map, address, size, protection, set_max ? set_maximum : set_protection,
                        protection);
}

static void set_inheritance(struct vm_map *map, struct vm_map_entry *e, int inheritance)
{
    e->inheritance = inheritance;
}

kern_return_t vm_inherit(struct vm_map *map, vm_offset_t address, vm_size_t size,
                             vm_inherit_t inheritance)
{
    if (!map->alive || !inheritance_valid(inheritance))
        return KERN_INVALID_ARGUMENT;
    return change_range(map, address, size, VM_PROT_NONE, set_inheritance, inheritance);
}

static void set_behavior(struct vm_map *map, struct vm_map_entry *e, int behavior)
{
    e->behavior = (uint8_t)behavior;
}

kern_return_t vm_behavior_set(struct vm_map *map, vm_offset_t address, vm_size_t size,
                              vm_behavior_t behavior)
{
    if (!map->alive || behavior < VM_BEHAVIOR_DEFAULT ||
        behavior > VM_BEHAVIOR_RSEQNTL)
        return KERN_INVALID_ARGUMENT;
    return change_range(map, address, size, VM_PROT_NONE, set_behavior, behavior);
}

// ---- wire ----------------------------------------------------------------------------------

// Wired once more, or once less if it is wired.
static void add_wired(struct vm_map *map, struct vm_map_entry *e, int by)
{
    bool was = e->wired != 0;

    if (by > 0 || was)
        e->wired += by;
    if (was != (e->wired != 0))
        vm_wired_pages += by * (entry_size(e) >> PAGE_SHIFT);
}

// First the entries are marked, so that no page that has been brought in goes again.
kern_return_t vm_wire(host_priv_t host, vm_map_t map, vm_address_t address, vm_size_t size,
                      vm_prot_t access)
{
    vm_offset_t start, end;
    kern_return_t kr;

    (void)host; // it has been converted, so the caller has it
    if (!map->alive || (access & ~VM_PROT_ALL) != 0)
        return KERN_INVALID_ARGUMENT;
    if (access == VM_PROT_NONE)
        return change_range(map, address, size, VM_PROT_NONE, add_wired, -1);
    if (size == 0)
        return KERN_SUCCESS;
    kr = map_select(map, address, size, VM_PROT_NONE, access, &start, &end);
    if (kr != KERN_SUCCESS)
        return kr;
    for (struct vm_map_entry *e = entry_find(map, start); e != NULL && e->start < end;
         e = entry_next(e))
        if (e->wired == UINT16_MAX)
            return KERN_FAILURE;
    change(map, start, end, add_wired, 1);
    for (vm_offset_t at = start; kr == KERN_SUCCESS && at < end; at += PAGE_SIZE) {
        kr = vm_fault(map, at, access);
        preemption_point();
    }
    if (kr != KERN_SUCCESS)
        change(map, start, end, add_wired, -1);
    return kr;
}

kern_return_t task_wire(struct vm_map *map, boolean_t must_wire)
{
    map->stays = must_wire;
    return KERN_SUCCESS;
}

// ---- region --------------------------------------------------------------------------------

static bool seen_by_others(const struct vm_map_entry *e)
{
    return e->shared && e->object->refs > 1;
}

// Whether two entries look the same to vm_region, and the second goes on where the first ends.
static bool one_region(const struct vm_map_entry *a, const struct vm_map_entry *b)
{
    return a != NULL && b != NULL && a->end == b->start && a->protection == b->protection &&
           a->max_protection == b->max_protection && a->inheritance == b->inheritance &&
           a->wired == b->wired && a->behavior == b->behavior &&
           seen_by_others(a) == seen_by_others(b);
}

kern_return_t vm_region(vm_map_t map, vm_address_t *address, vm_size_t *size,
                        vm_region_flavor_t flavor, vm_region_info_t info,
                        mach_msg_type_number_t *info_count, ipc_port_t *object_name)
{
    struct vm_map_entry *first, *last;

    if (!map->alive || flavor != VM_REGION_BASIC_INFO || *info_count < VM_REGION_BASIC_INFO_COUNT)
        return KERN_INVALID_ARGUMENT;
    if ((first = last = entry_from(map, *address)) == NULL)
        return KERN_INVALID_ADDRESS;
    for (; one_region(entry_find(map, first->start - 1), first); preemption_point())
        first = entry_find(map, first->start - 1);
    for (; one_region(last, entry_next(last)); preemption_point())
        last = entry_next(last);
    *address = first->start;
    *size = last->end - first->start;
    *(struct vm_region_basic_info *)info = (struct vm_region_basic_info){
        .protection = first->protection,
        .max_protection = first->max_protection,
        .inheritance = first->inheritance,
        .shared = seen_by_others(first),
        .reserved = FALSE,
        .offset = first->offset,
        .behavior = first->behavior,
        .user_wired_count = first->wired,
    };
    *info_count = VM_REGION_BASIC_INFO_COUNT;
    *object_name = NULL;
    return KERN_SUCCESS;
}

// ---- fork and remap -------------------------------------------------------------------------

// An entry for the range at `at`, in no map yet, that shows what [start, end) of `e` does: the same
// memory if `share`, or if it is a device's, otherwise a copy. NULL when memory is short.
static struct vm_map_entry *entry_like(struct vm_map_entry *e, vm_offset_t start, vm_offset_t end,
                                       vm_offset_t at, bool share)
{
    struct vm_map_entry *new;

    share = share || (e->object != NULL && e->object->device);
    if ((share && !entry_materialize(e)) ||
        (new = entry_create(e, at, at + (end - start))) == NULL)
        return NULL;
    new->wired = 0;
    new->shared = share;
    if (share) {
        vm_object_reference(e->object);
        e->object->shared = e->shared = true;
        new->object = e->object;
        new->offset = e->offset + (start - e->start);
    } else {
        new->offset = 0;
        if (!entry_copy(e, start, end, &new->object)) {
            entry_destroy(new);
            return NULL;
        }
    }
    return new;
}

struct vm_map *vm_map_fork(struct vm_map *parent)
{
    struct vm_map *child;
    struct vm_map_entry *e, *new;
    unsigned done = 0;

    if (!parent->alive || (child = vm_map_create()) == NULL)
        return NULL;
    for (vm_offset_t at = 0; (e = entry_from(parent, at)) != NULL;) {
        at = e->end;
        if (e->inheritance != VM_INHERIT_NONE) {
            new = entry_like(e, e->start, e->end, e->start, e->inheritance == VM_INHERIT_SHARE);
            if (new == NULL) {
                vm_map_deallocate(child);
                return NULL;
            }
            entry_insert(child, new);
            vm_object_settle(new->object); // what cannot be had now, the child will ask for
        }
        if (++done % FORK_STRIDE == 0)
            preemption_point();
    }
    return child;
}

kern_return_t vm_remap(struct vm_map *map, vm_offset_t *address, vm_size_t size, vm_offset_t mask,
                       boolean_t anywhere, struct vm_map *source, vm_offset_t from, boolean_t copy,
                       vm_prot_t *protection, vm_prot_t *max_protection, vm_inherit_t inheritance)
{
    vm_offset_t to = *address, start, end;
    kern_return_t kr;

    if (!map->alive || !source->alive || size == 0 ||
        !inheritance_valid(inheritance))
        return KERN_INVALID_ARGUMENT;
    kr = map_check(source, trunc_page(from), size, VM_PROT_NONE, VM_PROT_NONE, &start, &end);
    if (kr == KERN_SUCCESS)
        kr = find_place(map, &to, end - start, mask, anywhere);
    if (kr != KERN_SUCCESS)
        return kr;
    if (!map_is_free(map, to, to + (end - start)))
        return KERN_NO_SPACE;
    *protection = *max_protection = VM_PROT_ALL;
    for (vm_offset_t at = start, stop; at < end; at = stop) {
        struct vm_map_entry *e = entry_find(source, at), *new;

        stop = e->end < end ? e->end : end;
        if (!map_can_pay(map, 1) ||
            (new = entry_like(e, at, stop, to + (at - start), !copy)) == NULL) {
            vm_deallocate(map, to, at - start);
            return KERN_RESOURCE_SHORTAGE;
        }
        new->inheritance = inheritance;
        *protection &= e->protection;
        *max_protection &= e->max_protection;
        entry_insert(map, new);
        preemption_point();
    }
    *address = to;
    return copy ? settle(map, to, to + (end - start)) : KERN_SUCCESS;
}
