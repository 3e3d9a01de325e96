/* Making a table of accuracies: worker processes, resumption, progress.
 *
 * RESULTS/tables/NAME.work holds what is going on: profile.ini, rows.csv (a row per finished
 * training, appended whole), todo.txt (what is left, for the workers), log.txt. Everything may be
 * killed at any moment; the same command goes on. The finished table is rows.csv in order. */
#ifndef CS_BENCH_TABULATE_H
#define CS_BENCH_TABULATE_H

#include "run/durable.h"
#include "run/table_plan.h"

typedef struct cs_tabulate_options {
    const char *exe;  /* program to exec with `__tabulate DIR K N` */
    const char *work; /* working folder */
    uint64_t jobs;    /* workers at a time, >= 1 */
    uint64_t limit;   /* trainings in this call; 0: all */
    bool quiet, live; /* live: a line that is redrawn */
} cs_tabulate_options;

typedef struct cs_tabulate_outcome {
    size_t done, total; /* trainings, earlier calls included */
    double cpu_s;       /* of the workers of this call */
    int signal;         /* that interrupted the call, or 0 */
} cs_tabulate_outcome;

/* CS_EMISMATCH if the working folder belongs to another recipe, data set or engine; CS_EIO if a
 * worker failed, with its last words. */
cs_status cs_tabulate(const cs_profile *profile, const cs_table_plan *plan,
                      const cs_tabulate_options *options, cs_tabulate_outcome *out, cs_error *err);

/* Worker k of n: the trainings k, k + n, ... of DIR/todo.txt. */
cs_status cs_tabulate_worker(const char *dir, uint64_t k, uint64_t n, cs_error *err);

/* Trains one network as a table does. *acc_short is NaN without a short training. */
typedef struct cs_table_trainer cs_table_trainer;
cs_status cs_table_trainer_new(const cs_profile *profile, cs_table_trainer **out, cs_error *err);
void cs_table_trainer_free(cs_table_trainer *trainer); /* NULL is fine */
/* Fills every column of a row. */
cs_status cs_table_train(cs_table_trainer *trainer, const char *network, uint64_t seed, cs_row *row,
                         cs_error *err);

#endif
