// SPDX-License-Identifier: BSD-2-Clause
// A model of ports, rights, names and messages, without reference counts for memory, hash tables, lazy
// dead names or wait queues of its own: everything is a list that is searched from its beginning, and
// nothing is ever freed before the world ends.
//
// What the kernel is free to choose (a new name; which allocation failed) the model takes from the
// kernel and checks whether that was one of the choices; all else it knows, the order of messages and
// notifications included.
#ifndef MODEL_H
#define MODEL_H

#include "fake.h"

#define DESCRIPTORS 4
#define RIGHTS 12 // most in an array
#define STALE 64

struct list_of { // pointers
    unsigned count, room;
    void **at;
};
#define LIST_AT(type, list, i) ((type *)(list)->at[i])
void list_add(struct list_of *list, void *item);
void list_take(struct list_of *list, void *item); // once; nothing if it is not there
int list_index(const struct list_of *list, const void *item); // -1: not there
void *list_shift(struct list_of *list); // the first; NULL: empty
void list_clear(struct list_of *list);
void *m_new(size_t size); // for as long as the world lasts; cleared

struct m_port {
    bool alive, kernel;
    struct port *real;        // the kernel's; good while alive
    int space;                // that holds the receive right; -1: none
    struct m_msg *carrier;    // the message that carries the receive right
    uint32_t mscount, seqno, qlimit, srights, sorights;
    struct list_of messages;  // m_msg
    struct list_of receivers, senders; // m_thread that wait
    struct m_set *set;
    struct m_port *no_senders, *port_destroyed; // whom to tell
    struct list_of requests;  // m_name that want to hear of its death, oldest request first
};

struct m_set {
    mach_port_name_t name;
    struct list_of members, ready, receivers;
};

struct m_name {
    int space;
    mach_port_name_t name;
    bool chosen;           // by a user
    mach_port_type_t type; // without DNREQUEST; a right to a dead port is a dead name
    uint32_t urefs;
    struct m_port *port;
    struct m_set *set;
    struct m_port *request; // whom to tell when the port dies
};

struct m_space {
    bool alive;
    struct list_of names;
    mach_port_name_t stale[STALE]; // names of the kernel's choice that were freed lately
    unsigned stale_count;
};

struct m_right {
    struct m_port *port; // NULL: null; M_DEAD
    mach_msg_type_name_t type;
};
extern struct m_port m_dead;
#define M_DEAD (&m_dead)

struct m_descriptor {
    mach_msg_descriptor_type_t type;
    mach_msg_type_name_t disposition; // as carried
    unsigned count;                   // rights, or bytes of memory
    struct m_port *ports[RIGHTS];
};

struct m_msg {
    mach_msg_id_t id;          // of its own, but for notifications
    struct m_right dest, reply;
    bool complex;
    unsigned descriptor_count, data_words;
    struct m_descriptor d[DESCRIPTORS];
    uint32_t fill;             // every word of data, and of memory
    bool notice;               // from the kernel
    uint32_t sender, seqno;
};

enum m_state { M_IDLE, M_SENDING, M_RECEIVING };

struct m_thread {
    struct thread *real;
    int space;
    enum m_state state;
    bool woken;                // with this result:
    enum wait_result wait;
    struct m_msg *msg;         // what it sends, or has been handed
    mach_msg_return_t code;    // WAIT_DESTROYED
    mach_msg_size_t large_size;
    struct list_of *queue;     // where it waits
    struct message_arguments arguments;
    mach_msg_size_t room;
};

extern struct m_space m_spaces[TASKS];
extern struct m_thread m_threads[THREADS];
extern struct list_of m_ports, m_msgs, m_woken; // all that ever were; threads, in the order of waking
extern unsigned m_set_count;
extern unsigned m_world_size; // names that a task is to have

void m_begin(void);
void m_end(void);
mach_msg_size_t m_size(const struct m_msg *msg);

// ---- names ----
struct m_name *m_find(int space, mach_port_name_t name);
struct m_name *m_find_port(int space, const struct m_port *port); // its send or receive right
struct m_name *m_name_new(int space, mach_port_name_t name, bool chosen);
void m_stale(int space, mach_port_name_t name, bool chosen);
void m_name_gone(struct m_name *n); // rights gone already; a request is told
struct m_port *m_port_new(struct m_name *n);
struct m_set *m_set_new(struct m_name *n);

// ---- rights ----
void m_release(struct m_port *port, mach_msg_type_name_t type);
void m_drop_send(struct m_name *n);
void m_drop_receive(struct m_name *n);
void m_drop_send_once(struct m_name *n);
void m_drop_set(struct m_name *n);
void m_drop_dead(struct m_name *n, unsigned urefs);
void m_destroy(struct m_name *n);
struct m_port *m_take(struct m_name *n, mach_msg_type_name_t disposition);
void m_fill(struct m_name *n, struct m_port *port, mach_msg_type_name_t type);
void m_join(struct m_name *n, struct m_port *port, mach_msg_type_name_t type);
mach_msg_type_name_t m_carried(mach_msg_type_name_t disposition);
// The kernel gave the right this name in that space; false: none, and the right is still there.
bool m_copyout(int space, struct m_port *port, mach_msg_type_name_t type, mach_port_name_t name);
void m_kernel_port_dies(struct m_port *port);
void m_set_add(struct m_set *set, struct m_port *port);
void m_set_remove(struct m_port *port);

// ---- messages ----
struct m_msg *m_msg_new(void);
bool m_notify(struct m_port *to, mach_msg_id_t id, uint32_t value, struct m_port *receive);
void m_kill(struct m_msg *msg);           // with what it carries
void m_release_body(struct m_msg *msg);
bool m_deliver(struct m_msg *msg);        // true: it is gone or served
bool m_hand_over(struct m_msg *msg, struct m_port *port); // to the first receiver that can take it
void m_enqueue(struct m_msg *msg, struct m_port *port);
void m_let_in(struct m_port *port);       // senders, while there is room
void m_wait(struct m_thread *thread, struct list_of *queue);
void m_wake(struct m_thread *thread, enum wait_result result);

// ---- checking (check.c) ----
void check_structures(void); // the kernel's counts against what can be reached
void check_model(void);      // the kernel's state against the model's
// Whether a call came to what the model says: `got` is `want`, or a shortage that the test ordered. True:
// it succeeded, and the model is to follow.
bool names_full(void); // some task has as many as it may
bool agreed(const char *call, kern_return_t got, kern_return_t want);

// ---- steps (calls.c, messages.c) ----
uint32_t below(uint32_t n); // a random number
bool one_in(uint32_t n);
mach_port_name_t some_name(int space, mach_port_type_t types); // mostly one with such a right
void step_call(struct m_thread *thread);    // one mach_port_* call
// Uses up the names that are ready in the table, so that the next one makes it grow.
void step_use_up(int space);
void step_message(struct m_thread *thread); // one mach_msg
void step_end_wait(void);                   // somebody's time is over, or it is aborted
void step_end_space(int space);             // a task ends, and another begins in its place
void run_woken(void);

#endif
