// SPDX-License-Identifier: BSD-2-Clause
// The debug build's second count of everything (tests/audit/audit.c). In any other build these are nothing.
#pragma once

#ifdef DEBUG
void audit(const char *when);           // panics with a sentence if a count is wrong
void audit_sometimes(const char *when); // one time in 32: it takes a look at everything
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
