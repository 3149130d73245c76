// SPDX-License-Identifier: BSD-2-Clause
// What a PC keyboard's codes type (servers/console/keys.c).
#include "servers/console/keys.h"

#include <stdlib.h>

#include "tap.h"

static struct keys keys;

// What these codes type, readable: ESC as ^, other control characters as <number>.
static const char *typed(const uint8_t *codes, size_t count)
{
    static char shown[2048];
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        char text[KEYS_TEXT_MAX];
        size_t size = keys_code(&keys, codes[i], text);

        for (size_t k = 0; k < size; k++)
            length += (size_t)snprintf(shown + length, sizeof(shown) - length,
                                       text[k] == 0x1b                    ? "^"
                                       : text[k] < ' ' || text[k] == 0x7f ? "<%d>"
                                                                          : "%c",
                                       text[k]);
    }
    shown[length] = '\0';
    return shown;
}

#define TYPED(...) typed((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void begin(bool raw)
{
    memset(&keys, 0, sizeof(keys));
    keys.raw = raw;
}

static void test_characters(void)
{
    static const uint8_t rows[] = {0x29, 0x02, 0x0b, 0x0c, 0x0d, 0x2b, 0x10, 0x19, 0x1a, 0x1b, 0x1e,
                                   0x26, 0x27, 0x28, 0x2c, 0x32, 0x33, 0x34, 0x35, 0x39};

    begin(false);
    is_text(typed(rows, sizeof(rows)), "`10-=\\qp[]al;'zm,./ ", "letters, digits and signs");
    is_text(TYPED(0x2a), "", "shift types nothing");
    is_text(typed(rows, sizeof(rows)), "~!)_+|QP{}AL:\"ZM<>? ", "with it: the others on the keys");
    is_text(TYPED(0x36, 0xaa, 0x1e), "A", "the other shift as well");
    is_text(TYPED(0xb6, 0x1e, 0x9e), "a", "until both are released; a release types nothing");
    is_text(TYPED(0x1e, 0x1e, 0x1e), "aaa", "a held key types again");
    is_text(TYPED(0x1c, 0x0e, 0x0f, 0x01), "<13><127><9>^", "Enter, Backspace, Tab, Escape");
    is_text(TYPED(0x56, 0x54, 0x59, 0x7f), "", "keys that this keyboard has not");
}

static void test_locks(void)
{
    begin(false);
    is_text(TYPED(0x3a, 0x3a, 0xba, 0x1e, 0x02), "A1", "Caps Lock makes letters large, digits not");
    is(keys.lights, KEYS_CAPS_LOCK, "its light is on");
    is_text(TYPED(0x2a, 0x1e, 0x02, 0xaa), "a!", "shift makes them small again");
    is_text(TYPED(0x3a, 0xba, 0x1e), "a", "again: off");
    is(keys.lights, 0, "its light is off");
    is_text(TYPED(0x47, 0x48, 0x49, 0x4b, 0x4c, 0x4d, 0x4f, 0x50, 0x51, 0x52, 0x53),
            "^[H^[A^[5~^[D^[C^[F^[B^[6~^[2~^[3~", "the number pad without Num Lock");
    is_text(TYPED(0x45, 0xc5, 0x47, 0x4c, 0x52, 0x53, 0x4a, 0x4e, 0x37), "750.-+*", "and with");
    is(keys.lights, KEYS_NUM_LOCK, "its light is on");
    is_text(TYPED(0x2a, 0x48, 0xaa), "^[1;2A", "with shift it is the other");
    is_text(TYPED(0xe0, 0x1c, 0xe0, 0x35, 0xe0, 0x2a, 0xe0, 0x47, 0xe0, 0xaa, 0x1e), "<13>/^[Ha",
            "the keys that come with a prefix do not care");
}

