/* SPDX-License-Identifier: BSD-2-Clause
 *
 * spawn.task: a task with a copy of this one's memory and a space of its own. Its one thread begins
 * in child_main(), on a stack that was made here before the copy; there libmach is put in order, a
 * new Lua state opened, the job run (it lies in the copied memory), the result sent to the parent.
 *
 * The child gets two rights to its result port: a send right, for the result, and a send-once right
 * that it never uses. When the child's space is gone, however it came to die, the kernel turns that
 * one into a send-once notification: so the parent learns of the death, after the result if there
 * was one.
 */
#include "spawn.h"

#include "arg.h"
#include "message.h"
#include "serial.h"
#include "state.h"
#include "watch.h"

#include <child_task.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_SIZE ((vm_size_t)256 << 10)
#define RESULT_WORKED 0x6c7561 /* message ids; the body is the packed value, */
#define RESULT_FAILED 0x6c7562 /* or the text of the error */
#define INLINE_MAX 32768       /* a larger result goes out of line */
#define REPORT 2               /* user value: the result as it came */

/* Names in the child's space, which is empty at first: far from where the kernel begins. */
#define CHILD_NAME(i) MACH_PORT_MAKE(0x1000u + (i), 1)
#define NAME_RESULT CHILD_NAME(0)
#define NAME_DEATH CHILD_NAME(1)
#define NAME_FIRST 2

struct result_message {
    mach_msg_header_t header;
    mach_msg_body_t body; /* here on only if complex */
    mach_msg_ool_descriptor_t data;
};

/* What child_main() finds in its copy of the memory. The lock: one task is made at a time. */
static struct mutex birth_lock = MUTEX_INITIALIZER;
static struct job *child_job;

/* ---- in the child -------------------------------------------------------------------------- */

static void send_large(const struct job *job, struct result_message *message)
{
    message->header.msgh_bits |= MACH_MSGH_BITS_COMPLEX;
    message->body.msgh_descriptor_count = 1;
    message->data = (mach_msg_ool_descriptor_t){.address = job->result,
                                                .size = job->result_size,
                                                .copy = MACH_MSG_VIRTUAL_COPY,
                                                .type = MACH_MSG_OOL_DESCRIPTOR};
    mach_msg(&message->header, MACH_SEND_MSG, sizeof(*message), 0, MACH_PORT_NULL, 0,
             MACH_PORT_NULL);
}

