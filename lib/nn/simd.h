/* Vectors of VW floats, by the instruction set that the including file is compiled for. */
#ifndef CS_NN_SIMD_H
#define CS_NN_SIMD_H

#include <math.h>
#include <string.h>

#if defined(KERNEL_AVX512)
#include <immintrin.h>
#define VW 16
typedef __m512 vf;
#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, x) _mm512_storeu_ps(p, x)
#define v_set(x) _mm512_set1_ps(x)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_round(a) _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_between(u, lo, hi, x)                                                                    \
    _mm512_maskz_mov_ps(                                                                           \
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(u, lo, _CMP_GT_OQ), u, hi, _CMP_LT_OQ), x)
#elif defined(KERNEL_AVX2)
#include <immintrin.h>
#define VW 8
typedef __m256 vf;
#define v_load(p) _mm256_loadu_ps(p)
#define v_store(p, x) _mm256_storeu_ps(p, x)
#define v_set(x) _mm256_set1_ps(x)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define v_round(a) _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define v_between(u, lo, hi, x)                                                                    \
    _mm256_and_ps(                                                                                 \
        _mm256_and_ps(_mm256_cmp_ps(u, lo, _CMP_GT_OQ), _mm256_cmp_ps(u, hi, _CMP_LT_OQ)), x)
#else
#define VW 4
typedef float vf __attribute__((vector_size(16)));
typedef int vi __attribute__((vector_size(16)));
static inline vf v_load(const float *p)
{
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
static inline void v_store(float *p, vf x)
{
    memcpy(p, &x, sizeof x);
}
static inline vf v_set(float x)
{
    return (vf){x, x, x, x};
}
static inline vf v_select(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_max(a, b) v_select((a) > (b), a, b)
#define v_min(a, b) v_select((a) < (b), a, b)
/* Nearest integer, halves to even, for |a| < 2^22: adding 1.5 * 2^23 leaves no bits for a fraction.
 */
#define v_round(a) (((a) + v_set(12582912.0f)) - v_set(12582912.0f))
static inline vf v_between(vf u, vf lo, vf hi, vf x)
{
    return v_select((u > lo) & (u < hi), x, v_set(0.0f));
}
#endif

/* A store of a whole cache line that passes the caches by, for tensors that will not be in them
 * when they are read again. Narrower vectors would write a line in pieces, which is slower than a
 * store. */
#if defined(KERNEL_AVX512)
#define v_stream(p, x) _mm512_stream_ps(p, x)
#define v_stream_end() _mm_sfence()
#else
#define v_stream(p, x) v_store(p, x)
#define v_stream_end() ((void)0)
#endif

#define v_zero() v_set(0.0f)

/* sum[0..VW) += x, in double precision. */
static inline void v_add_to(double *sum, vf x)
{
#if defined(KERNEL_AVX512)
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), low));
    _mm512_storeu_pd(sum + 8, _mm512_add_pd(_mm512_loadu_pd(sum + 8), high));
#elif defined(KERNEL_AVX2)
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_loadu_pd(sum), low));
    _mm256_storeu_pd(sum + 4, _mm256_add_pd(_mm256_loadu_pd(sum + 4), high));
#else
    for (int i = 0; i < VW; i++)
        sum[i] += (double)x[i];
#endif
}

/* Loops with constant bounds over registers have to be unrolled in full. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
