// SPDX-License-Identifier: BSD-2-Clause
// Exceptions: what becomes of a thread whose instruction could not be carried out.
//
// `handle_exception` is called by the machine layer with the thread's registers saved. It asks, in
// order, whoever may resolve the exception (exception_ports.c), and ends the task when nobody does, with
// one sentence on the console that says who, where and why.
#include "kern/exception.h"
#include "exc_user.h"
#include "ipc/port.h"
#include "kern/host.h"
#include "kern/task.h"
#include "kern/thread.h"
#include "kern/trace.h"
#include "lib/printf.h"
#include "mach_server.h"
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

static const struct reason {
    int exception, code;
    const char *text;
} reasons[] = {
    {EXC_BAD_ACCESS, KERN_INVALID_ADDRESS, "nothing is mapped there"},
    {EXC_BAD_ACCESS, KERN_PROTECTION_FAILURE, "its protection forbids it"},
    {EXC_BAD_ACCESS, KERN_MEMORY_ERROR, "its pager could not supply the page"},
    {EXC_BAD_ACCESS, KERN_MEMORY_FAILURE, "its memory object is gone"},
    {EXC_BAD_ACCESS, KERN_RESOURCE_SHORTAGE, "memory is exhausted"},
    {EXC_BAD_INSTRUCTION, EXC_I386_INVOP, "invalid opcode"},
    {EXC_BAD_INSTRUCTION, EXC_I386_SEGNPFLT, "segment not present"},
    {EXC_BAD_INSTRUCTION, EXC_I386_STKFLT, "stack segment fault"},
    {EXC_BAD_INSTRUCTION, EXC_I386_GPFLT, "privileged instruction, port or segment"},
    {EXC_BAD_INSTRUCTION, EXC_I386_ALIGNFLT, "alignment"},
    {EXC_ARITHMETIC, EXC_I386_DIV, "division by zero or overflow"},
    {EXC_ARITHMETIC, EXC_I386_INTO, "overflow"},
    {EXC_ARITHMETIC, EXC_I386_EXTERR, "floating point"},
    {EXC_ARITHMETIC, EXC_I386_SSEEXTERR, "SSE floating point"},
    {EXC_SOFTWARE, EXC_I386_BOUND, "index out of bounds"},
};

// "bad access at 0x10 (pc 0x8049000: nothing is mapped there)"
static void describe(char *text, unsigned size, int exception, int code, int subcode)
{
    const char *kind = exception > 0 && exception < EXC_TYPES_COUNT ? kinds[exception] : "exception";
    unsigned pc = machine_thread_user_pc(&current_thread()->machine);
    char at[16] = "", why[40];

    snprintf(why, sizeof(why), "code %d, subcode 0x%x", code, (unsigned)subcode);
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].exception == exception && reasons[i].code == code)
            strlcpy(why, reasons[i].text, sizeof(why));
    if (exception == EXC_BAD_ACCESS)
        snprintf(at, sizeof(at), " at 0x%x", (unsigned)subcode);
    snprintf(text, size, "%s%s (pc 0x%x: %s)", kind, at, pc, why);
}

static void end_task(int exception, int code, int subcode)
{
    char who[80], what[120];

    describe_current(who, sizeof(who));
    describe(what, sizeof(what), exception, code, subcode);
    printf("Minato: %s ended by %s\n", who, what);
    task_terminate(current_task());
}

// Sends the registers along, and takes those that come back.
static kern_return_t ask_with_state(const struct exception_action *action, ipc_port_t thread,
                                    ipc_port_t task, int exception, exception_data_t code)
{
    struct machine_thread *machine = &current_thread()->machine;
    thread_state_flavor_t flavor = action->flavor;
    natural_t state[THREAD_STATE_MAX];
    mach_msg_type_number_t count = THREAD_STATE_MAX, new_count = THREAD_STATE_MAX;
    kern_return_t kr;

    machine_thread_get_state(machine, flavor, state, &count);
    if (action->behavior == EXCEPTION_STATE)
        kr = exception_raise_state(action->port, exception, code, EXCEPTION_CODE_MAX, &flavor, state,
                                   count, state, &new_count);
    else
        kr = exception_raise_state_identity(action->port, thread, task, exception, code,
                                            EXCEPTION_CODE_MAX, &flavor, state, count, state,
                                            &new_count);
    if (kr == KERN_SUCCESS)
        kr = machine_thread_set_state(machine, flavor, state, new_count);
    return kr;
}

// Asks one of those that may know. KERN_SUCCESS: the thread may go on.
static kern_return_t ask(const struct exception_actions *actions, int exception, exception_data_t code)
{
    const struct thread *self = current_thread();
    struct port *thread = NULL, *task = NULL;
    struct exception_action action;

    if (!actions)
        return KERN_FAILURE;
    action = actions->of[exception]; // whatever becomes of those while it waits
    // The message consumes these.
    action.port = port_copy_send(action.port);
    if (!port_valid(action.port))
        return KERN_FAILURE;
    if (action.behavior != EXCEPTION_STATE) {
        thread = port_make_send(self->self);
        task = port_make_send(self->task->self);
    }
    if (action.behavior != EXCEPTION_DEFAULT)
        return ask_with_state(&action, thread, task, exception, code);
    return exception_raise(action.port, thread, task, exception, code, EXCEPTION_CODE_MAX);
}

bool handle_exception(int exception, int code, int subcode)
{
    exception_data_type_t words[EXCEPTION_CODE_MAX] = {code, subcode};
    const struct thread *self = current_thread();
    struct exception_actions *const *const asked[] = {&self->exceptions, &self->task->exceptions,
                                                      &the_host.exceptions};

    if (tracing())
        trace_entry(MINATO_TRACE_EXCEPTION, (uint32_t)exception, (uint32_t)code, (uint32_t)subcode);
    for (unsigned level = 0; level < 3; level++) {
        kern_return_t kr;

        // A thread that is to end anyway does so on its way back; nobody needs to hear of it.
        if (self->terminating)
            return false;
        kr = ask(*asked[level], exception, words);
        if (kr == KERN_SUCCESS)
            return true;
        // thread_abort: the thread goes back to where it was.
        if (kr == MACH_RCV_INTERRUPTED || kr == MACH_SEND_INTERRUPTED)
            return false;
    }
    if (!self->terminating)
        end_task(exception, code, subcode);
    return false;
}
