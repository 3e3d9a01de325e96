/* Forward and backward passes of a convolution over a range of images. */
#include "nn/convop.h"

#include <string.h>

static size_t pixels(int h, int w)
{
    return (size_t)h * (size_t)w;
}

static int rest(size_t left, int tile)
{
    return left < (size_t)tile ? (int)left : tile;
}

static cs_depthwise depthwise_of(const cs_convop *conv, const cs_finish *finish)
{
    return (cs_depthwise){.h = conv->h,
                          .w = conv->w,
                          .oh = conv->oh,
                          .ow = conv->ow,
                          .k = conv->k,
                          .s = conv->s,
                          .cp = conv->in_p,
                          .finish = finish};
}

size_t cs_convop_scratch(const cs_convop *conv)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        const cs_depthwise d = depthwise_of(conv, NULL);
        return cs_depthwise_scratch(&d);
    }
    const size_t tile = (size_t)conv->tile * (size_t)(conv->rows_p + conv->out_p);
    return tile +
           (conv->kind == CS_CONVOP_POINTWISE ? (size_t)conv->tile : pixels(conv->h, conv->w)) *
               (size_t)conv->in_p;
}

static void pointwise_forward(cs_worker *worker, const cs_convop *conv, size_t images,
                              const float *x, const cs_finish *finish, const float *w, float *y,
                              const cs_stats *stats)
{
    const cs_kernels *k = worker->kernels;
    float *a_tile = worker->scratch, *y_tile = a_tile + (size_t)conv->tile * (size_t)conv->in_p;
    const bool stream = stats && cs_streams(images * cs_convop_out_size(conv));
    size_t left = images * pixels(conv->h, conv->w);
    while (left > 0) {
        const int n = rest(left, conv->tile);
        const size_t step_in = (size_t)n * (size_t)conv->in_p;
        const float *a = x;
        left -= (size_t)n;
        if (finish) {
            k->finish((size_t)n, conv->in_p, finish, x, a_tile);
            a = a_tile;
        }
        float *to = stream ? y_tile : y;
        k->product(n, conv->out_p, conv->cin, a, conv->in_p, 1, w, conv->out_p, to, conv->out_p,
                   false);
        if (stats)
            k->stats((size_t)n, conv->out_p, to, stream ? y : NULL, stats);
        x += step_in;
        y += (size_t)n * (size_t)conv->out_p;
    }
}

static void pointwise_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                           const float *x, const cs_finish *finish, const float *wt, float *dw,
                           float *gin, const float *add, const cs_stats *stats)
{
    const cs_kernels *k = worker->kernels;
    float *a_tile = worker->scratch, *d = a_tile + (size_t)conv->tile * (size_t)conv->in_p;
    float *g_tile = d + (size_t)conv->tile * (size_t)conv->out_p;
    const bool stream = finish && cs_streams(images * cs_convop_in_size(conv));
    cs_dz in = *dz;
    size_t left = images * pixels(conv->h, conv->w);
    while (left > 0) {
        const int n = rest(left, conv->tile);
        const size_t step_in = (size_t)n * (size_t)conv->in_p;
        const size_t step_out = (size_t)n * (size_t)conv->out_p;
        const float *a = x;
        left -= (size_t)n;
        if (finish) {
            k->finish((size_t)n, conv->in_p, finish, x, a_tile);
            a = a_tile;
        }
        k->dz((size_t)n, conv->out_p, &in, d);
        k->product(conv->cin, conv->out_p, n, a, 1, conv->in_p, d, conv->out_p, dw, conv->out_p,
                   true);
        if (gin) {
            float *to = stream ? g_tile : gin;
            k->product(n, conv->in_p, conv->cout, d, conv->out_p, 1, wt, conv->rows_p, to,
                       conv->in_p, false);
            if (finish)
                k->mask((size_t)n, conv->in_p, finish, x, add, to, gin, stream, stats);
            else if (add)
                for (size_t i = 0; i < step_in; i++)
                    gin[i] += add[i];
            gin += step_in;
            add = add ? add + step_in : NULL;
        }
        x += step_in;
        in.g += step_out;
        in.z += step_out;
    }
}

/* Taps of output pixel `at` side by side in a row: [k*k*cin], zeros outside the image. */
static void unfold(const cs_convop *conv, const float *x, int first, int n, float *col)
{
    const size_t cin = (size_t)conv->cin, in_p = (size_t)conv->in_p;
    const int p = conv->k / 2;
    for (int i = 0; i < n; i++) {
        const int oy = (first + i) / conv->ow, ox = (first + i) % conv->ow;
        float *row = col + (size_t)i * (size_t)conv->rows_p;
        for (int ky = 0; ky < conv->k; ky++)
            for (int kx = 0; kx < conv->k; kx++, row += cin) {
                const int y = oy * conv->s + ky - p, xx = ox * conv->s + kx - p;
                if (y < 0 || y >= conv->h || xx < 0 || xx >= conv->w)
                    memset(row, 0, cin * sizeof *row);
                else
                    memcpy(row, x + ((size_t)y * (size_t)conv->w + (size_t)xx) * in_p,
                           cin * sizeof *row);
            }
    }
}

