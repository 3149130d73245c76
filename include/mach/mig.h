/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What MIG-generated stubs are built on: the subsystem description that a server's dispatcher
 * reads, the reply-port calls that libmach provides, and a few inline helpers that keep the
 * generated code short.  Read docs/mig.md first.  Used by user programs and by the kernel alike.
 */
#ifndef _MACH_MIG_H_
#define _MACH_MIG_H_

#include <mach/boolean.h>
#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/mig_errors.h>
#include <mach/ndr.h>
#include <mach/port.h>
#include <mach/vm_types.h>

/* ---- a subsystem, as its server sees it ----------------------------------------------------- */

/* A generated function that unpacks a request, calls the server function, packs the reply. */
typedef void (*mig_stub_routine_t)(mach_msg_header_t *InHeadP, mach_msg_header_t *OutHeadP);
typedef mig_stub_routine_t mig_routine_t;

/* Finds the stub for a request; null if the id is none of the subsystem's. */
typedef mig_routine_t (*mig_server_routine_t)(mach_msg_header_t *InHeadP);

/* The server function itself, its true type forgotten; nobody calls through this. */
typedef kern_return_t (*mig_impl_routine_t)(void);

/* One argument as OSF's in-kernel RPC described it.  Not used here: arg_descr is always null. */
typedef struct rpc_routine_arg_descriptor *mig_routine_arg_descriptor_t;

typedef struct routine_descriptor {
    mig_impl_routine_t impl_routine;        /* server function; null where the .defs says skip */
    mig_stub_routine_t stub_routine;        /* its stub; null likewise */
    unsigned int argc;                      /* parameters of the server function */
    unsigned int descr_count;               /* descriptors in the request */
    mig_routine_arg_descriptor_t arg_descr; /* null */
    unsigned int max_reply_msg;             /* bytes of the largest reply, without trailer */
} routine_descriptor_t, *mig_routine_descriptor_t;

/* A generated SUBSYSTEM_subsystem has this shape, with routine[] as long as end - start. */
typedef struct mig_subsystem {
    mig_server_routine_t server;    /* id → stub */
    mach_msg_id_t start;            /* first id */
    mach_msg_id_t end;              /* last id + 1 */
    vm_size_t maxsize;              /* bytes of the largest reply, trailer included */
    vm_address_t reserved;          /* 0 */
    routine_descriptor_t routine[]; /* routine[id - start] */
} *mig_subsystem_t;

/* One line of the macros subsystem_to_name_map_SUBSYSTEM in generated headers. */
typedef struct mig_symtab {
    char *ms_routine_name;
    int ms_routine_number;
    void (*ms_routine)(void); /* as the C type of the pointer, it has no meaning here */
} mig_symtab_t;

#define MIG_ROUTINE_NULL ((mig_routine_t)0)
#define MIG_ROUTINE_ARG_DESCRIPTOR_NULL ((mig_routine_arg_descriptor_t)0)

/* ---- arithmetic of messages ----------------------------------------------------------------- */

/* Bytes that n bytes of data take in a message. */
#define MIG_PAD(n) (((mach_msg_size_t)(n) + 3u) & ~3u)

/*
 * A message struct is declared with every array at its largest; on the wire an array takes only
 * what it uses, and what follows moves up.  This is the struct moved with it: the fields behind an
 * array of at most max bytes, of which used are used, are found through the result.  That may point
 * in front of the message, where C lets no pointer be moved, hence the sum of integers.
 */
#define MIG_BEHIND(type, msg, used, max) ((type *)((vm_offset_t)(msg) + (used) - (max)))

/* Copies at most max bytes of a string including its end, which is always there. Returns the bytes
 * used. */
static inline mach_msg_type_number_t mig_put_string(char *to, const char *from, unsigned int max)
{
    unsigned int n = 0;

    while (n + 1 < max && from[n] != '\0') {
        to[n] = from[n];
        n++;
    }
    to[n] = '\0';
    return n + 1;
}

/* Ends a string that somebody wrote into max bytes. Returns the bytes used. */
static inline mach_msg_type_number_t mig_end_string(char *string, unsigned int max)
{
    unsigned int n = 0;

    while (n + 1 < max && string[n] != '\0')
        n++;
    string[n] = '\0';
    return n + 1;
}

/* The same for a string whose whole max bytes travel: nothing of the buffer's past goes with it. */
static inline void mig_fill_string(char *string, unsigned int max)
{
    for (unsigned int n = mig_end_string(string, max); n < max; n++)
        string[n] = '\0';
}

/* Clears what size bytes of data leave of their last word. */
static inline void mig_clear_pad(void *data, mach_msg_size_t size)
{
    for (; size % 4 != 0; size++)
        ((char *)data)[size] = '\0';
}

/* Whether a string of at most size bytes ends within them. */
static inline boolean_t mig_string_ends(const char *string, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++)
        if (string[i] == '\0')
            return 1;
    return 0;
}

/* Whether count elements of element bytes are exactly size bytes. */
static inline boolean_t mig_size_is(mach_msg_size_t size, mach_msg_type_number_t count,
                                    unsigned int element)
{
    return size % element == 0 && size / element == count;
}

