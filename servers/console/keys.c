// SPDX-License-Identifier: BSD-2-Clause
// A keyboard with the US layout. Codes are those of set 1: the key's number when it is pressed, and again
// while it is held; with bit 7 when it is released. Set 2, which keyboards send by themselves, is
// translated first, as the controller usually does. Keys that are no characters type the sequences of
// xterm, as the serial line's terminal would send them.
#include "keys.h"

#include <stdio.h>
#include <string.h>

#define RELEASED 0x80
#define EXTENDED 0xe0
#define PAUSE 0xe1       // begins that key's codes, which say nothing more
#define SET2_RELEASED 0xf0
#define ANSWERS 0xf1     // 0 and from here on: the keyboard speaks of itself

// Numbers of keys in set 1.
enum {
    KEY_TAB = 0x0f,
    KEY_ENTER = 0x1c,
    KEY_CONTROL = 0x1d,
    KEY_SHIFT_LEFT = 0x2a,
    KEY_SLASH = 0x35,
    KEY_SHIFT_RIGHT = 0x36,
    KEY_ALT = 0x38,
    KEY_CAPS_LOCK = 0x3a,
    KEY_F1 = 0x3b,
    KEY_F10 = 0x44,
    KEY_NUM_LOCK = 0x45,
    KEY_PAD = 0x47,
    KEY_PAD_LAST = 0x53,
    KEY_F11 = 0x57,
    KEY_F12 = 0x58,
};

// What each key is in set 1, by its number in set 2; 0: none.
static const uint8_t set1[0x85] = {
    0,    0x43, 0,    0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
    0,    0,    0,    0x41, 0x54,
};

// Characters by key number up to the space bar; 0: none.
static const char plain[0x3a] = "\0\x1b" "1234567890-=\x7f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[0x3a] = "\0\x1b" "!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

// The keys of the number pad from KEY_PAD on: digits when locked, else what is printed below them. A
// letter ends ESC [; a digit is sent with ~. The key in the middle has nothing below.
static const char pad_locked[] = "789-456+1230.";
static const char pad_plain[] = "HA5-D\0C+FB623";

// ---- what is held -----------------------------------------------------------------------------

static void hold(uint8_t *held, uint8_t side, bool pressed)
{
    *held = pressed ? *held | side : *held & ~side;
}

static void lock(struct keys *keys, uint8_t which, bool pressed)
{
    if (pressed && !(keys->lock_held & which))
        keys->lights ^= which;
    hold(&keys->lock_held, which, pressed);
}

// Whether it is a key that changes the meaning of others. The left and right ones differ by the prefix;
// with it, shift is not a key but what the keyboard adds around others.
static bool modifier(struct keys *keys, unsigned key, bool extended, bool pressed)
{
    switch (key) {
    case KEY_SHIFT_LEFT:
    case KEY_SHIFT_RIGHT:
        if (!extended)
            hold(&keys->shift, key == KEY_SHIFT_LEFT ? 1 : 2, pressed);
        return true;
    case KEY_CONTROL:
        hold(&keys->control, extended ? 2 : 1, pressed);
        return true;
    case KEY_ALT:
        hold(&keys->alt, extended ? 2 : 1, pressed);
        return true;
    case KEY_CAPS_LOCK:
        lock(keys, KEYS_CAPS_LOCK, pressed);
        return true;
    case KEY_NUM_LOCK:
        lock(keys, KEYS_NUM_LOCK, pressed);
        return true;
    }
    return false;
}

// ---- what is typed ----------------------------------------------------------------------------

// ESC [ and a letter, or a number and ~; with what is held, if anything is, as xterm numbers it.
static size_t sequence(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned value, char final)
{
    unsigned held = (keys->shift ? 1 : 0) + (keys->alt ? 2 : 0) + (keys->control ? 4 : 0);
    int size;

    if (held)
        size = snprintf(text, KEYS_TEXT_MAX, "\x1b[%u;%u%c", value, held + 1, final);
    else if (final == '~')
        size = snprintf(text, KEYS_TEXT_MAX, "\x1b[%u~", value);
    else
        size = snprintf(text, KEYS_TEXT_MAX, "\x1b[%c", final);
    return size < KEYS_TEXT_MAX ? (size_t)size : 0;
}

