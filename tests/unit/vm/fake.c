// SPDX-License-Identifier: BSD-2-Clause
#include "fake.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "kern/sched.h"
#include "kern/trace.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "ipc/port.h"
#include "kern/waitq.h"
#include "lib/assert.h"
#include "lib/slab.h"
#include "memory_object_user.h"
#include "vm/page.h"
#include "x86/boot.h"
#include "x86/cpu.h"
#include "x86/upcall.h"

struct boot_info boot_info;
void (*fake_preempt)(void);
enum wait_result (*fake_wait)(struct waitq *q);
unsigned fake_fail_at, fake_allocations;
bool fake_expect_panic;

// ---- the rest of the kernel ----

void panic(const char *format, ...)
{
    va_list args;

    if (fake_expect_panic)
        _Exit(3);
    va_start(args, format);
    printf("Bail out! panic: ");
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    abort();
}

void assert_failed(const char *what, const char *file, int line)
{
    panic("%s:%d: %s", file, line, what);
}

void preemption_point(void)
{
    if (fake_preempt)
        fake_preempt();
}

void sched_point(void)
{
    preemption_point();
}

struct vm_map *current_map(void)
{
    return current_task()->map;
}

// Whoever faults has its faults and its system time counted.
static struct task fake_task;
struct thread fake_thread = {.max_priority = PRIORITY_USER, .task = &fake_task};
struct cpu cpus[MAX_CPUS] = {{.current = &fake_thread}};

struct ledger *current_ledger(void)
{
    return NULL;
}

struct task *current_task(void)
{
    return &fake_task;
}

enum wait_result waitq_wait(struct waitq *q, uint64_t deadline, bool interruptible,
                            const char *reason)
{
    (void)deadline, (void)interruptible, (void)reason;
    if (!fake_wait)
        panic("nobody would ever wake this thread");
    return fake_wait(q);
}

void waitq_wake_all(struct waitq *q, enum wait_result result)
{
    (void)q, (void)result;
}

// The page-out thread does not run; tests take its steps.
void sched_switched(void)
{
}

void thread_start_kernel(void (*body)(void), int priority)
{
    (void)body, (void)priority;
}

uint64_t clock_now(void)
{
    return 0;
}

static bool fails(void)
{
    return ++fake_allocations == fake_fail_at;
}

// ---- ports, and messages to pagers: rights are only counted ----

kern_return_t (*fake_to_pager)(const struct fake_message *m);
unsigned fake_rights;
static struct port control;

struct port *port_copy_send(struct port *port)
{
    fake_rights++;
    return port;
}

struct port *port_make_send(struct port *port)
{
    fake_rights++;
    return port;
}

void port_release_send(struct port *port)
{
    (void)port;
    fake_rights--;
}

void port_release_send_once(struct port *port)
{
    port_release_send(port);
}

struct port *port_make_kernel(enum port_kind kind, void *object)
{
    if (fails())
        return NULL;
    control = (struct port){.kind = kind, .object = object};
    fake_rights++;
    return &control;
}

void port_destroy_kernel(struct port *port)
{
    port_release_send(port);
}

void port_destroy(struct port *port)
{
    (void)port;
}

void port_release(struct port *port)
{
    port_release_send(port);
}

// Takes the two rights with it, whether it goes or not.
static kern_return_t send(struct fake_message m)
{
    fake_rights -= 2;
    if (fails())
        return KERN_RESOURCE_SHORTAGE;
    return fake_to_pager ? fake_to_pager(&m) : KERN_SUCCESS;
}

kern_return_t memory_object_init(ipc_port_t to, ipc_port_t c, vm_size_t page_size)
{
    (void)to, (void)c, (void)page_size;
    return send((struct fake_message){.what = "init"});
}

kern_return_t memory_object_terminate(ipc_port_t to, ipc_port_t c)
{
    (void)to, (void)c;
    return send((struct fake_message){.what = "terminate"});
}

kern_return_t memory_object_data_request(ipc_port_t to, ipc_port_t c, vm_offset_t offset,
                                         vm_size_t length, vm_prot_t access)
{
    (void)to, (void)c;
    return send((struct fake_message){"data_request", offset, length, access, false, false, NULL});
}

