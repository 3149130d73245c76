/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports, port names, rights, and what can be asked about them. A mach_port_t (mach_port_name_t
 * says the same with another emphasis) is a name in the caller's own space: a number that means
 * nothing in another task. The calls on names are in mach_port.defs. Source: OSF mach/port.h;
 * MACH_PORT_QLIMIT_* beyond OSF's from macOS.
 */
#ifndef _MACH_PORT_H_
#define _MACH_PORT_H_

#include <mach/boolean.h>
#include <mach/vm_types.h>

typedef natural_t mach_port_name_t;
typedef mach_port_name_t *mach_port_name_array_t;

typedef natural_t mach_port_t;
typedef mach_port_t *mach_port_array_t;

#define MACH_PORT_NULL ((mach_port_t)0) /* no right */
#define MACH_PORT_DEAD ((mach_port_t)~0u) /* a right whose port died on the way */
#define MACH_PORT_NAME_NULL ((mach_port_name_t)0)
#define MACH_PORT_NAME_DEAD ((mach_port_name_t)~0u)

#define MACH_PORT_VALID(name) ((name) != MACH_PORT_NULL && (name) != MACH_PORT_DEAD)
#define MACH_PORT_NAME_VALID(name) MACH_PORT_VALID(name)

/*
 * A name that the kernel chooses is index << 8 | generation; the generation (1..255) changes each
 * time an index is used again.  A caller of mach_port_allocate_name may choose any other number.
 */
#define MACH_PORT_INDEX(name) ((name) >> 8)
#define MACH_PORT_GEN(name) ((name) & 0xffu)
#define MACH_PORT_MAKE(index, gen) (((index) << 8) | (gen))

/* Kinds of rights, as arguments of mach_port_allocate, _get_refs, _mod_refs. */
typedef natural_t mach_port_right_t;

#define MACH_PORT_RIGHT_SEND ((mach_port_right_t)0)
#define MACH_PORT_RIGHT_RECEIVE ((mach_port_right_t)1)
#define MACH_PORT_RIGHT_SEND_ONCE ((mach_port_right_t)2)
#define MACH_PORT_RIGHT_PORT_SET ((mach_port_right_t)3)
#define MACH_PORT_RIGHT_DEAD_NAME ((mach_port_right_t)4)
#define MACH_PORT_RIGHT_NUMBER ((mach_port_right_t)5)

/* What a name denotes (mach_port_type, mach_port_names): a set of bits, SEND and RECEIVE together
 * when one name denotes both rights to a port. */
typedef natural_t mach_port_type_t;
typedef mach_port_type_t *mach_port_type_array_t;

#define MACH_PORT_TYPE(right) ((mach_port_type_t)(((mach_port_type_t)1) << ((right) + 16)))
#define MACH_PORT_TYPE_NONE ((mach_port_type_t)0)
#define MACH_PORT_TYPE_SEND MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND)           /* 0x10000 */
#define MACH_PORT_TYPE_RECEIVE MACH_PORT_TYPE(MACH_PORT_RIGHT_RECEIVE)     /* 0x20000 */
#define MACH_PORT_TYPE_SEND_ONCE MACH_PORT_TYPE(MACH_PORT_RIGHT_SEND_ONCE) /* 0x40000 */
#define MACH_PORT_TYPE_PORT_SET MACH_PORT_TYPE(MACH_PORT_RIGHT_PORT_SET)   /* 0x80000 */
#define MACH_PORT_TYPE_DEAD_NAME MACH_PORT_TYPE(MACH_PORT_RIGHT_DEAD_NAME) /* 0x100000 */

#define MACH_PORT_TYPE_SEND_RECEIVE (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_SEND_RIGHTS (MACH_PORT_TYPE_SEND | MACH_PORT_TYPE_SEND_ONCE)
#define MACH_PORT_TYPE_PORT_RIGHTS (MACH_PORT_TYPE_SEND_RIGHTS | MACH_PORT_TYPE_RECEIVE)
#define MACH_PORT_TYPE_PORT_OR_DEAD (MACH_PORT_TYPE_PORT_RIGHTS | MACH_PORT_TYPE_DEAD_NAME)
#define MACH_PORT_TYPE_ALL_RIGHTS (MACH_PORT_TYPE_PORT_OR_DEAD | MACH_PORT_TYPE_PORT_SET)

