/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of minato.defs: what the kernel tells about itself beyond OSF's information calls, for
 * tests that look for leaks and for tools.  All words are 32 bits; structures travel as they are.
 */
#ifndef _MACH_MINATO_TYPES_H_
#define _MACH_MINATO_TYPES_H_

#include <mach/port.h>
#include <mach/vm_types.h>

#define MINATO_TASK_NAME_MAX 32 /* bytes of a task's name for people, with its end */
typedef char minato_task_name_t[MINATO_TASK_NAME_MAX];

/* Per task: minato_task_counts. */
typedef struct minato_task_counts {
    natural_t names_send;      /* names that denote a send right (with receive too or not) */
    natural_t names_receive;   /* names that denote a receive right */
    natural_t names_send_once;
    natural_t names_port_set;
    natural_t names_dead;
    natural_t names_total;     /* names in use; send and receive under one name count once */
    natural_t urefs_total;     /* sum of all user references */
    natural_t messages_queued; /* messages waiting in the ports it holds receive rights of */
    natural_t threads;
    natural_t semaphores;      /* created in it and not destroyed */
    natural_t map_entries;
    natural_t virtual_pages;
    natural_t resident_pages;
    natural_t kernel_objects;  /* semaphores, lock sets, device ports that end with the task */
} minato_task_counts_t;

/* For the host: minato_host_counts. */
typedef struct minato_host_counts {
    natural_t tasks;           /* alive */
    natural_t threads;         /* alive */
    natural_t ports;           /* alive, kernel objects' included */
    natural_t port_sets;
    natural_t messages_queued;
    natural_t semaphores;
    natural_t vm_objects;
    natural_t map_entries;     /* of all user maps */
    natural_t pages_total;     /* physical pages the kernel manages */
    natural_t pages_free;
    natural_t pages_used;      /* pages_total - pages_free */
    natural_t kernel_heap;     /* bytes allocated in the kernel's heap */
} minato_host_counts_t;

/* What a thread waits on: minato_thread_wait. */
#define MINATO_REASON_MAX 16 /* bytes, with the end */
typedef char minato_reason_t[MINATO_REASON_MAX];

/* One entry of an address map: minato_vm_region. */
typedef struct minato_vm_region {
    natural_t protection, max_protection; /* VM_PROT_* */
    natural_t inheritance;                /* VM_INHERIT_* */
    natural_t shared;                     /* 1: others may map the same memory */
    natural_t wired;
    natural_t resident_pages;             /* that the page tables have at this moment */
    natural_t object;                     /* tells memory objects apart; 0: nothing written yet */
    natural_t object_refs;                /* map entries and copies that have it */
    natural_t offset;                     /* in the object, bytes */
    natural_t pager;                      /* 1: its contents are a pager's */
} minato_vm_region_t;

/* A message in a queue: minato_port_messages. */
typedef struct minato_message {
    natural_t id;
    natural_t size;        /* header and body, bytes */
    natural_t sender;      /* number of the sender's task, 0 for the kernel */
    natural_t descriptors; /* 0: a simple message */
} minato_message_t;
typedef natural_t *minato_messages_t; /* an array of them */

/*
 * What a task may have, with all the tasks that it makes: minato_task_set_limits. The same structure
 * says what they have now. docs/limits.md tells what counts as what.
 */
typedef struct minato_limits {
    natural_t tasks;         /* the task itself included, until the last page that it made is gone */
    natural_t threads;
    natural_t names;         /* room for names; the table of a space grows by 64 */
    natural_t objects;       /* semaphores and the like that end with their task */
    natural_t map_entries;   /* of address maps; paid for by 64 */
    natural_t message_bytes; /* memory in messages that it has sent and nobody has received */
    natural_t pages;         /* of memory that it wrote to or had the kernel fill, and page tables */
} minato_limits_t;

enum minato_limit {          /* the structure as an array */
    MINATO_LIMIT_TASKS,
    MINATO_LIMIT_THREADS,
    MINATO_LIMIT_NAMES,
    MINATO_LIMIT_OBJECTS,
    MINATO_LIMIT_MAP_ENTRIES,
    MINATO_LIMIT_MESSAGE_BYTES,
    MINATO_LIMIT_PAGES,
    MINATO_LIMIT_COUNT,
};
#define MINATO_UNLIMITED ((natural_t)0xffffffff) /* a limit that is none */

