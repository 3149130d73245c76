// SPDX-License-Identifier: BSD-2-Clause
// ports: what a task has names for, and what is behind them. `ports` shows all tasks, `ports TASK` that
// of a number or name, with -q the messages in its queues as well.
//
//   NAME   in the task             PORT   number of the port or set, the same in all tasks
//   RIGHT  S send, R receive, O send-once, P port set, D dead name; REFS: user references
//   OBJECT what the kernel does with it, or the members of a set
//   QUEUE  messages and limit      SEND, ONCE  rights that exist, wherever they are
//   FLAGS  d dead-name request, p port-destroyed, n no-senders request; w: threads wait to receive
#include <inspect.h>
#include <mach/mach_error.h>
#include <stdio.h>
#include <string.h>

static int queues; // -q

static const char *object_word(natural_t object)
{
    static const char *const words[] = {
        [MINATO_OBJECT_NONE] = "",           [MINATO_OBJECT_PORT_SET] = "set",
        [MINATO_OBJECT_TASK] = "task",       [MINATO_OBJECT_THREAD] = "thread",
        [MINATO_OBJECT_HOST] = "host",       [MINATO_OBJECT_HOST_PRIV] = "host priv",
        [MINATO_OBJECT_SEMAPHORE] = "semaphore", [MINATO_OBJECT_LOCK_SET] = "lock set",
        [MINATO_OBJECT_CLOCK] = "clock",     [MINATO_OBJECT_CLOCK_CTRL] = "clock ctrl",
        [MINATO_OBJECT_DEVICE] = "device",   [MINATO_OBJECT_MEMORY_OBJECT] = "memory object",
        [MINATO_OBJECT_MEMORY_CONTROL] = "memory ctrl", [MINATO_OBJECT_BOOTSTRAP] = "bootstrap",
    };

    return object < sizeof(words) / sizeof(words[0]) && words[object] != NULL ? words[object] : "?";
}

static void show_messages(mach_port_t task, mach_port_name_t name)
{
    minato_messages_t words = NULL;
    mach_msg_type_number_t count = 0;

    if (minato_port_messages(task, name, &words, &count) != KERN_SUCCESS || count == 0)
        return;
    for (const minato_message_t *m = (minato_message_t *)words;
         m < (minato_message_t *)(words + count); m++)
        printf("             id %-10d %6u bytes  from task %-4u %u descriptors\n", (int)m->id,
               m->size, m->sender, m->descriptors);
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)words, count * sizeof(*words));
}

static void show_members(mach_port_t task, mach_port_name_t set)
{
    mach_port_name_array_t names = NULL;
    mach_msg_type_number_t count = 0;

    if (mach_port_get_set_status(task, set, &names, &count) != KERN_SUCCESS || count == 0)
        return;
    for (unsigned i = 0; i < count; i++)
        printf("%s%x", i == 0 ? " of " : ", ", names[i]);
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)names, count * sizeof(*names));
}

static void show_name(mach_port_t task, mach_port_name_t name)
{
    static const struct {
        mach_port_type_t bit;
        char letter;
    } rights[] = {{MACH_PORT_TYPE_SEND, 'S'},      {MACH_PORT_TYPE_RECEIVE, 'R'},
                  {MACH_PORT_TYPE_SEND_ONCE, 'O'}, {MACH_PORT_TYPE_PORT_SET, 'P'},
                  {MACH_PORT_TYPE_DEAD_NAME, 'D'}};
    minato_port_info_t info;
    char letters[8] = "", flags[8] = "", queue[24] = "";

    if (minato_port_info(task, name, &info) != KERN_SUCCESS)
        return; // it has gone
    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
        if (info.type & rights[i].bit)
            strncat(letters, &rights[i].letter, 1);
    strcat(flags, info.flags & MINATO_PORT_DNREQUEST ? "d" : "");
    strcat(flags, info.flags & MINATO_PORT_PDREQUEST ? "p" : "");
    strcat(flags, info.flags & MINATO_PORT_NSREQUEST ? "n" : "");
    strcat(flags, info.waiters > 0 ? "w" : "");
    if (info.type & (MACH_PORT_TYPE_RECEIVE | MACH_PORT_TYPE_PORT_SET))
        snprintf(queue, sizeof(queue), "%u/%u", info.queue_length, info.queue_limit);
    printf("%10x %-2s %5u %6u %9s %4u %4u %-4s %s", name, letters, info.urefs, info.port_id, queue,
           info.srights, info.sorights, flags, object_word(info.object));
    if (info.type & MACH_PORT_TYPE_PORT_SET)
        show_members(task, name);
    putchar('\n');
    if (queues && (info.type & MACH_PORT_TYPE_RECEIVE))
        show_messages(task, name);
}

static void show_task(const struct seen_task *task)
{
    mach_port_name_t *names = NULL;
    mach_port_type_t *types = NULL;
    mach_msg_type_number_t count = 0, type_count = 0;

    if (mach_port_names(task->port, &names, &count, &types, &type_count) != KERN_SUCCESS)
        return;
    printf("task %u (%s), %u names\n", task->number, task->name, count);
    printf("      NAME RIGHT REFS   PORT     QUEUE SEND ONCE FLAGS OBJECT\n");
    for (unsigned i = 0; i < count; i++)
        show_name(task->port, names[i]);
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)names, count * sizeof(*names));
    vm_deallocate(mach_task_self(), (vm_address_t)(uintptr_t)types, type_count * sizeof(*types));
}

int main(int argc, char **argv)
{
    const char *which = NULL;
    struct seen_task *tasks, *found;
    unsigned count;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-q") == 0) {
            queues = 1;
        } else if (which != NULL || argv[i][0] == '-') {
            fprintf(stderr, "usage: ports [-q] [TASK]   names and rights; with messages in queues\n");
            return 2;
        } else {
            which = argv[i];
        }
    }
    count = inspect_tasks(inspect_host("ports"), &tasks);
    for (unsigned i = 0; which == NULL && i < count; i++)
        show_task(&tasks[i]);
    if (which == NULL)
        return 0;
    found = inspect_find(tasks, count, which);
    if (found == NULL) {
        fprintf(stderr, "ports: there is no task %s\n", which);
        return 1;
    }
    show_task(found);
    return 0;
}
