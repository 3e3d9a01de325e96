/* From the end of a worker to a status, and from the files of a run to its row. */
#ifndef CS_BENCH_VERDICT_H
#define CS_BENCH_VERDICT_H

#include "run/plan.h"
#include "run/spawn.h"
#include "run/store.h"

typedef struct cs_run_end {
    const char *status; /* of the taxonomy; "" while things are well            */
    bool again;         /* infrastructure: may be tried once more               */
    cs_status fault;    /* not CS_OK: the campaign cannot go on (disk, data)    */
} cs_run_end;

/* Judges a worker that ended; phase 0 search, 1 final. */
cs_run_end cs_judge_worker(const cs_child_result *result);

/* Status of a search that ended in an orderly way, by what search.csv says. */
const char *cs_judge_search(const cs_row *search);

/* True if search.csv of a run is there, whole, of this run and not of a terminated search. */
bool cs_search_complete(const cs_store *store, const char *run_id, cs_row *out);

/* Columns that only a parent knows of a search worker: wait4, and for a killed one the last signs
 * of life. */
void cs_row_from_worker(cs_row *row, const cs_child_result *result);

/* Adds the answer: claims, verified hardware, final.csv. CS_OK also if there is none. */
cs_status cs_row_from_answer(const cs_plan *plan, const cs_job *job, const cs_store *store,
                             cs_row *row, cs_error *err);

/* Names of all statuses, NULL-ended. */
extern const char *const cs_run_statuses[];

/* Last line of a run's log, for a sentence; "" if there is none. */
void cs_log_last_line(const cs_store *store, const char *run_id, char *line, size_t size);

#endif
