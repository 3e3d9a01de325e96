/* Tensor primitives of the engine (lib/nn) that methods may build on. Layout NHWC, float32,
 * row-major. Every multiply-accumulate is counted on the engine's meter. */
#ifndef CS_NN_H
#define CS_NN_H

#include "cosearch/train.h"

/* C[m][n] = alpha * op(A) * op(B) + beta * C, op(A) being [m][k] and op(B) [k][n]; lda, ldb, ldc
 * are the row strides of A, B, C as stored. Counts m*n*k multiply-accumulates. */
void cs_gemm(cs_engine *engine, bool transpose_a, bool transpose_b, int m, int n, int k,
             float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c,
             int ldc);

#endif
