/* The environment a worker runs in, and what it was built from. */
#ifndef CS_BENCH_ENV_H
#define CS_BENCH_ENV_H

#include "cosearch/nn.h"
#include "run/store.h"

/* OPENBLAS_CORETYPE to ask for: `wanted` of the profile, or for "auto" the widest kernel family
 * this CPU can run ("SkylakeX" with AVX-512, "Haswell" with AVX2); NULL: leave it to the library.
 * OpenBLAS 0.3.21 does not know recent Xeons and falls back to SSE3 kernels. */
const char *cs_env_blas_core(const char *wanted);

/* Instruction set of the engine: `wanted` of the profile, or for "auto" what the environment
 * variable COSEARCH_ISA names, or else the widest of this CPU. CS_EUSAGE for a name that is not
 * known, CS_EDATA if the CPU lacks the set. */
cs_status cs_env_isa(const char *wanted, cs_isa *out, cs_error *err);
/* An engine on that set. */
cs_status cs_env_engine(const char *wanted_isa, int threads, cs_engine **out, cs_error *err);

/* "" outside a git checkout. */
const char *cs_env_git_rev(void);
bool cs_env_git_dirty(void);
/* Compiler and build mode, "gcc 12.2.0 release". */
void cs_env_build_id(char *text, size_t size);

/* Gathers keys and values as rows of cs_schema_env and their identity; `isa` and `threads` are the
 * engine's. */
typedef struct cs_env_record {
    char id[17];
    cs_text csv; /* whole file, header included */
} cs_env_record;
cs_status cs_env_capture(const char *blas_requested, const char *isa, int threads,
                         cs_env_record *out);
/* Writes env/ID.csv unless it is there. */
cs_status cs_env_save(const cs_env_record *record, const cs_store *store, cs_error *err);

/* One field of /proc/cpuinfo, such as "model name" or "flags", of the first CPU; "" if absent. */
void cs_env_cpuinfo(const char *field, char *text, size_t size);

#endif
