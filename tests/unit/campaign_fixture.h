/* A small campaign on disk, made of rows with known numbers. */
#ifndef CS_CAMPAIGN_FIXTURE_H
#define CS_CAMPAIGN_FIXTURE_H

#include "run/schema.h"

typedef struct fixture {
    char root[64]; /* results folder */
    char dir[128]; /* its only campaign */
    cs_text results;
} fixture;

/* Makes the folders and an empty results.csv. */
void fixture_open(fixture *f);
/* One finished run with its trace, params_id the last letter but one of run_id: `n` evaluations at
 * fps[i], acc[i]; those below fps_min break the limit. acc_test < 0: no answer (status
 * no_feasible). */
void fixture_run(fixture *f, const char *run_id, const char *method, double fps_min,
                 double acc_test, double answer_fps, const double *fps, const double *acc,
                 size_t n);
/* Writes the job of a run with these "NAME = VALUE" lines as the method's parameters. */
void fixture_settings(const fixture *f, const char *run_id, const char *settings);
/* Adds a value that a method observed to the trace of a run. */
void fixture_observe(const fixture *f, const char *run_id, uint64_t mac, const char *name,
                     double value);
/* Rewrites results.csv from the rows so far. */
void fixture_write(fixture *f);
void fixture_close(fixture *f); /* removes everything */

#endif
