/* Inside of the runner; shared by runner.c (the loop) and run_steps.c (one run). */
#ifndef CS_BENCH_RUNNER_STATE_H
#define CS_BENCH_RUNNER_STATE_H

#include "run/progress.h"
#include "run/runner.h"
#include "run/spawn.h"

#define SLOTS_MAX 1024

typedef enum run_state {
    RUN_PENDING,  /* to be done                                     */
    RUN_ACTIVE,   /* a worker is at it                              */
    RUN_HELD,     /* somebody else holds its lock                   */
    RUN_FINISHED, /* result.csv is there, its row not in results.csv */
    RUN_LISTED    /* both                                           */
} run_state;

typedef enum run_phase { PHASE_SEARCH, PHASE_FINAL } run_phase;

typedef struct active_run {
    bool used;
    size_t job;
    run_phase phase;
    cs_child *child;
    int lock;
    unsigned retries;   /* automatic ones of this phase                        */
    cs_row search;      /* what is known of the search once it has ended       */
    const char *status; /* of the run, decided by the search                   */
    double started_s;
} active_run;

typedef struct runner {
    const cs_plan *plan;
    const cs_run_options *options;
    cs_run_outcome *outcome;
    cs_store store;
    cs_progress progress;
    int signal_fd;
    run_state *state; /* [plan->n_jobs] */
    active_run active[SLOTS_MAX];
    size_t n_slots, n_active;
    bool held_tried_again;
    int cpu[SLOTS_MAX];
    size_t n_cpus;
} runner;

/* Takes the lock of a run and starts its first worker in a slot. CS_STOP if somebody else holds
 * the lock; CS_OK without a worker if the run turns out to be finished. */
cs_status runner_start(runner *r, size_t job, size_t slot, cs_error *err);

/* The worker of a slot has ended: judges it, starts the next phase or writes the result. Anything
 * but CS_OK ends the campaign. */
cs_status runner_advance(runner *r, size_t slot, cs_error *err);

#endif
