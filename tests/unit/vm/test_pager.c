// SPDX-License-Identifier: BSD-2-Clause
// Rule: a page that its pager must bring is asked for once, waited for, and looked up again
// afterwards; whatever happens meanwhile, nothing is mapped that should not be.
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "fake.h"
#include "ipc/port.h"
#include "kern/waitq.h"
#include "mach_server.h"
#include "tap.h"
#include "vm/entry.h"
#include "vm/object.h"
#include "vm/page.h"
#include "vm/pager.h"

#define PAGE 4096u

static struct vm_map *map;
static struct vm_object *object;
static struct port port;        // the memory object
static vm_offset_t base;
static unsigned requests;
static vm_offset_t asked;       // the offset of the last request
static kern_return_t answer;    // what the pager says
static kern_return_t refusal;   // what asking it gives
static void (*meanwhile)(void); // happens while the thread waits
static bool pending;            // the pager owes an answer
static vm_offset_t copied;      // a copy of the object's first four pages
static struct vm_object *copied_object;

static void supply(void)
{
    char data[PAGE];
    struct vm_map_copy *copy;

    pending = false;
    memset(data, 'A' + (int)(asked / PAGE), PAGE);
    if (answer != KERN_SUCCESS) {
        CHECK_EQ(memory_object_data_error(object, asked, PAGE, answer), KERN_SUCCESS);
        return;
    }
    CHECK_EQ(vm_map_copy_from_kernel(data, PAGE, &copy), KERN_SUCCESS);
    CHECK_EQ(memory_object_data_supply(object, asked, copy, PAGE, VM_PROT_NONE, false, NULL),
             KERN_SUCCESS);
}

static kern_return_t request(const struct fake_message *m)
{
    if (strcmp(m->what, "data_request") != 0)
        return KERN_SUCCESS;
    CHECK(m->size == PAGE && (m->access & VM_PROT_READ));
    requests++;
    asked = m->offset;
    pending = refusal == KERN_SUCCESS;
    return refusal;
}

static enum wait_result wait(struct waitq *q)
{
    (void)q;
    if (meanwhile)
        meanwhile();
    if (pending)
        supply();
    return WAIT_AWAKENED;
}

static enum wait_result wait_aborted(struct waitq *q)
{
    (void)q;
    return WAIT_INTERRUPTED;
}

static int peek(vm_offset_t address)
{
    kern_return_t kr;
    char *byte = fake_access(map, address, false, &kr);

    return byte ? *byte : -kr;
}

static void set_up(void)
{
    map = vm_map_create();
    port = (struct port){.kind = PORT_USER, .active = true};
    CHECK_EQ(vm_pager_object(&port, &object), KERN_SUCCESS);
    vm_pager_ready(object->pager);
    base = 0;
    CHECK_EQ(vm_map_enter(map, &base, 8 * PAGE, 0, true, object, 0, false, VM_PROT_DEFAULT,
                          VM_PROT_ALL, VM_INHERIT_COPY),
             KERN_SUCCESS);
    CHECK_EQ(vm_pager_initialize(object->pager), KERN_SUCCESS);
    vm_object_deallocate(object); // the map keeps it
    requests = 0;
    pending = false;
    answer = refusal = KERN_SUCCESS;
    meanwhile = NULL;
    fake_wait = wait;
    fake_to_pager = request;
}

static struct resources at_start;

static void rule(const char *text)
{
    if (map->entry_count > 0)
        check_everything(&map, 1, NULL, 0);
    tap_rule(text);
}

static void tear_down(const char *text)
{
    vm_map_deallocate(map);
    check_resources(at_start);
    CHECK_EQ(fake_rights, 0);
    tap_rule(text);
}

static void copy_meanwhile(void)
{
    meanwhile = NULL;
    CHECK(requests == 1);
    // Another thread faults on the same page: it must wait too, not ask again.
    CHECK_EQ(peek(base + 3 * PAGE), 'D');
    CHECK_EQ(requests, 1);
}

static void unmap_meanwhile(void)
{
    meanwhile = NULL;
    CHECK_EQ(vm_deallocate(map, base, 8 * PAGE), KERN_SUCCESS);
}

static void protect_meanwhile(void)
{
    meanwhile = NULL;
    CHECK_EQ(vm_protect(map, base, 8 * PAGE, false, VM_PROT_NONE), KERN_SUCCESS);
}

static void test_present(void)
{
    set_up();
    CHECK_EQ(peek(base + PAGE), 'B');
    CHECK_EQ(peek(base + PAGE + 9), 'B');
    CHECK_EQ(requests, 1);
    meanwhile = copy_meanwhile;
    requests = 0;
    CHECK_EQ(peek(base + 3 * PAGE), 'D');
    rule("a page is asked for once, also when two threads want it");
    tear_down("and all goes with the object");
}

