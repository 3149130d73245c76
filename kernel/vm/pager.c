// SPDX-License-Identifier: BSD-2-Clause
// External pagers: their life, what they are asked, and pages that go back to them. Read first:
// pager.h. Read next: pager_calls.c, for what they answer and command.
#include "vm/pager.h"
#include "memory_object_user.h"

#include "ipc/port.h"
#include "kern/ledger.h"
#include "vm/copy.h"
#include "vm/object.h"
#include "vm/paging.h"
#include "x86/cpu.h"
#include "x86/interrupt.h"

#define RUN_MAX 64u          // pages sent in one message
#define REQUESTS_MAX 4096u   // that a pager may leave unanswered: threads that give up leave theirs behind
#define SYNC UINT32_MAX      // no page's number: the one synchronize that there may be

struct slab_cache vm_pager_cache = SLAB_CACHE(vm_pager_cache, "pager", sizeof(struct pager));
static struct slab_cache request_cache =
    SLAB_CACHE(request_cache, "page request", sizeof(struct page_request));
static struct list cached = {&cached, &cached};
static uint32_t last_number;

static struct page_request *request_of(const struct tree_node *n)
{
    return n == NULL ? NULL : container_of(n, struct page_request, node);
}

static bool request_less(const struct tree_node *a, const struct tree_node *b)
{
    return request_of(a)->index < request_of(b)->index;
}

// ---- life ----------------------------------------------------------------------------------

static void pager_init(struct pager *pager, struct vm_object *object, struct port *port)
{
    *pager = (struct pager){
        .object = object,
        .number = ++last_number,
        .port = port_copy_send(port),
        .setting = {[PAGER_COPY_STRATEGY] = MEMORY_OBJECT_COPY_DELAY,
                    [PAGER_CLUSTER] = PAGE_SIZE,
                    [PAGER_LIMIT] = MINATO_MEMORY_OBJECT_LIMIT_DEFAULT},
    };
    tree_init(&pager->requests, request_less, NULL);
    waitq_init(&pager->unready);
    list_init(&pager->copies);
    list_init(&pager->cached);
    object->pager = pager;
    port->object = pager;
}

kern_return_t vm_pager_object(struct port *port, struct vm_object **object)
{
    struct pager *pager;
    struct port *control;

    if (!port_valid(port) || port->kind != PORT_USER || !port->active)
        return KERN_INVALID_OBJECT;
    if ((pager = port->object) != NULL) {
        list_remove(&pager->cached);
        *object = pager->object;
        vm_object_reference(*object);
        return KERN_SUCCESS;
    }
    pager = slab_alloc(&vm_pager_cache);
    *object = pager == NULL ? NULL : vm_object_create(0);
    control = *object == NULL ? NULL : port_make_kernel(PORT_MEMORY_CONTROL, pager);
    if (control == NULL) {
        vm_object_deallocate(*object);
        if (pager != NULL)
            slab_free(&vm_pager_cache, pager);
        return KERN_RESOURCE_SHORTAGE;
    }
    pager_init(pager, *object, port);
    pager->control = control;
    return KERN_SUCCESS;
}

// The two rights that nearly every message to a pager takes: it, and its control port.
#define TO_PAGER(pager) port_copy_send((pager)->port), port_make_send((pager)->control)

kern_return_t vm_pager_initialize(struct pager *pager)
{
    if (!pager->initialized && memory_object_init(TO_PAGER(pager), PAGE_SIZE) != KERN_SUCCESS)
        return KERN_RESOURCE_SHORTAGE;
    pager->initialized = true;
    return KERN_SUCCESS;
}

void vm_pager_ready(struct pager *pager)
{
    pager->ready = true;
    waitq_wake_all(&pager->unready, WAIT_AWAKENED);
}

static void request_free(struct page_request *r)
{
    ledger_credit(r->payer, MINATO_LIMIT_MESSAGE_BYTES, sizeof *r);
    slab_free(&request_cache, r);
}

static void request_finish(struct page_request *r, kern_return_t result)
{
    r->done = true;
    r->result = result;
    if (r->waiters == 0)
        request_free(r);
    else
        waitq_wake_all(&r->wait, WAIT_AWAKENED);
}

// Nobody will answer any more.
static void fail_all(struct pager *pager)
{
    vm_pager_answer(pager, 0, SYNC, ASKED_DATA | ASKED_UNLOCK | ASKED_SYNC, KERN_MEMORY_FAILURE);
    waitq_wake_all(&pager->unready, WAIT_DESTROYED);
}

