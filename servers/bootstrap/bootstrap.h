// SPDX-License-Identifier: BSD-2-Clause
// What the parts of bootstrap know of each other. Read main.c first.
#ifndef BOOTSTRAP_BOOTSTRAP_H
#define BOOTSTRAP_BOOTSTRAP_H

#include <mach/mach.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- main.c -----------------------------------------------------------------------------------

extern mach_port_t priv_host, device_master; // the kernel's privileged ports
extern mach_port_t receive_set;              // all that we receive from
extern mach_port_t notify_port;              // where the kernel tells of deaths

// Ends the machine with this status, soon: once everything said has been shown. Returns.
void end_machine(int status);
// Status bytes of our own, and the last that a program has: what lies above says how a machine ended
// (docs/servers.md).
#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define STATUS_LAST 123
#define STATUS_TIME_OVER 124

// ---- options.c: the boot command line ---------------------------------------------------------

struct options {
    const char *words; // each ended by a zero byte
    size_t size;       // of all of them
    char run[32];      // minato.run=, "lua" unless told
    uint64_t limit;    // minato.timeout=, in nanoseconds since boot; 0: none
    bool paging;       // minato.paging=: there is to be a default pager
    unsigned seed;     // minato.seed=, 1 unless told
    bool quiet;        // minato.quiet=
};
extern struct options options;

// Takes the line apart and reads the words. What is wrong with them, in a sentence; null if nothing is.
const char *options_parse(char *line);

// ---- modules.c, fw_cfg.c: files ---------------------------------------------------------------

// The archive that the machine booted with.
kern_return_t modules_open(void);
// A file of the archive, in place. False: there is none.
bool archive_file(const char *name, const void **data, size_t *size);

// Files handed in by QEMU. fw_cfg_open finds out which there are, if any.
void fw_cfg_open(void);
bool fw_cfg_exists(const char *name);
// The file, in memory that stays. BOOTSTRAP_UNKNOWN_SERVICE: there is none; BOOTSTRAP_NO_MEMORY.
kern_return_t fw_cfg_file(const char *name, const void **data, size_t *size);

// ---- programs.c: the tasks that bootstrap starts ----------------------------------------------

// A service whose port outlives its server.
struct service {
    const char *name; // checked in with the name server; null for the name server itself
    mach_port_t port; // we always have a send right, and the receive right while `held`
    bool held;
};
extern struct service name_service, console_service;

enum rights { // what a program gets from bootstrap_ports
    RIGHTS_NONE,
    RIGHTS_CONSOLE, // serial line, keyboard, display
    RIGHTS_PAGER,   // the privileged host port, and a device port without any power
    RIGHTS_TOOL,    // the privileged host port
    RIGHTS_JOB,     // the privileged host port, and devices to learn with: the battery clock, …
};

struct program {
    struct program *next;
    const char *path; // in the archive
    char *const *argv;
    enum rights rights;
    struct service *service; // that it serves, or null
    bool is_job;             // the machine ends with it
    mach_port_t ended;       // of one that another program runs: send-once right, to be told; else null
    // while it runs:
    mach_port_t task;   // null: it does not run
    mach_port_t port;   // its bootstrap port: receive right
    uint64_t started;   // ns since boot
    bool reported;      // it has told its status
    int status;
    // when it does not:
    uint64_t restart_at; // ns since boot; 0: not to be started
    unsigned deaths;     // in a row
};

// Makes the service's port. The receive right comes back when its server dies.
kern_return_t service_make(struct service *service);
// The receive right is here again, under this name.
void service_returned(mach_port_t port);

// Starts the program for the first time. What went wrong, in words; null if it runs.
const char *program_begin(struct program *program);
// The same for one that is run once, for somebody; consumes `ended` when it starts. `words`: its
// arguments, `size` bytes. KERN_INVALID_ARGUMENT; BOOTSTRAP_UNKNOWN_SERVICE; BOOTSTRAP_NO_MEMORY.
kern_return_t program_run_once(const char *path, const char *words, size_t size, mach_port_t ended,
                               struct program **program);
struct program *program_of_port(mach_port_t port);
struct program *program_of_path(const char *path);
// A task port died: the program that it was is restarted later, or ends the machine.
void program_died(mach_port_t task);
// Starts those whose time has come; returns when the next one's will, UINT64_MAX for never.
uint64_t programs_restart(uint64_t now);

// ---- serve.c ----------------------------------------------------------------------------------

// Answers one message (bootstrap.defs, program.defs, notifications).
boolean_t bootstrap_demux(mach_msg_header_t *request, mach_msg_header_t *reply);

// ---- clerk.c: the thread that may wait for other servers ---------------------------------------

kern_return_t clerk_start(void);
// Shows a line on the console. Returns at once.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
// Checks the service in with the name server, then calls done(), if given, in the clerk's thread.
void clerk_check_in(struct service *service, void (*done)(void));
// Calls done() in the clerk's thread when everything said so far has been shown.
void clerk_finish(void (*done)(void));
// The console does not take what has been said: it goes to the serial line after all.
void clerk_abandon(void);

// ---- serial.c ---------------------------------------------------------------------------------

// Words for the serial line when there is no console server to take them.
void serial_say(const char *text);

// ---- priority.c -------------------------------------------------------------------------------

// Gives this task, and by inheritance all that it creates, the priority of a server.
kern_return_t priority_take(void);
// Makes the task, which has no thread yet, an ordinary program, always less urgent than servers.
kern_return_t priority_lower(mach_port_t task);

// ---- calendar.c -------------------------------------------------------------------------------

void calendar_set(void); // the calendar clock, from the machine's battery-backed one

// ---- clock.c ----------------------------------------------------------------------------------

kern_return_t clock_open(void);
uint64_t clock_now(void); // nanoseconds since boot

#endif
