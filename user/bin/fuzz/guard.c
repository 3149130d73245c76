// SPDX-License-Identifier: BSD-2-Clause
// The witness, as the campaign sees it: started, called, asked whether all is well.
#include "campaign.h"

#include <mach/minato.h>
#include <mach/vm_param.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MS 1500 // of the witness, before it counts as hanging

static task_t witness;
static uint32_t witness_rounds;
static uint64_t witness_seen; // ms: when it had last finished a round

static void share_report(vm_inherit_t inherit)
{
    must(vm_inherit(mach_task_self(), (vm_address_t)report, PAGE_SIZE, inherit), "vm_inherit");
}

static void insert(mach_port_t name, mach_port_t right, mach_msg_type_name_t disposition)
{
    must(mach_port_insert_right(witness, name, right, disposition), "a right for the witness");
}

void witness_start(void)
{
    static char stack[0x4000] __attribute__((aligned(16)));
    thread_t thread;

    memset((void *)report, 0, sizeof(*report));
    share_report(VM_INHERIT_SHARE);
    witness = make_task();
    share_report(VM_INHERIT_NONE);
    must(minato_task_set_name(witness, "witness"), "minato_task_set_name");
    insert(NAME_PUBLIC, public, MACH_MSG_TYPE_MOVE_RECEIVE);
    insert(NAME_PRIVATE, server, MACH_MSG_TYPE_COPY_SEND);
    insert(NAME_PRIVATE, server, MACH_MSG_TYPE_MOVE_RECEIVE);
    thread = make_thread(witness, witness_main, (vm_address_t)stack + sizeof(stack) - 16);
    thread_resume(thread);
    drop(thread);
    witness_rounds = 0;
    witness_seen = now_ms();
}

// What is wrong with it, or null.
const char *witness_wrong(void)
{
    static char text[160];
    mach_msg_return_t mr;

    if (report->failed) {
        snprintf(text, sizeof(text), "the witness: %s: 0x%lx, should be 0x%lx", report->why,
                 (unsigned long)report->found, (unsigned long)report->expected);
        return text;
    }
    if (report->rounds != witness_rounds) {
        witness_rounds = report->rounds;
        witness_seen = now_ms();
    } else if (now_ms() > witness_seen + SILENCE_MS) {
        return is_dead(witness) ? "the witness has ended" : "the witness hangs";
    }
    if (!ping(server, reply, sum.pings++ * 7, &mr) && mr != MACH_SEND_NO_BUFFER) {
        snprintf(text, sizeof(text), "a call of the witness: %s", mach_error_string(mr));
        return text;
    }
    for (unsigned i = 0; i < HERITAGE_PAGES * PAGE_SIZE / 4; i += 611)
        if (((uint32_t *)heritage)[i] != HERITAGE_WORD(i))
            return "the campaign's copy of inherited memory has changed";
    return NULL;
}

void witness_end(void)
{
    report->stop = true;
    for (unsigned ms = 0; ms < 200 && !is_dead(witness); ms++)
        thread_switch(MACH_PORT_NULL, SWITCH_OPTION_WAIT, 1);
    task_terminate(witness);
    drop(witness);
}

// ---- harm on purpose --------------------------------------------------------------------------

// For the test of all this: harm of the kind that minato.plant= names, which must be noticed.
bool planted(const char *what)
{
    const char *plant = getenv("minato.plant");

    return plant != NULL && strcmp(plant, what) == 0;
}

void plant(void)
{
    uint32_t word = 0;

    // By now the witness has had its first look at itself.
    for (unsigned i = 0; i < HERITAGE_PAGES && planted("memory"); i++)
        vm_write(witness, heritage + i * PAGE_SIZE, (vm_offset_t)&word, sizeof(word));
    if (planted("name"))
        mach_port_insert_right(witness, NAME_GIVEN, exceptions, MACH_MSG_TYPE_COPY_SEND);
    if (planted("death"))
        task_terminate(witness);
}