// From here on the control port is an ordinary one and the pager's, which may find in it what it sent
// before it heard; it must not have waited for room there.
void vm_pager_terminate(struct pager *pager)
{
    struct port *port = pager->port, *control = pager->control;

    pager->port = NULL;
    port->object = NULL;
    control->object = NULL;
    control->kind = PORT_USER;
    control->qlimit = MACH_PORT_QLIMIT_MAX;
    if (pager->initialized) {
        memory_object_terminate(port, control);
    } else {
        port_release_send(port);
        port_destroy(control);
        port_release(control);
    }
    fail_all(pager);
}

void vm_pager_port_died(struct pager *pager)
{
    struct port *port = pager->port;

    pager->port = NULL;
    port->object = NULL;
    port_destroy_kernel(pager->control);
    fail_all(pager);
    if (pager->object->refs == 0) { // it was only cached
        vm_object_reference(pager->object);
        vm_object_deallocate(pager->object);
    }
    port_release_send(port);
}

bool vm_pager_let_go(struct vm_object *object)
{
    struct pager *pager = object->pager;
    bool keep = pager->port != NULL && pager->setting[PAGER_MAY_CACHE] != FALSE;

    if (!keep && pager->port != NULL && !pager->setting[PAGER_TEMPORARY])
        keep = vm_object_return(object, 0, UINT32_MAX, PAGES_DIRTY | PAGES_PRECIOUS, true) !=
               KERN_SUCCESS;
    list_remove(&pager->cached);
    if (keep) {
        list_insert_tail(&cached, &pager->cached);
        return false;
    }
    if (pager->port != NULL)
        vm_pager_terminate(pager);
    else
        fail_all(pager);
    slab_free(&vm_pager_cache, pager);
    return true;
}

bool vm_pager_trim(void)
{
    struct list *first = list_pop(&cached);
    unsigned before = vm_pager_cache.in_use;
    struct pager *pager;

    if (first == NULL)
        return false;
    pager = container_of(first, struct pager, cached);
    pager->setting[PAGER_MAY_CACHE] = FALSE;
    vm_object_reference(pager->object);
    vm_object_deallocate(pager->object);
    return vm_pager_cache.in_use < before;
}

// ---- asking and waiting --------------------------------------------------------------------

// The first request for page `index` or a later one; NULL if there is none.
static struct page_request *request_from(struct pager *pager, uint32_t index)
{
    const struct page_request key = {.index = index};
    struct tree_node *n = tree_floor(&pager->requests, &key.node);

    if (n == NULL)
        return request_of(tree_first(&pager->requests));
    return request_of(n)->index < index ? request_of(tree_next(n)) : request_of(n);
}

static struct page_request *request_find(struct pager *pager, uint32_t index)
{
    struct page_request *r = request_from(pager, index);

    return r != NULL && r->index == index ? r : NULL;
}

// False when memory is short, or there are too many.
static bool request_add(struct pager *pager, uint32_t index, unsigned kind)
{
    struct ledger *payer = current_ledger();
    struct page_request *r = NULL;

    if (pager->request_count < REQUESTS_MAX &&
        ledger_allows(payer, MINATO_LIMIT_MESSAGE_BYTES, sizeof *r))
        r = slab_alloc(&request_cache);
    if (r == NULL)
        return false;
    ledger_add(payer, MINATO_LIMIT_MESSAGE_BYTES, sizeof *r);
    *r = (struct page_request){.index = index, .kind = kind, .payer = payer};
    waitq_init(&r->wait);
    tree_insert(&pager->requests, &r->node);
    pager->request_count++;
    return true;
}

void vm_pager_answer(struct pager *pager, uint32_t first, uint32_t last, unsigned kinds,
                     kern_return_t result)
{
    struct page_request *r = request_from(pager, first);

    while (r != NULL && r->index <= last) {
        struct page_request *next = request_of(tree_next(&r->node));

        if ((r->kind & kinds) != 0) {
            tree_remove(&pager->requests, &r->node);
            pager->request_count--;
            request_finish(r, result);
        }
        r = next;
        preemption_point();
    }
}

// Asks for a neighbour of a page that is asked for as well, if it is not there.
static bool add_neighbour(struct pager *pager, uint32_t index)
{
    return page_tree_find(&pager->object->pages, index) == NULL &&
           request_find(pager, index) == NULL && request_add(pager, index, ASKED_DATA);
}

