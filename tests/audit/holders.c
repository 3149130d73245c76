// SPDX-License-Identifier: BSD-2-Clause
// What each object of the kernel's holds, and what its variables and stacks may hold (holders.h).
#include "holders.h"

#include "ipc/fast.h"
#include "ipc/kmsg.h"
#include "ipc/kobject.h"
#include "ipc/mach_msg.h"
#include "ipc/mqueue.h"
#include "ipc/port.h"
#include "ipc/scatter.h"
#include "ipc/space.h"
#include "kern/exception.h"
#include "kern/host.h"
#include "kern/ledger.h"
#include "kern/synchronizer.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/assert.h"
#include "lib/string.h"
#include "vm/copy.h"
#include "vm/object.h"
#include "vm/page_tree.h"
#include "vm/pager.h"

// ---- what is found ----

// Somebody holds the object at `address`, which keeps count of its holders in *kept, or has but one (NULL).
// False: it is none of those that can be held.
static bool held(const void *address, const uint32_t *kept)
{
    struct page *page = address == NULL ? NULL : page_at(virt_to_phys(address));
    const struct slab_cache *cache;
    struct slab_audit *audit;
    void *object;

    if (page == NULL || page->holders == 0)
        return false;
    if (!page->audit.slab) {
        page->audit.found++;
        return true;
    }
    audit = slab_audit_of(address, &cache, &object);
    if (audit == NULL)
        panic("audit at %s: something that is free, of cache %s at %p, is held", moment, cache->name,
              address);
    audit->found++;
    if (kept != NULL)
        audit->kept = kept;
    return true;
}

// A right as a message carries it; type 0: a reference alone.
static void right(struct port *port, mach_msg_type_name_t type)
{
    if (!port_valid(port) || !held(port, &port->refs))
        return;
    port->audit.srights += type == MACH_MSG_TYPE_PORT_SEND;
    port->audit.sorights += type == MACH_MSG_TYPE_PORT_SEND_ONCE;
    port->audit.receivers += type == MACH_MSG_TYPE_PORT_RECEIVE;
}

static void found(struct ledger *ledger, enum minato_limit kind, uint32_t amount)
{
    if (ledger != NULL)
        ledger->audit.found[kind] += amount;
}

// ---- what each kind of object holds ----

static void walk_bytes(const struct kmsg *kmsg)
{
    if (kmsg->paid != 0)
        found(kmsg->payer, MINATO_LIMIT_MESSAGE_BYTES, kmsg->paid);
}

static void walk_message(struct kmsg *kmsg)
{
    mach_msg_header_t *header = &kmsg->header;

    held(kmsg, NULL);
    walk_bytes(kmsg);
    right(kmsg_port(header->msgh_remote_port), MACH_MSGH_BITS_REMOTE(header->msgh_bits));
    right(kmsg_port(header->msgh_local_port), MACH_MSGH_BITS_LOCAL(header->msgh_bits));
    for (mach_msg_size_t i = 0; i < kmsg_descriptor_count(kmsg); i++) {
        mach_msg_descriptor_t *d = &kmsg_descriptors(kmsg)[i];
        mach_msg_type_name_t type;
        mach_port_t *ports;
        mach_msg_size_t count = kmsg_rights(d, &ports, &type);

        for (mach_msg_size_t k = 0; k < count; k++)
            right(kmsg_port(ports[k]), type);
        if (d->type.type == MACH_MSG_OOL_PORTS_DESCRIPTOR)
            held(ports, NULL);
        else if (d->type.type != MACH_MSG_PORT_DESCRIPTOR)
            held(d->out_of_line.address, NULL);
    }
}

// A semaphore, a lock set or a device is alive as long as its port is, and has a reference to that.
static void walk_port_object(struct port *port)
{
    struct counted *object = port->object;

    if (object == NULL || !held(object, &object->refs))
        return;
    right(port, 0);
    if (port->kind != PORT_DEVICE) {
        struct synchronizer *s = port->object;

        found(s->owner->ledger, MINATO_LIMIT_OBJECTS, s->weight);
    }
}

static void walk_port(void *object)
{
    struct port *port = object;

    right(port->destination, 0);
    right(port->no_senders, MACH_MSG_TYPE_PORT_SEND_ONCE);
    right(port->port_destroyed, MACH_MSG_TYPE_PORT_SEND_ONCE);
    for (uint32_t i = 0; i < port->owed; i++)
        right(port, MACH_MSG_TYPE_PORT_SEND_ONCE);
    list_for_each(link, &port->messages)
        walk_message(container_of(link, struct kmsg, link));
    list_for_each(link, &port->dead_name_requests) {
        struct dead_name_request *request = container_of(link, struct dead_name_request, link);
        const struct slab_cache *cache;
        void *alarm;

        if (request->space != NULL) // the name has it
            continue;
        held(request, NULL); // of an alarm, which lies in a message
        right(port, MACH_MSG_TYPE_PORT_SEND_ONCE);
        if (slab_audit_of(request, &cache, &alarm) != NULL)
            walk_bytes(alarm);
    }
    if (port->kind == PORT_SEMAPHORE || port->kind == PORT_LOCK_SET || port->kind == PORT_DEVICE)
        walk_port_object(port);
}

