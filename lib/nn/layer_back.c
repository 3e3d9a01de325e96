/* Backward pass of a layer. */
#include "nn/layer.h"

#include <assert.h>
#include <math.h>

static void clear_sums(cs_part *part, int channels)
{
    for (int i = 0; i < channels; i++)
        part->sum[i] = part->square[i] = 0.0;
}

static void collect_sums(const cs_team *team, cs_layer *layer)
{
    for (int c = 0; c < layer->conv.out_p; c++) {
        layer->sum[c] = team->part[0].sum[c];
        layer->square[c] = team->part[0].square[c];
        for (int t = 1; t < team->n; t++) {
            layer->sum[c] += team->part[t].sum[c];
            layer->square[c] += team->part[t].square[c];
        }
    }
}

typedef struct gate_arg {
    const cs_layer *last;
    const float *g;
    float *out;
} gate_arg;

static void gate_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const gate_arg *a = arg;
    const cs_layer *last = a->last;
    const cs_convop *c = &last->conv;
    const size_t tile = (size_t)c->ow, rows = count * (size_t)c->oh * tile;
    const cs_stats stats = {part->sum, part->square, NULL, NULL};
    clear_sums(part, c->out_p);
    for (size_t r = 0; r < rows; r += tile) {
        const size_t at = first * cs_convop_out_size(c) + r * (size_t)c->out_p;
        const cs_gate gate = {.x = last->result ? last->result + at : NULL,
                              .positive = last->result != NULL,
                              .then = &last->out,
                              .z = last->z + at};
        part->worker.kernels->gate(tile, c->out_p, &gate, a->g + at, a->out + at, &stats);
    }
}

void cs_layer_gate(const cs_team *team, cs_layer *last, const float *g, float *out, size_t n)
{
    const gate_arg arg = {last, g, out};
    cs_team_run(team, n, gate_work, &arg);
    collect_sums(team, last);
}

typedef struct back_arg {
    const cs_team *team;
    const cs_layer *layer;
    const cs_back *back;
    size_t n; /* of the batch */
} back_arg;

/* The mixture again: from the copies if they were kept, else from the raw input. */
static void remake(const cs_part *part, const back_arg *a, size_t first, size_t images)
{
    const cs_layer *layer = a->layer;
    const size_t in = cs_convop_in_size(&layer->conv), floats = images * in;
    if (!layer->copies) {
        part->worker.kernels->mix(floats / (size_t)layer->conv.in_p, layer->conv.in_p,
                                  &layer->in_mix, a->back->x + first * in, part->mixed, NULL);
        return;
    }
    for (int j = 0; j < layer->mix.n; j++) {
        const float *copy = layer->copies + ((size_t)j * a->n + first) * in;
        const float p = layer->mix.p[j];
        for (size_t i = 0; i < floats; i++)
            part->mixed[i] = j ? part->mixed[i] + p * copy[i] : p * copy[i];
    }
}

/* Gradient of an input that is a mixture, or whose products with quantised inputs are wanted: the
 * convolution gives it ungated, a few images at a time, and mix_gate does the rest. */