// Sends a data_request for the page and what is missing around it in its cluster, or a data_unlock.
static kern_return_t ask(struct pager *pager, uint32_t index, vm_prot_t access, unsigned kind)
{
    uint32_t cluster = (uint32_t)pager->setting[PAGER_CLUSTER] >> PAGE_SHIFT;
    uint32_t low = index - index % cluster, first = index, end = index + 1;
    uint32_t size = pager->object->size >> PAGE_SHIFT;
    kern_return_t kr;

    if (!request_add(pager, index, kind))
        return KERN_RESOURCE_SHORTAGE;
    if (kind == ASKED_DATA) {
        while (first > low && add_neighbour(pager, first - 1))
            first--;
        while (end < low + cluster && end < size && add_neighbour(pager, end))
            end++;
        vm_object_pages_asked += end - first;
        current_task()->events.pageins += end - first;
    }
    kr = (kind == ASKED_DATA ? memory_object_data_request : memory_object_data_unlock)(
        TO_PAGER(pager), first << PAGE_SHIFT, (end - first) << PAGE_SHIFT, access);
    if (kr != KERN_SUCCESS)
        vm_pager_answer(pager, first, end - 1, kind, kr);
    return kr;
}

static kern_return_t wait_on(struct waitq *q, uint64_t deadline)
{
    enum wait_result result = waitq_wait(q, deadline, true, "page");

    if (result == WAIT_TIMED_OUT)
        return KERN_MEMORY_ERROR;
    return result == WAIT_DESTROYED ? KERN_MEMORY_FAILURE : (kern_return_t)result;
}

static kern_return_t request_wait(struct page_request *r, uint64_t deadline)
{
    kern_return_t kr;

    r->waiters++;
    kr = wait_on(&r->wait, deadline);
    if (kr == KERN_SUCCESS)
        kr = r->result;
    if (--r->waiters == 0 && r->done)
        request_free(r);
    return kr;
}

static uint64_t deadline_of(const struct pager *pager)
{
    return clock_now() + (uint32_t)pager->setting[PAGER_LIMIT] * 1000000ull;
}

bool vm_pager_asked(struct pager *pager, uint32_t index)
{
    return request_find(pager, index) != NULL;
}

kern_return_t vm_pager_wait(struct vm_object *object, uint32_t offset, vm_prot_t access,
                            uint64_t *deadline)
{
    struct pager *pager = object->pager;
    uint32_t index = offset >> PAGE_SHIFT;
    kern_return_t kr = KERN_SUCCESS;

    vm_object_upsets++;
    if (pager->port == NULL)
        return KERN_MEMORY_FAILURE;
    if (*deadline == 0)
        *deadline = deadline_of(pager);
    if (!pager->ready)
        return wait_on(&pager->unready, *deadline);
    if (request_find(pager, index) == NULL)
        kr = ask(pager, index, access, page_tree_find(&object->pages, index) == NULL
                                           ? ASKED_DATA
                                           : ASKED_UNLOCK);
    return kr == KERN_SUCCESS ? request_wait(request_find(pager, index), *deadline) : kr;
}

kern_return_t vm_pager_synchronize(struct pager *pager, uint32_t offset, uint32_t size,
                                   unsigned flags)
{
    uint64_t deadline = deadline_of(pager);
    struct page_request *r;
    kern_return_t kr;

    while ((r = request_find(pager, SYNC)) != NULL)
        if ((kr = request_wait(r, deadline)) != KERN_SUCCESS)
            return kr;
    if (pager->port == NULL)
        return KERN_MEMORY_FAILURE;
    if (!request_add(pager, SYNC, ASKED_SYNC))
        return KERN_RESOURCE_SHORTAGE;
    pager->sync_offset = offset;
    pager->sync_size = size;
    kr = memory_object_synchronize(TO_PAGER(pager), offset, size, flags);
    if (kr != KERN_SUCCESS)
        vm_pager_answer(pager, SYNC, SYNC, ASKED_SYNC, kr);
    return kr == KERN_SUCCESS ? request_wait(request_find(pager, SYNC), deadline) : kr;
}

void vm_pager_synchronized(struct pager *pager, uint32_t offset, uint32_t size)
{
    if (offset == pager->sync_offset && size == pager->sync_size)
        vm_pager_answer(pager, SYNC, SYNC, ASKED_SYNC, KERN_SUCCESS);
}

// ---- pages ---------------------------------------------------------------------------------

