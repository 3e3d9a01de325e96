/* Backward depthwise kernel, included after kernels_slide.h.
 *
 * A band of input rows and one vector of channels at a time. The gradients of the raw outputs that
 * the band reaches are made first, into a small copy with a border of zeros that stays in the
 * first-level cache; then every input pixel is visited once: its gradient and its share of the
 * weights' gradient are products with the same few vectors of that copy. With stride 2 the pixels
 * of a row are taken by the parity of their column, so that no product with zero is made. */

/* A band at one vector of channels. */
typedef struct back {
    const cs_depthwise *d;
    const cs_dz *dz;
    float *copy;       /* [rows][width] vectors of dz, rows first..last-1 of the output      */
    const float *zero; /* a row of zeros */
    int first, last;
    ptrdiff_t width; /* floats of a row of the copy */
    const float *x;  /* input row */
    float *gin;      /* where its gradient goes, or NULL                                     */
    bool gated;      /* gate or sums: the input has a say in its gradient                   */
    vf s, t;         /* of the finish */
    vf gate_s, gate_t;
    int w, cp;
    bool stream;
    ahead from_g, from_z, from_x;
} back;

/* dz of the output rows first..last-1 at channels c on. */
INLINE void back_copy(const back *b, int c)
{
    const cs_depthwise *d = b->d;
    const cs_dz *in = b->dz;
    const vf c1 = v_load(in->c1 + c), c2 = v_load(in->c2 + c), c3 = v_load(in->c3 + c);
    for (int oy = b->first; oy < b->last; oy++) {
        float *to = b->copy + (oy - b->first) * b->width + d->k / 2 * VW;
        size_t at = (size_t)(oy * d->ow) * (size_t)d->cp + (size_t)c;
        for (int ox = 0; ox < d->ow; ox++, to += VW, at += (size_t)d->cp) {
            const vf g = v_load(in->g + at);
            v_store(to, in->z ? v_fma(c1, g, v_fma(c2, v_load(in->z + at), c3)) : g);
        }
    }
}

/* Taps that reach input pixels whose row and column have the remainders py and px by the stride:
 * ky0, ky0+s, ... and kx0, kx0+s, ... */
#define TAP0(k, s, phase) (((phase) + (k) / 2) % (s))
#define TAPS(k, s, phase) (((k)-TAP0(k, s, phase) + (s)-1) / (s))

INLINE void back_store(const back *b, ptrdiff_t at, vf g)
{
    if (b->stream)
        v_stream(b->gin + at, g);
    else
        v_store(b->gin + at, g);
}

/* The gradients of n pixels on their way out: where finish passes them, with their sums. */
INLINE void back_gate(const int s, const int n, const back *b, ptrdiff_t at, const vf *g, sums *m)
{
    const cs_finish *f = b->d->gate;
    UNROLL for (int j = 0; j < n; j++)
    {
        const ptrdiff_t to = at + j * (ptrdiff_t)s * b->cp;
        const vf x = v_load(b->x + to);
        vf y = g[j];
        if (f)
            y = v_between(v_fma(b->gate_s, x, b->gate_t), v_set(f->lo), v_set(f->hi), y);
        back_store(b, to, y);
        m->sum = m->sum + y;
        m->square = v_fma(y, x, m->square);
    }
}

