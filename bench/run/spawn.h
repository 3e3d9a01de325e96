/* Worker processes: start, watch, stop, reap. The only file that needs Linux-only calls is spawn.c.
 *
 * A child runs in its own process group, dies with its parent, reads from the null device, writes
 * stdout and stderr to a log, and talks on descriptor 3 (protocol.h). */
#ifndef CS_BENCH_SPAWN_H
#define CS_BENCH_SPAWN_H

#include "cosearch/status.h"
#include "run/protocol.h"
#include <sys/types.h>

typedef struct cs_child_spec {
    const char *exe;
    char *const *argv, *const *envp; /* NULL-ended; envp is the whole environment      */
    const char *log_path;            /* appended to                                    */
    int lock_fd;                     /* kept open in the child, so that a lock on it lives as
                                        long as the child; -1: none                    */
    const int *cpus;                 /* [n_cpus] it may run on; 0: any                 */
    size_t n_cpus;
    double wall_cap_s, cpu_cap_s, peak_cap_kib; /* +Inf: none                          */
    double grace_s;                             /* between SIGTERM and SIGKILL                    */
} cs_child_spec;

typedef enum cs_kill_cause {
    CS_KILL_NONE,
    CS_KILL_WALL,
    CS_KILL_CPU,
    CS_KILL_PEAK,
    CS_KILL_CANCEL /* given up by cs_child_free */
} cs_kill_cause;

typedef struct cs_child_result {
    int exit_code;        /* -1 if a signal ended it              */
    int signal;           /* 0 if none                            */
    cs_kill_cause cause;  /* what we did to it, if anything       */
    double wall_s, cpu_s; /* whole life; user and system          */
    uint64_t maxrss_kib;  /* wait4                                */
    cs_vitals vitals;     /* last state it told of                */
} cs_child_result;

typedef struct cs_child cs_child;

cs_status cs_child_start(const cs_child_spec *spec, cs_child **out, cs_error *err);
/* Waits until something happens to one of the children, a signal arrives on signal_fd (-1: none)
 * or timeout_s passes; takes in lines, enforces caps, reaps. Signals are not consumed here. */
void cs_children_poll(cs_child *const *child, size_t n, int signal_fd, double timeout_s);
bool cs_child_done(const cs_child *child);
const cs_child_result *cs_child_result_get(const cs_child *child); /* vitals also while it runs */
/* Kills the whole group and reaps if still alive. NULL is fine. */
void cs_child_free(cs_child *child);

/* Catches SIGINT, SIGTERM and SIGHUP (unless ignored) and returns a descriptor to wait on; -1 on
 * failure. */
int cs_signals_open(void);
/* Signal waiting on the descriptor, or 0. */
int cs_signals_take(int fd);
void cs_signals_close(int fd);

/* CPUs this process may run on; returns how many were written (at most cap). */
size_t cs_cpus_allowed(int *cpus, size_t cap);

#endif
