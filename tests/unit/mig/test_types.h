/* SPDX-License-Identifier: BSD-2-Clause */
/* C types of the tests' .defs. */
#ifndef TEST_TYPES_H
#define TEST_TYPES_H

#include <mach/std_types.h>

typedef unsigned char small_t;
typedef long long int64;
typedef struct {
    int x, y, z;
} triple_t;
typedef char bytes5_t[5];
typedef int matrix_t[6];
typedef int *ints_t;
typedef char *bytes_t;
typedef triple_t *triples_t;
typedef char name_t[16];
typedef char odd_name_t[5];
typedef char path_t[128];

#endif
