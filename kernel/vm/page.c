// SPDX-License-Identifier: BSD-2-Clause
// The physical page allocator: buddies, with a stock of single pages in front.
//
// Free memory lies on one list per power of two; a freed block joins its buddy (the block whose
// address differs in one bit) as long as that is free too. Nearly all requests are for single
// pages, which come from and go to the stock without any of that; when it has grown too long its
// oldest pages go to the buddies. Read next: page_map.c, for where pages are mapped; page_tree.h,
// for who holds them.
#include "vm/page.h"
#include "kern/ledger.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "vm/page_tree.h"
#include "vm/paging.h"
#include "x86/boot.h"
#include "x86/upcall.h"

#define ORDERS 11         // blocks of 4 KiB … 4 MiB
#define STOCK_MAX 128     // single pages kept apart
#define STOCK_ORDER 4     // fetched in blocks of 16
#define STOCK_KEEP 64     // what is left of them when they become more
#define RESERVE_SHARE 64  // one page in so many is for the kernel's objects, half of that for the
#define RESERVE_MIN 64    // servers; but at least this many

static struct page *pages; // by frame number; covers everything up to the highest usable frame
static uint32_t frame_count;
static struct list blocks[ORDERS]; // free blocks by order
static struct list stock;
static unsigned stock_count;
unsigned pages_free, pages_total, pages_reserved;
unsigned page_last_resort;

static inline uint32_t frame_of(const struct page *page)
{
    return (uint32_t)(page - pages);
}

uintptr_t page_physical(const struct page *page)
{
    return (uintptr_t)frame_of(page) << PAGE_SHIFT;
}

struct page *page_at(uintptr_t physical)
{
    uint32_t frame = physical >> PAGE_SHIFT;

    return frame < frame_count ? &pages[frame] : NULL;
}

void *page_address(const struct page *page)
{
    return phys_to_virt(page_physical(page));
}

// ---- buddies -------------------------------------------------------------------------------

static void block_put(struct page *page, unsigned order)
{
    page->free = true;
    page->order = (uint8_t)order;
    list_insert_head(&blocks[order], &page->link);
}

static void block_take(struct page *page)
{
    page->free = false;
    list_remove(&page->link);
}

static void block_free(struct page *page, unsigned order)
{
    uint32_t frame = frame_of(page);

    for (; order < ORDERS - 1; order++) {
        uint32_t other = frame ^ 1u << order;

        if (other >= frame_count || !pages[other].free || pages[other].order != order)
            break;
        block_take(&pages[other]);
        frame &= ~(1u << order);
    }
    block_put(&pages[frame], order);
}

// Takes a block of 2^order pages, halving a larger one if need be; NULL when there is none.
static struct page *block_alloc(unsigned order)
{
    unsigned have = order;
    struct page *page;

    while (have < ORDERS && list_empty(&blocks[have]))
        have++;
    if (have == ORDERS)
        return NULL;
    page = container_of(blocks[have].next, struct page, link);
    block_take(page);
    while (have > order) {
        have--;
        block_put(page + (1u << have), have);
    }
    return page;
}

// Pages of the stock are not `free` in the buddies' sense: they do not join.
static void stock_drain(unsigned keep)
{
    while (stock_count > keep) {
        struct page *page = container_of(stock.prev, struct page, link);

        list_remove(&page->link);
        stock_count--;
        block_free(page, 0);
    }
}

// ---- single pages --------------------------------------------------------------------------

// Fetches single pages for the stock, lowest address first to go; false when there are none.
static bool stock_fill(void)
{
    unsigned order = STOCK_ORDER;
    struct page *block = block_alloc(order);

    if (pages_free < pages_reserved * 2)
        pageout_wake();
    while (block == NULL && order > 0)
        block = block_alloc(--order);
    if (block == NULL)
        return false;
    for (unsigned i = 0; i < 1u << order; i++)
        list_insert_tail(&stock, &block[i].link);
    stock_count += 1u << order;
    return true;
}

static inline struct page *stock_take(void)
{
    struct page *page;

    if (stock_count == 0 && !stock_fill())
        return NULL;
    page = container_of(stock.next, struct page, link);
    list_remove(&page->link);
    stock_count--;
    return page;
}

static void page_give(struct page *page)
{
    list_insert_head(&stock, &page->link);
    pages_free++;
    if (++stock_count > STOCK_MAX)
        stock_drain(STOCK_KEEP);
}

// Takes 2^order pages, contiguous, so that `keep` are left. Who may be as urgent as the servers, or is wired,
// may have those as well, and the kernel's own messages most of them: however greedy programs are, and
// whatever they are told, bootstrap goes on and ends the run.
static inline struct page *take(unsigned order, unsigned keep)
{
    struct page *page;

    if (pages_free < keep + (1u << order) && !thread_has_reserve(current_thread()) &&
        (page_last_resort == 0 || pages_free < pages_reserved / 4))
        return NULL;
    page = order == 0 ? stock_take() : block_alloc(order);
    if (page != NULL) {
        pages_free -= 1u << order;
        page->holders = 1;
        page->order = (uint8_t)order;
        page->twin = NULL;
        page->paging = page->paged_out = page->dirty = page->managed = page->precious = false;
        page->lock = 0;
    }
    return page;
}