static void test_modifiers(void)
{
    begin(false);
    is_text(TYPED(0x1d, 0x2e, 0x1e, 0x9d, 0x2e), "<3><1>c", "control and a letter");
    is_text(TYPED(0xe0, 0x1d, 0x39, 0x1a, 0x2b, 0x1b, 0x35, 0x0e, 0x1c, 0x03, 0x04, 0x07, 0x09, 0x02,
                  0xe0, 0x9d, 0x2e),
            "<0>^<28><29><31><8><13><0>^<30><127>1c", "the other control, and signs");
    is_text(TYPED(0x38, 0x30, 0xb8, 0xe0, 0x38, 0x21, 0xe0, 0xb8, 0x30), "^b^fb", "alt sends Escape first");
    is_text(TYPED(0x1d, 0x38, 0x1e, 0xb8, 0x9d), "^<1>", "both");
    is_text(TYPED(0x2a, 0x0f, 0xaa), "^[Z", "shift and Tab");
    is_text(TYPED(0x1d, 0xe0, 0x4d, 0xe0, 0x4b, 0x9d, 0xe0, 0x4d), "^[1;5C^[1;5D^[C", "control and arrows");
    is_text(TYPED(0x38, 0xe0, 0x53, 0xb8), "^[3;3~", "alt and Delete");
}

static void test_navigation(void)
{
    begin(false);
    is_text(TYPED(0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x50, 0xe0, 0x4d, 0xe0, 0x4b), "^[A^[B^[C^[D", "arrows");
    is_text(TYPED(0xe0, 0x47, 0xe0, 0x4f, 0xe0, 0x52, 0xe0, 0x53, 0xe0, 0x49, 0xe0, 0x51),
            "^[H^[F^[2~^[3~^[5~^[6~", "Home, End, Insert, Delete, pages");
    is_text(TYPED(0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa, 0x1e), "^[Aa",
            "the shift that a keyboard adds to them is none");
    is_text(TYPED(0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58),
            "^OP^OQ^OR^OS^[15~^[17~^[18~^[19~^[20~^[21~^[23~^[24~", "function keys");
    is_text(TYPED(0x2a, 0x3b, 0x58, 0xaa), "^[1;2P^[24;2~", "and shift");
    is_text(TYPED(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x1e), "a", "Pause types nothing and holds nothing");
    is(keys.lights, 0, "nor locks");
    is_text(TYPED(0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa, 0x1e), "a", "nor does Print Screen");
    is_text(TYPED(0xe0, 0x5b, 0xe0, 0xdb, 0xe0, 0x5d, 0xe0, 0xdd), "", "nor the keys of later keyboards");
    is_text(TYPED(0xfa, 0xfe, 0xff, 0x00, 0xaa, 0xee, 0x1e), "a", "what the keyboard says of itself");
}

static void test_raw(void)
{
    begin(true);
    is_text(TYPED(0x1c, 0xf0, 0x1c, 0x12, 0x1c, 0xf0, 0x12, 0x1c), "aAa", "set 2: letters and shift");
    is_text(TYPED(0x5a, 0x66, 0x0d, 0x76, 0x29), "<13><127><9>^ ", "Enter, Backspace, Tab, Escape, space");
    is_text(TYPED(0x14, 0x21, 0xf0, 0x14, 0x21), "<3>c", "control");
    is_text(TYPED(0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x71, 0x83, 0x78), "^[A^[3~^[18~^[23~",
            "arrows, Delete, function keys");
    is_text(TYPED(0x58, 0xf0, 0x58, 0x1c), "A", "Caps Lock");
    is_text(TYPED(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, 0x1c), "A", "Pause");
    is_text(TYPED(0xfa, 0xaa, 0x85, 0xff, 0x1c), "A", "what is no key");
}

// Every code after every other: no more bytes than there is room for, and whatever was held, released
// again, is as in the beginning.
static void test_random(void)
{
    static const uint8_t release[] = {0xaa, 0xb6, 0x9d, 0xe0, 0x9d, 0xb8, 0xe0, 0xb8, 0xba, 0xc5};
    int wrong = 0;

    srand(4);
    for (unsigned i = 0; i < 2000000; i++) {
        char text[KEYS_TEXT_MAX];

        if (i % 1000 == 0)
            begin(i / 1000 % 2);
        wrong += keys_code(&keys, (uint8_t)rand(), text) > KEYS_TEXT_MAX;
    }
    is(wrong, 0, "two million random codes");
    begin(false);
    for (unsigned i = 0; i < 1000; i++) {
        char text[KEYS_TEXT_MAX];

        keys_code(&keys, (uint8_t)rand() % 0xe0, text);
    }
    typed(release, sizeof(release));
    is(keys.shift | keys.control | keys.alt | keys.lock_held, 0, "all released: nothing is held");
}

int main(void)
{
    test_characters();
    test_locks();
    test_modifiers();
    test_navigation();
    test_raw();
    test_random();
    return tap_end();
}
