// SPDX-License-Identifier: BSD-2-Clause
// What the fast path of mach_msg asks of the machine: address spaces that are all one, a processor that
// goes from the sender of a message to its receiver, and buffers where it believes that users have theirs.
#include "fake.h"
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <sys/mman.h>
#include "kern/sched.h"
#include "lib/assert.h"
#include "x86/context.h"
#include "x86/pmap.h"
#include "x86/usercopy.h"

#define BUFFERS 0x70000000u // where nothing else of the process lies
#define BUFFER_ROOM 0x12000u // for each thread; behind it a page that cannot be accessed
#define PAGE 0x1000u

struct pmap *pmap_active;
struct processor processors[MAX_CPUS];

// All tasks of the model have their memory at the same place.
const void *pmap_activate_showing(struct pmap *pmap, uintptr_t address)
{
    pmap_load(pmap);
    return (const void *)address;
}

void pmap_load(struct pmap *pmap)
{
    pmap_active = pmap;
}

bool copy_from_user_resident(void *to, uintptr_t from, size_t size)
{
    return copy_from_user(to, from, size);
}

bool copy_to_user_resident(uintptr_t to, const void *from, size_t size)
{
    return copy_to_user(to, from, size);
}

// The fast path's assembly accesses it unseen by AddressSanitizer, so what lies behind it is a page that
// faults; what C code accesses is watched to the byte.
void *fake_user_buffer(const struct thread *thread, size_t size)
{
    char *place = (char *)BUFFERS + (thread - threads) * (BUFFER_ROOM + PAGE);
    char *buffer = place + BUFFER_ROOM - ((size + 3) & ~3u);

    if (size > BUFFER_ROOM)
        panic("a buffer of %zu bytes", size);
    if (mmap(place, BUFFER_ROOM, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != place)
        panic("no memory at %p", (void *)place);
    ASAN_POISON_MEMORY_REGION(place, BUFFER_ROOM);
    ASAN_UNPOISON_MEMORY_REGION(buffer, size);
    return buffer;
}

void fake_user_buffer_free(const struct thread *thread)
{
    char *place = (char *)BUFFERS + (thread - threads) * (BUFFER_ROOM + PAGE);

    munmap(place, BUFFER_ROOM); // who still writes there shall notice
}

// ---- handing the processor over -----------------------------------------------------------------

// The receiver's call is over, and its stack forgotten. It is the next to run, for the test.
void context_finish_trap(struct machine_thread *from, struct machine_thread *to)
{
    struct thread *next = container_of(to, struct thread, machine);

    fake_finish(next);
    sched_ready(next);
    fake_switch_from(container_of(from, struct thread, machine));
}

void context_switch(struct machine_thread *from, struct machine_thread *to)
{
    (void)from, (void)to;
    panic("the kernel waits for nobody here");
}

void sched_switched(void)
{
    panic("nobody has ended");
}