static void mixed_back(cs_part *part, size_t first, size_t count, const back_arg *a)
{
    const cs_layer *layer = a->layer;
    const cs_back *b = a->back;
    const cs_convop *c = &layer->conv;
    const cs_kernels *k = part->worker.kernels;
    const size_t in = cs_convop_in_size(c), out = cs_convop_out_size(c);
    const size_t group = cs_layer_mixed_floats(layer) / in, tile = (size_t)c->w;
    const cs_stats sums = {part->sum, part->square, NULL, NULL};
    const cs_finish open = {
        .s = a->team->ones, .t = a->team->zeros, .lo = -INFINITY, .hi = INFINITY};
    float *dw = b->weights ? part->grad + layer->grad : NULL;
    const bool depthwise = c->kind == CS_CONVOP_DEPTHWISE;
    for (size_t i = first; i < first + count; i += group) {
        const size_t images = first + count - i < group ? first + count - i : group;
        const cs_dz dz = {b->g + i * out, layer->z + i * out, layer->c1, layer->c2, layer->c3};
        const cs_input_gradient raw = {
            .to = b->gin + i * in, .rule = CS_STE_IDENTITY, .inner = depthwise ? &open : NULL};
        if (cs_layer_premixes(layer)) {
            remake(part, a, i, images);
            cs_convop_back(&part->worker, c, images, &dz, part->mixed, depthwise ? &open : NULL,
                           &layer->weights, dw, &raw);
        } else {
            cs_convop_back(&part->worker, c, images, &dz, b->x + i * in, &layer->in,
                           &layer->weights, dw, &raw);
        }
        for (size_t r = i * in; r < (i + images) * in; r += tile * (size_t)c->in_p) {
            const cs_gate gate = {.own = b->from ? &b->from->out : NULL,
                                  .x = b->x + r,
                                  .add = b->add ? b->add + r : NULL,
                                  .then = b->then ? &b->then->out : NULL,
                                  .z = b->then ? b->then->z + r : NULL};
            k->mix_gate(tile, c->in_p, &layer->in_mix, b->rule == CS_STE_CLAMP, &gate, b->gin + r,
                        b->gin + r, &sums, b->dots ? part->dots : NULL);
        }
    }
}

static void back_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const back_arg *a = arg;
    const cs_layer *layer = a->layer;
    const cs_back *b = a->back;
    for (int j = 0; j < layer->mix.n; j++)
        part->dots[j] = 0.0;
    clear_sums(part, layer->conv.in_p);
    const bool clamps = layer->mixes && b->rule == CS_STE_CLAMP;
    if (b->gin && !layer->flat && (cs_layer_premixes(layer) || clamps || b->dots)) {
        assert(!b->then || !b->then->result);
        mixed_back(part, first, count, a);
        return;
    }
    const size_t in = first * cs_convop_in_size(&layer->conv);
    const size_t out = first * cs_convop_out_size(&layer->conv);
    const cs_dz dz = {b->g + out, layer->z + out, layer->c1, layer->c2, layer->c3};
    const cs_stats sums = {part->sum, part->square, NULL, NULL};
    cs_input_gradient to = {.to = b->gin ? b->gin + in : NULL,
                            .add = b->add ? b->add + in : NULL,
                            .positive = b->then && b->then->result,
                            .stats = &sums,
                            .rule = b->rule,
                            .inner = b->from ? &b->from->out : NULL};
    if (b->then) {
        to.then = &b->then->out;
        to.z = b->then->z + in;
    }
    cs_convop_back(&part->worker, &layer->conv, count, &dz, b->x + in,
                   layer->finishes ? &layer->in : NULL, &layer->weights,
                   b->weights ? part->grad + layer->grad : NULL, &to);
}

void cs_layer_back(const cs_team *team, cs_layer *layer, const cs_back *b, size_t n)
{
    const int channels = layer->conv.out_p;
    float *grad = b->weights ? team->part[0].grad + layer->grad : NULL;
    for (int c = 0; b->scale != 1.0f && c < channels; c++) {
        layer->sum[c] *= (double)b->scale;
        layer->square[c] *= (double)b->scale;
    }
    cs_bn_back(&layer->bn, channels, layer->sum, layer->square,
               (double)n * layer->conv.oh * layer->conv.ow,
               grad ? grad + (layer->gamma - layer->w) : NULL,
               grad ? grad + (layer->beta - layer->w) : NULL, layer->c1, layer->c2, layer->c3);
    for (int c = 0; b->scale != 1.0f && c < channels; c++)
        layer->c1[c] *= b->scale;
    if (!b->gin && !b->weights)
        return;
    const back_arg arg = {team, layer, b, n};
    cs_team_run(team, n, back_work, &arg);
    cs_layer *to = b->from ? b->from : b->then;
    if (b->gin && to)
        collect_sums(team, to);
    for (int t = 0; b->dots && t < team->n; t++)
        for (int j = 0; j < layer->mix.n; j++)
            b->dots[j] += team->part[t].dots[j];
}
