/* Products of matrices; the only file that knows BLAS. */
#include "nn/engine.h"

#include <cblas.h>

void cs_blas_single_thread(void)
{
    openblas_set_num_threads(1);
}

const char *cs_blas_core(void)
{
    const char *name = openblas_get_corename();
    return name ? name : "unknown";
}

void cs_gemm(cs_engine *engine, bool transpose_a, bool transpose_b, int m, int n, int k,
             float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c,
             int ldc)
{
    if (m <= 0 || n <= 0)
        return;
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c,
                ldc);
    engine->macs += (uint64_t)m * (uint64_t)n * (uint64_t)k;
}