static void walk_entry(struct entry *entry)
{
    if (entry->type & MACH_PORT_TYPE_PORT_SET)
        held(entry->set, NULL);
    if (entry->type & MACH_PORT_TYPE_PORT_RIGHTS) {
        held(entry->port, &entry->port->refs);
        entry->port->audit.srights += (entry->type & MACH_PORT_TYPE_SEND) != 0;
        entry->port->audit.sorights += (entry->type & MACH_PORT_TYPE_SEND_ONCE) != 0;
        entry->port->audit.receivers += (entry->type & MACH_PORT_TYPE_RECEIVE) != 0;
    }
    if (entry->type != 0 && entry->request != NULL) {
        held(entry->request, NULL);
        right(entry->request->notify, MACH_MSG_TYPE_PORT_SEND_ONCE);
    }
}

static void walk_space(void *object)
{
    struct space *space = object;
    uint32_t names = space->chunk_count * ENTRIES_PER_CHUNK;

    held(space->chunks, NULL);
    held(space->buckets, NULL);
    for (uint32_t i = 0; i < space->chunk_count; i++)
        held(space->chunks[i], NULL);
    for (uint32_t i = 1; i < space->chunk_count * ENTRIES_PER_CHUNK; i++)
        walk_entry(space_slot(space, i));
    for (struct tree_node *n = tree_first(&space->chosen); n != NULL; n = tree_next(n), names++) {
        held(n, NULL);
        walk_entry(&container_of(n, struct chosen_entry, node)->entry);
    }
    if (names > 0) // else the ledger may be gone
        found(space->ledger, MINATO_LIMIT_NAMES, names);
}

void walk_actions(const struct exception_actions *actions)
{
    if (actions == NULL)
        return;
    held(actions, NULL);
    for (unsigned i = 0; i < EXC_TYPES_COUNT; i++)
        right(actions->of[i].port, MACH_MSG_TYPE_PORT_SEND);
}

static void walk_task(void *object)
{
    struct task *task = object;

    if (task->alive)
        held(task, &task->refs);
    held(task->map, &task->map->refs);
    held(task->space, &task->space->refs);
    held(task->io_ports, NULL);
    right(task->self, 0);
    for (int which = TASK_KERNEL_PORT; which <= TASK_MAX_SPECIAL_PORT; which++)
        right(task->special[which], MACH_MSG_TYPE_PORT_SEND);
    for (unsigned i = 0; i < TASK_PORT_REGISTER_MAX; i++)
        right(task->registered[i], MACH_MSG_TYPE_PORT_SEND);
    walk_actions(task->exceptions);
    list_for_each(link, &task->threads)
        held(container_of(link, struct thread, task_link),
             &container_of(link, struct thread, task_link)->refs);
    task->ledger->audit.ending |= !task->alive;
}

static void walk_thread(void *object)
{
    struct thread *thread = object;

    held(thread->machine.stack, NULL);
    if (held(thread->ipc.scatter, NULL))
        found(thread->ipc.scatter->payer, MINATO_LIMIT_MESSAGE_BYTES, thread->ipc.scatter->size);
    if (thread->ipc.kmsg != NULL)
        walk_message(thread->ipc.kmsg);
    right(thread->self, 0);
    right(thread->sself, MACH_MSG_TYPE_PORT_SEND);
    walk_actions(thread->exceptions);
    if (thread->task == NULL) { // of the kernel's own
        held(thread, &thread->refs);
        return;
    }
    held(thread->task, &thread->task->refs);
    found(thread->task->ledger, MINATO_LIMIT_THREADS, 1);
}

static void walk_entries(struct vm_map *map)
{
    for (struct tree_node *n = tree_first(&map->entries); n != NULL; n = tree_next(n))
        held(n, NULL);
}

static void walk_map(void *object)
{
    struct vm_map *map = object;
    uint32_t *directory = phys_to_virt(map->pmap.directory);

    walk_entries(map);
    held(directory, NULL);
    for (unsigned i = 0; i < KERNEL_BASE / (PAGE_SIZE * 1024u); i++)
        if (map->pmap.tables[i / 32] >> i % 32 & 1)
            held(phys_to_virt(directory[i] & ~(uint32_t)PAGE_MASK), NULL);
    if (map->entries_paid > 0) // else the ledger may be gone
        found(map->ledger, MINATO_LIMIT_MAP_ENTRIES, map->entries_paid);
}

