/* Depthwise kernels, included after kernels_body.h.
 *
 * An image is worked through in bands of output rows. The input rows a band needs are finished
 * (batch norm, ReLU, quantiser) once, in the order they lie in memory, into a ring of zero-padded
 * rows [slot][channel vector][x][VW]; then every vector of channels is convolved with its taps in
 * registers. Memory is thus read and written front to back, and the ring stays in the cache. */

typedef struct ring {
    float *rows;       /* [slots][row] */
    const float *zero; /* a row of zeros for what lies above and below the image */
    int slots, width;  /* width: pixels of a padded row */
    size_t row;        /* floats of a slot */
    int filled;        /* rows 0..filled-1 of the image have been written */
} ring;

static ring ring_make(float *at, int slots, int width, int cp, const float *zero)
{
    return (ring){at, zero, slots, width, (size_t)width * (size_t)cp, 0};
}

/* Row y of an image of h rows, at the channels from c on. */
INLINE const float *ring_row(const ring *r, int y, int h, int c)
{
    if (y < 0 || y >= h)
        return r->zero;
    return r->rows + (size_t)(y % r->slots) * r->row + (size_t)(c * r->width);
}

/* Finishes the rows up to `until` into the ring. */
INLINE void ring_finish(ring *r, const cs_depthwise *d, const bool quant, const float *z, int until)
{
    const int p = d->k / 2, step = r->width * VW;
    until = until < d->h ? until : d->h;
    for (; r->filled < until; r->filled++) {
        float *to = r->rows + (size_t)(r->filled % r->slots) * r->row + p * VW;
        const float *from = z + (ptrdiff_t)r->filled * d->w * d->cp;
        for (int x = 0; x < d->w; x++, to += VW, from += d->cp) {
            float *at = to;
            for (int c = 0; c < d->cp; c += VW, at += step) {
                PREFETCH(from + c);
                v_store(at, finish_vector(d->finish, quant, v_load(from + c),
                                          v_load(d->finish->s + c), v_load(d->finish->t + c)));
            }
        }
    }
}

/* The same for the gradient of the raw output. */
INLINE void ring_dz(ring *r, const cs_depthwise *d, const cs_dz *in, int until)
{
    const int p = d->k / 2, step = r->width * VW;
    for (; r->filled < until; r->filled++) {
        float *to = r->rows + (size_t)(r->filled % r->slots) * r->row + p * VW;
        size_t from = (size_t)(r->filled * d->ow) * (size_t)d->cp;
        for (int x = 0; x < d->ow; x++, to += VW, from += (size_t)d->cp) {
            float *at = to;
            for (int c = 0; c < d->cp; c += VW, at += step) {
                PREFETCH(in->g + from + (size_t)c);
                PREFETCH(in->z + from + (size_t)c);
                v_store(at, dz_vector(in, from + (size_t)c, c));
            }
        }
    }
}

/* Rows that are about to be written a vector of channels at a time, an order in which the hardware
 * does not see them coming. */
INLINE void prefetch_rows(const float *rows, ptrdiff_t floats)
{
    for (ptrdiff_t i = 0; i < floats; i += CS_LANES)
        __builtin_prefetch(rows + i, 1, 2);
}

typedef struct tap_sums {
    vf sum, square, min, max;
} tap_sums;

/* n neighbouring outputs of a row; row[ky] points at the first tap of the first one. */
INLINE void taps_store(const int k, const int s, const int n, const float *const *row, ptrdiff_t at,
                       const vf *w, float *y, int cp, bool stream, tap_sums *sums)
{
    vf acc[DEPTHWISE_XB];
    UNROLL for (int i = 0; i < n; i++) acc[i] = v_zero();
    UNROLL for (int ky = 0; ky < k; ky++)
    {
        vf x[(DEPTHWISE_XB - 1) * 2 + 5];
        UNROLL for (int i = 0; i < (n - 1) * s + k; i++) x[i] = v_load(row[ky] + at + i * VW);
        UNROLL for (int kx = 0; kx < k; kx++)
        {
            UNROLL for (int i = 0; i < n; i++) acc[i] =
                v_fma(x[i * s + kx], w[ky * k + kx], acc[i]);
        }
    }
    UNROLL for (int i = 0; i < n; i++)
    {
        if (stream)
            v_stream(y + i * cp, acc[i]);
        else
            v_store(y + i * cp, acc[i]);
        sums->sum = sums->sum + acc[i];
        sums->square = v_fma(acc[i], acc[i], sums->square);
        sums->min = v_min(sums->min, acc[i]);
        sums->max = v_max(sums->max, acc[i]);
    }
}

