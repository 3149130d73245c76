/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of program.defs.
 */
#ifndef _SERVERS_PROGRAM_TYPES_H_
#define _SERVERS_PROGRAM_TYPES_H_

#define PROGRAM_PATH_MAX 128 /* bytes of a path in the boot archive, its end included */
typedef char program_path_t[PROGRAM_PATH_MAX];

typedef char program_name_t[80]; /* as netname_name_t */
#define PROGRAM_PLACES 16384     /* for names that the name server leaves to its next incarnation */
#define PROGRAM_WORDS_MAX 2048 /* bytes of the arguments of program_run, their ends included */
typedef char program_words_t[PROGRAM_WORDS_MAX];

#include <mach/message.h>
#include <mach/ndr.h>

#define PROGRAM_ENDED_ID 4790 /* the message that a program of program_run has ended */
typedef struct {
    mach_msg_header_t Head;
    NDR_record_t NDR;
    int status; /* 0 … 123 as it has told; 1 if it has not */
} program_ended_t;

#endif