static size_t function_key(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned f)
{
    static const uint8_t value[] = {15, 17, 18, 19, 20, 21, 23, 24}; // F5 … F12

    if (f >= 5)
        return sequence(keys, text, value[f - 5], '~');
    if (keys->shift || keys->alt || keys->control)
        return sequence(keys, text, 1, (char)('P' + f - 1));
    memcpy(text, "\x1bO", 2);
    text[2] = (char)('P' + f - 1);
    return 3;
}

static size_t navigation(const struct keys *keys, char text[KEYS_TEXT_MAX], char what)
{
    if (what == '\0')
        return 0;
    if (what >= '2' && what <= '6')
        return sequence(keys, text, (unsigned)(what - '0'), '~');
    return sequence(keys, text, 1, what);
}

// What control makes of a character; itself if nothing.
static char with_control(char c)
{
    static const char digits[] = "\0\x1b\x1c\x1d\x1e\x1f\x7f"; // of 2 … 8, as terminals have it

    if (c >= '@' && c <= '~')
        return c & 0x1f;
    if (c >= '2' && c <= '8')
        return digits[c - '2'];
    switch (c) {
    case ' ':
        return '\0';
    case '/':
    case '-':
        return 0x1f;
    case '?':
        return 0x7f;
    case 0x7f:
        return '\b';
    default:
        return c;
    }
}

// Alt is told by ESC before the character.
static size_t character(const struct keys *keys, char text[KEYS_TEXT_MAX], char c)
{
    size_t size = 0;

    if (keys->alt)
        text[size++] = 0x1b;
    text[size++] = keys->control ? with_control(c) : c;
    return size;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static size_t typing_key(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned key)
{
    bool capital = keys->shift != 0;
    char c;

    if (is_letter(plain[key]) && (keys->lights & KEYS_CAPS_LOCK))
        capital = !capital;
    c = capital ? shifted[key] : plain[key];
    if (c == '\0')
        return 0;
    if (key == KEY_TAB && keys->shift) {
        memcpy(text, "\x1b[Z", 3);
        return 3;
    }
    return character(keys, text, c);
}

// The number pad: with shift the other half of what is printed on it.
static size_t pad_key(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned key)
{
    char locked = pad_locked[key - KEY_PAD];
    bool digits = ((keys->lights & KEYS_NUM_LOCK) != 0) != (keys->shift != 0);

    if (digits || locked == '-' || locked == '+')
        return character(keys, text, locked);
    return navigation(keys, text, pad_plain[key - KEY_PAD]);
}

// Keys with the prefix: those between letters and number pad, and three more.
static size_t extended_key(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned key)
{
    static const char between[] = "HA5\0D\0C\0FB623"; // from KEY_PAD on

    if (key >= KEY_PAD && key <= KEY_PAD_LAST)
        return navigation(keys, text, between[key - KEY_PAD]);
    if (key == KEY_ENTER || key == KEY_SLASH)
        return character(keys, text, plain[key]);
    return 0;
}

static size_t press(const struct keys *keys, char text[KEYS_TEXT_MAX], unsigned key)
{
    if (keys->extended)
        return extended_key(keys, text, key);
    if (key >= KEY_F1 && key <= KEY_F10)
        return function_key(keys, text, key - KEY_F1 + 1);
    if (key == KEY_F11 || key == KEY_F12)
        return function_key(keys, text, key - KEY_F11 + 11);
    if (key >= KEY_PAD && key <= KEY_PAD_LAST)
        return pad_key(keys, text, key);
    return key < sizeof(plain) ? typing_key(keys, text, key) : 0;
}

// ---- codes ------------------------------------------------------------------------------------

size_t keys_code(struct keys *keys, uint8_t code, char text[KEYS_TEXT_MAX])
{
    bool pressed;
    size_t size = 0;

    if (keys->skip > 0) {
        keys->skip--;
        return 0;
    }
    if (code == EXTENDED || code == PAUSE) {
        keys->extended = code == EXTENDED;
        keys->skip = code == PAUSE ? (keys->raw ? 7 : 5) : 0;
        return 0;
    }
    if (keys->raw && code == SET2_RELEASED) {
        keys->release = true;
        return 0;
    }
    if (keys->raw)
        code = (code < sizeof(set1) ? set1[code] : 0) | (keys->release ? RELEASED : 0);
    pressed = !(code & RELEASED);
    if ((code & ~RELEASED) != 0 && code < ANSWERS &&
        !modifier(keys, code & ~RELEASED, keys->extended, pressed) && pressed)
        size = press(keys, text, code);
    keys->extended = keys->release = false;
    return size;
}
