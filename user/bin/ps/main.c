// SPDX-License-Identifier: BSD-2-Clause
// ps: the tasks of the machine. `ps -T` shows their threads as well, `ps -l` what else they have.
//
//   PID    number of the task     THR    threads             TIME  processor time
//   RSS    memory in page tables  VSZ    memory mapped, KiB  STAT  R running, S waiting, T suspended
//   WAIT   what the first thread waits for                   NAMES, MSGS  ports' names, queued messages
#include <inspect.h>
#include <mach/thread_info.h>
#include <stdio.h>
#include <string.h>

static void show_thread(mach_port_t thread, void *context)
{
    static const char letters[] = "?RTSUH"; // by TH_STATE_*
    struct thread_basic_info info;
    mach_msg_type_number_t words = THREAD_BASIC_INFO_COUNT;
    minato_reason_t reason;
    natural_t number, port;
    char time[24], on[16] = "";

    (void)context;
    if (thread_info(thread, THREAD_BASIC_INFO, (thread_info_t)&info, &words) != KERN_SUCCESS ||
        minato_thread_wait(thread, &number, reason, &port) != KERN_SUCCESS)
        return; // it has ended
    if (port != 0)
        snprintf(on, sizeof(on), " port %u", port);
    inspect_time((uint64_t)(info.user_time.seconds + info.system_time.seconds) * 1000000 +
                     (unsigned)info.user_time.microseconds +
                     (unsigned)info.system_time.microseconds,
                 time, sizeof(time));
    printf("      thread %-3u     %3d.%d%% %9s  %c  %s%s\n", number, info.cpu_usage / 10,
           info.cpu_usage % 10, time, letters[info.run_state <= TH_STATE_HALTED ? info.run_state : 0],
           reason, on);
}

static void show_task(const struct seen_task *task, int more)
{
    minato_reason_t reason;
    char letter, time[24];

    inspect_state(task, &letter, reason);
    printf("%5u %3u %7u %8u %9s  %c  %-13s", task->number, task->counts.threads,
           task->counts.resident_pages * 4, task->counts.virtual_pages * 4,
           inspect_time(task->cpu_us, time, sizeof(time)), letter, reason);
    if (more)
        printf(" %5u %4u %4u ", task->counts.names_total, task->counts.messages_queued,
               task->counts.map_entries);
    printf(" %s\n", task->name[0] != '\0' ? task->name : "?");
}

int main(int argc, char **argv)
{
    int threads = 0, more = 0;
    struct seen_task *tasks;
    unsigned count;

    for (int i = 1; i < argc; i++) {
        threads |= strcmp(argv[i], "-T") == 0;
        more |= strcmp(argv[i], "-l") == 0;
        if (strcmp(argv[i], "-T") != 0 && strcmp(argv[i], "-l") != 0) {
            fprintf(stderr, "usage: ps [-T] [-l]   the tasks; with their threads, with more columns\n");
            return 2;
        }
    }
    count = inspect_tasks(inspect_host("ps"), &tasks);
    printf("  PID THR     RSS      VSZ      TIME STAT WAIT         %s NAME\n",
           more ? " NAMES MSGS MAPS" : "");
    for (unsigned i = 0; i < count; i++) {
        show_task(&tasks[i], more);
        if (threads)
            inspect_threads(tasks[i].port, show_thread, NULL);
    }
    return 0;
}
