/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints "code<TAB>type<TAB>sentence" for each code given on the command line: headers.t judges.
 */
#include <mach/mach_error.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        mach_error_t code = (mach_error_t)strtoll(argv[i], NULL, 0);

        printf("%d\t%s\t%s\n", code, mach_error_type(code), mach_error_string(code));
    }
    mach_error("headers.t", KERN_INVALID_NAME);
    return 0;
}
