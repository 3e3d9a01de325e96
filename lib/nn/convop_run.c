/* Forward and backward passes of a convolution over a range of images. */
#include "nn/convop.h"

#include <assert.h>
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

/* The gate for the rows of a tile that begins `at` floats into the tensors. */
static cs_gate gate_at(const cs_input_gradient *out, const cs_finish *finish, const float *x,
                       size_t at, bool stream)
{
    return (cs_gate){.own = out->rule == CS_STE_CLAMP ? finish : out->inner,
                     .x = x,
                     .add = out->add ? out->add + at : NULL,
                     .positive = out->positive,
                     .then = out->then,
                     .z = out->then ? out->z + at : NULL,
                     .stream = stream};
}

static void pointwise_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                           const float *x, const cs_finish *finish, const float *wt, float *dw,
                           const cs_input_gradient *out)
{
    const cs_kernels *k = worker->kernels;
    float *a_tile = worker->scratch, *d = a_tile + (size_t)conv->tile * (size_t)conv->in_p;
    float *g_tile = d + (size_t)conv->tile * (size_t)conv->out_p;
    const bool stream = cs_streams(images * cs_convop_in_size(conv));
    cs_dz in = *dz;
    size_t at = 0, left = images * pixels(conv->h, conv->w);
    while (left > 0) {
        const int n = rest(left, conv->tile);
        const size_t step_in = (size_t)n * (size_t)conv->in_p;
        const size_t step_out = (size_t)n * (size_t)conv->out_p;
        const float *a = x;
        left -= (size_t)n;
        if (finish && dw) {
            k->finish((size_t)n, conv->in_p, finish, x, a_tile);
            a = a_tile;
        }
        k->dz((size_t)n, conv->out_p, &in, d);
        if (dw)
            k->product(conv->cin, conv->out_p, n, a, 1, conv->in_p, d, conv->out_p, dw, conv->out_p,
                       true);
        if (out->to) {
            float *to = stream ? g_tile : out->to + at;
            const cs_gate gate = gate_at(out, finish, x, at, stream);
            k->product(n, conv->in_p, conv->cout, d, conv->out_p, 1, wt, conv->rows_p, to,
                       conv->in_p, false);
            k->gate((size_t)n, conv->in_p, &gate, to, out->to + at, out->stats);
        }
        at += step_in;
        x += step_in;
        in.g += step_out;
        in.z += in.z ? step_out : 0;
    }
}

/* Scratch of the general convolution. */
typedef struct general {
    float *row;   /* a finished input row [w][in_p]                                            */
    float *image; /* finished image with a border of zeros, channels close [h+2p][w+2p][cin]   */
    float *d;     /* a row of dz [ow][out_p]                                                   */
    float *taps;  /* gradients of the taps of a row [ow][rows_p]                               */
    int pad, width;
} general;

static size_t general_image(const cs_convop *conv)
{
    const int pad = conv->k / 2 * 2;
    return pixels(conv->h + pad, conv->w + pad) * (size_t)conv->cin;
}

static general general_of(const cs_convop *conv, float *scratch)
{
    general g = {.row = scratch, .pad = conv->k / 2, .width = conv->w + conv->k / 2 * 2};
    g.image = g.row + (size_t)conv->w * (size_t)conv->in_p;
    g.d = g.image + (general_image(conv) + CS_LANES - 1) / CS_LANES * CS_LANES;
    g.taps = g.d + (size_t)conv->ow * (size_t)conv->out_p;
    memset(g.image, 0, general_image(conv) * sizeof *g.image);
    return g;
}

/* Finishes an image into the middle of g->image. */
static void general_load(const cs_kernels *k, const cs_convop *conv, const float *x,
                         const cs_finish *finish, const general *g)
{
    const size_t cin = (size_t)conv->cin, in_p = (size_t)conv->in_p;
    for (int y = 0; y < conv->h; y++, x += (size_t)conv->w * in_p) {
        const float *from = x;
        float *to = g->image + (size_t)((y + g->pad) * g->width + g->pad) * cin;
        if (finish) {
            k->finish((size_t)conv->w, conv->in_p, finish, x, g->row);
            from = g->row;
        }
        for (int c = 0; c < conv->w; c++, from += in_p, to += cin)
            for (size_t i = 0; i < cin; i++)
                to[i] = from[i];
    }
}

/* Kernel row ky of a row of outputs: the k*cin values under it lie side by side in the image, so
 * that it is a product without unfolding anything. */
static const float *general_row(const cs_convop *conv, const general *g, int oy, int ky)
{
    return g->image + (size_t)(oy * conv->s + ky) * (size_t)g->width * (size_t)conv->cin;
}

static void general_forward(cs_worker *worker, const cs_convop *conv, size_t images, const float *x,
                            const cs_finish *finish, const float *w, float *y,
                            const cs_stats *stats)
{
    const cs_kernels *k = worker->kernels;
    const general g = general_of(conv, worker->scratch);
    const int under = conv->k * conv->cin, cp = conv->out_p;
    for (size_t i = 0; i < images; i++, x += cs_convop_in_size(conv)) {
        general_load(k, conv, x, finish, &g);
        for (int oy = 0; oy < conv->oh; oy++, y += conv->ow * cp) {
            for (int ky = 0; ky < conv->k; ky++)
                k->product(conv->ow, cp, under, general_row(conv, &g, oy, ky), conv->s * conv->cin,
                           1, w + ky * under * cp, cp, y, cp, ky > 0);
            if (stats)
                k->stats((size_t)conv->ow, cp, y, NULL, stats);
        }
    }
}