#define MACH_PORT_TYPE_DNREQUEST 0x80000000u /* or-ed in: a dead-name notification is asked for */

typedef natural_t mach_port_urefs_t; /* user references of a right, 0..MACH_PORT_UREFS_MAX */
#define MACH_PORT_UREFS_MAX ((mach_port_urefs_t)0xffff)
typedef integer_t mach_port_delta_t; /* signed change of user references */

typedef natural_t mach_port_seqno_t;  /* number of the next message received; wraps */
typedef natural_t mach_port_mscount_t; /* make-send count of a port */
typedef natural_t mach_port_msgcount_t; /* number of messages */
typedef natural_t mach_port_rights_t;  /* number of rights */

/* mach_port_status_t.mps_srights: whether send rights exist. */
typedef unsigned int mach_port_srights_t;
#define MACH_PORT_SRIGHTS_NONE 0
#define MACH_PORT_SRIGHTS_PRESENT 1

/* Queue limits: how many messages may wait in a port before senders wait. */
#define MACH_PORT_QLIMIT_BASIC ((mach_port_msgcount_t)5)
#define MACH_PORT_QLIMIT_SMALL ((mach_port_msgcount_t)16) /* OSF's maximum */
#define MACH_PORT_QLIMIT_LARGE ((mach_port_msgcount_t)1024)
#define MACH_PORT_QLIMIT_MIN ((mach_port_msgcount_t)1)
#define MACH_PORT_QLIMIT_DEFAULT MACH_PORT_QLIMIT_BASIC
#define MACH_PORT_QLIMIT_MAX MACH_PORT_QLIMIT_LARGE

/* Information about a receive right: mach_port_get_attributes, mach_port_set_attributes. */
typedef int mach_port_flavor_t;
typedef integer_t *mach_port_info_t;

#define MACH_PORT_LIMITS_INFO 1     /* mach_port_limits_t; get and set */
#define MACH_PORT_RECEIVE_STATUS 2  /* mach_port_status_t; get */
#define MACH_PORT_DNREQUESTS_SIZE 3 /* one int: dead-name requests the table has room for; get
                                       and set (a hint: tables grow by themselves) */

typedef struct mach_port_limits {
    mach_port_msgcount_t mpl_qlimit; /* MACH_PORT_QLIMIT_MIN .. MACH_PORT_QLIMIT_MAX */
} mach_port_limits_t;

typedef struct mach_port_status {
    mach_port_name_t mps_pset;          /* name of the containing port set, or MACH_PORT_NULL */
    mach_port_seqno_t mps_seqno;        /* sequence number of the next message received */
    mach_port_mscount_t mps_mscount;    /* make-send count */
    mach_port_msgcount_t mps_qlimit;    /* queue limit */
    mach_port_msgcount_t mps_msgcount;  /* messages in the queue */
    mach_port_rights_t mps_sorights;    /* extant send-once rights */
    boolean_t mps_srights;              /* do send rights exist? */
    boolean_t mps_pdrequest;            /* port-destroyed notification asked for? */
    boolean_t mps_nsrequest;            /* no-senders notification asked for? */
    unsigned int mps_flags;             /* 0 */
} mach_port_status_t;

#define MACH_PORT_LIMITS_INFO_COUNT (sizeof(mach_port_limits_t) / sizeof(natural_t))
#define MACH_PORT_RECEIVE_STATUS_COUNT (sizeof(mach_port_status_t) / sizeof(natural_t))
#define MACH_PORT_DNREQUESTS_SIZE_COUNT 1
#define MACH_PORT_INFO_MAX 10 /* largest of the flavors, in words */

/* Quality of service at allocation (mach_port_allocate_qos). */
typedef struct mach_port_qos {
    unsigned int name : 1; /* the caller gives the name */
    unsigned int rt : 1;   /* a real-time port: there are none (macOS: prealloc) */
    unsigned int pad1 : 30;
    natural_t pad2; /* macOS: len, of the preallocated message */
} mach_port_qos_t;

#endif
