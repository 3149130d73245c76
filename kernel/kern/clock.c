// SPDX-License-Identifier: BSD-2-Clause
// Clocks (clock.h), the calls of clock.defs, and the trap clock_sleep.
//
// Both clocks run on the machine's count of nanoseconds since boot; the calendar adds what it was set to,
// and is as coarse as a battery clock. Only the calendar can be set, which ends its sleeps and alarms.
#include "kern/clock.h"
#include "clock_reply_user.h"
#include "clock_server.h"
#include "mach_host_server.h"
#include "ipc/kmsg.h"
#include "ipc/kobject.h"
#include "ipc/port.h"
#include "ipc/space.h"
#include "kern/ledger.h"
#include "vm/object.h"
#include "x86/interrupt.h"
#include "x86/pmap.h"
#include "x86/usercopy.h"

#define CLOCK_COUNT 2u
#define RESOLUTION_MAX (10u * NSEC_PER_MSEC) // the coarsest for sleeps and alarms
#define MAP_RESOLUTION NSEC_PER_MSEC // of mapped time

static struct clock clocks[CLOCK_COUNT];
static struct clock *const realtime_clock = &clocks[REALTIME_CLOCK];
static struct clock *const calendar_clock = &clocks[BATTERY_CLOCK];

static tvalspec_t clock_time(const struct clock *clock)
{
    uint64_t ns = clock_now() + clock->offset;
    tvalspec_t value = {
        .tv_sec = (unsigned)(ns / NSEC_PER_SEC),
        .tv_nsec = (clock_res_t)(ns % NSEC_PER_SEC),
    };

    return value;
}

// ---- mapped time ----

// The page that programs map, and what stands for it. It is set while anybody can see it.
static struct {
    union {
        volatile mapped_tvalspec_t time;
        uint8_t bytes[PAGE_SIZE];
    } page __attribute__((aligned(PAGE_SIZE)));
    struct vm_object *object;
    struct port *port;
    struct timer timer;
} mapped;

static void mapped_set(struct timer *timer)
{
    tvalspec_t now = clock_time(realtime_clock);

    // Who reads seconds, nanoseconds and check seconds, in this order, sees that he was interrupted.
    mapped.page.time.mtv_csec = now.tv_sec;
    mapped.page.time.mtv_nsec = now.tv_nsec;
    mapped.page.time.mtv_sec = now.tv_sec;
    if (mapped.port->srights > 0 || mapped.object->refs > 1)
        timer_arm(timer, clock_now() + MAP_RESOLUTION);
}

kern_return_t clock_map_time(clock_serv_t clock, ipc_port_t *memory)
{
    if (clock != realtime_clock)
        return KERN_FAILURE;
    *memory = port_make_send(mapped.port);
    mapped_set(&mapped.timer);
    return KERN_SUCCESS;
}

void clock_init(void)
{
    realtime_clock->resolution = clock_resolution();
    calendar_clock->resolution = NSEC_PER_SEC;
    for (unsigned i = 0; i < CLOCK_COUNT; i++) {
        clocks[i].alarm_resolution = clock_resolution();
        list_init(&clocks[i].alarms);
        waitq_init_fifo(&clocks[i].sleepers);
        clocks[i].port = port_make_at_boot(PORT_CLOCK, &clocks[i]);
        clocks[i].control = port_make_at_boot(PORT_CLOCK_CTRL, &clocks[i]);
    }
    mapped.object = vm_object_device(virt_to_phys(&mapped.page), PAGE_SIZE, false);
    mapped.port = port_make_at_boot(PORT_MEMORY_OBJECT, mapped.object);
    timer_init(&mapped.timer, mapped_set);
}

// When a sleep or alarm for that time ends, ns since boot; 0: at once. False: a bad type or time.
static bool deadline_of(const struct clock *clock, alarm_type_t type, tvalspec_t time,
                        uint64_t *deadline)
{
    uint64_t ns = (uint64_t)time.tv_sec * NSEC_PER_SEC + (unsigned)time.tv_nsec;
    uint64_t now = clock_now() + clock->offset;
    uint32_t unit = clock->alarm_resolution;

    if (type == TIME_RELATIVE)
        ns += now;
    *deadline = ns > now ? ns - clock->offset : 0;
    if (unit > clock_resolution())
        *deadline = (*deadline + unit - 1) / unit * unit;
    return !BAD_ALRMTYPE(type) && !BAD_TVALSPEC(&time);
}

