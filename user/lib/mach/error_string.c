/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error codes in words: mach_error_string(), mach_error_type(), mach_error(), as mach/mach_error.h
 * promises them.  One table has a sentence per code; a sentence is composed only for a code of
 * mach_msg() with special bits (what was short) and for a code that nobody knows.
 */
#include <mach/bootstrap_types.h>
#include <mach/kern_return.h>
#include <mach/mach_error.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <servers/console_types.h>
#include <servers/netname_defs.h>

#include <stddef.h>
#include <stdio.h>

struct sentence {
    mach_error_t code;
    const char *text;
};

static const struct sentence sentences[] = {
    {KERN_SUCCESS, "successful"},
    {KERN_INVALID_ADDRESS, "invalid address"},
    {KERN_PROTECTION_FAILURE, "memory protection forbids the access"},
    {KERN_NO_SPACE, "no space available"},
    {KERN_INVALID_ARGUMENT, "invalid argument"},
    {KERN_FAILURE, "failure"},
    {KERN_RESOURCE_SHORTAGE, "resource shortage"},
    {KERN_NOT_RECEIVER, "the task does not hold the receive right"},
    {KERN_NO_ACCESS, "no access: a needed right is missing"},
    {KERN_MEMORY_FAILURE, "the memory object is gone"},
    {KERN_MEMORY_ERROR, "the pager could not supply the data"},
    {KERN_ALREADY_IN_SET, "the receive right is already in a port set"},
    {KERN_NOT_IN_SET, "the receive right is not in the port set"},
    {KERN_NAME_EXISTS, "the name is already in use"},
    {KERN_ABORTED, "the operation was aborted"},
    {KERN_INVALID_NAME, "the name denotes no right"},
    {KERN_INVALID_TASK, "the task is not alive"},
    {KERN_INVALID_RIGHT, "the name denotes a right of another kind"},
    {KERN_INVALID_VALUE, "invalid value"},
    {KERN_UREFS_OVERFLOW, "too many user references"},
    {KERN_INVALID_CAPABILITY, "invalid capability: the port right is null, dead or not sufficient"},
    {KERN_RIGHT_EXISTS, "the task has rights to the port under another name"},
    {KERN_INVALID_HOST, "invalid host"},
    {KERN_MEMORY_PRESENT, "precious data was supplied for a page that is present"},
    {KERN_MEMORY_DATA_MOVED, "the memory moved to another object"},
    {KERN_MEMORY_RESTART_COPY, "the memory copy must be started again"},
    {KERN_INVALID_PROCESSOR_SET, "invalid processor set"},
    {KERN_POLICY_LIMIT, "scheduling parameters exceed the limit"},
    {KERN_INVALID_POLICY, "invalid scheduling policy"},
    {KERN_INVALID_OBJECT, "invalid memory object"},
    {KERN_ALREADY_WAITING, "another waits there already"},
    {KERN_DEFAULT_SET, "not possible for the default processor set"},
    {KERN_EXCEPTION_PROTECTED, "the task's exception ports are protected"},
    {KERN_INVALID_LEDGER, "invalid ledger"},
    {KERN_INVALID_MEMORY_CONTROL, "invalid memory control port"},
    {KERN_INVALID_SECURITY, "not the host security port"},
    {KERN_NOT_DEPRESSED, "the thread is not depressed"},
    {KERN_TERMINATED, "the object has been terminated"},
    {KERN_LOCK_SET_DESTROYED, "the lock set has been destroyed"},
    {KERN_LOCK_UNSTABLE, "the thread that held the lock died"},
    {KERN_LOCK_OWNED, "another thread holds the lock"},
    {KERN_LOCK_OWNED_SELF, "the caller already holds the lock"},
    {KERN_SEMAPHORE_DESTROYED, "the semaphore has been destroyed"},
    {KERN_RPC_SERVER_TERMINATED, "the server died before it replied"},
    {KERN_RPC_TERMINATE_ORPHAN, "orphaned activation to be terminated"},
    {KERN_RPC_CONTINUE_ORPHAN, "orphaned activation to be continued"},
    {KERN_NOT_SUPPORTED, "not supported"},
    {KERN_NODE_DOWN, "the other node cannot be reached"},
    {KERN_NOT_WAITING, "the thread was not waiting"},
    {KERN_OPERATION_TIMED_OUT, "the operation timed out"},
    {KERN_CODESIGN_ERROR, "code signature error"},
    {KERN_POLICY_STATIC, "the property cannot be changed now"},
    {KERN_INSUFFICIENT_BUFFER_SIZE, "the buffer is too small"},
    {KERN_DENIED, "denied"},
    {KERN_MISSING_KC, "a kernel collection is missing"},
    {KERN_INVALID_KC, "a kernel collection is invalid"},
    {KERN_NOT_FOUND, "not found"},

    {MACH_SEND_IN_PROGRESS, "send is in progress"},
    {MACH_SEND_INVALID_DATA, "send: the message cannot be read"},
    {MACH_SEND_INVALID_DEST, "send: invalid destination port"},
    {MACH_SEND_TIMED_OUT, "send: timed out"},
    {MACH_SEND_INTERRUPTED, "send: interrupted"},
    {MACH_SEND_MSG_TOO_SMALL, "send: the message is too small for its contents"},
    {MACH_SEND_INVALID_REPLY, "send: invalid reply port"},
    {MACH_SEND_INVALID_RIGHT, "send: invalid port right in the body"},
    {MACH_SEND_INVALID_NOTIFY, "send: invalid notify port"},
    {MACH_SEND_INVALID_MEMORY, "send: out-of-line memory cannot be read"},
    {MACH_SEND_NO_BUFFER, "send: no message buffer"},
    {MACH_SEND_TOO_LARGE, "send: the message is too large"},
    {MACH_SEND_INVALID_TYPE, "send: invalid descriptor"},
    {MACH_SEND_INVALID_HEADER, "send: invalid header"},
    {MACH_SEND_INVALID_TRAILER, "send: invalid trailer, or no privilege for it"},
    {MACH_SEND_INVALID_RT_OOL_SIZE, "send: out-of-line data too large for a real-time port"},

    {MACH_RCV_IN_PROGRESS, "receive is in progress"},
    {MACH_RCV_INVALID_NAME, "receive: no receive right or port set of that name"},
    {MACH_RCV_TIMED_OUT, "receive: timed out"},
    {MACH_RCV_TOO_LARGE, "receive: the message does not fit the buffer"},
    {MACH_RCV_INTERRUPTED, "receive: interrupted"},
    {MACH_RCV_PORT_CHANGED, "receive: the port moved into a port set or away"},
    {MACH_RCV_INVALID_NOTIFY, "receive: invalid notify port"},
    {MACH_RCV_INVALID_DATA, "receive: the buffer cannot be written"},
    {MACH_RCV_PORT_DIED, "receive: the port or port set died"},
    {MACH_RCV_IN_SET, "receive: the port is a member of a port set"},
    {MACH_RCV_HEADER_ERROR, "receive: rights of the header could not be given"},
    {MACH_RCV_BODY_ERROR, "receive: part of the body could not be given"},
    {MACH_RCV_INVALID_TYPE, "receive: invalid scatter descriptor"},
    {MACH_RCV_SCATTER_SMALL, "receive: a scatter region is too small"},
    {MACH_RCV_INVALID_TRAILER, "receive: unknown trailer asked for"},
    {MACH_RCV_IN_PROGRESS_TIMED, "receive with a time limit is in progress"},

    {MIG_TYPE_ERROR, "MIG: the reply has the wrong form"},
    {MIG_REPLY_MISMATCH, "MIG: not the reply that was expected"},
    {MIG_REMOTE_ERROR, "MIG: the server found an error"},
    {MIG_BAD_ID, "MIG: no routine has this message id"},
    {MIG_BAD_ARGUMENTS, "MIG: the request has the wrong form"},
    {MIG_NO_REPLY, "MIG: no reply is to be sent"},
    {MIG_EXCEPTION, "MIG: the server raised an exception"},
    {MIG_ARRAY_TOO_LARGE, "MIG: an array is too large"},
    {MIG_SERVER_DIED, "MIG: the server died"},
    {MIG_TRAILER_ERROR, "MIG: the trailer is missing or too short"},

    {BOOTSTRAP_NOT_PRIVILEGED, "bootstrap: not privileged"},
    {BOOTSTRAP_NAME_IN_USE, "bootstrap: the name is in use"},
    {BOOTSTRAP_UNKNOWN_SERVICE, "bootstrap: unknown service or module"},
    {BOOTSTRAP_SERVICE_ACTIVE, "bootstrap: the service is active already"},
    {BOOTSTRAP_BAD_COUNT, "bootstrap: bad count"},
    {BOOTSTRAP_NO_MEMORY, "bootstrap: no memory"},
    {BOOTSTRAP_NO_CHILDREN, "bootstrap: nothing to list"},

    {NETNAME_NOT_YOURS, "netname: the name is protected by another signature"},
    {NETNAME_NOT_CHECKED_IN, "netname: nobody has that name"},
    {NETNAME_NO_SUCH_HOST, "netname: that is no host name"},
    {NETNAME_HOST_NOT_FOUND, "netname: that host does not answer"},
    {NETNAME_INVALID_PORT, "netname: the port is null or dead"},

    {CONSOLE_INTERRUPTED, "console: interrupted by ^C"},
};

