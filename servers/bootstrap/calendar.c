// SPDX-License-Identifier: BSD-2-Clause
// The battery-backed clock (MC146818): what day it is, once, at boot. The kernel's calendar clock is set
// by it; without it the calendar begins in 1970.
#include "bootstrap.h"

#include <mach/device_io.h>
#include <mach/device_io_rpc.h>
#include <string.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define REGISTER_A 10
#define REGISTER_B 11
#define A_UPDATING 0x80
#define B_24_HOURS 0x02
#define B_BINARY 0x04
#define HOUR_PM 0x80

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, FIELDS };
static const uint8_t field_register[FIELDS] = {0, 2, 4, 7, 8, 9};

static uint8_t cmos_read(uint8_t reg)
{
    uint8_t value;

    __asm__ volatile("outb %1, %2\n\tinb %3, %0"
                     : "=a"(value)
                     : "a"(reg), "N"(CMOS_INDEX), "N"(CMOS_DATA));
    return value;
}

static void fields_read(uint8_t fields[FIELDS])
{
    // An update takes 2 ms; a chip that is not there never ends one.
    for (unsigned i = 0; i < 100000 && cmos_read(REGISTER_A) & A_UPDATING; i++)
        ;
    for (unsigned i = 0; i < FIELDS; i++)
        fields[i] = cmos_read(field_register[i]);
}

// Brings the chip's formats (BCD, twelve hours) to plain numbers.
static void fields_decode(uint8_t fields[FIELDS])
{
    uint8_t mode = cmos_read(REGISTER_B);
    bool pm = !(mode & B_24_HOURS) && fields[HOUR] & HOUR_PM;

    fields[HOUR] &= ~(mode & B_24_HOURS ? 0 : HOUR_PM);
    if (!(mode & B_BINARY)) {
        for (unsigned i = 0; i < FIELDS; i++)
            fields[i] = (uint8_t)((fields[i] >> 4) * 10 + (fields[i] & 15));
    }
    if (!(mode & B_24_HOURS))
        fields[HOUR] = (uint8_t)(fields[HOUR] % 12 + (pm ? 12 : 0));
}

// Days from 1970-01-01 to a date after it, by counting leap days from March on.
static uint32_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1
           - 719468;
}

void calendar_set(void)
{
    uint8_t fields[FIELDS], again[FIELDS];
    time_value_t now = {0, 0};
    uint32_t year;

    if (device_io_port_grant(device_master, mach_task_self(), CMOS_INDEX, 2) != KERN_SUCCESS)
        return;
    // Until two readings agree, so that none was cut in two by an update.
    fields_read(again);
    for (unsigned i = 0; i < 5; i++) {
        memcpy(fields, again, sizeof fields);
        fields_read(again);
        if (memcmp(fields, again, sizeof fields) == 0)
            break;
    }
    fields_decode(fields);
    year = fields[YEAR] + (fields[YEAR] < 70 ? 2000 : 1900);
    now.seconds = (integer_t)(((days_since_1970(year, fields[MONTH], fields[DAY]) * 24 + fields[HOUR]) *
                                   60 + fields[MINUTE]) * 60 + fields[SECOND]);
    host_set_time(priv_host, now); // what no chip can have said is refused, and the calendar left alone
}
