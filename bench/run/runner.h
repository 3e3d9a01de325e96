/* Executing a plan: worker processes, crash taxonomy, rows.
 *
 * A run is finished if and only if its result.csv parses. Everything else may be killed at any
 * moment, the parent included, and a later call picks up what is missing. */
#ifndef CS_BENCH_RUNNER_H
#define CS_BENCH_RUNNER_H

#include "run/plan.h"
#include "run/store.h"

typedef enum cs_progress_mode {
    CS_PROGRESS_AUTO, /* a status line on a terminal, otherwise plain */
    CS_PROGRESS_PLAIN,
    CS_PROGRESS_NONE
} cs_progress_mode;

typedef struct cs_run_options {
    const char *exe;     /* program to exec with `__worker PHASE DIR`                        */
    const char *results; /* results folder                                                   */
    const char *command; /* start of the line in cmd.txt: "cosearch --results R run PROFILE" */
    uint64_t jobs;       /* workers at a time; 0: as many as the CPUs carry                  */
    const int *cpus;     /* CPUs to use; NULL: those allowed to this process                 */
    size_t n_cpus;
    const char *retry;   /* status classes to run again, "crashed,oom_cap"; NULL: none       */
    bool fresh;          /* forget stored results of the selection first                     */
    uint64_t stop_after; /* end after so many finished runs; 0: no                           */
    cs_progress_mode progress;
    bool quiet, color;
} cs_run_options;

typedef struct cs_run_outcome {
    size_t finished;   /* by this call, failed ones included         */
    size_t skipped;    /* were finished before                       */
    size_t failed;     /* of the selection: rows of a failure class  */
    size_t infeasible; /* of the selection: rows no_feasible         */
    size_t missing;    /* of the selection: no row yet               */
    size_t held;       /* of these, being run by somebody else       */
    int signal;        /* that interrupted the call, or 0            */
} cs_run_outcome;

cs_status cs_runner_run(const cs_plan *plan, const cs_run_options *options, cs_run_outcome *out,
                        cs_error *err);

/* The line of cmd.txt: `command` and the flags that pick one run. Caller frees. */
void cs_run_command(const char *command, const cs_job *job, cs_text *out);

/* Is this status a failure (neither ok, stopped nor no_feasible)? */
bool cs_status_failed(const char *status);

#endif
