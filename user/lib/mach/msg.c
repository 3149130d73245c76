// SPDX-License-Identifier: BSD-2-Clause
// What mach_msg() does beyond its trap: it repeats a half that thread_abort() interrupted, unless
// the caller asked to be told. An interrupted send has given the message back complete, ready to be
// sent again; after an interrupted receive the send half is over and must not be repeated.
#include <mach/mach.h>

// What the caller gets for `result`: true if the half that it is about is to be repeated.
static boolean_t half_to_repeat(mach_msg_return_t result, mach_msg_option_t *option)
{
    if (result == MACH_SEND_INTERRUPTED && !(*option & MACH_SEND_INTERRUPT))
        return TRUE;
    if (result == MACH_RCV_INTERRUPTED && !(*option & MACH_RCV_INTERRUPT)) {
        *option &= ~MACH_SEND_MSG;
        return TRUE;
    }
    return FALSE;
}

// Continues mach_msg() with the result of its trap, which comes in eax (traps.asm).
__attribute__((regparm(1))) mach_msg_return_t
mach_msg_interrupted(mach_msg_return_t result, mach_msg_header_t *msg, mach_msg_option_t option,
                     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                     mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                     mach_port_name_t notify)
{
    while (half_to_repeat(result, &option))
        result = mach_msg_trap(msg, option, send_size, rcv_size, rcv_name, timeout, notify);
    return result;
}

mach_msg_return_t mach_msg_overwrite(mach_msg_header_t *msg, mach_msg_option_t option,
                                     mach_msg_size_t send_size, mach_msg_size_t rcv_size,
                                     mach_port_name_t rcv_name, mach_msg_timeout_t timeout,
                                     mach_port_name_t notify, mach_msg_header_t *rcv_msg,
                                     mach_msg_size_t scatter_list_size)
{
    mach_msg_return_t result;

    do
        result = mach_msg_overwrite_trap(msg, option, send_size, rcv_size, rcv_name, timeout,
                                         notify, rcv_msg, scatter_list_size);
    while (half_to_repeat(result, &option));
    return result;
}