static void send_result(const struct job *job)
{
    size_t padded = (job->result_size + 3) & ~(size_t)3;
    char *buffer = calloc(1, sizeof(struct result_message) + sizeof(uint32_t) + padded);
    struct result_message *message = (struct result_message *)buffer;

    if (buffer == NULL || job->result == NULL)
        return;
    message->header.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
    message->header.msgh_remote_port = NAME_RESULT;
    message->header.msgh_id = job->worked ? RESULT_WORKED : RESULT_FAILED;
    if (job->result_size > INLINE_MAX) {
        send_large(job, message);
        return;
    }
    uint32_t *body = (uint32_t *)(message + 1) - (sizeof(*message) - sizeof(message->header)) / 4;
    body[0] = (uint32_t)job->result_size;
    memcpy(&body[1], job->result, job->result_size);
    mach_msg(&message->header, MACH_SEND_MSG,
             (mach_msg_size_t)(sizeof(message->header) + sizeof(uint32_t) + padded), 0,
             MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

__attribute__((noreturn)) static void child_main(void)
{
    struct job *job = child_job; /* ours; the variable is for the children that we make */

    mach_init_child();
    mutex_init(&birth_lock);
    state_forget();
    spawned_forget();
    lua_State *L = state_open(ROLE_TASK, CHILD_HEAP_SIZE);
    if (L != NULL) {
        job_run(L, job);
        output_flush();
        send_result(job);
    }
    _exit(0);
}

/* ---- making the child ---------------------------------------------------------------------- */

/* What goes wrong on the way is noted here, then everything is undone in one place. */
struct birth {
    lua_State *L;
    struct job *job;
    mach_port_t task, thread, result;
    vm_address_t stack;
    const char *failed; /* what could not be done */
    kern_return_t kr;
};

static int step(struct birth *birth, const char *what, kern_return_t kr)
{
    birth->failed = what;
    birth->kr = kr;
    return kr == KERN_SUCCESS;
}

static int create_task(struct birth *b)
{
    output_flush();
    mutex_lock(&birth_lock);
    child_job = b->job;
    mach_child_prepare();
    kern_return_t kr = task_create(mach_task_self(), NULL, 0, TRUE, &b->task);
    mach_child_created();
    mutex_unlock(&birth_lock);
    return step(b, "creating the task", kr);
}

static int give(struct birth *b, const char *what, mach_port_t name, mach_port_t port,
                mach_msg_type_name_t disposition)
{
    return step(b, what, mach_port_insert_right(b->task, name, port, disposition));
}

/* The thread's registers: child_main() on its stack, as if called from nowhere. The kernel puts the
 * user's segments in the place of none. */
static int set_registers(struct birth *b)
{
    struct i386_thread_state state = {.eip = (unsigned)(uintptr_t)child_main,
                                      .uesp = b->stack + STACK_SIZE - sizeof(uint32_t)};

    return step(b, "setting its registers",
                thread_set_state(b->thread, i386_THREAD_STATE, (thread_state_t)&state,
                                 i386_THREAD_STATE_COUNT));
}

static int start_thread(struct birth *b)
{
    return step(b, "creating its thread", thread_create(b->task, &b->thread)) && set_registers(b) &&
           step(b, "starting its thread", thread_resume(b->thread));
}

static int make_result_port(struct birth *b)
{
    return step(b, "making a port for its result",
                mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &b->result));
}

static int make_stack(struct birth *b)
{
    return step(b, "allocating its stack",
                vm_allocate(mach_task_self(), &b->stack, STACK_SIZE, TRUE));
}

/* The parent's copy of the stack is of no use; a child that is not to live goes. */
static void clean_up(struct birth *b, int born)
{
    if (b->stack != 0)
        vm_deallocate(mach_task_self(), b->stack, STACK_SIZE);
    if (b->thread != MACH_PORT_NULL)
        mach_port_deallocate(mach_task_self(), b->thread);
    if (born)
        return;
    if (b->task != MACH_PORT_NULL) {
        task_terminate(b->task);
        mach_port_deallocate(mach_task_self(), b->task);
    }
    if (b->result != MACH_PORT_NULL)
        mach_port_mod_refs(mach_task_self(), b->result, MACH_PORT_RIGHT_RECEIVE, -1);
}

/* ---- the ports that are handed over -------------------------------------------------------- */

struct gift {
    const char *key;
    mach_port_t port;
    mach_msg_type_name_t disposition;
    mach_port_t child_name;
};

/* The value of ports[key], at the stack's top: name, or {name, disp}. */
static void read_gift(lua_State *L, struct gift *gift)
{
    lua_Integer name, disposition = -1;
    int good;

    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 1);
        good = arg_integer_in(L, -1, 0, UINT32_MAX, &name);
        lua_rawgeti(L, -2, 2);
        good = good && (lua_isnil(L, -1) || arg_integer_in(L, -1, 0, 255, &disposition));
        lua_pop(L, 2);
    } else {
        good = arg_integer_in(L, -1, 0, UINT32_MAX, &name);
    }
    if (!good)
        luaL_error(L, "spawn.task: ports.%s must be a name or {name, disp}, not %s", gift->key,
                   arg_describe(L, -1));
    gift->port = (mach_port_t)name;
    gift->disposition =
        disposition >= 0 ? (mach_msg_type_name_t)disposition : default_disposition(gift->port);
}

static int is_send_once(const struct gift *gift)
{
    return gift->disposition == MACH_MSG_TYPE_MOVE_SEND_ONCE ||
           gift->disposition == MACH_MSG_TYPE_MAKE_SEND_ONCE;
}

/* The name of gift number `n` in the child: rights to one port share a name, but each send-once
 * right has its own. */
static mach_port_t child_name(const struct gift *gifts, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (gifts[i].port == gifts[n].port && !is_send_once(&gifts[i]) && !is_send_once(&gifts[n]))
            return gifts[i].child_name;
    return CHILD_NAME(NAME_FIRST + n);
}

/* Reads the table of ports, index 3, and puts the names that they will have in the child into the
 * table of values at the stack's top. The gifts are in memory of the collector, left below it. */
static struct gift *read_gifts(lua_State *L, unsigned *count)
{
    int values = lua_gettop(L);
    unsigned n = 0;

    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1))
        n++;
    struct gift *gifts = lua_newuserdatauv(L, (n + 1) * sizeof(*gifts), 0);
    lua_insert(L, values++);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, 3) != 0; lua_pop(L, 1)) {
        struct gift *gift = &gifts[*count];
        if (lua_type(L, -2) != LUA_TSTRING && !lua_isinteger(L, -2))
            luaL_error(L, "spawn.task: a key of ports must be a string or an integer");
        lua_pushvalue(L, -2);
        gift->key = lua_isinteger(L, -1) ? "[number]" : lua_tostring(L, -1);
        if (lua_rawget(L, values) != LUA_TNIL)
            luaL_error(L, "spawn.task: the key '%s' is in both values and ports", gift->key);
        lua_pop(L, 1);
        read_gift(L, gift);
        gift->child_name = child_name(gifts, *count);
        lua_pushvalue(L, -2);
        push_unsigned(L, gift->child_name);
        lua_rawset(L, values);
        ++*count;
    }
    return gifts;
}

