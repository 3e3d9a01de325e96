#include "run/worker_env.h"

#include "run/clock.h"
#include "run/env.h"
#include "run/worker.h"
#include <stdio.h>
#include <stdlib.h>

/* Variables a worker may inherit; everything else is dropped. */
static const char *const inherited[] = {"PATH",          "HOME",           "TMPDIR",
                                        "COSEARCH_DATA", "GLIBC_TUNABLES", "LD_LIBRARY_PATH",
                                        "ASAN_OPTIONS",  "UBSAN_OPTIONS",  "LSAN_OPTIONS"};
#define INHERITED_COUNT (sizeof inherited / sizeof *inherited)
_Static_assert(INHERITED_COUNT + 5 <= CS_WORKER_ENV_MAX, "room for the pinned ones");

static void put(cs_worker_env *env, const char *name, const char *value)
{
    const int n = snprintf(env->line[env->n], sizeof *env->line, "%s=%s", name, value);
    if (n > 0 && (size_t)n < sizeof *env->line) {
        env->list[env->n] = env->line[env->n];
        env->n++;
    }
}

void cs_worker_env_build(cs_worker_env *env, const cs_profile *profile)
{
    char text[40];
    *env = (cs_worker_env){0};
    for (size_t i = 0; i < INHERITED_COUNT; i++)
        if (getenv(inherited[i]))
            put(env, inherited[i], getenv(inherited[i]));
    const char *core = cs_env_blas_core(profile->blas_core);
    if (core)
        put(env, "OPENBLAS_CORETYPE", core);
    snprintf(text, sizeof text, "%llu", (unsigned long long)profile->threads);
    put(env, "OPENBLAS_NUM_THREADS", "1"); /* threads are the engine's, outside of products */
    put(env, "OMP_NUM_THREADS", text);
    put(env, "LC_ALL", "C");
    snprintf(text, sizeof text, "%.6f", cs_clock_s());
    put(env, CS_WORKER_STARTED, text);
}
