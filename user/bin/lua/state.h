/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A Lua state with everything a script finds in it, its heap, and what belongs to the thread that
 * runs it. There is one for the program, one for each task and thread that a script spawns.
 */
#ifndef LUA_STATE_H
#define LUA_STATE_H

#include "heap.h"

#include <lauxlib.h>
#include <lua.h>
#include <mach/mach.h>

/* What the script of this program is for; the same in all its states. */
enum program_mode {
    MODE_PROMPT,   /* a person at the console */
    MODE_SCRIPT,   /* a script; its output is the output */
    MODE_SCENARIO, /* a script of tests: the output is TAP, what it prints is a comment */
};
extern enum program_mode program_mode;

/* Whose state it is. */
enum state_role { ROLE_MAIN, ROLE_TASK, ROLE_THREAD };

struct watch;

struct state {
    struct heap *heap;
    enum state_role role;
    mach_port_t thread;  /* cached: mach_thread_self() */
    unsigned room;       /* bytes of the buffer for messages that is kept; 0: none */
    struct watch *watch; /* the innermost t.within() that runs; null if none */
};

#define MAIN_HEAP_SIZE (64u << 20)
#define CHILD_HEAP_SIZE (32u << 20)
#define THREAD_HEAP_SIZE (16u << 20)

/* A state with the standard libraries, `mach`, `spawn`, `test`; null if there is no memory. */
lua_State *state_open(enum state_role role, size_t heap_size);
void state_close(lua_State *L);

struct state *state_of(lua_State *L);
/* That of the calling thread; null if it has none. */
struct state *state_of_thread(void);
/* Pushes a buffer of at least `room` bytes, aligned for messages. It is the caller's alone as long
 * as it is on the stack (the collector may run a finalizer that sends a message) or until it is
 * given back, for the next call. */
void *state_buffer(lua_State *L, unsigned room);
void state_buffer_done(lua_State *L, int index);
/* The name of the host port, which is cached in each task. */
mach_port_t state_host(void);
/* Forgets what was cached in the task that this one's memory is a copy of. */
void state_forget(void);
/* The message handler of calls from C: the error with a trace back. */
int state_traceback(lua_State *L);
/* Pushes the code of a script as a function, from a string or a function without upvalues that is
 * on the stack at `index`; returns its bytes. A Lua error names `what`. */
const char *state_code(lua_State *L, int index, const char *what, size_t *size);

/* The standard output, line by line. */
void output_text(const char *text, size_t length);
void output_flush(void);

#endif
