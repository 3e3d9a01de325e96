/* Factors and inverses; the only file that knows LAPACK. LAPACK is column-major: a row-major lower
 * triangle is its upper one. */
#include "nn/linalg.h"

#include "nn/engine.h"
#include <lapacke.h>

static void count(cs_engine *engine, size_t n, uint64_t divisor)
{
    engine->macs += (uint64_t)n * n * n / divisor;
}

cs_status cs_cholesky(cs_engine *engine, size_t n, double *a, size_t lda)
{
    count(engine, n, 6);
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, a, (lapack_int)lda) == 0
               ? CS_OK
               : CS_ENUMERIC;
}

cs_status cs_triangle_inverse(cs_engine *engine, size_t n, double *l, size_t ldl)
{
    count(engine, n, 6);
    return LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', (lapack_int)n, l, (lapack_int)ldl) == 0
               ? CS_OK
               : CS_ENUMERIC;
}

cs_status cs_cholesky_inverse(cs_engine *engine, size_t n, double *l, size_t ldl)
{
    count(engine, n, 3);
    return LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, l, (lapack_int)ldl) == 0
               ? CS_OK
               : CS_ENUMERIC;
}
