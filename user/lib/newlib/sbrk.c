// SPDX-License-Identifier: BSD-2-Clause
// sbrk: the memory under malloc. A region of HEAP_MAX bytes is set aside at the first call, without
// access, so that nothing else can come to lie in it; it is opened page by page as the break rises.
// Untouched memory costs nothing: the kernel fills pages in when they are used.
#include <errno.h>
#include <mach/mach.h>
#include <stddef.h>
#include <unistd.h>

#define HEAP_MAX ((vm_size_t)256 << 20)
#define HEAP_STEP ((vm_size_t)64 << 10) // opened at a time

// malloc's lock, held by every caller, guards this. All are addresses, page-aligned but `brk`.
static struct {
    vm_address_t start;
    vm_address_t brk;  // end of what has been handed out
    vm_address_t open; // end of what can be accessed
} heap;

static kern_return_t set_aside(void)
{
    kern_return_t result = vm_allocate(mach_task_self(), &heap.start, HEAP_MAX, TRUE);

    if (result == KERN_SUCCESS)
        result = vm_protect(mach_task_self(), heap.start, HEAP_MAX, FALSE, VM_PROT_NONE);
    if (result != KERN_SUCCESS)
        heap.start = 0;
    heap.brk = heap.open = heap.start;
    return result;
}

// Opens the region up to `end`, and somewhat more to save calls.
static kern_return_t grow(vm_address_t end)
{
    vm_size_t size = (end - heap.open + HEAP_STEP - 1) / HEAP_STEP * HEAP_STEP;
    kern_return_t result =
        vm_protect(mach_task_self(), heap.open, size, FALSE, VM_PROT_READ | VM_PROT_WRITE);

    if (result == KERN_SUCCESS)
        heap.open += size;
    return result;
}

// Gives the pages above `end` back to the kernel, by a copy of memory that has none, and closes
// their addresses again. They are never unmapped: another thread's memory would come to lie in the
// hole.
static kern_return_t shrink(vm_address_t end)
{
    vm_size_t size = heap.open - end;
    vm_address_t empty;
    kern_return_t result = vm_allocate(mach_task_self(), &empty, size, TRUE);

    if (result != KERN_SUCCESS)
        return result;
    result = vm_copy(mach_task_self(), empty, size, end);
    vm_deallocate(mach_task_self(), empty, size);
    if (result == KERN_SUCCESS)
        result = vm_protect(mach_task_self(), end, size, FALSE, VM_PROT_NONE);
    if (result == KERN_SUCCESS)
        heap.open = end;
    return result;
}

// Moves the break by `step` bytes and returns where it was; (void *)-1 and ENOMEM if it cannot.
void *sbrk(ptrdiff_t step)
{
    vm_address_t old, end;

    if (heap.start == 0 && set_aside() != KERN_SUCCESS)
        goto no_memory;
    old = heap.brk;
    end = old + step;
    if (step >= 0 ? (vm_size_t)step > heap.start + HEAP_MAX - old
                  : (vm_size_t)-step > old - heap.start)
        goto no_memory;
    if (end > heap.open && grow(end) != KERN_SUCCESS)
        goto no_memory;
    if (heap.open - end >= 2 * HEAP_STEP && shrink(round_page(end)) != KERN_SUCCESS)
        goto no_memory;
    heap.brk = end;
    return (void *)old;

no_memory:
    errno = ENOMEM;
    return (void *)-1;
}
