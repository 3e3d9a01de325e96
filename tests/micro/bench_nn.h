/* Parts of the group "nn". */
#ifndef CS_BENCH_NN_H
#define CS_BENCH_NN_H

#include "micro.h"

#include "cosearch/rng.h"
#include "nn/engine.h"

/* n values, uniform in +-scale/2, 64-byte aligned; NULL: no memory. */
float *bench_nn_floats(size_t n, float scale, cs_rng *rng);
/* Rows of single operators, one thread. */
void bench_nn_ops(cs_engine *engine);

#endif
