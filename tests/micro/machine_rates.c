#include "machine_rates.h"

#include "micro.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 12    /* enough to hide the latency of an operation, few enough for 16 registers */
#define TURNS 200000 /* about a millisecond */
#define TRIES 15     /* the fastest counts: a peak is what is reached undisturbed */
#define COPY_S 0.004 /* of copying in a try */

/* One function per vector width; unrolled, so that the chains stay in registers. The result is
 * used, so that the loop is not dropped. */
#define EACH_CHAIN _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)
#define PEAK(name, attribute, vector, set1, step, sum)                                             \
    attribute static float name(void)                                                              \
    {                                                                                              \
        vector x[CHAINS];                                                                          \
        const vector a = set1(0.999f), b = set1(0.001f);                                           \
        EACH_CHAIN x[i] = set1((float)i);                                                          \
        for (int turn = 0; turn < TURNS; turn++)                                                   \
            EACH_CHAIN x[i] = step(x[i], a, b);                                                    \
        float out = 0.0f;                                                                          \
        EACH_CHAIN out += sum(x[i]);                                                               \
        return out;                                                                                \
    }
#define MUL_ADD(x, a, b) _mm_add_ps(_mm_mul_ps(x, a), b)
#define FIRST512(x) _mm_cvtss_f32(_mm512_castps512_ps128(x))
#define FIRST256(x) _mm_cvtss_f32(_mm256_castps256_ps128(x))
PEAK(run_sse, , __m128, _mm_set1_ps, MUL_ADD, _mm_cvtss_f32)
PEAK(run_avx2, __attribute__((target("avx2,fma"))), __m256, _mm256_set1_ps, _mm256_fmadd_ps,
     FIRST256)
PEAK(run_avx512, __attribute__((target("avx512f"))), __m512, _mm512_set1_ps, _mm512_fmadd_ps,
     FIRST512)

double machine_peak_gflops(cs_isa isa)
{
    static float (*const run[CS_ISA_COUNT])(void) = {run_sse, run_avx2, run_avx512};
    static const int lanes[CS_ISA_COUNT] = {4, 8, 16};
    volatile float used = run[isa]();
    double best = 0.0;
    for (int i = 0; i < TRIES; i++) {
        const double start = micro_now();
        used = used + run[isa]();
        const double rate = 2e-9 * lanes[isa] * CHAINS * TURNS / (micro_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

double machine_copy_gbs(size_t bytes)
{
    const size_t half = bytes / 2 / 64 * 64;
    char *from = half ? aligned_alloc(64, half) : NULL, *to = half ? aligned_alloc(64, half) : NULL;
    double best = 0.0;
    if (from && to) {
        memset(from, 1, half);
        memset(to, 2, half);
        for (int i = 0; i < TRIES; i++) {
            const double start = micro_now();
            double copied = 0.0, now;
            do {
                memcpy(to, from, half);
                __asm__ volatile("" : : "r"(to) : "memory"); /* every copy is made */
                copied += 2.0 * (double)half;
                now = micro_now();
            } while (now - start < COPY_S);
            const double rate = 1e-9 * copied / (now - start);
            best = rate > best ? rate : best;
        }
    }
    free(from);
    free(to);
    return best;
}
