// SPDX-License-Identifier: BSD-2-Clause
// What a program that uses exc_server does with a kind of exception message that it has no function for:
// it refuses, and the kernel asks the next; mach_msg_server lets go of the rights that came. A program's
// own functions of these names take precedence.
#include <mach/mach.h>
#include <mach/exc_server.h>

__attribute__((weak)) kern_return_t catch_exception_raise(mach_port_t exception_port,
                                                          mach_port_t thread, mach_port_t task,
                                                          exception_type_t exception,
                                                          exception_data_t code,
                                                          mach_msg_type_number_t count)
{
    (void)exception_port, (void)thread, (void)task, (void)exception, (void)code, (void)count;
    return KERN_FAILURE;
}

__attribute__((weak)) kern_return_t catch_exception_raise_state(
    mach_port_t exception_port, exception_type_t exception, exception_data_t code,
    mach_msg_type_number_t count, thread_state_flavor_t *flavor, thread_state_t old_state,
    mach_msg_type_number_t old_count, thread_state_t new_state, mach_msg_type_number_t *new_count)
{
    (void)exception_port, (void)exception, (void)code, (void)count, (void)flavor;
    (void)old_state, (void)old_count, (void)new_state, (void)new_count;
    return KERN_FAILURE;
}

__attribute__((weak)) kern_return_t catch_exception_raise_state_identity(
    mach_port_t exception_port, mach_port_t thread, mach_port_t task, exception_type_t exception,
    exception_data_t code, mach_msg_type_number_t count, thread_state_flavor_t *flavor,
    thread_state_t old_state, mach_msg_type_number_t old_count, thread_state_t new_state,
    mach_msg_type_number_t *new_count)
{
    (void)exception_port, (void)thread, (void)task, (void)exception, (void)code, (void)count;
    (void)flavor, (void)old_state, (void)old_count, (void)new_state, (void)new_count;
    return KERN_FAILURE;
}