/* n input pixels x = px + s*(i..i+n-1) of a row. row[j]: dz under tap row ky0 + s*j. */
INLINE void back_block(const int k, const int s, const int py, const int px, const int n,
                       const bool data, const bool weights, const back *b, const float *const *row,
                       int i, const vf *w, vf *dw, sums *m)
{
    const int kx0 = TAP0(k, s, px), nkx = TAPS(k, s, px), nky = TAPS(k, s, py);
    const int first = (px + k / 2 - kx0) / s - (nkx - 1);
    const cs_finish *f = b->d->finish;
    const ptrdiff_t step = (ptrdiff_t)s * b->cp, at = px * (ptrdiff_t)b->cp + i * step;
    vf a[DEPTHWISE_XB], g[DEPTHWISE_XB];
    UNROLL for (int j = 0; j < n; j++) g[j] = v_zero();
    if (weights) {
        UNROLL for (int j = 0; j < n; j++) a[j] = v_load(b->x + at + j * step);
        if (f) {
            UNROLL for (int j = 0; j < n; j++) a[j] = finish_vector(f, false, a[j], b->s, b->t);
            if (f->quant) {
                UNROLL for (int j = 0; j < n; j++) a[j] =
                    v_fma(v_round(a[j]), v_set(f->step), v_set(f->min));
            }
        }
    }
    UNROLL for (int r = 0; r < nky; r++)
    {
        const int ky = TAP0(k, s, py) + r * s;
        vf v[DEPTHWISE_XB + 4];
        UNROLL for (int j = 0; j < n + nkx - 1; j++) v[j] =
            v_load(row[r] + (ptrdiff_t)(first + i + j) * VW);
        UNROLL for (int q = 0; q < nkx; q++)
        {
            const int tap = ky * k + kx0 + q * s;
            if (data) {
                UNROLL for (int j = 0; j < n; j++) g[j] = v_fma(v[j + nkx - 1 - q], w[tap], g[j]);
            }
            if (weights) {
                UNROLL for (int j = 0; j < n; j++) dw[tap] =
                    v_fma(v[j + nkx - 1 - q], a[j], dw[tap]);
            }
        }
    }
    if (data && b->gated)
        back_gate(s, n, b, at, g, m);
    else if (data)
        UNROLL for (int j = 0; j < n; j++) back_store(b, at + j * step, g[j]);
}

INLINE void back_phase(const int k, const int s, const int py, const int px, const bool data,
                       const bool weights, back *b, const float *const *row, const vf *w, vf *dw,
                       sums *m)
{
    const int wide = (b->w - px + s - 1) / s;
    int i = 0;
    for (; i + DEPTHWISE_XB <= wide; i += DEPTHWISE_XB) {
        ahead_next(&b->from_g);
        ahead_next(&b->from_z);
        ahead_next(&b->from_x);
        back_block(k, s, py, px, DEPTHWISE_XB, data, weights, b, row, i, w, dw, m);
    }
    for (; i < wide; i++)
        back_block(k, s, py, px, 1, data, weights, b, row, i, w, dw, m);
}

/* Input row y with y % s = py. */
INLINE void back_row(const int k, const int s, const int py, const bool data, const bool weights,
                     int y, back *b, const vf *w, vf *dw, sums *m)
{
    const float *row[5];
    const int ky0 = TAP0(k, s, py), nky = TAPS(k, s, py);
    UNROLL for (int r = 0; r < nky; r++)
    {
        const int oy = (y + k / 2 - ky0 - r * s + s * k) / s - k;
        row[r] = oy < b->first || oy >= b->last ? b->zero : b->copy + (oy - b->first) * b->width;
        row[r] += k / 2 * VW;
    }
    back_phase(k, s, py, 0, data, weights, b, row, w, dw, m);
    if (s == 2)
        back_phase(k, s, py, 1, data, weights, b, row, w, dw, m);
}

/* Input rows [y0, y1) of an image. */
INLINE void back_band(const int k, const int s, const bool data, const bool weights_too, back *b,
                      const float *x, const float *weights, float *dw, float *gin, int y0, int y1,
                      const cs_stats *stats)
{
    const cs_depthwise *d = b->d;
    const int cp = d->cp;
    for (int c = 0; c < cp; c += VW) {
        vf w[25], dv[25];
        sums m = {v_zero(), v_zero(), v_zero(), v_zero()};
        UNROLL for (int i = 0; i < k * k; i++)
        {
            w[i] = v_load(weights + i * cp + c);
            dv[i] = v_zero();
        }
        if (d->finish) {
            b->s = v_load(d->finish->s + c);
            b->t = v_load(d->finish->t + c);
        }
        if (d->gate) {
            b->gate_s = v_load(d->gate->s + c);
            b->gate_t = v_load(d->gate->t + c);
        }
        back_copy(b, c);
        for (int y = y0; y < y1; y++) {
            const ptrdiff_t at = (ptrdiff_t)y * d->w * cp + c;
            b->x = x + at;
            b->gin = data ? gin + at : NULL;
            if (s == 1 || y % 2 == 0)
                back_row(k, s, 0, data, weights_too, y, b, w, dv, &m);
            else
                back_row(k, s, s - 1, data, weights_too, y, b, w, dv, &m);
        }
        if (weights_too) {
            UNROLL for (int i = 0; i < k * k; i++)
                v_store(dw + i * cp + c, v_load(dw + i * cp + c) + dv[i]);
        }
        if (data && stats) {
            v_add_to(stats->sum + c, m.sum);
            v_add_to(stats->square + c, m.square);
        }
    }
}