/* Whether a message carries an error code and nothing else. */
static inline boolean_t mig_is_error(const mach_msg_header_t *message)
{
    return !(message->msgh_bits & MACH_MSGH_BITS_COMPLEX) &&
           message->msgh_size == sizeof(mig_reply_error_t) &&
           ((const mig_reply_error_t *)(const void *)message)->RetCode != KERN_SUCCESS;
}

/* The code in such a message; any other is no reply that can be understood. */
static inline kern_return_t mig_error_in_reply(const mach_msg_header_t *OutHeadP)
{
    if (!mig_is_error(OutHeadP))
        return MIG_TYPE_ERROR;
    return ((const mig_reply_error_t *)(const void *)OutHeadP)->RetCode;
}

/* What is left of a stub when the answer is an error: a reply with nothing but the code. */
static inline void mig_reply_error(mach_msg_header_t *OutHeadP, kern_return_t code)
{
    mig_reply_error_t *reply = (mig_reply_error_t *)(void *)OutHeadP;

    reply->Head.msgh_bits &= ~MACH_MSGH_BITS_COMPLEX;
    reply->Head.msgh_size = sizeof(*reply);
    reply->NDR = NDR_record;
    reply->RetCode = code;
}

#ifndef MACH_KERNEL

/* ---- what libmach provides for user stubs --------------------------------------------------- */

/* This thread's reply port: made on first use, kept between calls. MACH_PORT_NULL if there is no
 * memory for one: the call then returns KERN_RESOURCE_SHORTAGE and has sent nothing. */
extern mach_port_t mig_get_reply_port(void);
/* The call is over and the reply port can be used again. */
extern void mig_put_reply_port(mach_port_t reply_port);
/* Something may still arrive on the reply port: destroy it. */
extern void mig_dealloc_reply_port(mach_port_t reply_port);
/* Copies a string of at most len bytes, always terminated; returns its length with the end. */
extern vm_size_t mig_strncpy(char *dest, const char *src, vm_size_t len);

extern void mach_msg_destroy(mach_msg_header_t *msg);
extern kern_return_t mach_port_deallocate(mach_port_t task, mach_port_t name);
extern mach_port_t mach_task_self_;

/* Whether mach_msg() failed before the message was queued. */
static inline boolean_t mig_send_failed(mach_msg_return_t result)
{
    unsigned int reason = (unsigned int)result & ~(unsigned int)MACH_MSG_MASK;

    return reason >= MACH_SEND_INVALID_DATA && reason <= MACH_SEND_INVALID_RT_OOL_SIZE;
}

/*
 * Releases what an unsent message carries.  A send that timed out or was interrupted gives the
 * message back with its rights copied or made already; every other failure leaves it untouched.
 */
static inline void mig_send_undo(mach_msg_header_t *msg, mach_msg_return_t result)
{
    unsigned int reason = (unsigned int)result & ~(unsigned int)MACH_MSG_MASK;

    if (reason != MACH_SEND_TIMED_OUT && reason != MACH_SEND_INTERRUPTED)
        return;
    if (MACH_MSGH_BITS_LOCAL(msg->msgh_bits) != 0 && MACH_PORT_VALID(msg->msgh_local_port))
        mach_port_deallocate(mach_task_self_, msg->msgh_local_port);
    mach_msg_destroy(msg);
}

/* Whether a message was received except for rights or memory that found no room. */
static inline boolean_t mig_part_received(mach_msg_return_t result)
{
    return ((unsigned int)result & ~(unsigned int)MACH_MSG_MASK) == MACH_RCV_BODY_ERROR;
}

/* Releases what a mach_msg() that failed left of the request or of the reply. */
static inline void mig_call_undo(mach_msg_header_t *request, mach_msg_header_t *reply,
                                 mach_msg_return_t result)
{
    mig_send_undo(request, result);
    if (mig_part_received(result))
        mach_msg_destroy(reply);
}

/* Releases the reply right of a request that will not be answered. */
static inline void mig_drop_reply_right(mach_msg_header_t *request)
{
    if (MACH_PORT_VALID(request->msgh_remote_port))
        mach_port_deallocate(mach_task_self_, request->msgh_remote_port);
    request->msgh_remote_port = MACH_PORT_NULL;
}

/*
 * Ends a call whose mach_msg() failed; gives the reply port back if nothing can arrive on it any
 * more and destroys it otherwise.
 */
static inline void mig_call_failed(mach_msg_header_t *request, mach_msg_header_t *reply,
                                   mach_port_t reply_port, mach_msg_return_t result)
{
    mig_call_undo(request, reply, result);
    if (mig_part_received(result) ||
        (mig_send_failed(result) && result != MACH_SEND_INVALID_REPLY))
        mig_put_reply_port(reply_port);
    else
        mig_dealloc_reply_port(reply_port);
}

/*
 * Ends a call whose reply has been looked at: releases what an unwanted reply carries, and destroys
 * a reply port on which the true reply may still arrive.
 */
static inline void mig_call_ended(mach_msg_header_t *reply, mach_port_t reply_port,
                                  kern_return_t result)
{
    if (result != KERN_SUCCESS)
        mach_msg_destroy(reply);
    if (result == MIG_REPLY_MISMATCH)
        mig_dealloc_reply_port(reply_port);
    else
        mig_put_reply_port(reply_port);
}

#endif /* MACH_KERNEL */

#endif