INLINE void convolve_row(const int k, const int s, const cs_depthwise *d, const float *const *row,
                         const vf *w, float *y, tap_sums *sums)
{
    int ox = 0;
    for (; ox + DEPTHWISE_XB <= d->ow; ox += DEPTHWISE_XB)
        taps_store(k, s, DEPTHWISE_XB, row, ox * s * VW, w, y + ox * d->cp, d->cp, d->stream, sums);
    if (DEPTHWISE_XB > 4)
        for (; ox + 4 <= d->ow; ox += 4)
            taps_store(k, s, 4, row, ox * s * VW, w, y + ox * d->cp, d->cp, d->stream, sums);
    for (; ox < d->ow; ox++)
        taps_store(k, s, 1, row, ox * s * VW, w, y + ox * d->cp, d->cp, d->stream, sums);
}

INLINE void depthwise_image(const int k, const int s, const cs_depthwise *d, ring *a,
                            const float *z, const float *w, float *y, const cs_stats *stats)
{
    const int p = k / 2, band = cs_depthwise_band(d);
    a->filled = 0;
    for (int first = 0; first < d->oh; first += band) {
        const int last = first + band < d->oh ? first + band : d->oh;
        const ptrdiff_t out_row = (ptrdiff_t)d->ow * d->cp;
        if (d->prefetch)
            prefetch_rows(y + first * out_row, (last - first) * out_row);
        if (d->finish->quant)
            ring_finish(a, d, true, z, (last - 1) * s + k - p);
        else
            ring_finish(a, d, false, z, (last - 1) * s + k - p);
        for (int c = 0; c < d->cp; c += VW) {
            vf wv[25];
            UNROLL for (int i = 0; i < k * k; i++) wv[i] = v_load(w + i * d->cp + c);
            tap_sums sums = {v_zero(), v_zero(), v_set(INFINITY), v_set(-INFINITY)};
            for (int oy = first; oy < last; oy++) {
                const float *row[5];
                UNROLL for (int ky = 0; ky < k; ky++) row[ky] =
                    ring_row(a, oy * s + ky - p, d->h, c);
                convolve_row(k, s, d, row, wv, y + (ptrdiff_t)oy * d->ow * d->cp + c, &sums);
            }
            if (stats)
                stats_add(stats, c, sums.sum, sums.square, sums.min, sums.max);
        }
    }
}

static void depthwise(const cs_depthwise *d, size_t images, const float *z, const float *w,
                      float *y, float *scratch, const cs_stats *stats)
{
    const int p = d->k / 2, slots = cs_depthwise_slots(d);
    const size_t in = (size_t)d->h * (size_t)d->w * (size_t)d->cp;
    const size_t out = (size_t)d->oh * (size_t)d->ow * (size_t)d->cp;
    ring a = ring_make(scratch + cs_depthwise_zeros(d), slots, d->w + 2 * p, d->cp, scratch);
    memset(scratch, 0, (cs_depthwise_zeros(d) + (size_t)slots * a.row) * sizeof *scratch);
    for (size_t i = 0; i < images; i++) {
        const float *zi = z + i * in;
        float *yi = y + i * out;
        if (d->k == 3 && d->s == 1)
            depthwise_image(3, 1, d, &a, zi, w, yi, stats);
        else if (d->k == 3)
            depthwise_image(3, 2, d, &a, zi, w, yi, stats);
        else if (d->s == 1)
            depthwise_image(5, 1, d, &a, zi, w, yi, stats);
        else
            depthwise_image(5, 2, d, &a, zi, w, yi, stats);
    }
    v_stream_end();
}

/* dw[ky][kx] += sum over the rows of a band of dz[oy][ox] * a[oy*s+ky-p][ox*s+kx-p]. KR kernel rows
 * share one pass over dz: as many as there are registers for their sums. */
