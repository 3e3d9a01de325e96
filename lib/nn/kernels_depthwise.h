/* Depthwise kernels, included after kernels_body.h. One image and VW channels at a time: the input
 * is finished into a small zero-padded scratch, so that the taps need no bounds. */

/* Finishes VW channels of an image into the interior of the padded scratch. */
INLINE void scratch_finish(const cs_depthwise *d, const bool quant, const float *z, int c,
                           float *scratch)
{
    const int p = d->k / 2, sw = d->w + 2 * p;
    const vf s = v_load(d->finish->s + c), t = v_load(d->finish->t + c);
    for (int y = 0; y < d->h; y++)
        for (int x = 0; x < d->w; x++)
            v_store(scratch + ((y + p) * sw + x + p) * VW,
                    finish_vector(d->finish, quant, v_load(z + (y * d->w + x) * d->cp + c), s, t));
}

/* n neighbouring outputs of a row. */
INLINE void taps(const int k, const int s, const int n, const float *in, int sw, const vf *w,
                 vf *acc)
{
    UNROLL for (int i = 0; i < n; i++) acc[i] = v_zero();
    UNROLL for (int ky = 0; ky < k; ky++)
    {
        vf x[(DEPTHWISE_XB - 1) * 2 + 5];
        UNROLL for (int i = 0; i < (n - 1) * s + k; i++) x[i] = v_load(in + (ky * sw + i) * VW);
        UNROLL for (int kx = 0; kx < k; kx++)
        {
            UNROLL for (int i = 0; i < n; i++) acc[i] =
                v_fma(x[i * s + kx], w[ky * k + kx], acc[i]);
        }
    }
}

typedef struct tap_sums {
    vf sum, square, min, max;
} tap_sums;

INLINE void taps_store(const int k, const int s, const int n, const float *in, int sw, const vf *w,
                       float *y, int cp, tap_sums *sums)
{
    vf acc[DEPTHWISE_XB];
    taps(k, s, n, in, sw, w, acc);
    UNROLL for (int i = 0; i < n; i++)
    {
        v_store(y + i * cp, acc[i]);
        sums->sum = sums->sum + acc[i];
        sums->square = v_fma(acc[i], acc[i], sums->square);
        sums->min = v_min(sums->min, acc[i]);
        sums->max = v_max(sums->max, acc[i]);
    }
}

INLINE void depthwise_image(const int k, const int s, const cs_depthwise *d, const float *z,
                            const float *w, float *y, float *scratch, const cs_stats *stats)
{
    const int sw = d->w + k / 2 * 2;
    for (int c = 0; c < d->cp; c += VW) {
        if (d->finish->quant)
            scratch_finish(d, true, z, c, scratch);
        else
            scratch_finish(d, false, z, c, scratch);
        vf wv[25];
        UNROLL for (int i = 0; i < k * k; i++) wv[i] = v_load(w + i * d->cp + c);
        tap_sums sums = {v_zero(), v_zero(), v_set(INFINITY), v_set(-INFINITY)};
        for (int oy = 0; oy < d->oh; oy++) {
            const float *in = scratch + oy * s * sw * VW;
            float *row = y + oy * d->ow * d->cp + c;
            int ox = 0;
            for (; ox + DEPTHWISE_XB <= d->ow; ox += DEPTHWISE_XB)
                taps_store(k, s, DEPTHWISE_XB, in + ox * s * VW, sw, wv, row + ox * d->cp, d->cp,
                           &sums);
            for (; ox < d->ow; ox++)
                taps_store(k, s, 1, in + ox * s * VW, sw, wv, row + ox * d->cp, d->cp, &sums);
        }
        if (stats)
            stats_add(stats, c, sums.sum, sums.square, sums.min, sums.max);
    }
}

