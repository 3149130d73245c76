// SPDX-License-Identifier: BSD-2-Clause
// Clearing and copying in large pieces: whole pages, and the bodies of long messages.
#pragma once

#include "lib/base.h"

#define BLOCK_PIECE 1024 // bytes, for each turn of a loop

void page_clear(void *page); // both at page boundaries, in the kernel's memory
void page_copy(void *to, const void *from);
// As user_words_copy (usercopy.h), but for many bytes; `size` is a multiple of 4.
bool user_block_copy(void *to, const void *from, size_t size);