static void hold_object(struct vm_object *object)
{
    if (object != NULL)
        held(object, &object->refs);
}

static void walk_map_entry(void *entry)
{
    hold_object(((struct vm_map_entry *)entry)->object);
}

static void walk_copy(void *object)
{
    struct vm_map *map = &((struct vm_map_copy *)object)->map;

    walk_entries(map);
    if (map->entry_count > 1)
        found(map->ledger, MINATO_LIMIT_MESSAGE_BYTES, (map->entry_count - 1) * ENTRY_WEIGHT);
}

static void walk_object(void *memory)
{
    struct vm_object *object = memory;

    if (object->pages.root != NULL)
        held(object->pages.root, &object->pages.root->holders);
    held(object->pager, NULL);
    if (!object->device)
        hold_object(object->backing);
    if (object->device && object->owned)
        held(phys_to_virt(object->physical), NULL);
    if (object->device)
        found(ledgers[object->payer], MINATO_LIMIT_PAGES, object->size >> PAGE_SHIFT);
}

static void walk_node(void *object)
{
    const struct page_node *node = object;
    struct ledger *payer = ledgers[node->payer];

    if (node->payer != 0 && payer == NULL)
        panic("audit at %s: the page node at %p has a payer that is gone", moment, object);
    if (payer != NULL && payer->audit.nodes++ % NODES_PER_PAGE == 0)
        found(payer, MINATO_LIMIT_PAGES, 1);
    for (uint32_t todo = node->present; todo != 0; todo &= todo - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(todo);
        struct page *page = node->slot[i].page;

        if (node->level > 1)
            held(node->slot[i].node, &node->slot[i].node->holders);
        else if (page->paged_out)
            held(page, &page->holders);
        else
            page->audit.found++;
    }
}

static void walk_pager(void *object)
{
    struct pager *pager = object;

    right(pager->port, MACH_MSG_TYPE_PORT_SEND);
    if (pager->port != NULL)
        right(pager->control, 0);
    for (struct tree_node *n = tree_first(&pager->requests); n != NULL; n = tree_next(n))
        held(n, NULL);
    if (!list_empty(&pager->cached)) // which keeps an object that has no reference
        held(pager->object, NULL);
}

static void walk_request(void *object)
{
    const struct page_request *request = object;

    found(request->payer, MINATO_LIMIT_MESSAGE_BYTES, sizeof(*request));
}

static const struct kind kinds[] = {
    {"port", true, true, walk_port},
    {"space", true, false, walk_space},
    {"task", true, false, walk_task},
    {"thread", true, false, walk_thread},
    {"address map", true, false, walk_map},
    {"map entry", false, false, walk_map_entry},
    {"memory object", true, false, walk_object},
    {"page node", true, false, walk_node},
    {"memory copy", false, false, walk_copy},
    {"pager", false, false, walk_pager},
    {"page request", false, false, walk_request},
};

static bool is_cache(const struct slab_cache *cache, const char *name)
{
    const char *at = cache->name;

    while (*at == *name && *at != 0)
        at++, name++;
    return *at == *name;
}

const struct kind *kind_of(const struct slab_cache *cache)
{
    static const struct slab_cache *last; // nearly always the same as before
    static const struct kind *kind;

    if (cache == last)
        return kind;
    last = cache;
    kind = NULL;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (is_cache(cache, kinds[i].cache))
            kind = &kinds[i];
    return kind;
}

void walk(const struct slab_cache *cache, void *object, struct slab_audit *audit)
{
    const struct kind *kind = kind_of(cache);

    // One without a reference is being taken apart, by a thread whose stack has it; but a memory object
    // that is kept by its pager.
    if (kind != NULL && (!kind->counted || *(uint32_t *)object != 0 || kind->walk == walk_object))
        kind->walk(object);
    (void)audit;
}

void walk_page(struct page *page)
{
    struct page_mapping *mapping = page->mapping.pmap == NULL ? NULL : page->mapping.next;

    for (; mapping != NULL; mapping = mapping->next)
        held(mapping, NULL);
    if (page->paging && page->twin->holders == 0)
        held(page->twin, NULL);
    if (page->payer != 0 && ledgers[page->payer] == NULL)
        panic("audit at %s: page %lx has a payer that is gone", moment,
              (unsigned long)page_physical(page));
    found(ledgers[page->payer], MINATO_LIMIT_PAGES, 1);
}

// ---- what the kernel's variables and calls under way may hold ----

static uintptr_t pending; // the first of the objects to be searched, which lead from one to the next; 0: none