kern_return_t memory_object_data_unlock(ipc_port_t to, ipc_port_t c, vm_offset_t offset,
                                        vm_size_t length, vm_prot_t access)
{
    (void)to, (void)c;
    return send((struct fake_message){"data_unlock", offset, length, access, false, false, NULL});
}

kern_return_t memory_object_data_return(ipc_port_t to, ipc_port_t c, vm_offset_t offset,
                                        vm_map_copy_t data, mach_msg_type_number_t size,
                                        boolean_t dirty, boolean_t kept)
{
    kern_return_t kr =
        send((struct fake_message){"data_return", offset, size, 0, dirty, kept, data});

    (void)to, (void)c;
    vm_map_copy_discard(data);
    return kr;
}

kern_return_t memory_object_synchronize(ipc_port_t to, ipc_port_t c, vm_offset_t offset,
                                        vm_size_t length, vm_sync_t flags)
{
    (void)to, (void)c, (void)flags;
    return send((struct fake_message){"synchronize", offset, length, 0, false, false, NULL});
}

kern_return_t memory_object_lock_completed(ipc_port_t to, ipc_port_t c,
                                           vm_offset_t offset, vm_size_t length)
{
    (void)to, (void)c;
    return send((struct fake_message){"lock_completed", offset, length, 0, false, false, NULL});
}

kern_return_t memory_object_supply_completed(ipc_port_t to, ipc_port_t c,
                                             vm_offset_t offset, vm_size_t length,
                                             kern_return_t result, vm_offset_t error_offset)
{
    (void)to, (void)c, (void)result, (void)error_offset;
    return send((struct fake_message){"supply_completed", offset, length, 0, false, false, NULL});
}

kern_return_t memory_object_change_completed(ipc_port_t to, ipc_port_t c,
                                             memory_object_flavor_t flavor)
{
    (void)to, (void)c, (void)flavor;
    return send((struct fake_message){.what = "change_completed"});
}

// ---- memory ----

void fake_boot(unsigned megabytes, unsigned module_pages)
{
    uint32_t size = megabytes << 20;
    uint32_t module = module_pages * PAGE_SIZE;
    void *at = phys_to_virt(0);

    if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) != at)
        panic("no memory at %p", at);
    memset(at, 0x5a, size); // nobody may count on zeros
    boot_memory_add(0x1000, 0x9f000, true);
    boot_memory_add(0x100000, size, true);
    boot_memory_add(size - module, size, false);
    boot_info.memory_end = size;
    boot_info.module_start = size - module;
    boot_info.module_end = size;
    page_init();
}

// ---- allocations that fail ----

void fake_fail_from(unsigned n)
{
    fake_allocations = 0;
    fake_fail_at = n;
}

void *__real_slab_alloc(struct slab_cache *cache);
void *__wrap_slab_alloc(struct slab_cache *cache);
void *__wrap_slab_alloc(struct slab_cache *cache)
{
    return fails() ? NULL : __real_slab_alloc(cache);
}

void *__real_kmalloc(size_t size);
void *__wrap_kmalloc(size_t size);
void *__wrap_kmalloc(size_t size)
{
    return fails() ? NULL : __real_kmalloc(size);
}

struct page *__real_page_alloc(void);
struct page *__wrap_page_alloc(void);
struct page *__wrap_page_alloc(void)
{
    return fails() ? NULL : __real_page_alloc();
}

struct page *__real_page_alloc_zeroed(void);
struct page *__wrap_page_alloc_zeroed(void);
struct page *__wrap_page_alloc_zeroed(void)
{
    return fails() ? NULL : __real_page_alloc_zeroed();
}

// ---- page tables: `directory` is a host pointer to 768 tables of 1024 entries ----

#define TABLES 768
struct directory {
    struct pmap_entry *table[TABLES];
};

static struct directory *directory_of(struct pmap *pmap)
{
    return (struct directory *)pmap->directory;
}

static struct pmap_entry *slot(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry *table = directory_of(pmap)->table[address >> 22];

    return table ? &table[address >> PAGE_SHIFT & 1023] : NULL;
}