INLINE void weight_gradient(const int k, const int s, const int kr, const cs_depthwise *d,
                            const ring *a, const ring *dz, int first, int last, int c, float *dw)
{
    const int p = k / 2;
    for (int k0 = 0; k0 < k; k0 += kr) {
        vf acc[25];
        UNROLL for (int i = 0; i < kr * k; i++) acc[i] = v_load(dw + (k0 * k + i) * d->cp);
        for (int oy = first; oy < last; oy++) {
            const float *g = ring_row(dz, oy, d->oh, c) + p * VW, *row[5];
            UNROLL for (int ky = 0; ky < kr; ky++) row[ky] =
                ring_row(a, oy * s + k0 + ky - p, d->h, c);
            for (int ox = 0; ox < d->ow; ox++) {
                const vf gv = v_load(g + ox * VW);
                UNROLL for (int ky = 0; ky < kr; ky++)
                {
                    UNROLL for (int kx = 0; kx < k; kx++) acc[ky * k + kx] =
                        v_fma(gv, v_load(row[ky] + (ox * s + kx) * VW), acc[ky * k + kx]);
                }
            }
        }
        UNROLL for (int i = 0; i < kr * k; i++) v_store(dw + (k0 * k + i) * d->cp, acc[i]);
    }
}

/* Input gradient of the pixels x = px + s*i of a row y with y % s = py: those are reached by the
 * same taps. row[j] is the dz row of tap ky0 + s*j, at its first real pixel. n neighbours. */
INLINE void back_taps(const int k, const int s, const int py, const int px, const int n,
                      const float *const *row, ptrdiff_t at, const vf *w, vf *acc)
{
    const int p = k / 2;
    const int ky0 = (py + p) % s, kx0 = (px + p) % s, nkx = (k - kx0 + s - 1) / s;
    const int first = (px + p - kx0) / s - (nkx - 1);
    UNROLL for (int i = 0; i < n; i++) acc[i] = v_zero();
    UNROLL for (int ky = ky0; ky < k; ky += s)
    {
        vf x[DEPTHWISE_XB + 4];
        UNROLL for (int i = 0; i < n + nkx - 1; i++) x[i] =
            v_load(row[(ky - ky0) / s] + at + (first + i) * VW);
        UNROLL for (int q = 0; q < nkx; q++)
        {
            UNROLL for (int i = 0; i < n; i++) acc[i] =
                v_fma(x[i + nkx - 1 - q], w[ky * k + kx0 + q * s], acc[i]);
        }
    }
}

/* Where one row of the input gradient comes from and goes to. */
typedef struct back_row {
    const float *row[5];
    const float *z;
    float *gin;
    int w, cp;
    bool stream;
    vf s, t, lo, hi;
} back_row;

INLINE void back_store(const int k, const int s, const int py, const int px, const int n,
                       const back_row *b, int i, const vf *w, tap_sums *sums)
{
    vf acc[DEPTHWISE_XB];
    back_taps(k, s, py, px, n, b->row, i * VW, w, acc);
    UNROLL for (int j = 0; j < n; j++)
    {
        const ptrdiff_t at = (ptrdiff_t)(px + s * (i + j)) * b->cp;
        const vf x = v_load(b->z + at);
        const vf g = v_between(v_fma(b->s, x, b->t), b->lo, b->hi, acc[j]);
        if (b->stream)
            v_stream(b->gin + at, g);
        else
            v_store(b->gin + at, g);
        sums->sum = sums->sum + g;
        sums->square = v_fma(g, x, sums->square);
    }
}

INLINE void back_row_phase(const int k, const int s, const int py, const int px, const back_row *b,
                           const vf *w, tap_sums *sums)
{
    const int wide = (b->w - px + s - 1) / s;
    int i = 0;
    for (; i + DEPTHWISE_XB <= wide; i += DEPTHWISE_XB)
        back_store(k, s, py, px, DEPTHWISE_XB, b, i, w, sums);
    if (DEPTHWISE_XB > 4)
        for (; i + 4 <= wide; i += 4)
            back_store(k, s, py, px, 4, b, i, w, sums);
    for (; i < wide; i++)
        back_store(k, s, py, px, 1, b, i, w, sums);
}

INLINE void back_row_run(const int k, const int s, const int py, const cs_depthwise *d,
                         const ring *dz, int y, int c, back_row *b, const vf *w, tap_sums *sums)
{
    const int p = k / 2, ky0 = (py + p) % s;
    UNROLL for (int ky = ky0; ky < k; ky += s) b->row[(ky - ky0) / s] =
        ring_row(dz, (y + p - ky + s * k) / s - k, d->oh, c) + p * VW;
    back_row_phase(k, s, py, 0, b, w, sums);
    if (s == 2)
        back_row_phase(k, s, py, 1, b, w, sums);
}

