// SPDX-License-Identifier: BSD-2-Clause
// Rule: while a page comes back from the default pager anything may happen to who waits for it; and
// whatever the default pager supplies, each page is one page's contents, and only that.
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "fake.h"
#include "ipc/port.h"
#include "kern/waitq.h"
#include "mach_host_server.h"
#include "mach_server.h"
#include "tap.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/pager.h"
#include "vm/paging.h"

#define PAGE 4096u
#define PLACES 64u
#define A 0x100000u // two pages: 'a' and 'b'

static struct vm_map *map, *child;
static struct port port;          // the default pager's memory object
static char store[PLACES][PAGE];
static struct vm_object *space;   // a reference
static vm_offset_t asked;
static bool pending;
static void (*meanwhile)(void);   // happens when the pager has answered, before who waits goes on
static struct vm_map_copy *same;  // what the pager supplies for all places; NULL: what they have

static kern_return_t to_pager(const struct fake_message *m)
{
    if (strcmp(m->what, "data_return") == 0)
        return vm_map_copy_read(m->data, 0, store[m->offset / PAGE], m->size);
    if (strcmp(m->what, "data_request") == 0) {
        asked = m->offset;
        pending = true;
    }
    return KERN_SUCCESS;
}

// A copy of the page that all get, or of what has been stored.
static struct vm_map_copy *answer(void)
{
    struct vm_map_copy *data;
    vm_offset_t at;

    if (same == NULL) {
        CHECK_EQ(vm_map_copy_from_kernel(store[asked / PAGE], PAGE, &data), KERN_SUCCESS);
        return data;
    }
    CHECK_EQ(vm_map_copyout(map, &at, same), KERN_SUCCESS);
    CHECK_EQ(vm_map_copyin(map, at, PAGE, &data), KERN_SUCCESS);
    CHECK_EQ(vm_map_copyin(map, at, PAGE, &same), KERN_SUCCESS);
    CHECK_EQ(vm_deallocate(map, at, PAGE), KERN_SUCCESS);
    return data;
}

static enum wait_result wait(struct waitq *q)
{
    void (*then)(void) = meanwhile;

    (void)q;
    if (pending) {
        pending = false;
        CHECK_EQ(memory_object_data_supply(space, asked, answer(), PAGE, VM_PROT_NONE, false, NULL),
                 KERN_SUCCESS);
    }
    meanwhile = NULL;
    if (then != NULL)
        then();
    return WAIT_AWAKENED;
}

static int peek(struct vm_map *in, vm_offset_t address)
{
    kern_return_t kr;
    char *byte = fake_access(in, address, false, &kr);

    return byte ? *byte : -kr;
}

static void poke(struct vm_map *in, vm_offset_t address, char value)
{
    kern_return_t kr;
    char *byte = fake_access(in, address, true, &kr);

    CHECK(byte != NULL);
    *byte = value;
}

// The hand goes round until all has been sent that can be.
static void page_out(void)
{
    unsigned laps = 0;

    while (laps < 4)
        pageout_step(&laps);
}

static void open_space(void)
{
    struct port *manager = &port;

    port = (struct port){.kind = PORT_USER, .active = true};
    fake_wait = wait;
    fake_to_pager = to_pager;
    CHECK_EQ(host_default_memory_manager(NULL, &manager, PAGE), KERN_SUCCESS);
    CHECK_EQ(vm_pager_object(&port, &space), KERN_SUCCESS);
    space->pager->setting[PAGER_SIZE] = PLACES * PAGE;
    vm_pager_ready(space->pager);
}

static struct resources at_start;

static void set_up(void)
{
    vm_offset_t a = A;

    map = vm_map_create();
    CHECK_EQ(vm_allocate(map, &a, 2 * PAGE, false), KERN_SUCCESS);
    poke(map, A, 'a');
    poke(map, A + PAGE, 'b');
    child = NULL;
    same = NULL;
}