// ---- alarms ----

// An alarm that is to come. It lies in the memory that its message will want.
struct alarm {
    struct timer timer;
    struct list link; // clock->alarms
    struct clock *clock;
    struct port *port; // send-once right
    struct dead_name_request death; // of the port
    alarm_type_t type; // with the user's own bits
};

static struct alarm alarm_remove(struct alarm *alarm)
{
    struct alarm copy = *alarm;

    timer_cancel(&alarm->timer);
    list_remove(&alarm->link);
    list_remove(&alarm->death.link);
    kmsg_free(container_of((mach_msg_header_t *)alarm, struct kmsg, header));
    return copy;
}

static void ring(struct alarm *alarm, kern_return_t code)
{
    struct alarm a = alarm_remove(alarm);

    clock_alarm_reply(a.port, code, a.type, clock_time(a.clock));
}

static void alarm_expired(struct timer *timer)
{
    ring(container_of(timer, struct alarm, timer), KERN_SUCCESS);
}

void clock_alarm_cancel(struct dead_name_request *request)
{
    port_release_send_once(alarm_remove(container_of(request, struct alarm, death)).port);
}

kern_return_t clock_alarm(clock_serv_t clock, alarm_type_t type, tvalspec_t time, ipc_port_t port)
{
    struct kmsg *kmsg;
    struct alarm *alarm;
    uint64_t deadline;

    if (!port_valid(port) || !port->active)
        return KERN_INVALID_CAPABILITY;
    kmsg = kmsg_alloc(sizeof(*alarm));
    if (!kmsg)
        return KERN_RESOURCE_SHORTAGE;
    kmsg->header.msgh_bits = 0;
    if (!kmsg_pay(kmsg, current_ledger())) {
        kmsg_free(kmsg);
        return KERN_RESOURCE_SHORTAGE;
    }
    alarm = (struct alarm *)&kmsg->header;
    *alarm = (struct alarm){.clock = clock, .port = port, .type = type};
    timer_init(&alarm->timer, alarm_expired);
    list_insert_tail(&clock->alarms, &alarm->link);
    list_insert_tail(&port->dead_name_requests, &alarm->death.link);
    if (!deadline_of(clock, ALRMTYPE(type), time, &deadline))
        ring(alarm, KERN_INVALID_VALUE);
    else if (deadline == 0)
        ring(alarm, KERN_SUCCESS);
    else
        timer_arm(&alarm->timer, deadline);
    return KERN_SUCCESS;
}

// ---- setting ----

kern_return_t clock_set_time(clock_ctrl_t clock, tvalspec_t time)
{
    if (BAD_TVALSPEC(&time))
        return KERN_INVALID_VALUE;
    if (clock == realtime_clock)
        return KERN_FAILURE;
    while (!list_empty(&clock->alarms))
        ring(container_of(clock->alarms.next, struct alarm, link), KERN_ABORTED);
    clock->before_set = clock_time(clock);
    waitq_wake_all(&clock->sleepers, WAIT_DESTROYED);
    clock->offset = (uint64_t)time.tv_sec * NSEC_PER_SEC + (unsigned)time.tv_nsec - clock_now();
    return KERN_SUCCESS;
}

kern_return_t clock_set_attributes(clock_ctrl_t clock, clock_flavor_t flavor,
                                   clock_attr_t attribute, mach_msg_type_number_t count)
{
    uint32_t unit = count < 1 ? 0 : (uint32_t)attribute[0];

    if (flavor != CLOCK_ALARM_CURRES || unit == 0 || unit % clock_resolution() != 0 ||
        unit > RESOLUTION_MAX)
        return KERN_INVALID_VALUE;
    if (unit > clock->alarm_resolution)
        list_for_each(link, &clock->alarms) {
            struct timer *timer = &container_of(link, struct alarm, link)->timer;

            timer_arm(timer, timer->deadline / unit * unit);
        }
    clock->alarm_resolution = unit;
    return KERN_SUCCESS;
}

