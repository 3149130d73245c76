// SPDX-License-Identifier: BSD-2-Clause
// The debug build's second count of everything (audit.c). In any other build these are nothing.
#pragma once

#ifdef DEBUG
void audit(const char *when);           // panics with a sentence if a count is wrong
void audit_sometimes(const char *when); // one time in eight: it takes a look at every page
#else
static inline void audit(const char *when)
{
    (void)when;
}
static inline void audit_sometimes(const char *when)
{
    (void)when;
}
#endif