static void depthwise(const cs_depthwise *d, size_t images, const float *z, const float *w,
                      float *y, float *scratch, const cs_stats *stats)
{
    const size_t in = (size_t)d->h * (size_t)d->w * (size_t)d->cp;
    const size_t out = (size_t)d->oh * (size_t)d->ow * (size_t)d->cp;
    memset(scratch, 0, cs_depthwise_scratch(d) * sizeof *scratch);
    for (size_t i = 0; i < images; i++) {
        const float *zi = z + i * in;
        float *yi = y + i * out;
        if (d->k == 3 && d->s == 1)
            depthwise_image(3, 1, d, zi, w, yi, scratch, stats);
        else if (d->k == 3)
            depthwise_image(3, 2, d, zi, w, yi, scratch, stats);
        else if (d->s == 1)
            depthwise_image(5, 1, d, zi, w, yi, scratch, stats);
        else
            depthwise_image(5, 2, d, zi, w, yi, scratch, stats);
    }
}

/* dw[ky][kx] += sum of dz[oy][ox] * a[oy*s+ky][ox*s+kx]. KR kernel rows share one pass over dz: as
 * many as there are registers for their sums. */
INLINE void weight_gradient(const int k, const int s, const int kr, const cs_depthwise *d,
                            const float *a, const float *dz, float *dw)
{
    const int sw = d->w + k / 2 * 2, dsw = d->ow + k / 2 * 2, p = k / 2;
    for (int k0 = 0; k0 < k; k0 += kr) {
        vf acc[25];
        UNROLL for (int i = 0; i < kr * k; i++) acc[i] = v_zero();
        for (int oy = 0; oy < d->oh; oy++) {
            const float *g = dz + ((oy + p) * dsw + p) * VW;
            const float *in = a + (oy * s + k0) * sw * VW;
            for (int ox = 0; ox < d->ow; ox++) {
                const vf gv = v_load(g + ox * VW);
                UNROLL for (int ky = 0; ky < kr; ky++)
                {
                    UNROLL for (int kx = 0; kx < k; kx++) acc[ky * k + kx] =
                        v_fma(gv, v_load(in + (ky * sw + ox * s + kx) * VW), acc[ky * k + kx]);
                }
            }
        }
        UNROLL for (int i = 0; i < kr * k; i++)
        {
            float *at = dw + (k0 * k + i) * d->cp;
            v_store(at, v_load(at) + acc[i]);
        }
    }
}

/* Input gradient of the pixels (py + s*j, px + s*i): those that the same taps reach. n neighbours.
 */
INLINE void back_taps(const int k, const int s, const int py, const int px, const int n,
                      const float *dz, int dsw, const vf *w, vf *acc)
{
    const int p = k / 2;
    const int ky0 = (py + p) % s, kx0 = (px + p) % s, nkx = (k - kx0 + s - 1) / s;
    UNROLL for (int i = 0; i < n; i++) acc[i] = v_zero();
    UNROLL for (int ky = ky0; ky < k; ky += s)
    {
        /* dz points at output (j, i) in the scratch; tap ky reads output row j + (py+p-ky)/s */
        const int row = (py + p - ky) / s, first = (px + p - kx0) / s - (nkx - 1);
        vf x[DEPTHWISE_XB + 4];
        UNROLL for (int i = 0; i < n + nkx - 1; i++) x[i] =
            v_load(dz + (row * dsw + first + i) * VW);
        UNROLL for (int q = 0; q < nkx; q++)
        {
            UNROLL for (int i = 0; i < n; i++) acc[i] =
                v_fma(x[i + nkx - 1 - q], w[ky * k + kx0 + q * s], acc[i]);
        }
    }
}

INLINE void back_store(const int s, const int n, const cs_finish *f, const vf *acc, const float *z,
                       float *gin, int cp, vf fs, vf ft, tap_sums *sums)
{
    const vf lo = v_set(f->lo), hi = v_set(f->hi);
    UNROLL for (int i = 0; i < n; i++)
    {
        const vf x = v_load(z + i * s * cp);
        const vf g = v_between(v_fma(fs, x, ft), lo, hi, acc[i]);
        v_store(gin + i * s * cp, g);
        sums->sum = sums->sum + g;
        sums->square = v_fma(g, x, sums->square);
    }
}