// Digs for memory, as deep as need be: when a large tree has died it may have a long way to the bottom.
static __attribute__((noinline)) struct page *scrape(unsigned order, unsigned keep)
{
    struct page *page = NULL;

    while (page == NULL && page_tree_reap())
        page = take(order, keep);
    if (page != NULL)
        return page;
    slab_reap();
    stock_drain(0);
    return take(order, keep);
}

static inline struct page *take_or_scrape(unsigned order, unsigned keep)
{
    struct page *page = take(order, keep);

    return page != NULL ? page : scrape(order, keep);
}

// A page that the current task pays for.
static inline struct page *take_paid(unsigned keep)
{
    const struct task *task = current_thread()->task;
    struct ledger *payer = task != NULL ? task->ledger : NULL;
    struct page *page;

    if (!ledger_charge(payer, MINATO_LIMIT_PAGES, 1))
        return NULL;
    page = take_or_scrape(0, keep);
    if (page != NULL)
        page->payer = payer != NULL ? payer->number : 0;
    else
        ledger_credit(payer, MINATO_LIMIT_PAGES, 1);
    return page;
}

struct page *page_alloc(void)
{
    return take_paid(pages_reserved);
}

struct page *page_alloc_zeroed(void)
{
    struct page *page = page_alloc();

    if (page != NULL)
        memset(page_address(page), 0, PAGE_SIZE);
    return page;
}

void page_hold(struct page *page)
{
    page->holders++;
}

void page_release(struct page *page)
{
    debug_assert(page->holders != 0);
    if (--page->holders != 0)
        return;
    if (page->paging && !paging_unheld(page))
        return;
    kassert(page->mapping.pmap == NULL);
    ledger_credit(ledgers[page->payer], MINATO_LIMIT_PAGES, 1); // the 0th is NULL
    page_give(page);
}

bool page_adopt(struct page *page)
{
    if (page->holders != 0 || page->free || page->link.next != NULL)
        return false;
    page->twin = NULL;
    page->holders = 1;
    pages_total++;
    return true;
}

// ---- what others ask for -------------------------------------------------------------------

void *slab_page_alloc(unsigned order)
{
    struct page *page = take_or_scrape(order, pages_reserved / 2);

    if (page == NULL)
        return NULL;
    page->payer = 0;
    return page_address(page);
}

void slab_page_free(void *memory, unsigned order)
{
    struct page *page = page_at(virt_to_phys(memory));

    if (order == 0) {
        page_release(page);
        return;
    }
    page->holders = 0;
    pages_free += 1u << order;
    block_free(page, order);
}

unsigned slab_page_order(const void *memory)
{
    return page_at(virt_to_phys(memory))->order;
}

uintptr_t machine_page_alloc(void)
{
    struct page *page = take_paid(pages_reserved / 2);

    if (page == NULL)
        return 0;
    memset(page_address(page), 0, PAGE_SIZE);
    return page_physical(page);
}

void machine_page_free(uintptr_t physical)
{
    page_release(page_at(physical));
}

// ---- the start -----------------------------------------------------------------------------

// Takes the room for the page array off the first stretch of memory that has it.
static void place_pages(void)
{
    uint32_t size = round_page(frame_count * sizeof(struct page));
    uintptr_t start = 0, end = 0;

    while (end - start < size) {
        start = end;
        if (!boot_memory_next(&start, &end))
            panic("no memory for the table of pages: %u bytes", (unsigned)size);
    }
    boot_memory_add(start, start + size, false);
    pages = phys_to_virt(start);
    memset(pages, 0, size);
}

// Frees the frames [frame, end) in the largest blocks that their addresses allow.
static void free_frames(uint32_t frame, uint32_t end)
{
    pages_total += end - frame;
    pages_free += end - frame;
    for (uint32_t i = frame; i < end; i++)
        list_init(&pages[i].link);
    while (frame < end) {
        unsigned order = 0;

        while (order < ORDERS - 1 && (frame & 1u << order) == 0 && frame + (2u << order) <= end)
            order++;
        block_free(&pages[frame], order);
        frame += 1u << order;
    }
}

void page_init(void)
{
    uintptr_t start = 0, end;

    frame_count = boot_info.memory_end >> PAGE_SHIFT;
    for (unsigned i = 0; i < ORDERS; i++)
        list_init(&blocks[i]);
    list_init(&stock);
    place_pages();
    for (; boot_memory_next(&start, &end); start = end)
        free_frames(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
    pages_reserved = pages_total / RESERVE_SHARE;
    if (pages_reserved < RESERVE_MIN)
        pages_reserved = RESERVE_MIN;
}
