/* A whole training step op by op, every intermediate stored, no operator fused with another. */
#include "nn/reference.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROW_MAX 4096 /* channels; more than any network here has */

static size_t rows_of(const cs_ref_shape *c)
{
    return (size_t)c->n * (size_t)c->oh * (size_t)c->ow;
}
static size_t ins(const cs_ref_shape *c)
{
    return (size_t)c->n * (size_t)c->h * (size_t)c->w * (size_t)c->cin;
}
static size_t outs(const cs_ref_shape *c)
{
    return rows_of(c) * (size_t)c->cout;
}
static size_t weights(const cs_ref_shape *c)
{
    return (size_t)c->cout * (size_t)(c->cin / c->groups * c->k * c->k);
}

static double *doubles(size_t n, bool *ok)
{
    double *x = calloc(n, sizeof *x);
    *ok = *ok && x;
    return x;
}

static bool new_layer(cs_ref_layer *l)
{
    bool ok = true;
    const cs_ref_shape *c = &l->shape;
    double **const weight[] = {&l->w, &l->dw, &l->q_w, &l->pass_w};
    double **const in[] = {&l->in, &l->q_in, &l->pass_in};
    double **const channel[] = {&l->gamma, &l->beta, &l->dgamma, &l->dbeta, &l->mean, &l->inv};
    for (int i = 0; i < 4; i++)
        *weight[i] = doubles(weights(c), &ok);
    for (int i = 0; i < 3; i++)
        *in[i] = doubles(ins(c), &ok);
    for (int i = 0; i < 6; i++)
        *channel[i] = doubles((size_t)c->cout, &ok);
    l->z = doubles(outs(c), &ok);
    l->y = doubles(outs(c), &ok);
    return ok;
}

cs_status cs_ref_net_new(const cs_net_spec *spec, int n, cs_ref_net **out)
{
    cs_ref_net *net = calloc(1, sizeof *net);
    if (!net)
        return CS_ENOMEM;
    net->spec = *spec;
    net->n = n;
    bool ok = true;
    int size = spec->input_size;
    for (int i = 0; i < spec->n_stages; i++)
        for (int j = 0; j < spec->stage[i].n_convs; j++) {
            const cs_conv_spec *c = &spec->stage[i].conv[j];
            cs_ref_layer *l = &net->layer[net->n_layers++];
            l->shape = cs_ref_shape_of(n, c->cin, c->cout, c->k, c->s, c->groups, size, size);
            assert(c->cout <= ROW_MAX);
            l->bits = c->bits;
            l->relu =
                j + 1 < spec->stage[i].n_convs || (spec->stage[i].relu && !spec->stage[i].residual);
            l->shuffle = c->shuffle && c->groups > 1;
            ok = new_layer(l) && ok;
            size = l->shape.oh;
        }
    net->features = net->layer[net->n_layers - 1].shape.cout;
    const size_t features = (size_t)net->features, classes = spec->classes;
    net->fc_w = doubles(features * classes, &ok);
    net->dfc_w = doubles(features * classes, &ok);
    net->fc_b = doubles(classes, &ok);
    net->dfc_b = doubles(classes, &ok);
    net->pooled = doubles((size_t)n * features, &ok);
    net->logits = doubles((size_t)n * classes, &ok);
    net->dlogits = doubles((size_t)n * classes, &ok);
    if (!ok) {
        cs_ref_net_free(net);
        return CS_ENOMEM;
    }
    *out = net;
    return CS_OK;
}

void cs_ref_net_free(cs_ref_net *net)
{
    if (!net)
        return;
    for (int i = 0; i < net->n_layers; i++) {
        cs_ref_layer *l = &net->layer[i];
        double *const all[] = {l->w,      l->gamma, l->beta, l->dw,      l->dgamma,
                               l->dbeta,  l->in,    l->q_in, l->pass_in, l->q_w,
                               l->pass_w, l->z,     l->y,    l->mean,    l->inv};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            free(all[j]);
    }
    double *const all[] = {net->fc_w,   net->fc_b,   net->dfc_w,  net->dfc_b,
                           net->pooled, net->logits, net->dlogits};
    for (size_t j = 0; j < sizeof all / sizeof *all; j++)
        free(all[j]);
    free(net);
}