// An object that only a call under way knows is searched in its turn; one of a kind has been walked.
static void maybe_object(const struct slab_cache *cache, void *object, struct slab_audit *audit)
{
    const struct kind *kind = kind_of(cache);

    if (audit->maybe++ > 0 || audit->found > 0)
        return;
    if (kind != NULL && !(kind->counted && *(uint32_t *)object == 0))
        return;
    if (is_cache(cache, "small message"))
        walk_bytes(object);
    else
        unknown_held = true;
    audit->next = pending;
    pending = (uintptr_t)object;
}

static void maybe(uintptr_t word)
{
    struct page *first = page_at(0), *page;
    const struct slab_cache *cache;
    struct slab_audit *audit;
    void *object;

    if (word >= (uintptr_t)first && word <= (uintptr_t)last_page()) {
        page = &first[(word - (uintptr_t)first) / sizeof(*first)];
        page->audit.maybe += page->holders != 0;
        return;
    }
    page = word < KERNEL_BASE ? NULL : page_at(word - KERNEL_BASE);
    if (page == NULL || page->holders == 0)
        return;
    if (page->audit.slab) {
        if ((audit = slab_audit_of((void *)word, &cache, &object)) != NULL)
            maybe_object(cache, object, audit);
    } else if (page->audit.maybe++ == 0 && page->audit.found == 0) {
        unknown_held = true;
        page->audit.next = pending;
        pending = (uintptr_t)page_address(page);
    }
}

static void search(uintptr_t from, uintptr_t to)
{
    for (uintptr_t at = from; at + sizeof(at) <= to; at += sizeof(at))
        maybe(*(uintptr_t *)at);
}

void search_pending(void)
{
    while (pending != 0) {
        uintptr_t from = pending;
        const struct page *page = page_at(from - KERNEL_BASE);
        const struct slab_cache *cache;
        void *object;

        if (page->audit.slab) {
            pending = slab_audit_of((void *)from, &cache, &object)->next;
            search(from, from + cache->object_size);
        } else {
            pending = page->audit.next;
            search(from, from + (PAGE_SIZE << page->order));
        }
    }
}

// Whether a thread that does not run is where it holds nothing.
static bool holds_nothing(const struct thread *thread)
{
    bool receives = thread->state == THREAD_WAITING && thread->waitq != NULL &&
                    (thread->waitq->at == WAITQ_RECEIVERS || thread->waitq->at == WAITQ_SET);

    return thread->refs == 0 || thread->state == THREAD_DEAD || thread->at_user_boundary ||
           (receives && thread->ipc.receive->msg < VM_MAX_ADDRESS); // else it waits for its own call
}

void search_stack(const struct slab_cache *cache, void *object, struct slab_audit *audit)
{
    const struct thread *thread = object;

    if (is_cache(cache, "thread") && thread != current_thread() && !holds_nothing(thread))
        search(thread->machine.kernel_sp, (uintptr_t)thread->machine.frame);
    (void)audit;
}

void search_own_stack(void)
{
    uintptr_t sp;

    __builtin_unwind_init(); // all registers of the caller's are on the stack now
    __asm__ volatile("movl %%esp, %0" : "=r"(sp));
    search(sp, (uintptr_t)current_thread()->machine.frame);
}

// A variable that points to a counted object holds it; but not one to a thread, which may just run.
static void search_variable(uintptr_t word)
{
    struct page *page = page_at(word < KERNEL_BASE ? word : word - KERNEL_BASE);
    const struct slab_cache *cache;
    const struct kind *kind;
    struct slab_audit *audit;
    void *object;

    if (page == NULL || page->holders == 0)
        return;
    if (!page->audit.slab) {
        page->audit.maybe += word % PAGE_SIZE == 0; // physical: a directory that is at hand
        return;
    }
    audit = word < KERNEL_BASE ? NULL : slab_audit_of((void *)word, &cache, &object);
    if (audit == NULL || (uintptr_t)object != word)
        return;
    kind = kind_of(cache);
    if (kind == NULL || !kind->counted || kind->walk == walk_thread)
        audit->maybe++;
    else
        audit->found++;
    if (kind != NULL && kind->port)
        ((struct port *)object)->audit.variables++;
}

void search_variables(void)
{
    extern uintptr_t kernel_data_start[], kernel_data_end[], boot_stack[], boot_stack_top[];
    uintptr_t *body = (uintptr_t *)fast_body;

    for (uintptr_t *at = kernel_data_start; at < kernel_data_end; at++) {
        if (at == body) // what users have sent
            at += sizeof(fast_body) / sizeof(*at);
        else if (at == boot_stack) // long left
            at = boot_stack_top;
        if (*at != 0)
            search_variable(*at);
    }
}
