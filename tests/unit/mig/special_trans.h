/* SPDX-License-Identifier: BSD-2-Clause */
/* Translations of special.defs, as a server has them: a window is a pointer, an angle is halved. */
#ifndef SPECIAL_TRANS_H
#define SPECIAL_TRANS_H

#include <mach/port.h>

typedef struct window {
    mach_port_t port;
} *struct_window_t;
typedef short half_degrees_t;
typedef unsigned int server_handle_t;

extern int windows_made, windows_released, handles_done;

struct_window_t port_to_window(mach_port_t port);
mach_port_t window_to_port(struct_window_t window);
void window_release(struct_window_t window);
half_degrees_t degrees_in(int degrees);
int degrees_out(half_degrees_t degrees);
void handle_done(server_handle_t handle);

#endif