/* What the special bits of a mach_msg() code say was short, in the order they are told. */
static const struct sentence shortages[] = {
    {MACH_MSG_IPC_SPACE, "no room in the name space"},
    {MACH_MSG_VM_SPACE, "no room in the address space"},
    {MACH_MSG_IPC_KERNEL, "kernel memory for ports is short"},
    {MACH_MSG_VM_KERNEL, "kernel memory for out-of-line data is short"},
    {MACH_MSG_INVALID_RT_DESCRIPTOR, "invalid descriptor for a real-time port"},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static char composed[320]; /* holds a sentence with all shortages: under 260 characters */

static const char *find(mach_error_t code)
{
    for (size_t i = 0; i < LENGTH(sentences); i++)
        if (sentences[i].code == code)
            return sentences[i].text;
    return NULL;
}

/* Appends at `at` in `composed`, cutting what does not fit; returns the new end. */
static size_t append(size_t at, const char *text)
{
    while (*text && at < sizeof(composed) - 1)
        composed[at++] = *text++;
    composed[at] = '\0';
    return at;
}

/* A code of mach_msg(), send or receive: the only ones that special bits are or-ed into. */
static int from_mach_msg(mach_error_t code)
{
    return err_get_system(code) == err_get_system(err_mach_ipc);
}

static char *compose_shortages(const char *text, mach_error_t bits)
{
    size_t end = append(0, text);
    const char *separator = " (";

    for (size_t i = 0; i < LENGTH(shortages); i++) {
        if (!(bits & shortages[i].code))
            continue;
        end = append(append(end, separator), shortages[i].text);
        separator = ", ";
    }
    append(end, ")");
    return composed;
}

static char *compose_unknown(mach_error_t code)
{
    snprintf(composed, sizeof(composed), "unknown error code %d (0x%x)", code, (unsigned)code);
    return composed;
}

char *mach_error_string(mach_error_t code)
{
    mach_error_t bits = from_mach_msg(code) ? code & MACH_MSG_MASK : 0;
    const char *text = find(code & ~bits);

    if (!text)
        return compose_unknown(code);
    return bits ? compose_shortages(text, bits) : (char *)text;
}

char *mach_error_type(mach_error_t code)
{
    if (from_mach_msg(code))
        return (unsigned)code & 0x4000 ? "(ipc/rcv)" : "(ipc/send)";
    if (code <= MIG_TYPE_ERROR && code > MIG_TYPE_ERROR - 100)
        return "(ipc/mig)";
    if (code >= BOOTSTRAP_NOT_PRIVILEGED && code <= BOOTSTRAP_NO_CHILDREN)
        return "(bootstrap)";
    if (code >= NETNAME_NOT_YOURS && code <= NETNAME_INVALID_PORT)
        return "(netname)";
    if (code == CONSOLE_INTERRUPTED)
        return "(console)";
    if (code >= 0 && code <= KERN_RETURN_MAX)
        return "(os/kern)";
    return "(?/?)";
}

void mach_error(const char *str, mach_error_t code)
{
    fprintf(stderr, "%s %s %s (0x%x)\n", str ? str : "", mach_error_type(code),
            mach_error_string(code), (unsigned)code);
}
