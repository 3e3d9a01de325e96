/* Forward depthwise kernel, included after kernels_body.h.
 *
 * A band of output rows and one vector of channels at a time, the window slides over the columns:
 * every input value is loaded and finished once per band, multiplied into all outputs it reaches,
 * and an output leaves its register complete. Rows outside the image are skipped, columns outside
 * never asked for, so that there is no padding and no copy. Loads hop from pixel to pixel, which
 * the hardware does not see coming; the lines of the next band are therefore asked for in the order
 * they lie in memory while this one is computed. */

/* Columns of outputs that an input column reaches. */
#define WINDOW(k, s) (((k)-1) / (s) + 1)
#define WINDOW_MAX 5
#define BAND_MAX 4
#define BAND_IN_MAX ((BAND_MAX - 1) * 2 + 5)

/* Lines of memory to ask for, a few at a time. */
typedef struct ahead {
    const char *at;
    int lines;
} ahead;

/* The `floats` that follow `from`, spread over so many calls of ahead_next. */
INLINE ahead ahead_of(const float *from, size_t floats, size_t calls)
{
    return (ahead){(const char *)from, (int)((floats / CS_LANES + calls - 1) / calls)};
}

INLINE void ahead_next(ahead *a)
{
    const char *at = a->at;
    for (int i = 0; i < a->lines; i++, at += CS_LANES * sizeof(float))
        __builtin_prefetch(at, 0, 2);
    a->at = at;
}

typedef enum finish_mode { FINISH_NONE, FINISH_AFFINE, FINISH_QUANT } finish_mode;

typedef struct sums {
    vf sum, square, min, max;
} sums;

/* A band at one vector of channels. */
typedef struct band {
    const float *in[BAND_IN_MAX]; /* input rows, at their first pixel                           */
    unsigned rows;                /* bit r: in[r] is inside the image                           */
    float *out;                   /* first output pixel */
    ptrdiff_t out_row;            /* floats between output rows */
    int n_out;                    /* output rows */
    int w, ow, cp;
    bool stream, statistics;
    const cs_finish *finish;
    vf s, t;
    ahead next; /* the lines of the next band */
} band;

INLINE vf band_load(const finish_mode mode, const band *b, const float *at)
{
    const vf z = v_load(at);
    return mode == FINISH_NONE ? z : finish_vector(b->finish, mode == FINISH_QUANT, z, b->s, b->t);
}

/* Input column x, which is under tap column `tap` of the first output column of the window. */
INLINE void slide_column(const int k, const int s, const int rb, const finish_mode mode,
                         const band *b, const vf *w, int x, const int tap,
                         vf acc[BAND_MAX][WINDOW_MAX])
{
    const int window = WINDOW(k, s);
    UNROLL for (int r = 0; r < (rb - 1) * s + k; r++)
    {
        if (!(b->rows >> r & 1))
            continue;
        const vf v = band_load(mode, b, b->in[r] + (ptrdiff_t)x * b->cp);
        UNROLL for (int o = 0; o < rb; o++)
        {
            const int ky = r - o * s;
            if (ky < 0 || ky >= k)
                continue;
            UNROLL for (int j = 0; j < window; j++) if (tap - j * s >= 0 && tap - j * s < k)
                acc[o][j] = v_fma(v, w[ky * k + tap - j * s], acc[o][j]);
        }
    }
}

/* Takes in the input columns that complete output column i. edge: they may lie outside. */
INLINE void slide_step(const int k, const int s, const int rb, const finish_mode mode,
                       const bool edge, const band *b, const vf *w, int i,
                       vf acc[BAND_MAX][WINDOW_MAX])
{
    const int p = k / 2;
    UNROLL for (int d = s - 1; d >= 0; d--)
    {
        const int x = i * s + p - d;
        if (!edge || (x >= 0 && x < b->w))
            slide_column(k, s, rb, mode, b, w, x, 2 * p - d, acc);
    }
}

INLINE void slide_store(const int rb, const band *b, int i, vf acc[BAND_MAX][WINDOW_MAX], sums *m)
{
    float *y = b->out + (ptrdiff_t)i * b->cp;
    UNROLL for (int o = 0; o < rb; o++)
    {
        if (o >= b->n_out)
            continue;
        const vf x = acc[o][0];
        if (b->stream)
            v_stream(y + o * b->out_row, x);
        else
            v_store(y + o * b->out_row, x);
        if (b->statistics) {
            m->sum = m->sum + x;
            m->square = v_fma(x, x, m->square);
            m->min = v_min(m->min, x);
            m->max = v_max(m->max, x);
        }
    }
}

INLINE void slide_shift(const int k, const int s, const int rb, vf acc[BAND_MAX][WINDOW_MAX])
{
    const int window = WINDOW(k, s);
    UNROLL for (int o = 0; o < rb; o++)
    {
        UNROLL for (int j = 0; j < window - 1; j++) acc[o][j] = acc[o][j + 1];
        acc[o][window - 1] = v_zero();
    }
}