/* in -> quantise -> conv -> BN -> ReLU -> shuffle -> y */
static void layer_forward(cs_ref_layer *l, const double *x)
{
    const cs_ref_shape *c = &l->shape;
    const size_t per = weights(c) / (size_t)c->cout;
    memcpy(l->in, x, ins(c) * sizeof *x);
    cs_ref_quant(ins(c), l->in, l->bits, l->q_in, l->pass_in);
    for (int o = 0; o < c->cout; o++)
        cs_ref_quant(per, l->w + (size_t)o * per, l->bits, l->q_w + (size_t)o * per,
                     l->pass_w + (size_t)o * per);
    cs_ref_conv(c, l->q_in, l->q_w, l->z);
    double *y = l->y;
    cs_ref_bn(rows_of(c), c->cout, l->z, l->gamma, l->beta, l->mean, l->inv, y);
    for (size_t i = 0; l->relu && i < outs(c); i++)
        y[i] = y[i] > 0.0 ? y[i] : 0.0;
    if (l->shuffle) {
        double row[ROW_MAX];
        for (size_t r = 0; r < rows_of(c); r++) {
            memcpy(row, y + r * (size_t)c->cout, (size_t)c->cout * sizeof *row);
            cs_ref_shuffle(1, c->cout, c->groups, row, y + r * (size_t)c->cout);
        }
    }
}

/* dy is overwritten; dx gets the gradient of the layer's input. */
static void layer_back(cs_ref_layer *l, double *dy, double *dx, double *dz)
{
    const cs_ref_shape *c = &l->shape;
    double row[ROW_MAX];
    for (size_t r = 0; r < rows_of(c); r++) {
        double *g = dy + r * (size_t)c->cout;
        for (int k = 0; l->relu && k < c->cout; k++)
            g[k] = l->y[r * (size_t)c->cout + (size_t)k] > 0.0 ? g[k] : 0.0;
        if (l->shuffle) {
            memcpy(row, g, (size_t)c->cout * sizeof *row);
            cs_ref_shuffle_back(1, c->cout, c->groups, row, g);
        }
    }
    cs_ref_bn_back(rows_of(c), c->cout, l->z, l->gamma, l->mean, l->inv, dy, dz, l->dgamma,
                   l->dbeta);
    cs_ref_conv_back(c, l->q_in, l->q_w, dz, dx, l->dw);
    for (size_t i = 0; i < ins(c); i++)
        dx[i] *= l->pass_in[i];
    for (size_t i = 0; i < weights(c); i++)
        l->dw[i] *= l->pass_w[i];
}

static void classify(cs_ref_net *net, const double *x)
{
    const cs_ref_shape *last = &net->layer[net->n_layers - 1].shape;
    const int pixels = last->oh * last->ow, f = net->features, classes = net->spec.classes;
    for (int i = 0; i < net->n; i++)
        for (int k = 0; k < f; k++) {
            double sum = 0.0;
            for (int p = 0; p < pixels; p++)
                sum += x[(i * pixels + p) * f + k];
            net->pooled[i * f + k] = sum / pixels;
        }
    cs_ref_product(net->n, classes, f, net->pooled, net->fc_w, net->logits);
    for (int i = 0; i < net->n * classes; i++)
        net->logits[i] += net->fc_b[i % classes];
}

static void classify_back(cs_ref_net *net, double *dx)
{
    const cs_ref_shape *last = &net->layer[net->n_layers - 1].shape;
    const int pixels = last->oh * last->ow, f = net->features, classes = net->spec.classes;
    memset(net->dfc_w, 0, (size_t)(f * classes) * sizeof *net->dfc_w);
    memset(net->dfc_b, 0, (size_t)classes * sizeof *net->dfc_b);
    for (int i = 0; i < net->n; i++)
        for (int k = 0; k < f; k++) {
            double sum = 0.0;
            for (int c = 0; c < classes; c++) {
                const double d = net->dlogits[i * classes + c];
                net->dfc_w[k * classes + c] += net->pooled[i * f + k] * d;
                net->dfc_b[c] += k == 0 ? d : 0.0;
                sum += d * net->fc_w[k * classes + c];
            }
            for (int p = 0; p < pixels; p++)
                dx[(i * pixels + p) * f + k] = sum / pixels;
        }
}

