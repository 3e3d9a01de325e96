/* The worker: one phase of one run in a process of its own.
 *
 * DIR is RESULTS/CAMPAIGN/runs/RUNID with job.ini; the profile is two folders up. A phase writes
 * its result files whole or not at all, so a worker may be killed at any moment. */
#ifndef CS_BENCH_WORKER_H
#define CS_BENCH_WORKER_H

#include "datasets/dataset_access.h"
#include "run/job.h"
#include "run/store.h"

/* Everything a phase works on. */
typedef struct cs_worker {
    cs_store store;
    cs_profile profile;
    cs_job job;
    cs_dataset *dataset;
    cs_space *space;
    cs_engine *engine;
    char env_id[17];
    const char *blas_requested;
} cs_worker;

/* Environment variable with the parent's monotonic clock at exec. */
#define CS_WORKER_STARTED "COSEARCH_STARTED"

/* phase: "search" or "final". */
cs_status cs_worker_main(const char *phase, const char *dir, cs_error *err);

/* The two phases. search.csv, candidates.txt, design.txt, trace.csv; final.csv. */
cs_status cs_phase_search(cs_worker *worker, cs_error *err);
cs_status cs_phase_final(cs_worker *worker, cs_error *err);

/* From now on SIGTERM asks to wind up; did it arrive? */
void cs_worker_catch_term(void);
bool cs_worker_terminated(void);

/* Sign of life from a thread of its own, five times a second, from now on until stopped. Times are
 * counted from `origin_s`. Failing to start is harmless. */
void cs_pulse_start(double origin_s);
void cs_pulse_stop(void);

/* Candidates for the answer, best first by the selection rule, as one line each in candidates.txt:
 * CLAIM ACC_VAL DESIGN-TEXT, "nan" where there is none. */
typedef struct cs_candidate {
    double claim_acc, acc_val;
    char text[CS_DESIGN_TEXT_MAX];
} cs_candidate;
/* Caller frees *out; a file that is not there has none. */
cs_status cs_candidates_read(const char *path, cs_candidate **out, size_t *n, cs_error *err);

#endif
