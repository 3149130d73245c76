/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages: header, descriptors, trailers, options and errors of mach_msg().
 *
 *   header (24 bytes) | body: descriptor count | descriptors (12 bytes each) | data | trailer
 *
 * Count and descriptors are there only if MACH_MSGH_BITS_COMPLEX is set.  msgh_size counts
 * everything but the trailer, which the kernel appends on receipt.  The call itself is declared and
 * documented in mach_traps.h.  Source: OSF mach/message.h (untyped messages) and the Kernel
 * Interface manual's page mach_msg; MACH_RCV_LARGE and MACH_SEND_TOO_LARGE: CMU and macOS.
 */
#ifndef _MACH_MESSAGE_H_
#define _MACH_MESSAGE_H_

#include <mach/kern_return.h>
#include <mach/port.h>
#include <mach/vm_types.h>

typedef natural_t mach_msg_timeout_t; /* milliseconds; 0 with a TIMEOUT option: do not wait */
#define MACH_MSG_TIMEOUT_NONE ((mach_msg_timeout_t)0)

typedef unsigned int mach_msg_bits_t;
typedef natural_t mach_msg_size_t; /* bytes */
typedef integer_t mach_msg_id_t;

#define MACH_MSG_SIZE_MAX ((mach_msg_size_t)0x10000) /* largest msgh_size: 64 KiB with header */
#define MACH_MSG_SIZE_RELIABLE MACH_MSG_SIZE_MAX

/* ---- dispositions: what happens to a right on its way -------------------------------------- */

typedef unsigned int mach_msg_type_name_t;

#define MACH_MSG_TYPE_PORT_NONE 0
#define MACH_MSG_TYPE_PORT_NAME 15     /* a name, carried as a number */
#define MACH_MSG_TYPE_MOVE_RECEIVE 16  /* sender's receive right moves */
#define MACH_MSG_TYPE_MOVE_SEND 17     /* one user reference of a send right moves */
#define MACH_MSG_TYPE_MOVE_SEND_ONCE 18 /* sender's send-once right moves */
#define MACH_MSG_TYPE_COPY_SEND 19     /* a send right is copied */
#define MACH_MSG_TYPE_MAKE_SEND 20     /* a send right is made from a receive right */
#define MACH_MSG_TYPE_MAKE_SEND_ONCE 21 /* a send-once right is made from a receive right */
#define MACH_MSG_TYPE_LAST 22

/* What the receiver finds in place of the above. */
#define MACH_MSG_TYPE_PORT_RECEIVE MACH_MSG_TYPE_MOVE_RECEIVE
#define MACH_MSG_TYPE_PORT_SEND MACH_MSG_TYPE_MOVE_SEND
#define MACH_MSG_TYPE_PORT_SEND_ONCE MACH_MSG_TYPE_MOVE_SEND_ONCE

#define MACH_MSG_TYPE_POLYMORPHIC ((mach_msg_type_name_t)-1)