/* Adds unfolded gradients back to the pixels they came from. */
static void fold(const cs_convop *conv, const float *col, int first, int n, float *g)
{
    const size_t in_p = (size_t)conv->in_p;
    const int p = conv->k / 2;
    for (int i = 0; i < n; i++) {
        const int oy = (first + i) / conv->ow, ox = (first + i) % conv->ow;
        const float *row = col + (size_t)i * (size_t)conv->rows_p;
        for (int ky = 0; ky < conv->k; ky++)
            for (int kx = 0; kx < conv->k; kx++, row += conv->cin) {
                const int y = oy * conv->s + ky - p, xx = ox * conv->s + kx - p;
                if (y < 0 || y >= conv->h || xx < 0 || xx >= conv->w)
                    continue;
                float *at = g + ((size_t)y * (size_t)conv->w + (size_t)xx) * in_p;
                for (int c = 0; c < conv->cin; c++)
                    at[c] += row[c];
            }
    }
}

static void general_forward(cs_worker *worker, const cs_convop *conv, size_t images, const float *x,
                            const cs_finish *finish, const float *w, float *y,
                            const cs_stats *stats)
{
    const cs_kernels *k = worker->kernels;
    float *col = worker->scratch, *image = col + (size_t)conv->tile * (size_t)conv->rows_p;
    const int out = conv->oh * conv->ow;
    for (size_t i = 0; i < images; i++) {
        const float *in = x;
        if (finish) {
            k->finish(pixels(conv->h, conv->w), conv->in_p, finish, x, image);
            in = image;
        }
        for (int first = 0; first < out; first += conv->tile) {
            const int n = rest((size_t)(out - first), conv->tile);
            unfold(conv, in, first, n, col);
            k->product(n, conv->out_p, conv->rows, col, conv->rows_p, 1, w, conv->out_p, y,
                       conv->out_p, false);
            if (stats)
                k->stats((size_t)n, conv->out_p, y, NULL, stats);
            y += (size_t)n * (size_t)conv->out_p;
        }
        x += pixels(conv->h, conv->w) * (size_t)conv->in_p;
    }
}

static void general_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                         const float *x, const cs_finish *finish, const float *wt, float *dw,
                         float *gin, const float *add, const cs_stats *stats)
{
    const cs_kernels *k = worker->kernels;
    const size_t in_size = pixels(conv->h, conv->w) * (size_t)conv->in_p;
    float *col = worker->scratch, *d = col + (size_t)conv->tile * (size_t)conv->rows_p;
    float *image = d + (size_t)conv->tile * (size_t)conv->out_p;
    const int out = conv->oh * conv->ow;
    cs_dz in = *dz;
    for (size_t i = 0; i < images; i++) {
        const float *a = x;
        if (finish) {
            k->finish(pixels(conv->h, conv->w), conv->in_p, finish, x, image);
            a = image;
        }
        if (gin)
            memset(gin, 0, in_size * sizeof *gin);
        for (int first = 0; first < out; first += conv->tile) {
            const int n = rest((size_t)(out - first), conv->tile);
            k->dz((size_t)n, conv->out_p, &in, d);
            unfold(conv, a, first, n, col);
            k->product(conv->rows, conv->out_p, n, col, 1, conv->rows_p, d, conv->out_p, dw,
                       conv->out_p, true);
            if (gin) {
                k->product(n, conv->rows_p, conv->cout, d, conv->out_p, 1, wt, conv->rows_p, col,
                           conv->rows_p, false);
                fold(conv, col, first, n, gin);
            }
            in.g += (size_t)n * (size_t)conv->out_p;
            in.z += (size_t)n * (size_t)conv->out_p;
        }
        if (gin) {
            if (finish)
                k->mask(pixels(conv->h, conv->w), conv->in_p, finish, x, add, gin, gin, false,
                        stats);
            else if (add)
                for (size_t j = 0; j < in_size; j++)
                    gin[j] += add[j];
            gin += in_size;
            add = add ? add + in_size : NULL;
        }
        x += in_size;
    }
}

static void set_writes(cs_depthwise *d, size_t floats)
{
    d->stream = cs_streams(floats);
    d->prefetch = !d->stream && floats >= CS_PREFETCH_FLOATS;
}

void cs_convop_forward(cs_worker *worker, const cs_convop *conv, size_t images, const float *x,
                       const cs_finish *finish, const float *w, float *y, const cs_stats *stats)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        cs_depthwise d = depthwise_of(conv, finish);
        set_writes(&d, images * cs_convop_out_size(conv));
        worker->kernels->depthwise(&d, images, x, w, y, worker->scratch, stats);
    } else if (conv->kind == CS_CONVOP_POINTWISE) {
        pointwise_forward(worker, conv, images, x, finish, w, y, stats);
    } else {
        general_forward(worker, conv, images, x, finish, w, y, stats);
    }
    worker->macs += images * conv->macs;
}

void cs_convop_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                    const float *x, const cs_finish *finish, const cs_weights *weights, float *dw,
                    float *gin, const float *add, const cs_stats *stats)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        cs_depthwise d = depthwise_of(conv, finish);
        set_writes(&d, images * cs_convop_in_size(conv));
        worker->kernels->depthwise_back(&d, images, dz, x, weights->q, dw, gin, worker->scratch,
                                        stats);
    } else if (conv->kind == CS_CONVOP_POINTWISE) {
        pointwise_back(worker, conv, images, dz, x, finish, weights->t, dw, gin, add, stats);
    } else {
        general_back(worker, conv, images, dz, x, finish, weights->t, dw, gin, add, stats);
    }
    worker->macs += images * conv->macs * (gin ? 2 : 1);
}
