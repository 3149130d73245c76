// SPDX-License-Identifier: BSD-2-Clause
// Loading a program into a task, by messages to the task: each segment is put together in our own
// memory, page for page, and written there, which moves the pages copy-on-write; then protected. The
// stack lies at the top of user memory, with guard pages at its end.
#include "program/elf.h"

#include <mach/mach.h>
#include <program.h>
#include <string.h>

#define GUARD_SIZE (16 * PAGE_SIZE) // so that a large frame does not step over it

const char *program_check(const void *image, vm_size_t size)
{
    struct elf_program program;

    return elf_parse(image, size, &program);
}

// A segment, or the used part of the stack, as it is to be in the task: whole pages at `to`.
struct piece {
    vm_address_t to;
    vm_size_t size;
    char *copy; // ours
};

static kern_return_t piece_new(struct piece *piece, vm_address_t from, vm_address_t end)
{
    vm_address_t copy;
    kern_return_t result;

    piece->to = trunc_page(from);
    piece->size = round_page(end) - piece->to;
    result = vm_allocate(mach_task_self(), &copy, piece->size, TRUE);
    piece->copy = (char *)copy;
    return result;
}

static kern_return_t piece_write(struct piece *piece, mach_port_t task)
{
    kern_return_t result =
        vm_write(task, piece->to, (vm_offset_t)piece->copy, piece->size);

    vm_deallocate(mach_task_self(), (vm_address_t)piece->copy, piece->size);
    return result;
}

static vm_prot_t protection(uint32_t flags)
{
    return ((flags & ELF_READ) ? VM_PROT_READ : 0) | ((flags & ELF_WRITE) ? VM_PROT_WRITE : 0) |
           ((flags & ELF_EXECUTE) ? VM_PROT_EXECUTE : 0);
}

// Only the pages with contents from the file are written; those behind are zero by nature.
static kern_return_t load_contents(mach_port_t task, const void *image,
                                   const struct elf_segment *segment)
{
    struct piece piece;
    kern_return_t result;

    if (segment->file_size == 0)
        return KERN_SUCCESS;
    result = piece_new(&piece, segment->address, segment->address + segment->file_size);
    if (result != KERN_SUCCESS)
        return result;
    memcpy(piece.copy + (segment->address - piece.to), (const char *)image + segment->offset,
           segment->file_size);
    return piece_write(&piece, task);
}

static kern_return_t load_segment(mach_port_t task, const void *image,
                                  const struct elf_segment *segment)
{
    vm_address_t start = trunc_page(segment->address);
    vm_size_t size = round_page(segment->address + segment->memory_size) - start;
    kern_return_t result = vm_allocate(task, &start, size, FALSE);

    if (result == KERN_SUCCESS)
        result = load_contents(task, image, segment);
    if (result == KERN_SUCCESS)
        result = vm_protect(task, start, size, FALSE, protection(segment->flags));
    return result;
}

// ---- the initial stack ------------------------------------------------------------------------

static unsigned list_length(char *const list[])
{
    unsigned n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

static vm_size_t strings_size(char *const list[])
{
    vm_size_t size = 0;

    for (unsigned i = 0; list[i] != NULL; i++)
        size += strlen(list[i]) + 1;
    return size;
}

// Copies the strings to *at, and their addresses in the task, ended by 0, to *words.
static void put_list(char *const list[], const struct piece *piece, unsigned **words, char **at)
{
    for (unsigned i = 0; list[i] != NULL; i++) {
        vm_size_t length = strlen(list[i]) + 1;

        *(*words)++ = piece->to + (vm_address_t)(*at - piece->copy);
        memcpy(*at, list[i], length);
        *at += length;
    }
    *(*words)++ = 0;
}

// argc, argv, 0, envp, 0, and above them the strings (i386 System V).
static kern_return_t put_arguments(mach_port_t task, char *const argv[], char *const envp[],
                                   vm_address_t *sp)
{
    vm_size_t words = (list_length(argv) + list_length(envp) + 3) * sizeof(unsigned);
    vm_size_t size = words + strings_size(argv) + strings_size(envp);
    struct piece piece;
    unsigned *word;
    char *string;
    kern_return_t result;

    if (size > PROGRAM_ARGUMENTS_MAX)
        return KERN_INVALID_ARGUMENT;
    *sp = (VM_MAX_ADDRESS - size) & ~15u;
    result = piece_new(&piece, *sp, VM_MAX_ADDRESS);
    if (result != KERN_SUCCESS)
        return result;
    word = (unsigned *)(void *)(piece.copy + (*sp - piece.to));
    string = (char *)word + words;
    *word++ = list_length(argv);
    put_list(argv, &piece, &word, &string);
    put_list(envp, &piece, &word, &string);
    return piece_write(&piece, task);
}

static kern_return_t make_stack(mach_port_t task, char *const argv[], char *const envp[],
                                vm_address_t *sp)
{
    vm_address_t stack = VM_MAX_ADDRESS - PROGRAM_STACK_SIZE;
    kern_return_t result = vm_allocate(task, &stack, PROGRAM_STACK_SIZE, FALSE);

    if (result == KERN_SUCCESS)
        result = vm_protect(task, stack, GUARD_SIZE, FALSE, VM_PROT_NONE);
    if (result == KERN_SUCCESS)
        result = put_arguments(task, argv, envp, sp);
    return result;
}

kern_return_t program_load(mach_port_t task, const void *image, vm_size_t size, char *const argv[],
                           char *const envp[], vm_address_t *entry, vm_address_t *sp)
{
    struct elf_program program;
    kern_return_t result = KERN_SUCCESS;

    if (elf_parse(image, size, &program) != NULL)
        return KERN_INVALID_ARGUMENT;
    for (unsigned i = 0; i < program.count && result == KERN_SUCCESS; i++)
        result = load_segment(task, image, &program.segment[i]);
    *entry = program.entry;
    return result == KERN_SUCCESS ? make_stack(task, argv, envp, sp) : result;
}

kern_return_t program_start(mach_port_t task, vm_address_t entry, vm_address_t sp,
                            mach_port_t *thread)
{
    // The kernel puts the user's segments in the place of none.
    struct i386_thread_state state = {.eip = entry, .uesp = sp};

    return thread_create_running(task, i386_THREAD_STATE, (thread_state_t)&state,
                                 i386_THREAD_STATE_COUNT, thread);
}
