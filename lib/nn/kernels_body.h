/* Every kernel but the depthwise ones, included once per instruction set. */
#include "nn/kernels.h"
#include "nn/simd.h"

#define INLINE static inline __attribute__((always_inline))

/* Register tile of a product: MR rows by NR vectors. As many accumulators as registers allow: a
 * vector of b is used MR times and a broadcast of a NR times per load. */
INLINE void product_tile(const int mr, const int nr, int k, const float *a, ptrdiff_t a_row,
                         ptrdiff_t a_k, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
                         bool add)
{
    vf acc[PRODUCT_MR_MAX][3];
    UNROLL for (int i = 0; i < mr; i++)
    {
        UNROLL for (int j = 0; j < nr; j++) acc[i][j] =
            add ? v_load(c + i * ldc + j * VW) : v_zero();
    }
    for (int p = 0; p < k; p++) {
        vf bv[3];
        UNROLL for (int j = 0; j < nr; j++) bv[j] = v_load(b + p * ldb + j * VW);
        UNROLL for (int i = 0; i < mr; i++)
        {
            const vf av = v_set(a[i * a_row + p * a_k]);
            UNROLL for (int j = 0; j < nr; j++) acc[i][j] = v_fma(av, bv[j], acc[i][j]);
        }
    }
    UNROLL for (int i = 0; i < mr; i++)
    {
        UNROLL for (int j = 0; j < nr; j++) v_store(c + i * ldc + j * VW, acc[i][j]);
    }
}

INLINE void product_panel(const int mr, const int nr, int m, int k, const float *a, ptrdiff_t a_row,
                          ptrdiff_t a_k, const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc,
                          bool add)
{
    int i = 0;
    for (; i + mr <= m; i += mr)
        product_tile(mr, nr, k, a + i * a_row, a_row, a_k, b, ldb, c + i * ldc, ldc, add);
    if (mr > 8)
        for (; i + 8 <= m; i += 8)
            product_tile(8, nr, k, a + i * a_row, a_row, a_k, b, ldb, c + i * ldc, ldc, add);
    if (mr > 4)
        for (; i + 4 <= m; i += 4)
            product_tile(4, nr, k, a + i * a_row, a_row, a_k, b, ldb, c + i * ldc, ldc, add);
    for (; i < m; i++)
        product_tile(1, nr, k, a + i * a_row, a_row, a_k, b, ldb, c + i * ldc, ldc, add);
}

static void product(int m, int n, int k, const float *a, ptrdiff_t a_row, ptrdiff_t a_k,
                    const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc, bool add)
{
    int j = 0;
    for (int left = n / VW; left > 0;) {
        /* four vectors go as two and two: a single one would use a third of the registers */
        const int nr = left == 4 || left == 2 ? 2 : left >= 3 ? 3 : 1;
        if (nr == 3)
            product_panel(PRODUCT_MR3, 3, m, k, a, a_row, a_k, b + j, ldb, c + j, ldc, add);
        else if (nr == 2)
            product_panel(PRODUCT_MR2, 2, m, k, a, a_row, a_k, b + j, ldb, c + j, ldc, add);
        else
            product_panel(PRODUCT_MR1, 1, m, k, a, a_row, a_k, b + j, ldb, c + j, ldc, add);
        left -= nr;
        j += nr * VW;
    }
}

/* Tensors that come from memory are asked for this many floats ahead: the hardware's own
 * prefetching stops at every page of 4 KiB. Past the end of a tensor it does nothing. */
#define AHEAD 4096
#define PREFETCH(p) __builtin_prefetch((p) + AHEAD, 0, 3)

/* u = s*z + t and the value it stands for. A NaN has to come out as one, so that a training that
 * diverged is seen: min and max return their second operand then. */
INLINE vf finish_vector(const cs_finish *f, const bool quant, vf z, vf s, vf t)
{
    const vf u = v_min(v_set(f->hi), v_max(v_set(f->lo), v_fma(s, z, t)));
    return quant ? v_fma(v_round(u), v_set(f->step), v_set(f->min)) : u;
}

INLINE void finish_rows(const bool quant, size_t rows, int cp, const cs_finish *f, const float *z,
                        float *out)
{
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < cp; c += VW) {
            const size_t at = r * (size_t)cp + (size_t)c;
            PREFETCH(z + at);
            v_store(out + at,
                    finish_vector(f, quant, v_load(z + at), v_load(f->s + c), v_load(f->t + c)));
        }
}

static void mix(size_t rows, int cp, const cs_mix *m, const float *z, float *out,
                float *const *copies);

static void finish(size_t rows, int cp, const cs_finish *f, const float *z, float *out)
{
    if (f->mix)
        mix(rows, cp, f->mix, z, out, NULL);
    else if (f->quant)
        finish_rows(true, rows, cp, f, z, out);
    else
        finish_rows(false, rows, cp, f, z, out);
}