static void test_errors(void)
{
    set_up();
    answer = KERN_FAILURE;
    CHECK_EQ(peek(base), -KERN_MEMORY_ERROR);
    answer = KERN_SUCCESS;
    CHECK_EQ(peek(base), 'A');
    CHECK_EQ(requests, 2);
    rule("an error reaches the thread as KERN_MEMORY_ERROR; the next one asks again");
    refusal = KERN_RESOURCE_SHORTAGE;
    CHECK_EQ(peek(base + PAGE), -KERN_RESOURCE_SHORTAGE);
    refusal = KERN_SUCCESS;
    fake_wait = wait_aborted;
    CHECK_EQ(peek(base + PAGE), -KERN_ABORTED);
    fake_wait = wait;
    CHECK_EQ(peek(base + PAGE), 'B');
    CHECK_EQ(requests, 4); // one page each: refused, aborted and then waited for
    rule("a request that cannot be sent fails the fault; an aborted wait leaves it standing");
    fake_wait = wait_aborted;
    CHECK_EQ(peek(base + 2 * PAGE), -KERN_ABORTED);
    tear_down("an object dies with a request still unanswered");
    set_up();
    CHECK_EQ(memory_object_data_error(object, 5 * PAGE, PAGE, KERN_FAILURE), KERN_SUCCESS);
    CHECK_EQ(peek(base + 5 * PAGE), 'F');
    rule("an error that answers no question is ignored");
    vm_pager_port_died(object->pager);
    CHECK_EQ(peek(base + 5 * PAGE), 'F');
    CHECK_EQ(peek(base), -KERN_MEMORY_FAILURE);
    tear_down("when the pager is dead, what is there stays, and nothing comes any more");
}

static void test_shortage(void)
{
    kern_return_t kr;

    for (int copy = 0; copy < 2; copy++) {
        unsigned n = 0;

        do {
            map = vm_map_create();
            port = (struct port){.kind = PORT_USER, .active = true};
            fake_rights = 1; // the caller's
            base = 0;
            fake_fail_from(++n);
            kr = vm_map(map, &base, 4 * PAGE, 0, true, &port, PAGE, copy, VM_PROT_DEFAULT, VM_PROT_ALL,
                        VM_INHERIT_COPY);
            fake_fail_from(0);
            if (kr != KERN_SUCCESS) {
                CHECK_EQ(kr, KERN_RESOURCE_SHORTAGE);
                CHECK_EQ(map->entry_count, 0);
                CHECK(port.object == NULL);
                CHECK_EQ(fake_rights, 1);
            }
            vm_map_deallocate(map);
            check_resources(at_start);
        } while (kr != KERN_SUCCESS && n < 50);
        CHECK(n > 4 && n < 50);
        CHECK_EQ(fake_rights, 0);
    }
    tap_rule("vm_map of a memory object: whichever allocation fails, nothing has happened");
}

// Threads that touch one page after the other and give up.
static void test_many(void)
{
    enum { MANY = 4096 };
    kern_return_t kr;

    set_up();
    base = 0;
    CHECK_EQ(vm_map_enter(map, &base, (MANY + 1) * PAGE, 0, true, object, 0, false, VM_PROT_DEFAULT,
                          VM_PROT_ALL, VM_INHERIT_COPY),
             KERN_SUCCESS);
    fake_wait = wait_aborted;
    for (int i = 0; i < MANY; i++)
        CHECK(fake_access(map, base + i * PAGE, false, &kr) == NULL && kr == KERN_ABORTED);
    CHECK_EQ(peek(base + MANY * PAGE), -KERN_RESOURCE_SHORTAGE);
    CHECK_EQ(requests, MANY);
    CHECK_EQ(memory_object_data_unavailable(object, 7 * PAGE, PAGE), KERN_SUCCESS);
    CHECK_EQ(peek(base + MANY * PAGE), -KERN_ABORTED);
    fake_wait = wait;
    tear_down("a pager that does not answer is asked for 4096 pages at most");
}

static void test_changes(void)
{
    set_up();
    meanwhile = unmap_meanwhile;
    CHECK_EQ(peek(base), -KERN_INVALID_ADDRESS);
    CHECK_EQ(map->pmap.resident, 0);
    tear_down("memory unmapped while its page was fetched stays unmapped");
    set_up();
    meanwhile = protect_meanwhile;
    CHECK_EQ(peek(base), -KERN_PROTECTION_FAILURE);
    CHECK_EQ(map->pmap.resident, 0);
    tear_down("protection changed meanwhile is obeyed");
}

