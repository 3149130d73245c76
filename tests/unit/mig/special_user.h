/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPECIAL_USER_H
#define SPECIAL_USER_H
typedef int user_handle_t;
#endif