INLINE void input_gradient(const int k, const int s, const int py, const int px,
                           const cs_depthwise *d, const float *dz, const vf *w, const float *z,
                           float *gin, int c, tap_sums *sums)
{
    const int p = k / 2, dsw = d->ow + 2 * p, cp = d->cp;
    const vf fs = v_load(d->finish->s + c), ft = v_load(d->finish->t + c);
    const int wide = (d->w - px + s - 1) / s;
    vf acc[DEPTHWISE_XB];
    for (int j = 0; py + s * j < d->h; j++) {
        const float *row = dz + ((j + p) * dsw + p) * VW;
        const ptrdiff_t at = (ptrdiff_t)((py + s * j) * d->w + px) * cp + c;
        int i = 0;
        for (; i + DEPTHWISE_XB <= wide; i += DEPTHWISE_XB) {
            back_taps(k, s, py, px, DEPTHWISE_XB, row + i * VW, dsw, w, acc);
            back_store(s, DEPTHWISE_XB, d->finish, acc, z + at + i * s * cp, gin + at + i * s * cp,
                       cp, fs, ft, sums);
        }
        for (; i < wide; i++) {
            back_taps(k, s, py, px, 1, row + i * VW, dsw, w, acc);
            back_store(s, 1, d->finish, acc, z + at + i * s * cp, gin + at + i * s * cp, cp, fs, ft,
                       sums);
        }
    }
}

INLINE void depthwise_back_image(const int k, const int s, const cs_depthwise *d, const cs_dz *in,
                                 const float *z, const float *w, float *dw, float *gin,
                                 float *scratch, const cs_stats *stats)
{
    const int p = k / 2, dsw = d->ow + 2 * p;
    float *a = scratch, *dz = scratch + (d->h + 2 * p) * (d->w + 2 * p) * VW;
    for (int c = 0; c < d->cp; c += VW) {
        if (d->finish->quant)
            scratch_finish(d, true, z, c, a);
        else
            scratch_finish(d, false, z, c, a);
        for (int y = 0; y < d->oh; y++)
            for (int x = 0; x < d->ow; x++)
                v_store(dz + ((y + p) * dsw + x + p) * VW,
                        dz_vector(in, (size_t)((y * d->ow + x) * d->cp + c), c));
        weight_gradient(k, s, DEPTHWISE_KR(k), d, a, dz, dw + c);
        vf wv[25];
        UNROLL for (int i = 0; i < k * k; i++) wv[i] = v_load(w + i * d->cp + c);
        tap_sums sums = {v_zero(), v_zero(), v_zero(), v_zero()};
        input_gradient(k, s, 0, 0, d, dz, wv, z, gin, c, &sums);
        if (s == 2) {
            input_gradient(k, s, 0, 1, d, dz, wv, z, gin, c, &sums);
            input_gradient(k, s, 1, 0, d, dz, wv, z, gin, c, &sums);
            input_gradient(k, s, 1, 1, d, dz, wv, z, gin, c, &sums);
        }
        if (stats) {
            add_lanes(stats->sum + c, sums.sum);
            add_lanes(stats->square + c, sums.square);
        }
    }
}

static void depthwise_back(const cs_depthwise *d, size_t images, const cs_dz *in, const float *z,
                           const float *w, float *dw, float *gin, float *scratch,
                           const cs_stats *stats)
{
    const size_t n_in = (size_t)d->h * (size_t)d->w * (size_t)d->cp;
    const size_t n_out = (size_t)d->oh * (size_t)d->ow * (size_t)d->cp;
    memset(scratch, 0, cs_depthwise_scratch(d) * sizeof *scratch);
    for (size_t i = 0; i < images; i++) {
        cs_dz one = *in;
        one.g += i * n_out;
        one.z += i * n_out;
        const float *zi = z + i * n_in;
        float *gi = gin + i * n_in;
        if (d->k == 3 && d->s == 1)
            depthwise_back_image(3, 1, d, &one, zi, w, dw, gi, scratch, stats);
        else if (d->k == 3)
            depthwise_back_image(3, 2, d, &one, zi, w, dw, gi, scratch, stats);
        else if (d->s == 1)
            depthwise_back_image(5, 1, d, &one, zi, w, dw, gi, scratch, stats);
        else
            depthwise_back_image(5, 2, d, &one, zi, w, dw, gi, scratch, stats);
    }
}
