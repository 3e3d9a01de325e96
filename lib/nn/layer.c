/* Threads, memory and forward pass of a layer. */
#include "nn/layer.h"

#include <math.h>
#include <omp.h>
#include <string.h>

void cs_team_run(const cs_team *team, size_t n, cs_part_work work, const void *arg)
{
    const int parts = team->n;
#pragma omp parallel for num_threads(parts) schedule(static, 1) if (parts > 1)
    for (int t = 0; t < parts; t++) {
        const size_t first = n * (size_t)t / (size_t)parts;
        const size_t last = n * (size_t)(t + 1) / (size_t)parts;
        work(&team->part[t], first, last - first, arg);
    }
    for (int t = 0; t < parts; t++) {
        team->engine->macs += team->part[t].worker.macs;
        team->part[t].worker.macs = 0;
    }
}

void cs_team_reduce(const cs_team *team, size_t count)
{
    const size_t chunk = 1 << 14, chunks = (count + chunk - 1) / chunk;
    const int parts = team->n;
    float *sum = team->part[0].grad;
#pragma omp parallel for num_threads(parts) schedule(static) if (parts > 1)
    for (size_t k = 0; k < chunks; k++) {
        const size_t last = (k + 1) * chunk < count ? (k + 1) * chunk : count;
        for (int t = 1; t < parts; t++)
            for (size_t i = k * chunk; i < last; i++)
                sum[i] += team->part[t].grad[i];
    }
}

static void clear_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    (void)first;
    (void)count;
    memset(part->grad, 0, *(const size_t *)arg * sizeof *part->grad);
}

void cs_team_clear(const cs_team *team, size_t count)
{
    cs_team_run(team, 0, clear_work, &count);
}

void cs_layer_take(cs_arena *arena, cs_layer *layer)
{
    const cs_convop *c = &layer->conv;
    float **const per_out[] = {&layer->bn.run_mean, &layer->bn.run_var, &layer->bn.mean,
                               &layer->bn.inv,      &layer->bn.s,       &layer->bn.t,
                               &layer->z_min,       &layer->z_max,      &layer->c1,
                               &layer->c2,          &layer->c3};
    for (size_t i = 0; i < sizeof per_out / sizeof *per_out; i++)
        *per_out[i] = CS_TAKE(arena, c->out_p, float);
    layer->sum = CS_TAKE(arena, c->out_p, double);
    layer->square = CS_TAKE(arena, c->out_p, double);
    layer->in_s = CS_TAKE(arena, c->in_p, float);
    layer->in_t = CS_TAKE(arena, c->in_p, float);
}

void cs_part_take(cs_arena *arena, cs_part *part, size_t wide, size_t scratch)
{
    part->worker.scratch = CS_TAKE(arena, scratch, float);
    part->sum = CS_TAKE(arena, wide, double);
    part->square = CS_TAKE(arena, wide, double);
    part->min = CS_TAKE(arena, wide, float);
    part->max = CS_TAKE(arena, wide, float);
}

void cs_layer_point(cs_layer *layer, const float *params, bool relu)
{
    layer->bn.gamma = params + layer->gamma;
    layer->bn.beta = params + layer->beta;
    layer->out = (cs_finish){
        .s = layer->bn.s, .t = layer->bn.t, .lo = relu ? 0.0f : -INFINITY, .hi = INFINITY};
    for (int c = 0; c < layer->conv.out_p; c++)
        layer->bn.run_var[c] = 1.0f;
}

void cs_layer_init(const cs_layer *layer, float *params, cs_rng *rng)
{
    const cs_convop *c = &layer->conv;
    const double std = sqrt(2.0 / (c->k * c->k * c->cout));
    for (int o = 0; o < c->cout; o++)
        for (int i = 0; i < c->cin / c->groups; i++)
            for (int ky = 0; ky < c->k; ky++)
                for (int kx = 0; kx < c->k; kx++)
                    params[layer->w + cs_convop_weight_at(c, o, i, ky, kx)] =
                        (float)(std * cs_rng_normal(rng));
    for (int o = 0; o < c->cout; o++)
        params[layer->gamma + (size_t)o] = 1.0f;
}

