// SPDX-License-Identifier: BSD-2-Clause
// Exceptions: what becomes of a thread whose instruction could not be carried out.
//
// `handle_exception` is called by the machine layer with the thread's registers saved. It asks, in
// order, whoever may resolve the exception, and ends the task when nobody does, with one sentence on
// the console that says who, where and why. So far there is nobody to ask: exception ports of thread,
// task and host will stand before `end_task`.
#include <mach/exception.h>
#include "kern/task.h"
#include "kern/thread.h"
#include "lib/printf.h"
#include "x86/cpu.h"
#include "x86/upcall.h"

static const char *const kinds[EXC_TYPES_COUNT] = {
    [EXC_BAD_ACCESS] = "bad access",
    [EXC_BAD_INSTRUCTION] = "bad instruction",
    [EXC_ARITHMETIC] = "arithmetic error",
    [EXC_EMULATION] = "an instruction to be emulated",
    [EXC_SOFTWARE] = "software exception",
    [EXC_BREAKPOINT] = "breakpoint",
    [EXC_SYSCALL] = "system call without an emulator",
    [EXC_MACH_SYSCALL] = "unknown trap",
    [EXC_RPC_ALERT] = "RPC alert",
};

static const char *access_reason(int code)
{
    switch (code) {
    case KERN_INVALID_ADDRESS:
        return "nothing is mapped there";
    case KERN_PROTECTION_FAILURE:
        return "its protection forbids it";
    case KERN_MEMORY_ERROR:
        return "its pager could not supply the page";
    case KERN_MEMORY_FAILURE:
        return "its memory object is gone";
    case KERN_RESOURCE_SHORTAGE:
        return "memory is exhausted";
    default:
        return "the page could not be had";
    }
}

static const char *instruction_reason(int code)
{
    switch (code) {
    case EXC_I386_INVOP:
        return "invalid opcode";
    case EXC_I386_SEGNPFLT:
        return "segment not present";
    case EXC_I386_STKFLT:
        return "stack segment fault";
    case EXC_I386_GPFLT:
        return "privileged instruction, port or segment";
    case EXC_I386_ALIGNFLT:
        return "alignment";
    default:
        return "fault";
    }
}

static const char *arithmetic_reason(int code)
{
    switch (code) {
    case EXC_I386_DIV:
        return "division by zero or overflow";
    case EXC_I386_INTO:
        return "overflow";
    case EXC_I386_BOUND:
        return "index out of bounds";
    case EXC_I386_EXTERR:
        return "floating point";
    case EXC_I386_SSEEXTERR:
        return "SSE floating point";
    default:
        return "arithmetic";
    }
}

// "bad access at 0x10 (pc 0x8049000: nothing is mapped there)"
static void describe(char *text, unsigned size, int exception, int code, int subcode)
{
    const char *kind = exception > 0 && exception < EXC_TYPES_COUNT ? kinds[exception] : "exception";
    uintptr_t pc = machine_thread_user_pc(&current_thread()->machine);

    switch (exception) {
    case EXC_BAD_ACCESS:
        snprintf(text, size, "%s at 0x%x (pc 0x%x: %s)", kind, (unsigned)subcode, (unsigned)pc,
                 access_reason(code));
        break;
    case EXC_BAD_INSTRUCTION:
        snprintf(text, size, "%s (pc 0x%x: %s)", kind, (unsigned)pc, instruction_reason(code));
        break;
    case EXC_ARITHMETIC:
        snprintf(text, size, "%s (pc 0x%x: %s)", kind, (unsigned)pc, arithmetic_reason(code));
        break;
    default:
        snprintf(text, size, "%s (pc 0x%x: code %d, subcode 0x%x)", kind, (unsigned)pc, code,
                 (unsigned)subcode);
        break;
    }
}

static void end_task(int exception, int code, int subcode)
{
    char who[80], what[120];

    describe_current(who, sizeof(who));
    describe(what, sizeof(what), exception, code, subcode);
    printf("Minato: %s ended by %s\n", who, what);
    task_kill(current_task());
}

void handle_exception(int exception, int code, int subcode)
{
    // A thread that is to end anyway does so on its way back; nobody needs to hear of it.
    if (current_thread()->terminating)
        return;
    end_task(exception, code, subcode);
}