static void test_copies(void)
{
    struct vm_map_copy *copy;
    vm_offset_t out;
    kern_return_t kr;

    set_up();
    CHECK_EQ(peek(base), 'A');
    CHECK_EQ(vm_map_copyin(map, base, 4 * PAGE, &copy), KERN_SUCCESS);
    CHECK_EQ(requests, 1);
    *fake_access(map, base, true, &kr) = 'w';
    CHECK_EQ(vm_map_copyout(map, &out, copy), KERN_SUCCESS);
    CHECK_EQ(peek(out), 'A');
    CHECK_EQ(peek(out + 2 * PAGE), 'C');
    CHECK_EQ(requests, 2);
    *fake_access(map, out + 2 * PAGE, true, &kr) = 'x';
    CHECK_EQ(peek(base + 2 * PAGE), 'C');
    CHECK_EQ(requests, 2);
    CHECK_EQ(vm_map_copyin(map, out + 3 * PAGE, PAGE, &copy), KERN_SUCCESS);
    char byte;
    CHECK_EQ(vm_map_copy_read(copy, 0, &byte, 1), KERN_SUCCESS);
    CHECK_EQ(byte, 'D');
    vm_map_copy_discard(copy);
    rule("a copy asks the original's pager for what was not there, and is a copy");
    CHECK_EQ(vm_map_copyin(map, base + 4 * PAGE, 2 * PAGE, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_map_copy_overwrite(map, base + 5 * PAGE, copy), KERN_SUCCESS);
    CHECK_EQ(peek(base + 5 * PAGE), 'E');
    CHECK_EQ(peek(base + 6 * PAGE), 'F');
    CHECK_EQ(peek(base + 4 * PAGE), 'E');
    rule("memory with a pager is overwritten with memory with a pager");
    CHECK_EQ(vm_deallocate(map, out, 4 * PAGE), KERN_SUCCESS);
    CHECK_EQ(vm_map_copyin(map, base + PAGE, PAGE, &copy), KERN_SUCCESS);
    *fake_access(map, base + PAGE, true, &kr) = '1';
    CHECK_EQ(vm_map_copyout(map, &out, copy), KERN_SUCCESS);
    CHECK_EQ(peek(out), 'B');
    *fake_access(map, base + PAGE, true, &kr) = '2';
    CHECK_EQ(peek(out), 'B');
    rule("a page that its original fetches and writes to is handed to the copy first");
    answer = KERN_FAILURE;
    CHECK_EQ(vm_map_copyin(map, base + 7 * PAGE, PAGE, &copy), KERN_SUCCESS);
    CHECK_EQ(vm_map_copy_overwrite(map, base, copy), KERN_MEMORY_ERROR);
    CHECK_EQ(peek(base), 'w');
    vm_map_copy_discard(copy);
    CHECK_EQ(vm_map_copyin(map, base + 7 * PAGE + 1, 5, &copy), KERN_MEMORY_ERROR);
    CHECK(copy == NULL);
    tear_down("an error of the pager stops an overwrite before it begins");
}

// Another thread completes the copy; the memory goes, and other memory comes.
static void settle_meanwhile(void)
{
    vm_offset_t last = copied + 3 * PAGE;

    meanwhile = NULL;
    supply();
    CHECK_EQ(vm_object_settle(copied_object), KERN_SUCCESS);
    CHECK_EQ(vm_deallocate(map, last, PAGE), KERN_SUCCESS);
    CHECK_EQ(vm_allocate(map, &last, PAGE, false), KERN_SUCCESS);
}

static void deallocate_meanwhile(void)
{
    meanwhile = NULL;
    supply();
    CHECK_EQ(vm_deallocate(map, copied + 3 * PAGE, PAGE), KERN_SUCCESS);
}

static void make_copy(void)
{
    set_up();
    copied = 0;
    CHECK_EQ(vm_map_enter(map, &copied, 4 * PAGE, 0, true, object, 0, true, VM_PROT_DEFAULT,
                          VM_PROT_ALL, VM_INHERIT_COPY),
             KERN_SUCCESS);
    copied_object = entry_find(map, copied)->object;
    object->pager->setting[PAGER_COPY_STRATEGY] = MEMORY_OBJECT_COPY_NONE;
}

static void test_settled(void)
{
    vm_offset_t last;

    make_copy();
    meanwhile = settle_meanwhile;
    CHECK_EQ(peek(copied + 3 * PAGE), 0);
    rule("a page that comes when the copy is complete and has lost it is not fresh memory");
    CHECK_EQ(vm_deallocate(map, copied, 4 * PAGE), KERN_SUCCESS);
    tear_down("nor is anything left of it");
    make_copy();
    meanwhile = deallocate_meanwhile;
    CHECK_EQ(peek(copied + 3 * PAGE), -KERN_INVALID_ADDRESS);
    CHECK_EQ(vm_object_settle(copied_object), KERN_SUCCESS);
    last = copied + 3 * PAGE;
    CHECK_EQ(vm_allocate(map, &last, PAGE, false), KERN_SUCCESS);
    CHECK_EQ(peek(last), 0);
    tear_down("the same when the copy is completed afterwards");
}

int main(void)
{
    fake_boot(8, 0);
    at_start = resources_now();
    test_present();
    test_errors();
    test_many();
    test_shortage();
    test_changes();
    test_copies();
    test_settled();
    return tap_done();
}
