/* Dense linear algebra in double precision for small statistical models. Matrices are row-major
 * with a row stride; products are counted by the engine. */
#ifndef CS_NN_LINALG_H
#define CS_NN_LINALG_H

#include "cosearch/nn.h"

/* c [m x n] = alpha * op(a) op(b) + beta * c, op(a) [m x k]. */
void cs_dgemm(cs_engine *engine, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k,
              double alpha, const double *a, size_t lda, const double *b, size_t ldb, double beta,
              double *c, size_t ldc);
/* y [m] = op(a) x, a [rows x cols]. */
void cs_dgemv(cs_engine *engine, bool transpose, size_t rows, size_t cols, const double *a,
              size_t lda, const double *x, double *y);
/* x = op(l)^-1 x for a lower triangle l [n x n]. */
void cs_dtrsv(cs_engine *engine, bool transpose, size_t n, const double *l, size_t ldl, double *x);

/* Lower factor l l^T = a in place; only the lower triangle is read and written. CS_ENUMERIC if a
 * is not positive definite. */
cs_status cs_cholesky(cs_engine *engine, size_t n, double *a, size_t lda);
/* l^-1 in place; lower triangles only. CS_ENUMERIC if l is singular. */
cs_status cs_triangle_inverse(cs_engine *engine, size_t n, double *l, size_t ldl);
/* (l l^T)^-1 from l in place, lower triangle only. */
cs_status cs_cholesky_inverse(cs_engine *engine, size_t n, double *l, size_t ldl);

#endif
