/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return codes that come from MIG's stubs and not from the routine called, and the shape of a reply
 * that carries nothing but such a code.  Values: OSF mach/mig_errors.h.
 */
#ifndef _MACH_MIG_ERRORS_H_
#define _MACH_MIG_ERRORS_H_

#include <mach/kern_return.h>
#include <mach/message.h>
#include <mach/ndr.h>

#define MIG_TYPE_ERROR (-300)      /* user: the reply is malformed */
#define MIG_REPLY_MISMATCH (-301)  /* user: a message that is not the reply arrived */
#define MIG_REMOTE_ERROR (-302)    /* user: the server found an error it could not name */
#define MIG_BAD_ID (-303)          /* server: no routine has this msgh_id */
#define MIG_BAD_ARGUMENTS (-304)   /* server: the request is malformed */
#define MIG_NO_REPLY (-305)        /* server function: send no reply, now or from me */
#define MIG_EXCEPTION (-306)       /* user: the server raised an exception */
#define MIG_ARRAY_TOO_LARGE (-307) /* an array does not fit the room that there is for it */
#define MIG_SERVER_DIED (-308)     /* user: the reply right was destroyed unused */
#define MIG_TRAILER_ERROR (-309)   /* the trailer is missing or too short for what is asked of it */
/* -310 … -312 are reserved by OSF. */

/* The reply when there is nothing but a code to send, above all in place of a complex reply. */
typedef struct {
    mach_msg_header_t Head;
    NDR_record_t NDR;
    kern_return_t RetCode;
} mig_reply_error_t;

#endif
