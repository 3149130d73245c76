/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of thread_switch(), documented in mach_traps.h.  Source: OSF mach/thread_switch.h. */
#ifndef _MACH_THREAD_SWITCH_H_
#define _MACH_THREAD_SWITCH_H_

#define SWITCH_OPTION_NONE 0    /* just give way (to the thread named, if it is ready) */
#define SWITCH_OPTION_DEPRESS 1 /* and run at the lowest priority for option_time ms, 0: no limit */
#define SWITCH_OPTION_WAIT 2    /* and sleep for option_time ms */
#define SWITCH_OPTION_IDLE 3    /* and depress to idle priority for option_time ms */

#define valid_switch_option(opt) (0 <= (opt) && (opt) <= 3)

#endif
