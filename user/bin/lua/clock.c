/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Virtual time for waiting: all by clock_sleep on the real-time clock, which needs no port.
 */
#include "spawn.h"

tvalspec_t time_now(void)
{
    tvalspec_t now = {0, 0}, past = {0, 0};

    /* A time that has passed: the call returns at once and says what time it is. */
    clock_sleep(MACH_PORT_NULL, TIME_ABSOLUTE, past, &now);
    return now;
}

tvalspec_t time_of_ms(unsigned ms)
{
    return (tvalspec_t){ms / 1000, (clock_res_t)(ms % 1000 * NSEC_PER_MSEC)};
}

struct deadline deadline_in(unsigned ms)
{
    struct deadline deadline = {0, time_now()};
    tvalspec_t length = time_of_ms(ms);

    ADD_TVALSPEC(&deadline.end, &length);
    return deadline;
}

unsigned deadline_left(const struct deadline *deadline, unsigned most)
{
    tvalspec_t now;

    if (deadline->forever)
        return most;
    now = time_now();
    if (CMP_TVALSPEC(&now, &deadline->end) >= 0)
        return 0;
    unsigned seconds = deadline->end.tv_sec - now.tv_sec;
    if (seconds > most / 1000 + 1)
        return most;
    int nanoseconds = deadline->end.tv_nsec - now.tv_nsec;
    long long left = seconds * 1000ll + (nanoseconds + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return left < most ? (left > 0 ? (unsigned)left : 1) : most;
}

void time_sleep(unsigned ms)
{
    clock_sleep(MACH_PORT_NULL, TIME_RELATIVE, time_of_ms(ms), NULL);
}