/* Adds the gradients of a row's taps to the pixels they came from. */
static void fold(const cs_convop *conv, const float *taps, int oy, float *g)
{
    const int p = conv->k / 2;
    for (int ox = 0; ox < conv->ow; ox++, taps += conv->rows_p)
        for (int ky = 0; ky < conv->k; ky++)
            for (int kx = 0; kx < conv->k; kx++) {
                const int y = oy * conv->s + ky - p, x = ox * conv->s + kx - p;
                if (y < 0 || y >= conv->h || x < 0 || x >= conv->w)
                    continue;
                float *at = g + (size_t)(y * conv->w + x) * (size_t)conv->in_p;
                const float *from = taps + (ky * conv->k + kx) * conv->cin;
                for (int c = 0; c < conv->cin; c++)
                    at[c] += from[c];
            }
}

static void general_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                         const float *x, const cs_finish *finish, const float *wt, float *dw,
                         const cs_input_gradient *out)
{
    const cs_kernels *k = worker->kernels;
    const general g = general_of(conv, worker->scratch);
    const size_t in_size = cs_convop_in_size(conv), row = (size_t)conv->ow * (size_t)conv->out_p;
    const int under = conv->k * conv->cin, cp = conv->out_p;
    cs_dz in = *dz;
    for (size_t i = 0; i < images; i++, x += in_size) {
        if (dw)
            general_load(k, conv, x, finish, &g);
        float *gin = out->to ? out->to + i * in_size : NULL;
        if (gin)
            memset(gin, 0, in_size * sizeof *gin);
        for (int oy = 0; oy < conv->oh; oy++, in.g += row, in.z += in.z ? row : 0) {
            k->dz((size_t)conv->ow, cp, &in, g.d);
            for (int ky = 0; dw && ky < conv->k; ky++)
                k->product(under, cp, conv->ow, general_row(conv, &g, oy, ky), 1,
                           conv->s * conv->cin, g.d, cp, dw + ky * under * cp, cp, true);
            if (gin) {
                k->product(conv->ow, conv->rows_p, conv->cout, g.d, cp, 1, wt, conv->rows_p, g.taps,
                           conv->rows_p, false);
                fold(conv, g.taps, oy, gin);
            }
        }
        if (gin) {
            const cs_gate gate = gate_at(out, finish, x, i * in_size, false);
            k->gate(pixels(conv->h, conv->w), conv->in_p, &gate, gin, gin, out->stats);
        }
    }
}

static size_t general_scratch(const cs_convop *conv)
{
    return (size_t)conv->w * (size_t)conv->in_p + general_image(conv) + CS_LANES +
           (size_t)conv->ow * (size_t)(conv->out_p + conv->rows_p);
}

size_t cs_convop_scratch(const cs_convop *conv)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        const cs_depthwise d = depthwise_of(conv, NULL);
        return cs_depthwise_scratch(&d);
    }
    return conv->kind == CS_CONVOP_POINTWISE
               ? (size_t)conv->tile * (size_t)(2 * conv->in_p + conv->out_p)
               : general_scratch(conv);
}

void cs_convop_forward(cs_worker *worker, const cs_convop *conv, size_t images, const float *x,
                       const cs_finish *finish, const float *w, float *y, const cs_stats *stats)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        cs_depthwise d = depthwise_of(conv, finish);
        d.stream = cs_streams(images * cs_convop_out_size(conv));
        worker->kernels->depthwise(&d, images, x, w, y, stats);
    } else if (conv->kind == CS_CONVOP_POINTWISE) {
        pointwise_forward(worker, conv, images, x, finish, w, y, stats);
    } else {
        general_forward(worker, conv, images, x, finish, w, y, stats);
    }
    worker->macs += images * conv->macs;
}

void cs_convop_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                    const float *x, const cs_finish *finish, const cs_weights *weights, float *dw,
                    const cs_input_gradient *out)
{
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        assert(!out->add && !out->then && !out->positive);
        cs_depthwise d = depthwise_of(conv, finish);
        d.gate = out->rule == CS_STE_CLAMP ? finish : out->inner;
        d.stream = cs_streams(images * cs_convop_in_size(conv));
        worker->kernels->depthwise_back(&d, images, dz, x, weights->q, dw, out->to, worker->scratch,
                                        out->stats);
    } else if (conv->kind == CS_CONVOP_POINTWISE) {
        pointwise_back(worker, conv, images, dz, x, finish, weights->t, dw, out);
    } else {
        general_back(worker, conv, images, dz, x, finish, weights->t, dw, out);
    }
    worker->macs += images * conv->macs * ((dw ? 1u : 0u) + (out->to ? 1u : 0u));
}