/* Output rows reached by the input rows [y0, y1). */
INLINE void back_reach(const int k, const int s, const cs_depthwise *d, int y0, int y1, int *first,
                       int *last)
{
    const int p = k / 2, low = y0 + p - (k - 1);
    *first = low > 0 ? (low + s - 1) / s : 0;
    *last = (y1 - 1 + p) / s + 1 < d->oh ? (y1 - 1 + p) / s + 1 : d->oh;
}

INLINE void back_images(const int k, const int s, const cs_depthwise *d, size_t images,
                        const cs_dz *in, const float *x, const float *w, float *dw, float *gin,
                        float *scratch, const cs_stats *stats)
{
    const size_t in_row = (size_t)d->w * (size_t)d->cp, out_row = (size_t)d->ow * (size_t)d->cp;
    const int rows = cs_depthwise_back_rows(d);
    const int run = s * DEPTHWISE_XB;
    const size_t blocks = (size_t)(d->cp / VW * rows * s) * (size_t)((d->w + run - 1) / run);
    cs_dz dz = *in;
    back b = {.d = d,
              .w = d->w,
              .cp = d->cp,
              .stream = d->stream,
              .dz = &dz,
              .zero = scratch,
              .gated = d->gate || stats};
    b.width = (ptrdiff_t)(d->ow + k - 1) * VW;
    b.copy = scratch + b.width;
    memset(scratch, 0, cs_depthwise_scratch(d) * sizeof *scratch);
    for (size_t n = 0; n < images; n++) {
        for (int y0 = 0; y0 < d->h; y0 += rows) {
            const int y1 = y0 + rows < d->h ? y0 + rows : d->h;
            back_reach(k, s, d, y0, y1, &b.first, &b.last);
            const bool end = n + 1 == images && y1 == d->h;
            const size_t g_floats = end ? 0 : (size_t)rows / (size_t)s * out_row;
            const size_t x_floats = end || !(dw || b.gated) ? 0 : (size_t)rows * in_row;
            b.from_g = ahead_of(dz.g + (size_t)b.last * out_row, g_floats, blocks);
            b.from_z =
                ahead_of(dz.z + (dz.z ? (size_t)b.last * out_row : 0), dz.z ? g_floats : 0, blocks);
            b.from_x = ahead_of(x + (size_t)y1 * in_row, x_floats, blocks);
            if (gin && dw)
                back_band(k, s, true, true, &b, x, w, dw, gin, y0, y1, stats);
            else if (gin)
                back_band(k, s, true, false, &b, x, w, dw, gin, y0, y1, stats);
            else if (dw)
                back_band(k, s, false, true, &b, x, w, dw, gin, y0, y1, stats);
        }
        dz.g += (size_t)d->oh * out_row;
        dz.z += dz.z ? (size_t)d->oh * out_row : 0;
        x += (size_t)d->h * in_row;
        gin += gin ? (size_t)d->h * in_row : 0;
    }
}

static void depthwise_back(const cs_depthwise *d, size_t images, const cs_dz *in, const float *x,
                           const float *w, float *dw, float *gin, float *scratch,
                           const cs_stats *stats)
{
    if (d->k == 3 && d->s == 1)
        back_images(3, 1, d, images, in, x, w, dw, gin, scratch, stats);
    else if (d->k == 3)
        back_images(3, 2, d, images, in, x, w, dw, gin, scratch, stats);
    else if (d->s == 1)
        back_images(5, 1, d, images, in, x, w, dw, gin, scratch, stats);
    else
        back_images(5, 2, d, images, in, x, w, dw, gin, scratch, stats);
    v_stream_end();
}
