// SPDX-License-Identifier: BSD-2-Clause
// Time for the C library: the calendar clock, the processor time of this task, sleeping.
#include <errno.h>
#include <mach/mach.h>
#include <string.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

// The clock's time now. The clock's name is not kept: a program that counts its names sees none.
static kern_return_t read_clock(clock_id_t id, tvalspec_t *now)
{
    mach_port_t host = mach_host_self(), clock;
    kern_return_t result = host_get_clock_service(host, id, &clock);

    if (result == KERN_SUCCESS) {
        result = clock_get_time(clock, now);
        mach_port_deallocate(mach_task_self(), clock);
    }
    mach_port_deallocate(mach_task_self(), host);
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    tvalspec_t time;

    (void)zone;
    if (read_clock(CALENDAR_CLOCK, &time) != KERN_SUCCESS) {
        errno = EIO;
        return -1;
    }
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / NSEC_PER_USEC;
    return 0;
}

static clock_t ticks(const time_value_t *time)
{
    return (clock_t)time->seconds * CLOCKS_PER_SEC +
           (clock_t)time->microseconds / (USEC_PER_SEC / CLOCKS_PER_SEC);
}

// Processor time of the threads that live and of those that have ended.
static kern_return_t task_times(struct tms *times)
{
    task_basic_info_data_t ended;
    task_thread_times_info_data_t live;
    mach_msg_type_number_t count = TASK_BASIC_INFO_COUNT;
    kern_return_t result =
        task_info(mach_task_self(), TASK_BASIC_INFO, (task_info_t)&ended, &count);

    if (result != KERN_SUCCESS)
        return result;
    count = TASK_THREAD_TIMES_INFO_COUNT;
    result = task_info(mach_task_self(), TASK_THREAD_TIMES_INFO, (task_info_t)&live, &count);
    if (result != KERN_SUCCESS)
        return result;
    times->tms_utime = ticks(&ended.user_time) + ticks(&live.user_time);
    times->tms_stime = ticks(&ended.system_time) + ticks(&live.system_time);
    return KERN_SUCCESS;
}

// Fills in this task's times; returns the time since boot. All in units of 1/CLOCKS_PER_SEC s.
clock_t times(struct tms *times)
{
    tvalspec_t now;

    memset(times, 0, sizeof(*times));
    if (task_times(times) != KERN_SUCCESS || read_clock(REALTIME_CLOCK, &now) != KERN_SUCCESS) {
        errno = EIO;
        return (clock_t)-1;
    }
    return (clock_t)now.tv_sec * CLOCKS_PER_SEC +
           (clock_t)now.tv_nsec / (NSEC_PER_SEC / CLOCKS_PER_SEC);
}

// ---- sleeping ---------------------------------------------------------------------------------

// Sleeps; what is left of the time if thread_abort() ends that early.
static tvalspec_t sleep_for(tvalspec_t time)
{
    tvalspec_t begin, end;
    kern_return_t known = read_clock(REALTIME_CLOCK, &begin);

    if (clock_sleep(MACH_PORT_NULL, TIME_RELATIVE, time, &end) == KERN_SUCCESS)
        return (tvalspec_t){0, 0};
    if (known != KERN_SUCCESS)
        return time;
    SUB_TVALSPEC(&end, &begin);
    if (CMP_TVALSPEC(&end, &time) < 0)
        SUB_TVALSPEC(&time, &end);
    return time;
}

unsigned sleep(unsigned seconds)
{
    tvalspec_t left = sleep_for((tvalspec_t){seconds, 0});

    return left.tv_sec + (left.tv_nsec > 0);
}

int usleep(useconds_t us)
{
    tvalspec_t left = sleep_for((tvalspec_t){us / USEC_PER_SEC,
                                             (clock_res_t)(us % USEC_PER_SEC) * NSEC_PER_USEC});

    if (left.tv_sec == 0 && left.tv_nsec == 0)
        return 0;
    errno = EINTR;
    return -1;
}
