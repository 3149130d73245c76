// SPDX-License-Identifier: BSD-2-Clause
// What the codes of a PC keyboard mean (keys.c): bytes as a terminal would send them. Knows nothing of
// ports or hardware.
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_TEXT_MAX 8 // bytes that one key types at most

// Lights, as the keyboard takes them.
#define KEYS_NUM_LOCK 2
#define KEYS_CAPS_LOCK 4

struct keys {
    bool raw;     // the codes are the keyboard's own (set 2), not the controller's translation (set 1)
    bool release; // set 2: the prefix of a release has come
    bool extended; // the prefix of the keys that the first PC did not have
    unsigned skip; // codes that still belong to a key without meaning (Pause)
    // What is held: bits by the side of the keyboard.
    uint8_t shift, control, alt;
    uint8_t lock_held; // KEYS_*: a lock key that is held repeats without effect
    uint8_t lights;    // KEYS_*: what is locked
};

// Takes one code; fills in the bytes that it types and returns how many, 0 for most.
size_t keys_code(struct keys *keys, uint8_t code, char text[KEYS_TEXT_MAX]);

#endif
