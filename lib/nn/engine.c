#define _DEFAULT_SOURCE /* madvise */
#include "nn/engine.h"
#include "nn/kernels.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

cs_status cs_engine_new(int threads, cs_engine **out)
{
    if (threads < 1 || !out)
        return CS_EUSAGE;
    cs_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return CS_ENOMEM;
    engine->threads = threads;
    cs_blas_single_thread();
    const cs_status status = cs_engine_set_isa(engine, cs_isa_detect());
    if (status != CS_OK) {
        free(engine);
        return status;
    }
    *out = engine;
    return CS_OK;
}

void cs_engine_free(cs_engine *engine)
{
    if (!engine)
        return;
    free(engine->spare);
    free(engine);
}

uint64_t cs_engine_macs(const cs_engine *engine)
{
    return engine->macs;
}

size_t cs_engine_peak_bytes(const cs_engine *engine)
{
    return engine->peak;
}

int cs_engine_threads(const cs_engine *engine)
{
    return engine->threads;
}

cs_isa cs_engine_isa(const cs_engine *engine)
{
    return engine->isa;
}

const char *cs_isa_text(cs_isa isa)
{
    static const char *const text[CS_ISA_COUNT] = {"portable", "avx2", "avx512"};
    return (unsigned)isa < CS_ISA_COUNT ? text[isa] : "unknown";
}

cs_isa cs_isa_detect(void)
{
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return CS_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return CS_ISA_AVX2;
    return CS_ISA_PORTABLE;
}

cs_status cs_engine_set_isa(cs_engine *engine, cs_isa isa)
{
    static const cs_kernels *const tables[CS_ISA_COUNT] = {&cs_kernels_portable, &cs_kernels_avx2,
                                                           &cs_kernels_avx512};
    if ((unsigned)isa >= CS_ISA_COUNT || isa > cs_isa_detect())
        return CS_EUSAGE;
    engine->isa = isa;
    engine->kernels = tables[isa];
    return CS_OK;
}

/* A search trains one model after another. The largest block given back is kept, so that the next
 * model starts on pages that are already mapped instead of faulting each one in again. */
cs_status cs_engine_alloc(cs_engine *engine, size_t bytes, void **out, size_t *size)
{
    void *block = NULL;
    size_t got = (bytes + 63) / 64 * 64;
    if (got == 0)
        got = 64;
    if (engine->spare && engine->spare_bytes >= got && engine->spare_bytes / 2 <= got) {
        block = engine->spare;
        got = engine->spare_bytes;
        engine->spare = NULL;
        engine->spare_bytes = 0;
    } else if (got >= HUGE_PAGE) {
        got = (got + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        block = aligned_alloc(HUGE_PAGE, got);
        if (block)
            madvise(block, got, MADV_HUGEPAGE); /* a hint: failing costs speed only */
    } else {
        block = aligned_alloc(64, got);
    }
    if (!block)
        return CS_ENOMEM;
    engine->live += got;
    if (engine->live > engine->peak)
        engine->peak = engine->live;
    *out = block;
    *size = got;
    return CS_OK;
}

void cs_engine_release(cs_engine *engine, void *block, size_t size)
{
    if (!block)
        return;
    engine->live -= size;
    if (size >= HUGE_PAGE && size > engine->spare_bytes) {
        free(engine->spare);
        engine->spare = block;
        engine->spare_bytes = size;
    } else {
        free(block);
    }
}

void cs_engine_trim(cs_engine *engine)
{
    free(engine->spare);
    engine->spare = NULL;
    engine->spare_bytes = 0;
}
