/* Products of matrices; the only file that knows BLAS. */
#include "nn/engine.h"
#include "nn/linalg.h"

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

void cs_dgemm(cs_engine *engine, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
              double alpha, const double *a, size_t lda, const double *b, size_t ldb, double beta,
              double *c, size_t ldc)
{
    if (m == 0 || n == 0)
        return;
    cblas_dgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, a, (int)lda,
                b, (int)ldb, beta, c, (int)ldc);
    engine->macs += (uint64_t)m * n * k;
}

void cs_dgemv(cs_engine *engine, bool transpose, size_t rows, size_t cols, const double *a,
              size_t lda, const double *x, double *y)
{
    if (rows == 0 || cols == 0)
        return;
    cblas_dgemv(CblasRowMajor, transpose ? CblasTrans : CblasNoTrans, (int)rows, (int)cols, 1.0, a,
                (int)lda, x, 1, 0.0, y, 1);
    engine->macs += (uint64_t)rows * cols;
}

void cs_dtrsv(cs_engine *engine, bool transpose, size_t n, const double *l, size_t ldl, double *x)
{
    if (n == 0)
        return;
    cblas_dtrsv(CblasRowMajor, CblasLower, transpose ? CblasTrans : CblasNoTrans, CblasNonUnit,
                (int)n, l, (int)ldl, x, 1);
    engine->macs += (uint64_t)n * n / 2;
}