INLINE void depthwise_back_image(const int k, const int s, const cs_depthwise *d, ring *a, ring *dz,
                                 const cs_dz *in, const float *z, const float *w, float *dw,
                                 float *gin, const cs_stats *stats)
{
    const int p = k / 2, band = cs_depthwise_band(d);
    a->filled = dz->filled = 0;
    int y0 = 0;
    for (int first = 0; first < d->oh; first += band) {
        const int last = first + band < d->oh ? first + band : d->oh;
        /* rows of the input gradient that need no later row of dz */
        const int y1 = last == d->oh ? d->h : last * s - p;
        const ptrdiff_t in_row = (ptrdiff_t)d->w * d->cp;
        if (d->prefetch)
            prefetch_rows(gin + y0 * in_row, (y1 - y0) * in_row);
        if (d->finish->quant)
            ring_finish(a, d, true, z, (last - 1) * s + k - p);
        else
            ring_finish(a, d, false, z, (last - 1) * s + k - p);
        ring_dz(dz, d, in, last);
        for (int c = 0; c < d->cp; c += VW) {
            if (dw)
                weight_gradient(k, s, DEPTHWISE_KR(k), d, a, dz, first, last, c, dw + c);
            vf wv[25];
            UNROLL for (int i = 0; i < k * k; i++) wv[i] = v_load(w + i * d->cp + c);
            tap_sums sums = {v_zero(), v_zero(), v_zero(), v_zero()};
            back_row b = {.w = d->w,
                          .stream = d->stream,
                          .cp = d->cp,
                          .s = v_load(d->gate->s + c),
                          .t = v_load(d->gate->t + c),
                          .lo = v_set(d->gate->lo),
                          .hi = v_set(d->gate->hi)};
            for (int y = y0; y < y1; y++) {
                const ptrdiff_t at = (ptrdiff_t)y * d->w * d->cp + c;
                b.z = z + at;
                b.gin = gin + at;
                if (s == 1 || y % 2 == 0)
                    back_row_run(k, s, 0, d, dz, y, c, &b, wv, &sums);
                else
                    back_row_run(k, s, s - 1, d, dz, y, c, &b, wv, &sums);
            }
            if (stats) {
                add_lanes(stats->sum + c, sums.sum);
                add_lanes(stats->square + c, sums.square);
            }
        }
        y0 = y1 > y0 ? y1 : y0;
    }
}

static void depthwise_back(const cs_depthwise *d, size_t images, const cs_dz *in, const float *z,
                           const float *w, float *dw, float *gin, float *scratch,
                           const cs_stats *stats)
{
    const int p = d->k / 2, a_slots = cs_depthwise_slots(d), dz_slots = cs_depthwise_dz_slots(d);
    const size_t n_in = (size_t)d->h * (size_t)d->w * (size_t)d->cp;
    const size_t n_out = (size_t)d->oh * (size_t)d->ow * (size_t)d->cp;
    float *at = scratch + cs_depthwise_zeros(d);
    ring a = ring_make(at, a_slots, d->w + 2 * p, d->cp, scratch);
    ring dz = ring_make(at + (size_t)a_slots * a.row, dz_slots, d->ow + 2 * p, d->cp, scratch);
    memset(scratch, 0, cs_depthwise_scratch(d) * sizeof *scratch);
    for (size_t i = 0; i < images; i++) {
        cs_dz one = *in;
        one.g += i * n_out;
        one.z += i * n_out;
        const float *zi = z + i * n_in;
        float *gi = gin + i * n_in;
        if (d->k == 3 && d->s == 1)
            depthwise_back_image(3, 1, d, &a, &dz, &one, zi, w, dw, gi, stats);
        else if (d->k == 3)
            depthwise_back_image(3, 2, d, &a, &dz, &one, zi, w, dw, gi, stats);
        else if (d->s == 1)
            depthwise_back_image(5, 1, d, &a, &dz, &one, zi, w, dw, gi, stats);
        else
            depthwise_back_image(5, 2, d, &a, &dz, &one, zi, w, dw, gi, stats);
    }
    v_stream_end();
}
