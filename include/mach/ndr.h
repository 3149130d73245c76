/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NDR record: how the sender of a message represents numbers and characters.
 *
 * MIG puts one in front of the plain data of each message, so that a receiver on another kind of
 * machine could convert.  All of ours are little-endian i386 and IEEE; nothing looks at it.
 * Layout and values: OSF mach/ndr.h.
 */
#ifndef _MACH_NDR_H_
#define _MACH_NDR_H_

typedef struct {
    unsigned char mig_vers;     /* format of the record, NDR_PROTOCOL_2_0 */
    unsigned char if_vers;      /* version of the interface, 0 */
    unsigned char reserved1;
    unsigned char mig_encoding; /* representation of strings and arrays */
    unsigned char int_rep;
    unsigned char char_rep;
    unsigned char float_rep;
    unsigned char reserved2;
} NDR_record_t;

#define NDR_PROTOCOL_2_0 0

#define NDR_INT_BIG_ENDIAN 0
#define NDR_INT_LITTLE_ENDIAN 1
#define NDR_FLOAT_IEEE 0
#define NDR_FLOAT_VAX 1
#define NDR_FLOAT_CRAY 2
#define NDR_FLOAT_IBM 3
#define NDR_CHAR_ASCII 0
#define NDR_CHAR_EBCDIC 1

/* This machine's record.  A static constant: stubs need no library for it. */
static const NDR_record_t NDR_record __attribute__((unused)) = {
    NDR_PROTOCOL_2_0, 0, 0, NDR_PROTOCOL_2_0,
    NDR_INT_LITTLE_ENDIAN, NDR_CHAR_ASCII, NDR_FLOAT_IEEE, 0};

#endif
