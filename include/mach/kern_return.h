/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Return codes of kernel calls. Zero is success; 1..49 are OSF Mach's codes with OSF's numbers,
 * 50..56 are macOS's (OSF has none there). Codes of mach_msg() are in message.h (0x10000000 and
 * up), those of MIG stubs in mig_errors.h (negative), those of bootstrap in bootstrap_types.h.
 * mach_error_string() (mach_error.h) has a sentence for each of them. Source: OSF
 * mach/kern_return.h; 50..56: macOS mach/kern_return.h.
 */
#ifndef _MACH_KERN_RETURN_H_
#define _MACH_KERN_RETURN_H_

typedef int kern_return_t;

#define KERN_SUCCESS 0
#define KERN_INVALID_ADDRESS 1        /* address not valid, or not mapped */
#define KERN_PROTECTION_FAILURE 2     /* memory is there, but the access is forbidden */
#define KERN_NO_SPACE 3               /* no free range of addresses, or name taken */
#define KERN_INVALID_ARGUMENT 4       /* an argument has a value that makes no sense */
#define KERN_FAILURE 5                /* the call could not be done, no better code */
#define KERN_RESOURCE_SHORTAGE 6      /* memory or a per-task limit is exhausted */
#define KERN_NOT_RECEIVER 7           /* the task does not hold the receive right */
#define KERN_NO_ACCESS 8              /* a needed right is not there */
#define KERN_MEMORY_FAILURE 9         /* the memory object was destroyed while in use */
#define KERN_MEMORY_ERROR 10          /* the pager could not supply the data */
#define KERN_ALREADY_IN_SET 11        /* the receive right is in that port set already */
#define KERN_NOT_IN_SET 12            /* the receive right is in no port set */
#define KERN_NAME_EXISTS 13           /* the name denotes a right already */
#define KERN_ABORTED 14               /* the operation was aborted (thread_abort) */
#define KERN_INVALID_NAME 15          /* the name denotes no right in the space */
#define KERN_INVALID_TASK 16          /* the target task is not alive */
#define KERN_INVALID_RIGHT 17         /* the name denotes a right, but not the right one */
#define KERN_INVALID_VALUE 18         /* a number is out of its range */
#define KERN_UREFS_OVERFLOW 19        /* user references would pass their maximum (65535) */
#define KERN_INVALID_CAPABILITY 20    /* the port right has not the power for that */
#define KERN_RIGHT_EXISTS 21          /* the task has the right already, under another name */
#define KERN_INVALID_HOST 22          /* the port is no host port */
#define KERN_MEMORY_PRESENT 23        /* precious data supplied for a page that is there */
#define KERN_MEMORY_DATA_MOVED 24     /* the page moved to another object (kernel internal) */
#define KERN_MEMORY_RESTART_COPY 25   /* strategic copy must be done again (kernel internal) */
#define KERN_INVALID_PROCESSOR_SET 26 /* the port is no processor set */
#define KERN_POLICY_LIMIT 27          /* scheduling parameters above the thread's limit */
#define KERN_INVALID_POLICY 28        /* unknown or disabled scheduling policy */
#define KERN_INVALID_OBJECT 29        /* the port is no memory object */
#define KERN_ALREADY_WAITING 30       /* another thread waits there already */
#define KERN_DEFAULT_SET 31           /* not possible for the default processor set */
#define KERN_EXCEPTION_PROTECTED 32   /* exception ports of that task are protected */
#define KERN_INVALID_LEDGER 33        /* the port is no ledger */
#define KERN_INVALID_MEMORY_CONTROL 34 /* the port is no memory cache control port */
#define KERN_INVALID_SECURITY 35      /* the port is not the host security port */
#define KERN_NOT_DEPRESSED 36         /* thread_depress_abort: the thread is not depressed */
#define KERN_TERMINATED 37            /* the object (semaphore, thread, …) was terminated */
#define KERN_LOCK_SET_DESTROYED 38    /* the lock set is gone */
#define KERN_LOCK_UNSTABLE 39         /* the holder died holding the lock */
#define KERN_LOCK_OWNED 40            /* another thread holds the lock */
#define KERN_LOCK_OWNED_SELF 41       /* the caller holds the lock already */
#define KERN_SEMAPHORE_DESTROYED 42   /* the semaphore is gone */
#define KERN_RPC_SERVER_TERMINATED 43 /* the server died before it replied */
#define KERN_RPC_TERMINATE_ORPHAN 44  /* migrating RPC: end the orphaned activation */
#define KERN_RPC_CONTINUE_ORPHAN 45   /* migrating RPC: let the orphaned activation go on */
#define KERN_NOT_SUPPORTED 46         /* the kernel does not offer this */
#define KERN_NODE_DOWN 47             /* the other node cannot be reached */
#define KERN_NOT_WAITING 48           /* the thread to be signalled was not waiting */
#define KERN_OPERATION_TIMED_OUT 49   /* the time limit passed (semaphore_timedwait) */
#define KERN_CODESIGN_ERROR 50        /* macOS only; never returned by Minato */
#define KERN_POLICY_STATIC 51         /* macOS only: the property cannot be changed now */
#define KERN_INSUFFICIENT_BUFFER_SIZE 52 /* macOS only: the buffer given is too small */
#define KERN_DENIED 53                /* macOS only */
#define KERN_MISSING_KC 54            /* macOS only */
#define KERN_INVALID_KC 55            /* macOS only */
#define KERN_NOT_FOUND 56             /* macOS only */

#define KERN_RETURN_MAX 0x100 /* no kernel code is larger */

#endif
