// SPDX-License-Identifier: BSD-2-Clause
// mig_strncpy: how MIG's stubs copy strings.
#include <mach/mach.h>

// Copies at most len - 1 characters and always ends the string; returns its length with the end.
vm_size_t mig_strncpy(char *dest, const char *src, vm_size_t len)
{
    vm_size_t i = 0;

    if (len == 0)
        return 0;
    while (i < len - 1 && src[i] != '\0') {
        dest[i] = src[i];
        i++;
    }
    dest[i] = '\0';
    return i + 1;
}