// ---- the calendar, as mach_host.defs has it ----

kern_return_t host_get_time(host_t host, time_value_t *time)
{
    tvalspec_t now = clock_time(calendar_clock);

    time->seconds = (integer_t)now.tv_sec;
    time->microseconds = now.tv_nsec / NSEC_PER_USEC;
    return KERN_SUCCESS;
}

kern_return_t host_set_time(host_priv_t host, time_value_t time)
{
    if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= USEC_PER_SEC)
        return KERN_INVALID_VALUE;
    return clock_set_time(calendar_clock, (tvalspec_t){(unsigned)time.seconds,
                                                       time.microseconds * NSEC_PER_USEC});
}

// ---- clock.defs ----

kern_return_t host_get_clock_service(host_t host, clock_id_t id, clock_serv_t *clock)
{
    if (id < 0 || (unsigned)id >= CLOCK_COUNT)
        return KERN_INVALID_ARGUMENT;
    *clock = &clocks[id];
    return KERN_SUCCESS;
}

kern_return_t host_get_clock_control(host_priv_t host, clock_id_t id, clock_ctrl_t *control)
{
    return host_get_clock_service(host, id, control);
}

kern_return_t clock_get_time(clock_serv_t clock, tvalspec_t *time)
{
    *time = clock_time(clock);
    return KERN_SUCCESS;
}

kern_return_t clock_get_attributes(clock_serv_t clock, clock_flavor_t flavor, clock_attr_t attribute,
                                   mach_msg_type_number_t *count)
{
    const uint32_t attributes[] = {
        [CLOCK_GET_TIME_RES] = clock->resolution,
        [CLOCK_MAP_TIME_RES] = clock == realtime_clock ? MAP_RESOLUTION : 0,
        [CLOCK_ALARM_CURRES] = clock->alarm_resolution,
        [CLOCK_ALARM_MINRES] = clock_resolution(),
        [CLOCK_ALARM_MAXRES] = RESOLUTION_MAX / clock_resolution() * clock_resolution(),
    };

    if (flavor < CLOCK_GET_TIME_RES || flavor > CLOCK_ALARM_MAXRES)
        return KERN_INVALID_VALUE;
    if (*count < 1)
        return KERN_FAILURE;
    attribute[0] = (int)attributes[flavor];
    *count = 1;
    return KERN_SUCCESS;
}

// ---- clock_sleep ----

static struct clock *sleep_clock(mach_port_name_t name)
{
    if (name == MACH_PORT_NULL)
        return realtime_clock;
    return convert_port_to_clock(space_send_target(current_space(), name));
}

// False: the caller cannot be told.
static bool time_out(tvalspec_t time, uintptr_t address)
{
    return !address || copy_to_user(address, &time, sizeof(time));
}

TRAP_FUNCTION kern_return_t clock_sleep_trap(mach_port_name_t name, sleep_type_t type, unsigned sec,
                                             int nsec, uintptr_t wake_address)
{
    struct clock *clock = sleep_clock(name);
    enum wait_result result;
    uint64_t deadline;

    if (!clock)
        return KERN_INVALID_ARGUMENT;
    if (!deadline_of(clock, type, (tvalspec_t){sec, nsec}, &deadline))
        return KERN_INVALID_VALUE;
    // Whether the result can be delivered must be known before the sleep.
    if (!time_out(clock_time(clock), wake_address))
        return KERN_INVALID_ADDRESS;
    result = waitq_wait(&clock->sleepers, deadline, true, "clock sleep");
    if (!time_out(result == WAIT_DESTROYED ? clock->before_set : clock_time(clock), wake_address))
        return KERN_INVALID_ADDRESS;
    return result == WAIT_TIMED_OUT ? KERN_SUCCESS : KERN_ABORTED;
}
