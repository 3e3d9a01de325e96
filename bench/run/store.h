/* The folder of a campaign: RESULTS/CAMPAIGN with profile.ini, results.csv, env/, runs/RUNID/. */
#ifndef CS_BENCH_STORE_H
#define CS_BENCH_STORE_H

#include "run/durable.h"
#include "run/profile.h"
#include "run/schema.h"

typedef struct cs_store {
    char dir[CS_PATH_MAX]; /* RESULTS/CAMPAIGN            */
    char campaign[64];
    char results[CS_PATH_MAX]; /* RESULTS/CAMPAIGN/results.csv */
} cs_store;

/* Names the folder; touches nothing. */
cs_status cs_store_at(const char *results, const char *campaign, cs_store *out, cs_error *err);

/* Makes the folders and proves that they can be written. CS_EIO with one sentence if not. */
cs_status cs_store_prepare(const cs_store *store, cs_error *err);

/* Compares the frozen profile with this one (CS_EMISMATCH names the key), then writes the frozen
 * copy anew, so that free keys are up to date. */
cs_status cs_store_freeze(const cs_store *store, const cs_profile *profile, cs_error *err);

/* RESULTS/CAMPAIGN/runs/RUNID/FILE; FILE "" for the folder. */
cs_status cs_store_path(const cs_store *store, const char *run_id, const char *file,
                        char out[CS_PATH_MAX], cs_error *err);

/* Is the run finished: result.csv is there and parses. If so *row (may be NULL) gets it. A newer
 * or other schema is CS_EMISMATCH. */
cs_status cs_store_result(const cs_store *store, const char *run_id, bool *finished, cs_row *row,
                          cs_error *err);
/* Writes result.csv, search.csv or final.csv: header and rows. */
cs_status cs_store_write(const cs_store *store, const char *run_id, const char *file,
                         const cs_row *rows, size_t n_rows, cs_error *err);

/* Run ids in results.csv, after its header was checked; *torn tells of a torn last line. */
cs_status cs_store_listed(const cs_store *store, char (**ids)[17], size_t *n, bool *torn,
                          cs_error *err);
cs_status cs_store_append(const cs_store *store, const cs_row *row, cs_error *err);

/* Forgets runs: their rows leave results.csv (rewritten whole, atomically), and, with
 * `keep_folder` false, their folders are moved to old/RUNID.N. With keep_folder true only result,
 * search and final files are removed. */
cs_status cs_store_forget(const cs_store *store, const char (*ids)[17], size_t n, bool keep_folder,
                          cs_error *err);

/* All run folders of the campaign. Caller frees *ids. */
cs_status cs_store_runs(const cs_store *store, char (**ids)[17], size_t *n, cs_error *err);

#endif