void cs_span(const float *min, const float *max, int channels, float *lo, float *hi)
{
    *lo = min[0];
    *hi = max[0];
    for (int c = 1; c < channels; c++) {
        *lo = min[c] < *lo ? min[c] : *lo;
        *hi = max[c] > *hi ? max[c] : *hi;
    }
}

/* Every step is monotone in z, so the ends of each channel's raw range are enough. */
void cs_layer_span(const cs_layer *from, float *lo, float *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int c = 0; c < from->conv.cout; c++) {
        const float a = fmaxf(from->out.s[c] * from->z_min[c] + from->out.t[c], from->out.lo);
        const float b = fmaxf(from->out.s[c] * from->z_max[c] + from->out.t[c], from->out.lo);
        *lo = fminf(*lo, fminf(a, b));
        *hi = fmaxf(*hi, fmaxf(a, b));
    }
}

/* Sets up what the layer does to its input. */
static void set_input(cs_layer *layer, const cs_layer *from, float lo, float hi,
                      const cs_pass *pass)
{
    layer->finishes = from != NULL;
    layer->flat = true;
    if (from)
        layer->in = from->out;
    if (layer->bits >= CS_BITS_FLOAT && layer->mix.n == 0)
        return;
    if (pass->train) {
        cs_range_update(&layer->range, lo, hi, (float)pass->momentum);
    } else {
        if (!layer->range.seen)
            return; /* never trained: there is no range to quantise with */
        lo = layer->range.min;
        hi = layer->range.max;
    }
    const cs_quant q = cs_quant_of(lo, hi, layer->bits);
    if (q.exact)
        return;
    layer->finishes = true;
    layer->flat = false;
    layer->in =
        cs_quant_finish(&q, from ? &from->out : NULL, layer->conv.in_p, layer->in_s, layer->in_t);
    if (layer->mix.n > 0)
        layer->in_mix = cs_quant_mixture(&q, &layer->in, layer->bits, layer->mix.n, layer->mix.bits,
                                         layer->mix.p);
    if (layer->mixes && layer->conv.kind != CS_CONVOP_DEPTHWISE && !layer->copies)
        layer->in.mix = &layer->in_mix;
}

/* ---- forward ----------------------------------------------------------------------------------
 */

typedef struct forward_arg {
    const cs_team *team;
    const cs_layer *layer;
    const float *x;
    bool train;
    size_t n; /* of the batch */
} forward_arg;

/* A convolution whose input is a mixture: made for as many images as fit a cache, then convolved.
 */
static void mixed_forward(cs_part *part, size_t first, size_t count, const forward_arg *a,
                          const cs_stats *stats)
{
    const cs_layer *layer = a->layer;
    const cs_convop *c = &layer->conv;
    const size_t in = cs_convop_in_size(c), group = cs_layer_mixed_floats(layer) / in;
    const cs_finish open = {
        .s = a->team->ones, .t = a->team->zeros, .lo = -INFINITY, .hi = INFINITY};
    for (size_t i = first; i < first + count; i += group) {
        const size_t images = first + count - i < group ? first + count - i : group;
        float *copy[CS_MIX_MAX];
        for (int j = 0; layer->copies && j < layer->mix.n; j++)
            copy[j] = layer->copies + ((size_t)j * a->n + i) * in;
        part->worker.kernels->mix(images * (size_t)c->h * (size_t)c->w, c->in_p, &layer->in_mix,
                                  a->x + i * in, part->mixed, layer->copies ? copy : NULL);
        cs_convop_forward(&part->worker, c, images, part->mixed,
                          c->kind == CS_CONVOP_DEPTHWISE ? &open : NULL, layer->weights.q,
                          layer->z + i * cs_convop_out_size(c), stats);
    }
}