static void tear_down(const char *text)
{
    vm_map_deallocate(child);
    vm_map_deallocate(map);
    vm_map_copy_discard(same);
    pageout_paused = 0;
    page_tree_remove(&space->pages, 0, PLACES); // what came too late
    while (page_tree_reap())
        continue;
    check_resources(at_start);
    tap_rule(text);
}

// Another thread is faster, and then writing is forbidden.
static void read_and_protect(void)
{
    CHECK_EQ(peek(map, A), 'a');
    CHECK_EQ(vm_protect(map, A, PAGE, false, VM_PROT_READ), KERN_SUCCESS);
}

static void test_protected(void)
{
    set_up();
    child = vm_map_fork(map);
    page_out();
    meanwhile = read_and_protect;
    CHECK_EQ(vm_fault(map, A, VM_PROT_READ | VM_PROT_WRITE), KERN_PROTECTION_FAILURE);
    CHECK_EQ(peek(map, A), 'a');
    vm_map_deallocate(child);
    child = NULL;
    CHECK_EQ(peek(map, A), 'a');
    tear_down("a page that a write fault has replaced in vain is mapped nowhere");
}

static void test_same_page(void)
{
    vm_offset_t at = 0;

    set_up();
    CHECK_EQ(vm_allocate(map, &at, PAGE, true), KERN_SUCCESS);
    poke(map, at, 's');
    page_out();
    CHECK_EQ(peek(map, at), 's');
    CHECK_EQ(vm_map_copyin(map, at, PAGE, &same), KERN_SUCCESS);
    CHECK_EQ(vm_deallocate(map, at, PAGE), KERN_SUCCESS);
    child = vm_map_fork(map);
    CHECK_EQ(peek(map, A), 's');
    CHECK_EQ(peek(map, A + PAGE), 's');
    poke(map, A, '1');
    poke(map, A + PAGE, '2');
    CHECK_EQ(peek(child, A), 's');
    CHECK_EQ(peek(child, A + PAGE), 's');
    poke(child, A, '3');
    vm_map_copy_discard(same);
    same = NULL;
    page_out();
    CHECK_EQ(peek(map, A), '1');
    CHECK_EQ(peek(map, A + PAGE), '2');
    CHECK_EQ(peek(child, A), '3');
    CHECK_EQ(peek(child, A + PAGE), 'b'); // it was not sent again, and the pager has that
    tear_down("a default pager may supply one page for two places");
}

static void test_wired(void)
{
    struct vm_map_copy *copy;

    set_up();
    CHECK_EQ(vm_wire(NULL, map, A, PAGE, VM_PROT_READ | VM_PROT_WRITE), KERN_SUCCESS);
    page_out();
    CHECK_EQ(vm_map_copyin(map, A + PAGE, PAGE, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_map_copy_overwrite(map, A, copy), KERN_SUCCESS);
    CHECK_EQ(map->pmap.resident, 1);
    CHECK_EQ(peek(map, A), 'b');
    tear_down("memory that is wired stays in memory when it is written over");
}

static void test_mapped(void)
{
    struct port other = {.kind = PORT_USER, .active = true}, *manager = &other;
    vm_offset_t at = 0;

    set_up();
    CHECK_EQ(vm_map(map, &at, PAGE, 0, true, &port, 0, false, VM_PROT_READ, VM_PROT_READ,
                    VM_INHERIT_COPY),
             KERN_INVALID_OBJECT);
    CHECK_EQ(vm_map(map, &at, PAGE, 0, true, manager, 0, false, VM_PROT_READ, VM_PROT_READ,
                    VM_INHERIT_COPY),
             KERN_SUCCESS);
    fake_rights++; // of the send right that the call has taken
    CHECK_EQ(host_default_memory_manager(NULL, &manager, PAGE), KERN_INVALID_OBJECT);
    tear_down("the paging space cannot be mapped, nor what is mapped become it");
}

int main(void)
{
    fake_boot(8, 0);
    pageout_init();
    open_space();
    set_up();
    page_out(); // the map of places is made
    vm_map_deallocate(map);
    at_start = resources_now();
    test_protected();
    test_same_page();
    test_wired();
    test_mapped();
    return tap_done();
}
