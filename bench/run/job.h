/* A job: one run of a campaign, its identity and the file its workers read. */
#ifndef CS_BENCH_JOB_H
#define CS_BENCH_JOB_H

#include "cosearch/method.h"
#include "run/profile.h"
#include "run/schema.h"

#define CS_PARAMS_MAX 48 /* declared parameters of one method */

typedef struct cs_job {
    char run_id[17], profile_id[17], params_id[17];
    char recipe_id[64], dataset_id[64];
    const cs_method *method;
    double param[CS_PARAMS_MAX]; /* in the order of method->params */
    uint64_t seed;
    unsigned varied;
    size_t cell;
    cs_limits limits;
} cs_job;

/* Fills everything but run_id from the profile; the caller gives method, seed and cell. CS_EUSAGE
 * if the profile sets a parameter the method does not have, or out of its bounds. */
cs_status cs_job_init(cs_job *job, const cs_profile *profile, const cs_method *method,
                      uint64_t seed, size_t cell, const cs_dataset_info *dataset, cs_error *err);

/* Root of the named seed stream: the master seed of the profile, the root's name, and the run's
 * seed if the root is varied. */
uint64_t cs_job_root(const cs_job *job, const cs_profile *profile, unsigned root);

/* Text of job.ini, and the job read back from it. The method is looked up by name;
 * CS_EMISMATCH if its version, or the profile's hash, is not the one the job was made with. */
cs_status cs_job_echo(const cs_job *job, cs_text *out);
cs_status cs_job_read(const char *path, const cs_profile *profile, cs_job *out, cs_error *err);

/* Fills the identity, limits and budget columns of a results row. */
void cs_job_columns(const cs_job *job, const cs_profile *profile, const char *campaign,
                    cs_row *row);

#endif