INLINE void slide_band(const int k, const int s, const int rb, const finish_mode mode, band *b,
                       const float *weights, sums *m)
{
    const int window = WINDOW(k, s);
    vf w[25], acc[BAND_MAX][WINDOW_MAX];
    UNROLL for (int i = 0; i < k * k; i++) w[i] = v_load(weights + i * b->cp);
    UNROLL for (int o = 0; o < rb; o++)
    {
        UNROLL for (int j = 0; j < window; j++) acc[o][j] = v_zero();
    }
    for (int i = -(k / 2 / s); i < b->ow; i++) {
        ahead_next(&b->next);
        if (i >= 0 && i * s + k / 2 < b->w)
            slide_step(k, s, rb, mode, false, b, w, i, acc);
        else
            slide_step(k, s, rb, mode, true, b, w, i, acc);
        if (i >= 0)
            slide_store(rb, b, i, acc, m);
        slide_shift(k, s, rb, acc);
    }
}

/* Output rows [first, last) of an image. until: how far into the tensor the next band reads. */
INLINE void slide_rows(const int k, const int s, const int rb, const finish_mode mode,
                       const cs_depthwise *d, const float *z, const float *w, float *y, int first,
                       int last, size_t from, size_t until, const cs_stats *stats)
{
    const int p = k / 2;
    band b = {.out_row = (ptrdiff_t)d->ow * d->cp,
              .n_out = last - first,
              .w = d->w,
              .ow = d->ow,
              .cp = d->cp,
              .stream = d->stream,
              .statistics = stats != NULL,
              .finish = d->finish,
              .next = ahead_of(z + from, until - from, (size_t)(d->cp / VW * d->ow))};
    for (int r = 0; r < (rb - 1) * s + k; r++) {
        const int iy = first * s + r - p;
        if (iy >= 0 && iy < d->h)
            b.rows |= 1u << r;
        b.in[r] = z + (ptrdiff_t)(iy < 0 ? 0 : iy < d->h ? iy : d->h - 1) * d->w * d->cp;
    }
    for (int c = 0; c < d->cp; c += VW) {
        sums m = {v_zero(), v_zero(), v_set(INFINITY), v_set(-INFINITY)};
        if (mode != FINISH_NONE) {
            b.s = v_load(d->finish->s + c);
            b.t = v_load(d->finish->t + c);
        }
        b.out = y + (ptrdiff_t)first * b.out_row + c;
        slide_band(k, s, rb, mode, &b, w + c, &m);
        if (stats)
            stats_add(stats, c, m.sum, m.square, m.min, m.max);
        for (int r = 0; r < (rb - 1) * s + k; r++)
            b.in[r] += VW;
    }
}

INLINE void slide_images(const int k, const int s, const int rb, const finish_mode mode,
                         const cs_depthwise *d, size_t images, const float *z, const float *w,
                         float *y, const cs_stats *stats)
{
    const size_t in_row = (size_t)d->w * (size_t)d->cp, in = (size_t)d->h * in_row;
    const size_t out = (size_t)d->oh * (size_t)d->ow * (size_t)d->cp;
    size_t until = 0;
    for (size_t n = 0; n < images; n++, z += in, y += out) {
        for (int first = 0; first < d->oh; first += rb) {
            const int last = first + rb < d->oh ? first + rb : d->oh;
            const int next = (last == d->oh ? rb - 1 : last + rb - 1) * s + k / 2 + 1;
            size_t reach = (size_t)(next < d->h ? next : d->h) * in_row;
            if (last == d->oh)
                reach += n + 1 < images ? in : 0;
            slide_rows(k, s, rb, mode, d, z, w, y, first, last, until,
                       reach > until ? reach : until, stats);
            until = reach > until ? reach : until;
        }
        until = until > in ? until - in : 0;
    }
}

INLINE void slide_modes(const int k, const int s, const int rb, const cs_depthwise *d,
                        size_t images, const float *z, const float *w, float *y,
                        const cs_stats *stats)
{
    if (!d->finish)
        slide_images(k, s, rb, FINISH_NONE, d, images, z, w, y, stats);
    else if (!d->finish->quant)
        slide_images(k, s, rb, FINISH_AFFINE, d, images, z, w, y, stats);
    else
        slide_images(k, s, rb, FINISH_QUANT, d, images, z, w, y, stats);
}

static void depthwise(const cs_depthwise *d, size_t images, const float *z, const float *w,
                      float *y, const cs_stats *stats)
{
    if (d->k == 3 && d->s == 1)
        slide_modes(3, 1, SLIDE_ROWS(3, 1), d, images, z, w, y, stats);
    else if (d->k == 3)
        slide_modes(3, 2, SLIDE_ROWS(3, 2), d, images, z, w, y, stats);
    else if (d->s == 1)
        slide_modes(5, 1, SLIDE_ROWS(5, 1), d, images, z, w, y, stats);
    else
        slide_modes(5, 2, SLIDE_ROWS(5, 2), d, images, z, w, y, stats);
    v_stream_end();
}
