// SPDX-License-Identifier: BSD-2-Clause
// Copies between the kernel and the current address space. Any user address may be given; pages are
// faulted in on the way (so these may block); false means that some of it is not accessible, in
// which case part of it may have been copied.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool copy_from_user(void *to, uintptr_t from, size_t size);
bool copy_to_user(uintptr_t to, const void *from, size_t size);
// Never block: false too when a page is not there, or not writable, at the moment.
bool copy_from_user_resident(void *to, uintptr_t from, size_t size);
bool copy_to_user_resident(uintptr_t to, const void *from, size_t size);