void vm_pager_manage(struct pager *pager, struct page *page)
{
    page->managed = true;
    page->owner = pager->number;
    page->dirty = page->precious = false;
    page->lock = VM_PROT_NONE;
}

void vm_pager_replace(struct pager *pager, struct page *old, struct page *page)
{
    bool owned = vm_pager_owns(pager, old);

    vm_pager_manage(pager, page);
    page->dirty = !owned || page_collect_modified(old);
    if (!owned)
        return;
    page->precious = old->precious;
    page->lock = old->lock;
    old->managed = false;
}

void vm_pager_set_lock(struct pager *pager, struct page *page, vm_prot_t lock)
{
    page->lock = lock & VM_PROT_ALL;
    if ((lock & VM_PROT_READ) != 0) {
        pager->hides = true;
        page_unmap_everywhere(page);
    } else if ((lock & VM_PROT_WRITE) != 0) {
        page_write_protect(page);
    }
}

bool vm_pager_hide_locked(struct pager *pager, struct vm_object *copy)
{
    struct page *page;

    if (!pager->hides)
        return true;
    for (uint32_t i = 0; (page = page_tree_next(&copy->pages, &i)) != NULL; i++) {
        if ((vm_pager_lock(pager, page) & VM_PROT_READ) != 0 &&
            !page_tree_remove(&copy->pages, i, 1))
            return false;
        preemption_point();
    }
    return true;
}

static unsigned kind_of(struct pager *pager, struct page *page)
{
    if (!vm_pager_owns(pager, page) || page_collect_modified(page))
        return PAGES_DIRTY;
    return page->precious ? PAGES_PRECIOUS : PAGES_CLEAN;
}

kern_return_t vm_pager_send_pages(struct pager *pager, struct page *const *pages, unsigned count,
                                  uint32_t offset, bool dirty, bool kept)
{
    struct vm_object *part;
    struct vm_map_copy *copy = copy_with_object(count << PAGE_SHIFT, &part);
    bool put;

    if (copy == NULL)
        return KERN_RESOURCE_SHORTAGE;
    part->stays = paging_is_space(pager->object);
    for (unsigned i = 0; i < count; i++) {
        page_write_protect(pages[i]); // it is shared now
        page_hold(pages[i]);
        page_tree_beyond_limit = !kept; // who has too much can still let go of a pager's memory
        put = page_tree_put(&part->pages, i, pages[i]);
        page_tree_beyond_limit = false;
        if (!put) {
            vm_map_copy_discard(copy);
            return KERN_RESOURCE_SHORTAGE;
        }
    }
    pageout_sent += count;
    return memory_object_data_return(TO_PAGER(pager), offset, copy, count << PAGE_SHIFT, dirty, kept);
}

// The pages from `i` on, which is there, that come one after another and are of that kind; their number.
static uint32_t find_run(struct vm_object *object, uint32_t i, uint32_t last, unsigned kind,
                         struct page **run)
{
    uint32_t count = 0;

    while (count < RUN_MAX && i + count <= last &&
           (run[count] = page_tree_find(&object->pages, i + count)) != NULL &&
           kind_of(object->pager, run[count]) == kind)
        count++;
    return count;
}

kern_return_t vm_object_return(struct vm_object *object, uint32_t first, uint32_t last,
                               unsigned which, bool flush)
{
    struct pager *pager = object->pager;
    struct page *page, *run[RUN_MAX];
    kern_return_t kr = KERN_SUCCESS;
    uint32_t count;

    if (pager->port == NULL)
        return KERN_MEMORY_FAILURE;
    for (uint32_t i = first; (page = page_tree_next(&object->pages, &i)) != NULL && i <= last;
         i += count) {
        unsigned kind = kind_of(pager, page);

        count = find_run(object, i, last, kind, run);
        if ((kind & which) != 0)
            kr = vm_pager_send_pages(pager, run, count, i << PAGE_SHIFT, kind == PAGES_DIRTY, !flush);
        if (kr != KERN_SUCCESS)
            return kr;
        for (uint32_t k = 0; k < count; k++) {
            if (flush)
                page_unmap_everywhere(run[k]);
            if (vm_pager_owns(pager, run[k])) {
                run[k]->dirty = run[k]->dirty && (kind & which) == 0; // what was sent is clean
                run[k]->managed = !flush;
            }
        }
        if (flush && !page_tree_remove(&object->pages, i, count))
            return KERN_RESOURCE_SHORTAGE;
        preemption_point();
    }
    return KERN_SUCCESS;
}