/* The argument `index`, which may be absent, as a table. */
static void table_argument(lua_State *L, int index, const char *what)
{
    if (lua_isnil(L, index)) {
        lua_newtable(L);
        lua_replace(L, index);
    }
    if (!lua_istable(L, index))
        luaL_error(L, "spawn.task: the %s must be a table, not a %s", what,
                   luaL_typename(L, index));
}

/* Pushes a copy of the table of values, to which the names of ports are added. */
static void copy_values(lua_State *L)
{
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, -5);
    }
}

static int give_all(struct birth *b, const struct gift *gifts, unsigned count)
{
    if (!give(b, "handing over its result port", NAME_RESULT, b->result, MACH_MSG_TYPE_MAKE_SEND) ||
        !give(b, "handing over its result port", NAME_DEATH, b->result,
              MACH_MSG_TYPE_MAKE_SEND_ONCE))
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (!give(b, lua_pushfstring(b->L, "ports.%s", gifts[i].key), gifts[i].child_name,
                  gifts[i].port, gifts[i].disposition))
            return 0;
    return 1;
}

int spawn_task(lua_State *L)
{
    struct birth b = {.L = L};
    unsigned count;

    lua_settop(L, 3);
    table_argument(L, 2, "values");
    table_argument(L, 3, "ports");
    struct spawned *spawned = spawned_new(L, SPAWNED_TASK);
    int object = lua_gettop(L);
    spawned->ended = 1; /* nothing to drop yet */
    copy_values(L);
    struct gift *gifts = read_gifts(L, &count);
    b.job = job_new(L, "spawn.task");
    int born = make_result_port(&b) && make_stack(&b) && create_task(&b) &&
               give_all(&b, gifts, count) && start_thread(&b);
    free(b.job);
    clean_up(&b, born);
    if (!born)
        luaL_error(L, "spawn.task: %s: %s", b.failed, mach_error_string(b.kr));
    spawned->name = b.task;
    spawned->ended = 0;
    spawned_own_port(spawned, b.result);
    lua_settop(L, object);
    return 1;
}

/* ---- waiting for it ------------------------------------------------------------------------ */

/* Keeps the result that has come, as bytes, in the object (index 1). */
static void keep_report(lua_State *L, struct spawned *spawned, mach_msg_header_t *header)
{
    struct result_message *message = (struct result_message *)header;
    const uint32_t *body = (const uint32_t *)(header + 1);

    if (header->msgh_id != RESULT_WORKED && header->msgh_id != RESULT_FAILED) {
        mach_msg_destroy(header);
        return;
    }
    if (MACH_MSGH_BITS_IS_COMPLEX(header->msgh_bits))
        push_ool_bytes(L, (vm_address_t)(uintptr_t)message->data.address, message->data.size);
    else if (header->msgh_size >= sizeof(*header) + sizeof(*body) &&
             body[0] <= header->msgh_size - sizeof(*header) - sizeof(*body))
        lua_pushlstring(L, (const char *)&body[1], body[0]);
    else
        lua_pushliteral(L, "");
    lua_setiuservalue(L, 1, REPORT);
    spawned->reported = 1;
    spawned->worked = header->msgh_id == RESULT_WORKED;
}

static void release(struct spawned *spawned)
{
    spawned_disown_port(spawned);
    mach_port_mod_refs(mach_task_self(), spawned->result, MACH_PORT_RIGHT_RECEIVE, -1);
}

static int push_answer(lua_State *L, const struct spawned *spawned)
{
    static const char died[] = "task died before its code had ended";
    size_t size;

    if (!spawned->reported)
        return job_push_result(L, 0, died, sizeof(died) - 1);
    lua_getiuservalue(L, 1, REPORT);
    const char *bytes = lua_tolstring(L, -1, &size);
    return job_push_result(L, spawned->worked, bytes, size);
}

int spawned_wait_task(lua_State *L, struct spawned *spawned, const struct deadline *deadline)
{
    unsigned room = MACH_MSG_SIZE_MAX + MAX_TRAILER_SIZE;
    mach_msg_header_t *header = state_buffer(L, room);
    int buffer = lua_gettop(L), ended = 0;

    while (!ended) {
        unsigned ms = deadline_left(deadline, 3600000);
        mach_msg_return_t kr = mach_msg_trap(header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, room,
                                             spawned->result, ms, MACH_PORT_NULL);
        if (kr == MACH_MSG_SUCCESS && header->msgh_id != MACH_NOTIFY_SEND_ONCE)
            keep_report(L, spawned, header);
        else if (kr == MACH_MSG_SUCCESS)
            ended = 1;
        else if (watch_expired(L) || (kr == MACH_RCV_TIMED_OUT && ms == 0))
            break;
    }
    state_buffer_done(L, buffer);
    if (!ended)
        return 0;
    release(spawned);
    mach_port_deallocate(mach_task_self(), spawned->name);
    return push_answer(L, spawned);
}

/* The task runs on, as the thread of one that has been lost does; nobody will hear its result. */
void spawned_drop_task(struct spawned *spawned)
{
    release(spawned);
}