/* Sums of a tile are kept in float, sums over tiles in double. */
INLINE void stats_add(const cs_stats *stats, int c, vf sum, vf square, vf min, vf max)
{
    v_add_to(stats->sum + c, sum);
    v_add_to(stats->square + c, square);
    if (stats->min) {
        v_store(stats->min + c, v_min(v_load(stats->min + c), min));
        v_store(stats->max + c, v_max(v_load(stats->max + c), max));
    }
}

static void stats_rows(size_t rows, int cp, const float *z, float *out, const cs_stats *stats)
{
    if (rows == 0)
        return;
    for (int c = 0; c < cp; c += VW) {
        vf sum = v_zero(), square = v_zero(), min = v_load(z + c), max = min;
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)cp + (size_t)c;
            const vf x = v_load(z + at);
            if (out)
                v_stream(out + at, x);
            sum = sum + x;
            square = v_fma(x, x, square);
            min = v_min(min, x);
            max = v_max(max, x);
        }
        stats_add(stats, c, sum, square, min, max);
    }
    if (out)
        v_stream_end();
}

INLINE vf dz_vector(const cs_dz *in, size_t at, int c)
{
    return v_fma(v_load(in->c1 + c), v_load(in->g + at),
                 v_fma(v_load(in->c2 + c), v_load(in->z + at), v_load(in->c3 + c)));
}

static void dz_rows(size_t rows, int cp, const cs_dz *in, float *out)
{
    if (!in->z) {
        memcpy(out, in->g, rows * (size_t)cp * sizeof *out);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (int c = 0; c < cp; c += VW) {
            const size_t at = r * (size_t)cp + (size_t)c;
            PREFETCH(in->g + at);
            PREFETCH(in->z + at);
            v_store(out + at, dz_vector(in, at, c));
        }
}

INLINE void gate_rows(const bool own, const bool positive, const bool then, size_t rows, int cp,
                      const cs_gate *gate, const float *g, float *out, const cs_stats *stats)
{
    const vf lo = v_set(own ? gate->own->lo : 0.0f), hi = v_set(own ? gate->own->hi : 0.0f);
    const vf lo2 = v_set(then ? gate->then->lo : 0.0f), hi2 = v_set(then ? gate->then->hi : 0.0f);
    for (int c = 0; c < cp; c += VW) {
        const vf s = own ? v_load(gate->own->s + c) : v_zero();
        const vf t = own ? v_load(gate->own->t + c) : v_zero();
        const vf s2 = then ? v_load(gate->then->s + c) : v_zero();
        const vf t2 = then ? v_load(gate->then->t + c) : v_zero();
        vf sum = v_zero(), product_sum = v_zero();
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)cp + (size_t)c;
            vf x = v_zero(), y = v_load(g + at);
            if (own) {
                x = v_load(gate->x + at);
                y = v_between(v_fma(s, x, t), lo, hi, y);
            }
            if (gate->add)
                y = y + v_load(gate->add + at);
            if (positive) {
                x = v_load(gate->x + at);
                y = v_between(x, v_zero(), v_set(INFINITY), y);
            }
            if (then) {
                x = v_load(gate->z + at);
                y = v_between(v_fma(s2, x, t2), lo2, hi2, y);
            }
            if (gate->stream)
                v_stream(out + at, y);
            else
                v_store(out + at, y);
            sum = sum + y;
            product_sum = v_fma(y, x, product_sum);
        }
        if (stats) {
            v_add_to(stats->sum + c, sum);
            v_add_to(stats->square + c, product_sum);
        }
    }
    if (gate->stream)
        v_stream_end();
}

static void pass_gate(size_t rows, int cp, const cs_gate *gate, const float *g, float *out,
                      const cs_stats *stats)
{
    if (gate->own && gate->positive)
        gate_rows(true, true, gate->then != NULL, rows, cp, gate, g, out, stats);
    else if (gate->positive)
        gate_rows(false, true, gate->then != NULL, rows, cp, gate, g, out, stats);
    else if (gate->own && gate->then)
        gate_rows(true, false, true, rows, cp, gate, g, out, stats);
    else if (gate->own)
        gate_rows(true, false, false, rows, cp, gate, g, out, stats);
    else if (gate->then)
        gate_rows(false, false, true, rows, cp, gate, g, out, stats);
    else
        gate_rows(false, false, false, rows, cp, gate, g, out, stats);
}

static void join_rows(size_t rows, int cp, const cs_finish *f, const float *z, const float *add,
                      float floor, float *out, const cs_stats *stats)
{
    const vf lo = v_set(f->lo), least = v_set(floor);
    for (int c = 0; c < cp; c += VW) {
        const vf s = v_load(f->s + c), t = v_load(f->t + c);
        vf min = stats ? v_load(stats->min + c) : v_zero();
        vf max = stats ? v_load(stats->max + c) : v_zero();
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)cp + (size_t)c;
            vf y = v_max(lo, v_fma(s, v_load(z + at), t));
            if (add)
                y = y + v_load(add + at);
            y = v_max(least, y);
            v_store(out + at, y);
            min = v_min(min, y);
            max = v_max(max, y);
        }
        if (stats) {
            v_store(stats->min + c, min);
            v_store(stats->max + c, max);
        }
    }
}
