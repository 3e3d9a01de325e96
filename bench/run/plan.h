/* From a profile and a selection to an ordered list of jobs. */
#ifndef CS_BENCH_PLAN_H
#define CS_BENCH_PLAN_H

#include "run/job.h"

/* What the command line narrows down; NULL or 0: everything. */
typedef struct cs_selection {
    const char *methods, *seeds, *cells; /* "random,hsco", "0-3,7", "0,2"             */
    const char *vary;                    /* seed roots that follow the seed           */
    uint64_t shard, shards;              /* this shard of so many, counted from 1     */
} cs_selection;

typedef struct cs_plan {
    cs_profile profile;
    cs_dataset_info dataset;
    cs_job *job; /* seeds outermost, then cells, methods shuffled inside */
    size_t n_jobs;
} cs_plan;

/* Opens the data set (and closes it) for its identity. CS_EUSAGE for unknown names, CS_EDATA for
 * missing data. */
cs_status cs_plan_new(const cs_profile *profile, const cs_selection *selection,
                      const char *data_dir, cs_plan **out, cs_error *err);
void cs_plan_free(cs_plan *plan);

/* "1/4" into shard and shards. */
cs_status cs_shard_parse(const char *text, cs_selection *selection, cs_error *err);

/* MACs a run may cost at most: its budget (if it is in MACs) and the final phase of the largest
 * network of the space. */
double cs_plan_run_macs(const cs_plan *plan, double *final_macs);

/* "dsp_max=450 fps_min=30", or "no limits". */
void cs_limits_text(const cs_limits *limits, char *text, size_t size);

#endif