#define MACH_MSG_TYPE_PORT_ANY(x)                                                                  \
    (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_SEND(x)                                                             \
    (((x) >= MACH_MSG_TYPE_MOVE_SEND) && ((x) <= MACH_MSG_TYPE_MAKE_SEND_ONCE))
#define MACH_MSG_TYPE_PORT_ANY_RIGHT(x)                                                            \
    (((x) >= MACH_MSG_TYPE_MOVE_RECEIVE) && ((x) <= MACH_MSG_TYPE_MOVE_SEND_ONCE))

/* ---- msgh_bits ------------------------------------------------------------------------------ */

#define MACH_MSGH_BITS_ZERO 0x00000000u
#define MACH_MSGH_BITS_REMOTE_MASK 0x000000ffu /* disposition of msgh_remote_port */
#define MACH_MSGH_BITS_LOCAL_MASK 0x0000ff00u  /* disposition of msgh_local_port */
#define MACH_MSGH_BITS_PORTS_MASK (MACH_MSGH_BITS_REMOTE_MASK | MACH_MSGH_BITS_LOCAL_MASK)
#define MACH_MSGH_BITS_COMPLEX 0x80000000u /* a body with descriptors follows the header */
#define MACH_MSGH_BITS_USER 0x8000ffffu    /* what a sender may set; more is INVALID_HEADER */
#define MACH_MSGH_BITS_CIRCULAR 0x40000000u /* kernel internal */
#define MACH_MSGH_BITS_USED 0xc000ffffu

#define MACH_MSGH_BITS(remote, local) ((mach_msg_bits_t)((remote) | ((unsigned)(local) << 8)))
#define MACH_MSGH_BITS_REMOTE(bits) ((bits) & MACH_MSGH_BITS_REMOTE_MASK)
#define MACH_MSGH_BITS_LOCAL(bits) (((bits) & MACH_MSGH_BITS_LOCAL_MASK) >> 8)
#define MACH_MSGH_BITS_PORTS(bits) ((bits) & MACH_MSGH_BITS_PORTS_MASK)
#define MACH_MSGH_BITS_OTHER(bits) ((bits) & ~MACH_MSGH_BITS_PORTS_MASK)
#define MACH_MSGH_BITS_IS_COMPLEX(bits) (((bits) & MACH_MSGH_BITS_COMPLEX) != 0)

/*
 * Header.  Sent: remote is the destination, local the reply port.  Received: the other way round,
 * local is the port the message came to, remote the reply right; the dispositions in msgh_bits are
 * swapped likewise.  msgh_reserved is ignored when sent, 0 when received.
 */
typedef struct mach_msg_header {
    mach_msg_bits_t msgh_bits;
    mach_msg_size_t msgh_size;
    mach_port_t msgh_remote_port;
    mach_port_t msgh_local_port;
    mach_msg_size_t msgh_reserved;
    mach_msg_id_t msgh_id;
} mach_msg_header_t;

#define msgh_request_port msgh_remote_port
#define msgh_reply_port msgh_local_port
#define MACH_MSG_NULL ((mach_msg_header_t *)0)

typedef struct mach_msg_body {
    mach_msg_size_t msgh_descriptor_count;
} mach_msg_body_t;

/* ---- descriptors ---------------------------------------------------------------------------- */

typedef unsigned int mach_msg_descriptor_type_t;
#define MACH_MSG_PORT_DESCRIPTOR 0
#define MACH_MSG_OOL_DESCRIPTOR 1
#define MACH_MSG_OOL_PORTS_DESCRIPTOR 2
#define MACH_MSG_OOL_VOLATILE_DESCRIPTOR 3 /* taken like MACH_MSG_OOL_DESCRIPTOR */

typedef unsigned int mach_msg_copy_options_t;
#define MACH_MSG_PHYSICAL_COPY 0 /* sender: copy now.  receiver: data is a copy */
#define MACH_MSG_VIRTUAL_COPY 1  /* sender: copy on write */
#define MACH_MSG_ALLOCATE 2      /* receiver: the kernel chose where (also a scatter descriptor) */
#define MACH_MSG_OVERWRITE 3     /* receiver's scatter descriptor: overwrite memory there */

/* Any descriptor, to look at its type. */
typedef struct mach_msg_type_descriptor {
    natural_t pad1;
    mach_msg_size_t pad2;
    unsigned int pad3 : 24;
    mach_msg_descriptor_type_t type : 8;
} mach_msg_type_descriptor_t;

/* One port right. */
typedef struct mach_msg_port_descriptor {
    mach_port_t name;
    mach_msg_size_t pad1;
    unsigned int pad2 : 16;
    mach_msg_type_name_t disposition : 8;
    mach_msg_descriptor_type_t type : 8;
} mach_msg_port_descriptor_t;

/* Out-of-line memory: size bytes at address, any alignment.  The receiver gets fresh memory, which
 * it has to vm_deallocate.  deallocate: the sender loses the pages that the range touches;
 * received: TRUE, since the memory is the receiver's, but for what mach_msg_overwrite() wrote over memory
 * that was the receiver's before. */
typedef struct mach_msg_ool_descriptor {
    void *address;
    mach_msg_size_t size;
    boolean_t deallocate : 8;
    mach_msg_copy_options_t copy : 8;
    unsigned int pad1 : 8;
    mach_msg_descriptor_type_t type : 8;
} mach_msg_ool_descriptor_t;

/* Out-of-line array of count port rights, all of one disposition.  The receiver gets an array of
 * names in fresh memory.  deallocate: as above. */
typedef struct mach_msg_ool_ports_descriptor {
    void *address;
    mach_msg_size_t count;
    boolean_t deallocate : 8;
    mach_msg_copy_options_t copy : 8;
    mach_msg_type_name_t disposition : 8;
    mach_msg_descriptor_type_t type : 8;
} mach_msg_ool_ports_descriptor_t;

typedef union mach_msg_descriptor {
    mach_msg_port_descriptor_t port;
    mach_msg_ool_descriptor_t out_of_line;
    mach_msg_ool_ports_descriptor_t ool_ports;
    mach_msg_type_descriptor_t type;
} mach_msg_descriptor_t;

#define MACH_MSG_BODY_NULL ((mach_msg_body_t *)0)
#define MACH_MSG_DESCRIPTOR_NULL ((mach_msg_descriptor_t *)0)

typedef natural_t mach_msg_type_size_t;
typedef natural_t mach_msg_type_number_t; /* number of elements of an array */

typedef struct mach_msg_base {
    mach_msg_header_t header;
    mach_msg_body_t body;
} mach_msg_base_t;

/* ---- trailers ------------------------------------------------------------------------------- */

/*
 * Behind each received message, at msgh_size rounded up to 4, stands a trailer of format 0.  Its
 * first 8 bytes are always there; more if asked for with MACH_RCV_TRAILER_ELEMENTS().  A receive
 * buffer needs room for it: rcv_size >= msgh_size + trailer size, otherwise MACH_RCV_TOO_LARGE.
 */
typedef unsigned int mach_msg_trailer_type_t;
#define MACH_MSG_TRAILER_FORMAT_0 0
typedef unsigned int mach_msg_trailer_size_t;

typedef struct mach_msg_trailer {
    mach_msg_trailer_type_t msgh_trailer_type;
    mach_msg_trailer_size_t msgh_trailer_size;
} mach_msg_trailer_t;

typedef struct mach_msg_seqno_trailer {
    mach_msg_trailer_type_t msgh_trailer_type;
    mach_msg_trailer_size_t msgh_trailer_size;
    mach_port_seqno_t msgh_seqno; /* counts the messages received from this port */
} mach_msg_seqno_trailer_t;

typedef struct security_token {
    unsigned int val[2];
} security_token_t; /* the sender's identity, given by the kernel: val[0] is its task's number */

typedef struct mach_msg_security_trailer {
    mach_msg_trailer_type_t msgh_trailer_type;
    mach_msg_trailer_size_t msgh_trailer_size;
    mach_port_seqno_t msgh_seqno;
    security_token_t msgh_sender;
} mach_msg_security_trailer_t;

typedef mach_msg_security_trailer_t mach_msg_format_0_trailer_t;
typedef mach_msg_security_trailer_t mach_msg_max_trailer_t;

#define KERNEL_SECURITY_TOKEN_VALUE                                                                \
    {                                                                                              \
        {                                                                                          \
            0, 1                                                                                   \
        }                                                                                          \
    }
#define MACH_MSG_TRAILER_FORMAT_0_SIZE sizeof(mach_msg_format_0_trailer_t)
#define MACH_MSG_TRAILER_MINIMUM_SIZE sizeof(mach_msg_trailer_t)
#define MAX_TRAILER_SIZE sizeof(mach_msg_max_trailer_t)

/* Message buffers without data, for notifications of "nothing but the header". */
typedef struct mach_msg_empty_send {
    mach_msg_header_t header;
} mach_msg_empty_send_t;
typedef struct mach_msg_empty_rcv {
    mach_msg_header_t header;
    mach_msg_trailer_t trailer;
} mach_msg_empty_rcv_t;
typedef union mach_msg_empty {
    mach_msg_empty_send_t send;
    mach_msg_empty_rcv_t rcv;
} mach_msg_empty_t;

#define round_msg(x) (((mach_msg_size_t)(x) + 3u) & ~3u)

/* ---- options of mach_msg() ------------------------------------------------------------------ */

typedef integer_t mach_msg_option_t;
typedef integer_t mach_msg_options_t;

#define MACH_MSG_OPTION_NONE 0x00000000
#define MACH_SEND_MSG 0x00000001       /* send msg */
#define MACH_RCV_MSG 0x00000002        /* then receive into it */
#define MACH_RCV_LARGE 0x00000004      /* too large: leave it queued, report its size */
#define MACH_SEND_TIMEOUT 0x00000010   /* timeout bounds the wait for room in the queue */
#define MACH_SEND_INTERRUPT 0x00000040 /* library: do not retry an interrupted send */
#define MACH_SEND_CANCEL 0x00000080    /* OSF: notify argument; ignored here */
#define MACH_RCV_TIMEOUT 0x00000100    /* timeout bounds the wait for a message */
#define MACH_RCV_NOTIFY 0x00000200     /* if the reply right gets a new name, ask for its dead-name
                                          notification, to the receive right notify */
#define MACH_RCV_INTERRUPT 0x00000400  /* library: do not retry an interrupted receive */
#define MACH_RCV_OVERWRITE 0x00001000  /* mach_msg_overwrite: the buffer holds scatter descriptors */
#define MACH_SEND_ALWAYS 0x00010000    /* kernel internal: ignore queue limits */
#define MACH_SEND_TRAILER 0x00020000   /* the sender supplies the trailer (privileged) */

#define MACH_RCV_TRAILER_NULL 0
#define MACH_RCV_TRAILER_SEQNO 1
#define MACH_RCV_TRAILER_SENDER 2
#define MACH_RCV_TRAILER_TYPE(x) ((mach_msg_option_t)(((x) & 0xfu) << 28))
#define MACH_RCV_TRAILER_ELEMENTS(x) (((x) & 0xf) << 24)
#define MACH_RCV_TRAILER_MASK ((mach_msg_option_t)0xff000000)
#define GET_RCV_ELEMENTS(options) (((unsigned)(options) >> 24) & 0xf)
/* Bytes of trailer that a receive with these options appends. */
#define REQUESTED_TRAILER_SIZE(options)                                                            \
    ((mach_msg_trailer_size_t)(GET_RCV_ELEMENTS(options) == MACH_RCV_TRAILER_NULL                  \
                                   ? sizeof(mach_msg_trailer_t)                                    \
                               : GET_RCV_ELEMENTS(options) == MACH_RCV_TRAILER_SEQNO               \
                                   ? sizeof(mach_msg_seqno_trailer_t)                              \
                                   : sizeof(mach_msg_security_trailer_t)))

/* ---- results -------------------------------------------------------------------------------- */

typedef kern_return_t mach_msg_return_t;

#define MACH_MSG_SUCCESS 0x00000000

/*
 * Or-ed into MACH_RCV_HEADER_ERROR, MACH_RCV_BODY_ERROR, MACH_SEND_INVALID_MEMORY, … : what was
 * short.
 */
#define MACH_MSG_MASK 0x00003e00
#define MACH_MSG_IPC_SPACE 0x00002000 /* no room in the name table of the space */
#define MACH_MSG_VM_SPACE 0x00001000  /* no room in the address space */
#define MACH_MSG_IPC_KERNEL 0x00000800 /* the kernel lacks memory for ports and names */
#define MACH_MSG_VM_KERNEL 0x00000400 /* the kernel lacks memory for out-of-line data */
#define MACH_MSG_INVALID_RT_DESCRIPTOR 0x00000200 /* deallocate given for a real-time port */

#define MACH_SEND_IN_PROGRESS 0x10000001     /* kernel internal */
#define MACH_SEND_INVALID_DATA 0x10000002    /* the message cannot be read in memory */
#define MACH_SEND_INVALID_DEST 0x10000003    /* bad destination: name, or a right that is dead */
#define MACH_SEND_TIMED_OUT 0x10000004       /* no room in the queue in time */
#define MACH_SEND_INTERRUPTED 0x10000007     /* thread_abort while waiting for room */
#define MACH_SEND_MSG_TOO_SMALL 0x10000008   /* smaller than its parts, or no multiple of 4 */
#define MACH_SEND_INVALID_REPLY 0x10000009   /* bad reply port */
#define MACH_SEND_INVALID_RIGHT 0x1000000a   /* bad port right in the body */
#define MACH_SEND_INVALID_NOTIFY 0x1000000b  /* bad notify argument */
#define MACH_SEND_INVALID_MEMORY 0x1000000c  /* out-of-line memory cannot be read */
#define MACH_SEND_NO_BUFFER 0x1000000d       /* no memory for the message, or the task's limit is reached */
#define MACH_SEND_TOO_LARGE 0x1000000e       /* larger than MACH_MSG_SIZE_MAX */
#define MACH_SEND_INVALID_TYPE 0x1000000f    /* a descriptor with an unknown type or copy option */
#define MACH_SEND_INVALID_HEADER 0x10000010  /* a field of the header has a bad value */
#define MACH_SEND_INVALID_TRAILER 0x10000011 /* the trailer to be sent is malformed */
#define MACH_SEND_INVALID_RT_OOL_SIZE 0x10000015 /* OSF real-time: out-of-line data too large */

#define MACH_RCV_IN_PROGRESS 0x10004001     /* kernel internal */
#define MACH_RCV_INVALID_NAME 0x10004002    /* no receive right or port set of that name */
#define MACH_RCV_TIMED_OUT 0x10004003       /* no message in time */
#define MACH_RCV_TOO_LARGE 0x10004004       /* the buffer is too small */
#define MACH_RCV_INTERRUPTED 0x10004005     /* thread_abort while waiting */
#define MACH_RCV_PORT_CHANGED 0x10004006    /* the receive right moved into a set or away */
#define MACH_RCV_INVALID_NOTIFY 0x10004007  /* bad notify argument */
#define MACH_RCV_INVALID_DATA 0x10004008    /* the buffer cannot be written */
#define MACH_RCV_PORT_DIED 0x10004009       /* the port or set was destroyed */
#define MACH_RCV_IN_SET 0x1000400a          /* the port is a member of a set: receive on that */
#define MACH_RCV_HEADER_ERROR 0x1000400b    /* rights of the header could not be given */
#define MACH_RCV_BODY_ERROR 0x1000400c      /* something in the body could not be given */
#define MACH_RCV_INVALID_TYPE 0x1000400d    /* a scatter descriptor is malformed */
#define MACH_RCV_SCATTER_SMALL 0x1000400e   /* a scatter region is too small */
#define MACH_RCV_INVALID_TRAILER 0x1000400f /* unknown trailer asked for */
#define MACH_RCV_IN_PROGRESS_TIMED 0x10004011 /* kernel internal */

#endif