/*
 * What has happened: minato_trace_set, minato_trace_read. Each record says when, and which thread ran;
 * of `argument` each kind has its own. A port is named by its port_id (minato_port_info), a thread by the
 * numbers of its task and in it (minato_task_name, minato_thread_wait); task 0 is the kernel, and its
 * thread 0 the one that runs when nobody else does. A message is told apart by its port and its number
 * there, as the trailer shows it: the same when it is sent and when it is received.
 */
enum minato_trace_kind {
    MINATO_TRACE_TRAP,      /* a trap begins: its number, where it will return to */
    MINATO_TRACE_TRAP_END,  /* the thread goes back to user mode: what is in eax */
    MINATO_TRACE_SEND,      /* a message has come to a port: port, msgh_id, number */
    MINATO_TRACE_CALL,      /* a message to the kernel, which serves it now: port, msgh_id, MINATO_OBJECT_* */
    MINATO_TRACE_RECEIVE,   /* the thread has a message: port, msgh_id, number */
    MINATO_TRACE_SWITCH,    /* the thread runs from now on: its priority */
    MINATO_TRACE_FAULT,     /* page fault: address, 1 for writing, user's pc */
    MINATO_TRACE_EXCEPTION, /* of the user's: EXC_*, code, subcode */
    MINATO_TRACE_BLOCK,     /* the thread waits: port or 0; the reason's first eight bytes */
    MINATO_TRACE_WAKE,      /* it made a thread ready: task, thread, priority */
    MINATO_TRACE_INTERRUPT, /* a device's, while the thread ran: line */
    MINATO_TRACE_KINDS
};
#define MINATO_TRACE_MASK(kind) (1u << (kind))
#define MINATO_TRACE_ALL 0x7ff
#define MINATO_TRACE_RECORDS_MAX 65536
#define MINATO_TRACE_READ_MAX 256 /* records */

typedef struct minato_trace_record {
    natural_t time_low, time_high; /* nanoseconds since boot */
    natural_t kind;                /* MINATO_TRACE_*, not as a mask */
    natural_t task, thread;        /* whose doing it is */
    natural_t argument[3];
} minato_trace_record_t;
typedef natural_t minato_trace_records_t[MINATO_TRACE_READ_MAX * 8];

/* One name: minato_port_info. */
typedef struct minato_port_info {
    natural_t type;         /* MACH_PORT_TYPE_* bits of the name, as mach_port_type gives them */
    natural_t urefs;        /* user references of its send, send-once or dead-name right */
    natural_t object;       /* MINATO_OBJECT_*: what the port stands for */
    natural_t object_id;    /* number of that object, never used twice; 0 if none */
    natural_t port_id;      /* number of the port or set, never used twice; 0: dead name */
    natural_t receiver;     /* 1 if a task holds the receive right, 0 for kernel and in transit */
    natural_t queue_length; /* messages in the queue; set: sum over its members */
    natural_t queue_limit;  /* 0 for a set */
    natural_t seqno;        /* of the next message */
    natural_t mscount;      /* make-send count */
    natural_t srights;      /* send rights in existence, in transit included */
    natural_t sorights;     /* send-once rights in existence, in transit included */
    natural_t members;      /* of a set */
    natural_t pset_id;      /* port_id of the set it is a member of, 0 if none */
    natural_t waiters;      /* threads waiting to receive */
    natural_t senders;      /* threads waiting for room */
    natural_t flags;        /* MINATO_PORT_* */
} minato_port_info_t;

#define MINATO_PORT_DNREQUEST 1 /* a dead-name notification is asked for, for this name */
#define MINATO_PORT_PDREQUEST 2 /* a port-destroyed notification */
#define MINATO_PORT_NSREQUEST 4 /* a no-senders notification */

enum minato_object {
    MINATO_OBJECT_NONE = 0,  /* an ordinary port */
    MINATO_OBJECT_PORT_SET = 1,
    MINATO_OBJECT_TASK = 2,
    MINATO_OBJECT_THREAD = 3,
    MINATO_OBJECT_HOST = 4,
    MINATO_OBJECT_HOST_PRIV = 5,
    MINATO_OBJECT_SEMAPHORE = 6,
    MINATO_OBJECT_LOCK_SET = 7,
    MINATO_OBJECT_CLOCK = 8,
    MINATO_OBJECT_CLOCK_CTRL = 9,
    MINATO_OBJECT_DEVICE = 10,
    MINATO_OBJECT_MEMORY_OBJECT = 11, /* the kernel's own, such as vm_region's object names */
    MINATO_OBJECT_MEMORY_CONTROL = 12,
    MINATO_OBJECT_BOOTSTRAP = 13,     /* bootstrap's bootstrap port */
};

#endif
