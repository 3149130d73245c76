// SPDX-License-Identifier: BSD-2-Clause
// Which thread's data the C library is to use (errno, streams, strtok's place, …): those of the
// thread's block; a thread without one has no business in the C library and gets the first thread's.
#include "threads/thread.h"

struct _reent *__getreent(void)
{
    struct cthread *self = thread_block();

    return self != NULL ? self->reent : _GLOBAL_REENT;
}
