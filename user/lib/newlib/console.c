// SPDX-License-Identifier: BSD-2-Clause
// stdin, stdout and stderr: one session with the console server, opened when first needed and again
// when the server has been restarted.
#include "newlib/console.h"

#include <console_session.h>
#include <cthreads.h>
#include <errno.h>
#include <mach/mach.h>
#include <servers/console.h>
#include <servers/netname.h>
#include <string.h>

static struct {
    struct mutex lock;
    mach_port_t port;
} session;

static mach_port_t session_new(void)
{
    mach_port_t console, made = MACH_PORT_NULL;
    kern_return_t result = netname_look_up(name_server_port, "", CONSOLE_NAME, &console);

    if (result != KERN_SUCCESS)
        return MACH_PORT_NULL;
    if (console_open(console, &made) != KERN_SUCCESS)
        made = MACH_PORT_NULL;
    mach_port_deallocate(mach_task_self(), console);
    return made;
}

mach_port_t console_session(void)
{
    mach_port_t port;

    mutex_lock(&session.lock);
    if (session.port == MACH_PORT_NULL)
        session.port = session_new();
    port = session.port;
    mutex_unlock(&session.lock);
    return port;
}

// The session is dead: the next call opens another. Only who finds it still current drops it.
static void session_drop(mach_port_t dead)
{
    mutex_lock(&session.lock);
    if (session.port == dead) {
        mach_port_deallocate(mach_task_self(), dead);
        session.port = MACH_PORT_NULL;
    }
    mutex_unlock(&session.lock);
}

void console_forget(void)
{
    mutex_init(&session.lock);
    session.port = MACH_PORT_NULL;
}

// Whether the server went away under the call; a new session may then do better.
static int session_lost(kern_return_t result)
{
    return result == MACH_SEND_INVALID_DEST || result == MIG_SERVER_DIED;
}

static kern_return_t write_piece(const char *data, size_t size)
{
    kern_return_t result = MACH_SEND_INVALID_DEST;

    for (int tries = 0; tries < 2 && session_lost(result); tries++) {
        mach_port_t port = console_session();

        if (port == MACH_PORT_NULL)
            return MACH_SEND_INVALID_DEST;
        result = console_write(port, (char *)data, size);
        if (session_lost(result))
            session_drop(port);
    }
    return result;
}

// How much of the data goes into one call: all, or as many whole lines as fit, or what fits.
static size_t piece_size(const char *data, size_t size)
{
    if (size <= CONSOLE_DATA_MAX)
        return size;
    for (size_t n = CONSOLE_DATA_MAX; n > 0; n--)
        if (data[n - 1] == '\n')
            return n;
    return CONSOLE_DATA_MAX;
}

ssize_t console_write_bytes(const char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t piece = piece_size(data + done, size - done);

        if (write_piece(data + done, piece) != KERN_SUCCESS) {
            errno = EIO;
            return done > 0 ? (ssize_t)done : -1;
        }
        done += piece;
    }
    return (ssize_t)done;
}

ssize_t console_read_bytes(char *data, size_t size)
{
    mach_msg_type_number_t count = CONSOLE_DATA_MAX;
    console_data_t buffer;
    mach_port_t port = console_session();
    kern_return_t result;

    if (size == 0)
        return 0;
    result = console_read(port, size < CONSOLE_DATA_MAX ? size : CONSOLE_DATA_MAX, buffer, &count);
    if (result == KERN_SUCCESS) {
        memcpy(data, buffer, count);
        return (ssize_t)count;
    }
    if (session_lost(result) && port != MACH_PORT_NULL)
        session_drop(port);
    errno = result == CONSOLE_INTERRUPTED ? EINTR : EIO;
    return -1;
}
