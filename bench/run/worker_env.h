/* The whole environment of a worker process: what it may inherit, and what is pinned. */
#ifndef CS_BENCH_WORKER_ENV_H
#define CS_BENCH_WORKER_ENV_H

#include "run/durable.h"
#include "run/profile.h"

#define CS_WORKER_ENV_MAX 16

typedef struct cs_worker_env {
    char line[CS_WORKER_ENV_MAX][CS_PATH_MAX];
    char *list[CS_WORKER_ENV_MAX + 1]; /* NULL-ended, for exec */
    size_t n;
} cs_worker_env;

/* Some 16 KiB: keep it off the stack. */
void cs_worker_env_build(cs_worker_env *env, const cs_profile *profile);

#endif