static void forward_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const forward_arg *a = arg;
    const cs_layer *layer = a->layer;
    const cs_convop *c = &layer->conv;
    const cs_stats stats = {part->sum, part->square, part->min, part->max};
    for (int i = 0; i < c->out_p; i++) {
        part->sum[i] = part->square[i] = 0.0;
        part->min[i] = INFINITY;
        part->max[i] = -INFINITY;
    }
    if (cs_layer_premixes(layer))
        mixed_forward(part, first, count, a, a->train ? &stats : NULL);
    else
        cs_convop_forward(&part->worker, c, count, a->x + first * cs_convop_in_size(c),
                          layer->finishes ? &layer->in : NULL, layer->weights.q,
                          layer->z + first * cs_convop_out_size(c), a->train ? &stats : NULL);
}

static void reduce(const cs_team *team, cs_layer *layer)
{
    for (int c = 0; c < layer->conv.out_p; c++) {
        const cs_part *p = team->part;
        layer->sum[c] = p->sum[c];
        layer->square[c] = p->square[c];
        layer->z_min[c] = p->min[c];
        layer->z_max[c] = p->max[c];
        for (int t = 1; t < team->n; t++) {
            layer->sum[c] += p[t].sum[c];
            layer->square[c] += p[t].square[c];
            layer->z_min[c] = fminf(layer->z_min[c], p[t].min[c]);
            layer->z_max[c] = fmaxf(layer->z_max[c], p[t].max[c]);
        }
    }
}

void cs_layer_forward(const cs_team *team, cs_layer *layer, const cs_layer *from, const float *x,
                      size_t n, float lo, float hi, const cs_pass *pass)
{
    set_input(layer, from, lo, hi, pass);
    const forward_arg arg = {team, layer, x, pass->train, n};
    cs_team_run(team, n, forward_work, &arg);
    if (pass->train) {
        reduce(team, layer);
        cs_bn_batch(&layer->bn, layer->conv.out_p, layer->sum, layer->square,
                    (double)n * layer->conv.oh * layer->conv.ow, pass->momentum);
    } else {
        cs_bn_running(&layer->bn, layer->conv.out_p);
    }
}

/* ---- join -------------------------------------------------------------------------------------
 */

typedef struct join_arg {
    const cs_join *join;
    cs_finish finish;
} join_arg;

static void join_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const join_arg *a = arg;
    const cs_join *j = a->join;
    const cs_convop *c = &j->last->conv;
    const size_t at = first * cs_convop_out_size(c);
    const cs_stats stats = {NULL, NULL, part->min, part->max};
    for (int i = 0; i < c->out_p; i++) {
        part->min[i] = INFINITY;
        part->max[i] = -INFINITY;
    }
    const size_t tile = (size_t)c->ow, rows = count * (size_t)c->oh * tile;
    for (size_t r = 0; r < rows; r += tile) {
        const size_t from = at + r * (size_t)c->out_p;
        part->worker.kernels->join(tile, c->out_p, &a->finish, j->last->z + from,
                                   j->add ? j->add + from : NULL, j->relu ? 0.0f : -INFINITY,
                                   j->out + from, j->min ? &stats : NULL);
    }
}

void cs_layer_join(const cs_team *team, const cs_join *join, size_t n)
{
    const cs_layer *last = join->last;
    join_arg arg = {join, last->out};
    if (join->scale != 1.0f) { /* scale * max(s*z + t, lo), lo being 0 or nothing */
        for (int c = 0; c < last->conv.out_p; c++) {
            last->c1[c] = join->scale * last->out.s[c];
            last->c2[c] = join->scale * last->out.t[c];
        }
        arg.finish.s = last->c1;
        arg.finish.t = last->c2;
    }
    cs_team_run(team, n, join_work, &arg);
    for (int c = 0; join->min && c < last->conv.out_p; c++) {
        join->min[c] = team->part[0].min[c];
        join->max[c] = team->part[0].max[c];
        for (int t = 1; t < team->n; t++) {
            join->min[c] = fminf(join->min[c], team->part[t].min[c]);
            join->max[c] = fmaxf(join->max[c], team->part[t].max[c]);
        }
    }
}