bool pmap_init(struct pmap *pmap)
{
    if (fails())
        return false;
    pmap->directory = (uintptr_t)calloc(1, sizeof(struct directory));
    pmap->resident = 0;
    return true;
}

void pmap_destroy(struct pmap *pmap)
{
    if (pmap->resident != 0)
        panic("%u pages are still mapped", pmap->resident);
    for (int i = 0; i < TABLES; i++)
        free(directory_of(pmap)->table[i]);
    free(directory_of(pmap));
}

enum pmap_entered pmap_enter(struct pmap *pmap, uintptr_t address, uintptr_t physical,
                             vm_prot_t protection)
{
    struct pmap_entry **table = &directory_of(pmap)->table[address >> 22];

    if (*table == NULL) {
        if (fails())
            return PMAP_SHORT;
        *table = calloc(1024, sizeof(struct pmap_entry));
    }
    if (slot(pmap, address)->protection != VM_PROT_NONE)
        return PMAP_TAKEN;
    *slot(pmap, address) = (struct pmap_entry){.physical = physical, .protection = protection};
    pmap->resident++;
    return PMAP_ENTERED;
}

struct pmap_entry pmap_lookup(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry *e = slot(pmap, address);

    return e ? *e : (struct pmap_entry){0};
}

struct pmap_entry pmap_remove(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry was = pmap_lookup(pmap, address);

    if (was.protection != VM_PROT_NONE) {
        slot(pmap, address)->protection = VM_PROT_NONE;
        pmap->resident--;
    }
    return was;
}

void pmap_write_protect(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry *e = slot(pmap, address);

    if (e)
        e->protection &= ~VM_PROT_WRITE;
}

void pmap_protect(struct pmap *pmap, uintptr_t address, vm_prot_t protection)
{
    struct pmap_entry *e = slot(pmap, address);

    if (e && e->protection != VM_PROT_NONE)
        e->protection = protection;
}

bool pmap_clear_modified(struct pmap *pmap, uintptr_t address)
{
    struct pmap_entry *e = slot(pmap, address);
    bool was = e && e->protection != VM_PROT_NONE && e->modified;

    if (was)
        e->modified = false;
    return was;
}

// No page was used lately.
bool pmap_clear_used(struct pmap *pmap, uintptr_t address)
{
    (void)pmap, (void)address;
    return false;
}

uintptr_t pmap_next(struct pmap *pmap, uintptr_t address, uintptr_t end)
{
    while (address < end) {
        struct pmap_entry *e = slot(pmap, address);

        if (e == NULL) {
            address = (address & ~0x3fffffu) + 0x400000;
            continue;
        }
        if (e->protection != VM_PROT_NONE)
            return address;
        address += PAGE_SIZE;
    }
    return end;
}

void fake_each_mapping(struct pmap *pmap,
                       void (*visit)(struct pmap *, uintptr_t, struct pmap_entry))
{
    for (uintptr_t at = pmap_next(pmap, 0, VM_MAX_ADDRESS); at < VM_MAX_ADDRESS;
         at = pmap_next(pmap, at + PAGE_SIZE, VM_MAX_ADDRESS))
        visit(pmap, at, pmap_lookup(pmap, at));
}

// ---- user programs ----

char *fake_access(struct vm_map *map, vm_offset_t address, bool write, kern_return_t *kr)
{
    vm_prot_t need = write ? VM_PROT_READ | VM_PROT_WRITE : VM_PROT_READ;

    for (int tries = 0; tries < 3; tries++) {
        struct pmap_entry *e = slot(&map->pmap, trunc_page(address));

        if (e && (need & ~e->protection) == 0) {
            e->modified |= write;
            return (char *)phys_to_virt(e->physical) + (address & PAGE_MASK);
        }
        fake_current_map = map;
        *kr = resolve_page_fault(address, write);
        if (*kr != KERN_SUCCESS)
            return NULL;
    }
    panic("the fault at %lx was resolved three times, in vain", (unsigned long)address);
}

// Nothing is recorded here, so nobody comes by.
void trace_fault(uint32_t address, bool write)
{
    abort();
}
