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

/* Instruction sets the kernels exist for, narrowest first. A new engine takes the widest one the
 * CPU has. Results of different sets agree within float tolerance, not bit by bit. */
typedef enum cs_isa { CS_ISA_PORTABLE, CS_ISA_AVX2, CS_ISA_AVX512, CS_ISA_COUNT } cs_isa;
const char *cs_isa_text(cs_isa isa); /* "portable", "avx2", "avx512" */
cs_isa cs_isa_detect(void);          /* widest set of this CPU        */
cs_isa cs_engine_isa(const cs_engine *engine);
/* Uses a narrower set from now on; CS_EUSAGE if the CPU lacks it. Call it before models are made.
 */
cs_status cs_engine_set_isa(cs_engine *engine, cs_isa isa);

int cs_engine_threads(const cs_engine *engine);
/* Kernel that the BLAS library chose for this CPU, e.g. "SkylakeX"; never NULL. */
const char *cs_blas_core(void);

/* Optimisers over flat arrays of n values.
 * SGD with momentum (Sutskever's form as in PyTorch): g' = g + weight_decay * w,
 * v = momentum * v + g', w -= lr * v. */
void cs_sgd_step(float *w, const float *g, float *v, size_t n, double lr, double momentum,
                 double weight_decay);
/* Adam (Kingma, Ba 2015) with bias correction; step counts from 1. */
typedef struct cs_adam {
    double lr, beta1, beta2, eps, weight_decay; /* decay is added to the gradient */
} cs_adam;
void cs_adam_step(const cs_adam *adam, uint64_t step, float *w, const float *g, float *m, float *v,
                  size_t n);
/* The same with its bias corrections 1 - beta1^step and 1 - beta2^step given. */
void cs_adam_update(const cs_adam *adam, double c1, double c2, float *w, const float *g, float *m,
                    float *v, size_t n);
/* Scales g so that its Euclidean norm is at most max_norm (0: unchanged); returns the norm before.
 */
double cs_clip_norm(float *g, size_t n, double max_norm);
/* Learning rate of a step, 0-based: linear warm-up from lr/warmup to lr over warmup steps, then
 * cosine from lr to lr_end over the rest. */
double cs_lr_at(double lr, double lr_end, uint64_t step, uint64_t steps, uint64_t warmup);

#endif
