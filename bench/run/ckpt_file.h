/* ckpt.bin of a run: a checkpoint of its search with what the worker itself has to remember. */
#ifndef CS_BENCH_CKPT_FILE_H
#define CS_BENCH_CKPT_FILE_H

#include "run/task_config.h"

/* Accounts of the workers so far. */
typedef struct cs_ckpt_accounts {
    uint64_t trace_bytes; /* of trace.csv at this moment              */
    double wall_s, cpu_s; /* of the search                            */
    uint64_t peak_kib;    /* high-water mark                          */
    uint64_t engine_kib;  /* high-water mark of the engine's memory   */
} cs_ckpt_accounts;

/* Whole or not at all. CS_DONE: this task keeps no checkpoints. */
cs_status cs_ckpt_write(const char *path, const char *run_id, const cs_task *task,
                        const cs_ckpt_accounts *accounts, cs_error *err);

/* CS_OK and a source for cs_task_config.resume (cs_source_free), or *out NULL if there is none that
 * this very build can use: no file, another run, another build, damaged. */
cs_status cs_ckpt_read(const char *path, const char *run_id, cs_ckpt_accounts *accounts,
                       cs_source **out, cs_error *err);

#endif