static size_t largest(const cs_ref_net *net)
{
    size_t most = 0;
    for (int i = 0; i < net->n_layers; i++) {
        const cs_ref_shape *c = &net->layer[i].shape;
        most = ins(c) > most ? ins(c) : most;
        most = outs(c) > most ? outs(c) : most;
    }
    return most;
}

/* Where input pixel and channel (y*s, x*s, c) of a stage meet output (y, x, c): indices of both.
 * The stage has the shape `in` at its beginning and `out` at its end. */
static size_t shortcut_in(const cs_ref_shape *in, const cs_ref_shape *out, int i, int y, int x)
{
    const int s = (in->h + out->oh - 1) / out->oh;
    return (size_t)((i * in->h + y * s) * in->w + x * s) * (size_t)in->cin;
}
static size_t shortcut_out(const cs_ref_shape *out, int i, int y, int x)
{
    return (size_t)((i * out->oh + y) * out->ow + x) * (size_t)out->cout;
}

/* Parameter-free shortcut from the input of `first` to the output of `last`. */
static void add_shortcut(const cs_ref_layer *first, cs_ref_layer *last, bool relu)
{
    const cs_ref_shape *in = &first->shape, *out = &last->shape;
    for (int i = 0; i < out->n; i++)
        for (int y = 0; y < out->oh; y++)
            for (int x = 0; x < out->ow; x++)
                for (int c = 0; c < in->cin; c++)
                    last->y[shortcut_out(out, i, y, x) + (size_t)c] +=
                        first->in[shortcut_in(in, out, i, y, x) + (size_t)c];
    for (size_t k = 0; relu && k < outs(out); k++)
        last->y[k] = last->y[k] > 0.0 ? last->y[k] : 0.0;
}

static void add_shortcut_back(const cs_ref_shape *in, const cs_ref_shape *out, const double *dy,
                              double *dx)
{
    for (int i = 0; i < out->n; i++)
        for (int y = 0; y < out->oh; y++)
            for (int x = 0; x < out->ow; x++)
                for (int c = 0; c < in->cin; c++)
                    dx[shortcut_in(in, out, i, y, x) + (size_t)c] +=
                        dy[shortcut_out(out, i, y, x) + (size_t)c];
}

double cs_ref_net_step(cs_ref_net *net, const double *x, const int32_t *label, double smoothing)
{
    const cs_net_spec *s = &net->spec;
    const size_t size = largest(net) * sizeof(double);
    double *g = malloc(size), *dx = malloc(size), *dz = malloc(size), *kept = malloc(size);
    double loss = -1.0;
    if (!g || !dx || !dz || !kept)
        goto done;
    int at = 0;
    for (int i = 0; i < s->n_stages; i++) {
        for (int j = 0; j < s->stage[i].n_convs; j++, at++) {
            layer_forward(&net->layer[at], x);
            x = net->layer[at].y;
        }
        if (s->stage[i].residual)
            add_shortcut(&net->layer[at - s->stage[i].n_convs], &net->layer[at - 1],
                         s->stage[i].relu);
    }
    classify(net, x);
    loss = cs_ref_cross_entropy(net->n, s->classes, net->logits, label, smoothing, net->dlogits);
    classify_back(net, g);
    for (int i = s->n_stages - 1; i >= 0; i--) {
        const cs_ref_layer *last = &net->layer[at - 1];
        const size_t n_out = outs(&last->shape);
        for (size_t k = 0; s->stage[i].residual && s->stage[i].relu && k < n_out; k++)
            g[k] = last->y[k] > 0.0 ? g[k] : 0.0;
        memcpy(kept, g, n_out * sizeof *g);
        for (int j = 0; j < s->stage[i].n_convs; j++) {
            layer_back(&net->layer[--at], g, dx, dz);
            memcpy(g, dx, ins(&net->layer[at].shape) * sizeof *g);
        }
        if (s->stage[i].residual)
            add_shortcut_back(&net->layer[at].shape, &last->shape, kept, g);
    }
done:
    free(g);
    free(dx);
    free(dz);
    free(kept);
    return loss;
}
