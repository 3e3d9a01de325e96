/* Random tensors and comparisons for the engine's tests. */
#ifndef CS_TEST_NN_RANDOM_H
#define CS_TEST_NN_RANDOM_H

#include "cosearch/rng.h"
#include "nn/engine.h"
#include "run/env.h"
#include <math.h>
#include <stdlib.h>

static inline float *floats(size_t n)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++)
        x[i] = 0.0f;
    return x;
}

static inline float *normals(size_t n, cs_rng *rng)
{
    float *x = floats(n);
    for (size_t i = 0; x && i < n; i++)
        x[i] = (float)cs_rng_normal(rng);
    return x;
}

static inline double *doubles_of(const float *x, size_t n)
{
    double *y = malloc((n ? n : 1) * sizeof *y);
    for (size_t i = 0; y && i < n; i++)
        y[i] = (double)x[i];
    return y;
}

/* || ours - reference || / || reference || */
static inline double relative(const float *ours, const double *reference, size_t n)
{
    double miss = 0.0, norm = 0.0;
    for (size_t i = 0; i < n; i++) {
        miss += ((double)ours[i] - reference[i]) * ((double)ours[i] - reference[i]);
        norm += reference[i] * reference[i];
    }
    return norm > 0.0 ? sqrt(miss / norm) : sqrt(miss);
}

static inline int between(cs_rng *rng, int lo, int hi)
{
    return lo + (int)cs_rng_below(rng, (uint32_t)(hi - lo + 1));
}

/* An engine of one thread on an instruction set. */
static inline cs_engine *engine_of(cs_isa isa, int threads)
{
    cs_engine *engine = NULL;
    if (cs_engine_new(threads, &engine) != CS_OK || cs_engine_set_isa(engine, isa) != CS_OK)
        abort();
    return engine;
}

/* The set of tests that need only one: the widest of this CPU, or what COSEARCH_ISA names. */
static inline cs_isa isa_default(void)
{
    cs_isa isa;
    if (cs_env_isa("auto", &isa, NULL) != CS_OK)
        abort();
    return isa;
}

/* Every set up to that one, narrowest first. */
#define EACH_ISA(isa) for (int isa = 0; isa <= (int)isa_default(); isa++)

#endif
