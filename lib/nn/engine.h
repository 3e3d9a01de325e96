/* Inside of an engine: threads, kernels, memory and the MAC meter. */
#ifndef CS_NN_ENGINE_H
#define CS_NN_ENGINE_H

#include "cosearch/nn.h"

struct cs_kernels;

struct cs_engine {
    int threads;
    cs_isa isa;
    const struct cs_kernels *kernels; /* of `isa`                                        */
    uint64_t macs;
    size_t live, peak; /* bytes handed out by cs_engine_alloc             */
    void *spare;       /* largest block given back: keeps its pages mapped */
    size_t spare_bytes;
};

/* A block of at least `bytes`, 64-byte aligned (big ones on huge pages), contents undefined.
 * *size gets what was charged and has to be handed back to cs_engine_release. */
cs_status cs_engine_alloc(cs_engine *engine, size_t bytes, void **out, size_t *size);
void cs_engine_release(cs_engine *engine, void *block, size_t size); /* NULL is fine */
/* Lets go of the block kept for reuse, before a larger one is taken in its place. */
void cs_engine_trim(cs_engine *engine);

/* Called once per engine: one thread inside BLAS, ours are outside. */
void cs_blas_single_thread(void);

#endif
