/* Making a path the current one: which operators run and how, memory, weights. */
#include "search/supernet_internal.h"

#include <math.h>
#include <string.h>

void cs_path_of_design(const cs_space *space, const cs_design *design, cs_path *out)
{
    size_t op, bits, last;
    cs_space_group(space, CS_GROUP_BITWIDTH, &bits, &last);
    cs_space_group(space, CS_GROUP_NETWORK, &op, &last);
    *out = (cs_path){.n_blocks = last - op};
    for (size_t i = 0; i < out->n_blocks; i++) {
        cs_path_block *b = &out->block[i];
        b->n_ops = 1;
        b->op[0] = (cs_path_op){.op = (uint8_t)design->choice[op + i],
                                .n_bits = 1,
                                .coef = 1.0f,
                                .bits = {(uint8_t)design->choice[bits + i]},
                                .bits_coef = {1.0f}};
    }
}

/* ---- checks -----------------------------------------------------------------------------------
 */

static bool check_op(const cs_net_space *space, const cs_path_op *o)
{
    if (o->op >= space->n_ops || o->n_bits > CS_PATH_BITS_MAX || !(o->coef >= 0.0f) ||
        !isfinite(o->coef))
        return false;
    for (int j = 0; j < o->n_bits; j++) {
        if (o->bits[j] >= space->n_bits || !isfinite(o->bits_coef[j]) ||
            (o->n_bits > 1 && space->bits[o->bits[j]] >= CS_BITS_FLOAT))
            return false;
        for (int i = 0; i < j; i++)
            if (o->bits[i] == o->bits[j])
                return false;
    }
    return true;
}

cs_status cs_super_check_path(const cs_supernet *net, const cs_path *path)
{
    if (path->n_blocks + 2 != (size_t)net->n_stages)
        return CS_EUSAGE;
    for (size_t b = 0; b < path->n_blocks; b++) {
        const cs_path_block *block = &path->block[b];
        bool some = false;
        if (block->n_ops > net->net_space->n_ops)
            return CS_EUSAGE;
        for (int i = 0; i < block->n_ops; i++) {
            if (!check_op(net->net_space, &block->op[i]))
                return CS_EUSAGE;
            for (int k = 0; k < i; k++)
                if (block->op[k].op == block->op[i].op)
                    return CS_EUSAGE;
            some = some || block->op[i].coef > 0.0f;
        }
        if (!some)
            return CS_EUSAGE;
    }
    return CS_OK;
}

cs_status cs_super_check_batch(const cs_supernet *net, const cs_batch *b)
{
    const cs_convop *stem = &net->stage[0].op->layer[0].conv;
    if (b->n == 0 || b->n > net->max_batch || b->h != (uint32_t)stem->h ||
        b->w != (uint32_t)stem->w || b->c != (uint32_t)stem->cin)
        return CS_EUSAGE;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->y[i] < 0 || b->y[i] >= net->classes)
            return CS_EUSAGE;
    return CS_OK;
}

/* ---- what runs --------------------------------------------------------------------------------
 */

/* Bitwidths of an operator. A single one with factor 1 among others of factor 0 makes the forward
 * pass of that one, unless the copies of all have to be there. */
static void set_bits(const cs_supernet *net, cs_super_op *op, const cs_path_op *from)
{
    int counted = 0, only = 0;
    for (int j = 0; j < from->n_bits; j++)
        if (from->bits_coef[j] != 0.0f) {
            counted++;
            only = j;
        }
    const int32_t *bits = net->net_space->bits;
    const bool single = counted == 1 && from->bits_coef[only] == 1.0f;
    const bool copies = net->storage == CS_BITS_PER_COPY && op->kept;
    const bool is_float = from->n_bits == 0 || bits[from->bits[only]] >= CS_BITS_FLOAT;
    const bool mixes = !is_float && (!single || copies);
    const bool wants = net->use == CS_SUPER_ARCH && op->kept && from->n_bits > 1;
    op->n_bits = from->n_bits;
    for (int l = 0; l < op->n_layers; l++) {
        cs_layer *layer = &op->layer[l];
        layer->bits = is_float ? CS_BITS_FLOAT : bits[from->bits[only]];
        layer->mixes = mixes;
        layer->mix = (cs_layer_mix){.n = mixes || wants ? from->n_bits : 0};
        for (int j = 0; j < layer->mix.n; j++) {
            layer->mix.bits[j] = bits[from->bits[j]];
            layer->mix.p[j] = from->bits_coef[j];
        }
    }
}

static void set_edge(cs_supernet *net, cs_super_stage *stage)
{
    const cs_path_op plain = {.coef = 1.0f};
    stage->n_active = 1;
    stage->active[0] = 0;
    stage->mode = CS_SUPER_DIRECT;
    stage->direct = 0;
    stage->residual = 0.0f;
    stage->op->coef = 1.0f;
    stage->op->kept = net->use >= CS_SUPER_WEIGHTS;
    set_bits(net, stage->op, &plain);
}

static void set_block(cs_supernet *net, cs_super_stage *stage, const cs_path_block *block)
{
    const bool back = net->use >= CS_SUPER_WEIGHTS;
    int counted = 0;
    stage->n_active = block->n_ops;
    stage->residual = 0.0f;
    stage->mode = CS_SUPER_MIXED;
    for (int i = 0; i < block->n_ops; i++) {
        const cs_path_op *from = &block->op[i];
        cs_super_op *op = &stage->op[from->op];
        stage->active[i] = back || from->coef > 0.0f ? from->op : -1;
        op->coef = from->coef;
        op->kept = back && from->coef > 0.0f;
        set_bits(net, op, from);
        if (from->coef == 0.0f)
            continue;
        counted++;
        stage->direct = from->op;
        if (op->residual)
            stage->residual += from->coef;
    }
    const cs_super_op *only = &stage->op[stage->direct];
    const bool arch = net->use == CS_SUPER_ARCH;
    if (counted != 1 || only->coef != 1.0f)
        return;
    if (only->n_layers == 0)
        stage->mode = arch ? CS_SUPER_MIXED : CS_SUPER_NOTHING;
    else if (!arch || !only->relu || block->n_ops == 1)
        stage->mode = CS_SUPER_DIRECT; /* others want the gradient as it is before that ReLU */
}

/* Gradients lie close together, those of this path only. */
static void number_gradients(cs_supernet *net)
{
    net->n_grad = 0;
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++)
            net->ops[k].layer[j].grad = 0;
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            cs_super_op *op = cs_super_active(&net->stage[s], i);
            if (!op || !op->kept || (net->use == CS_SUPER_ARCH && op->n_bits < 2))
                continue;
            for (int j = 0; j < op->n_layers; j++) {
                op->layer[j].grad = net->n_grad;
                net->n_grad += cs_super_params(&op->layer[j]);
            }
        }
    net->fc_grad = net->n_grad;
    if (net->use == CS_SUPER_WEIGHTS)
        net->n_grad += (size_t)((net->classifier.features_p + 1) * net->classifier.classes_p);
}

/* ---- memory -----------------------------------------------------------------------------------
 */

/* Largest tensors of their kind in the path, floats per image. */
typedef struct extent {
    size_t passing, inside, between, gated, mixed, result;
} extent;

static void grow(size_t *most, size_t n)
{
    *most = n > *most ? n : *most;
}

static bool last_is_kept(const cs_supernet *net, const cs_super_op *op, int j)
{
    return op->kept || (net->use == CS_SUPER_ARCH && j + 1 == op->n_layers);
}

static extent measure(cs_supernet *net)
{
    extent e = {0};
    for (int s = 0; s < net->n_stages; s++) {
        cs_super_stage *stage = &net->stage[s];
        grow(&e.result, stage->out_size);
        for (int i = 0; i < stage->n_active; i++) {
            cs_super_op *op = cs_super_active(stage, i);
            for (int j = 0; op && j < op->n_layers; j++) {
                const cs_layer *layer = &op->layer[j];
                if (!last_is_kept(net, op, j))
                    grow(&e.passing, cs_convop_out_size(&layer->conv));
                if (op->kept && j > 0)
                    grow(&e.inside, cs_convop_in_size(&layer->conv));
                if (layer->mixes || layer->mix.n > 0)
                    grow(&e.mixed, cs_layer_mixed_floats(layer));
            }
            if (op && op->relu && s > 0 && s + 1 < net->n_stages)
                grow(&e.gated, stage->out_size);
        }
        grow(&e.between, stage->out_size);
    }
    return e;
}

static void take_weights(const cs_supernet *net, cs_arena *arena, cs_super_op *op, bool stem)
{
    for (int j = 0; j < op->n_layers; j++) {
        cs_layer *layer = &op->layer[j];
        const cs_convop *c = &layer->conv;
        const size_t copies = (size_t)(layer->mixes ? layer->mix.n : 1);
        const bool kept = layer->mixes && op->kept && net->storage == CS_BITS_PER_COPY;
        layer->weights.q = CS_TAKE(arena, cs_convop_weights(c), float);
        layer->weights.t = op->kept && !stem && c->kind != CS_CONVOP_DEPTHWISE
                               ? CS_TAKE(arena, c->out_p * c->rows_p, float)
                               : NULL;
        layer->weights.quant = layer->bits < CS_BITS_FLOAT
                                   ? CS_TAKE(arena, copies * (size_t)c->out_p, cs_quant)
                                   : NULL;
        layer->weight_copies = kept ? CS_TAKE(arena, copies * cs_convop_weights(c), float) : NULL;
        layer->copies =
            kept ? CS_TAKE(arena, copies * net->max_batch * cs_convop_in_size(c), float) : NULL;
    }
}

/* Raw outputs that nobody reads later share two buffers, by turns. */
static void take_raw(const cs_supernet *net, cs_arena *arena, cs_super_op *op,
                     float *const passing[2])
{
    for (int j = 0; j < op->n_layers; j++)
        op->layer[j].z =
            last_is_kept(net, op, j)
                ? CS_TAKE(arena, net->max_batch * cs_convop_out_size(&op->layer[j].conv), float)
                : passing[j & 1];
}

/* Results: all are kept for a backward pass, else two take turns. */
static void take_result(const cs_supernet *net, cs_arena *arena, cs_super_stage *stage,
                        const cs_super_stage *before, float *const turns[2])
{
    if (stage->mode == CS_SUPER_NOTHING) {
        stage->x = before->x;
        stage->x_min = before->x_min;
        stage->x_max = before->x_max;
        return;
    }
    stage->x_min = stage->own_min;
    stage->x_max = stage->own_max;
    if (net->use >= CS_SUPER_WEIGHTS)
        stage->x = CS_TAKE(arena, net->max_batch * stage->out_size, float);
    else
        stage->x = before && before->x == turns[0] ? turns[1] : turns[0];
}

static void take_backward(cs_supernet *net, cs_arena *arena, const extent *e)
{
    const size_t n = net->max_batch;
    for (int i = 0; i < 2; i++)
        net->inside[i] = CS_TAKE(arena, n * e->inside, float);
    for (int i = 0; i < 3; i++)
        net->between[i] = CS_TAKE(arena, n * e->between, float);
    net->gated = CS_TAKE(arena, n * e->gated, float);
    for (int t = 0; t < net->team.n; t++)
        net->team.part[t].grad = CS_TAKE(arena, net->n_grad, float);
}

static void take_tensors(cs_supernet *net, cs_arena *arena)
{
    const size_t n = net->max_batch;
    const extent e = measure(net);
    float *passing[2], *turns[2] = {NULL, NULL};
    const bool back = net->use >= CS_SUPER_WEIGHTS;
    for (int i = 0; i < 2; i++) {
        passing[i] = CS_TAKE(arena, n * e.passing, float);
        if (!back)
            turns[i] = CS_TAKE(arena, n * e.result, float);
    }
    for (int s = 0; s < net->n_stages; s++) {
        cs_super_stage *stage = &net->stage[s];
        for (int i = 0; i < stage->n_active; i++) {
            cs_super_op *op = cs_super_active(stage, i);
            if (op) {
                take_weights(net, arena, op, s == 0);
                take_raw(net, arena, op, passing);
            }
        }
        take_result(net, arena, stage, s ? stage - 1 : NULL, turns);
    }
    for (int t = 0; t < net->team.n; t++)
        net->team.part[t].mixed = CS_TAKE(arena, e.mixed, float);
    cs_classifier *c = &net->classifier;
    c->pooled = CS_TAKE(arena, n * (size_t)c->features_p, float);
    c->logits = CS_TAKE(arena, n * (size_t)c->classes_p, float);
    if (back) {
        c->dpooled = CS_TAKE(arena, n * (size_t)c->features_p, float);
        c->dlogits = CS_TAKE(arena, n * (size_t)c->classes_p, float);
        take_backward(net, arena, &e);
    }
}

static cs_status allocate(cs_supernet *net)
{
    cs_arena arena = {NULL, 0};
    take_tensors(net, &arena);
    if (arena.used > net->tensors_size) {
        cs_engine_release(net->engine, net->tensors, net->tensors_size);
        net->tensors = NULL;
        net->tensors_size = 0;
        cs_engine_trim(net->engine);
        CS_TRY(cs_engine_alloc(net->engine, arena.used, &net->tensors, &net->tensors_size));
    }
    grow(&net->tensor_bytes, arena.used);
    arena = (cs_arena){net->tensors, 0};
    take_tensors(net, &arena);
    return CS_OK;
}

/* ---- weights ----------------------------------------------------------------------------------
 */

static void prepare(const cs_supernet *net, cs_layer *layer)
{
    const float *w = net->params + layer->w;
    if (layer->mixes)
        cs_convop_prepare_mix(&layer->conv, w, layer->mix.n, layer->mix.bits, layer->mix.p,
                              layer->weight_copies, &layer->weights);
    else
        cs_convop_prepare(&layer->conv, w, layer->bits, &layer->weights);
}

static void prepare_weights(cs_supernet *net)
{
    const int parts = net->team.n;
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            cs_super_op *op = cs_super_active(&net->stage[s], i);
            for (int j = 0; op && j < op->n_layers; j++)
                prepare(net, &op->layer[j]);
        }
    cs_classifier_prepare(&net->classifier);
}

cs_status cs_super_activate(cs_supernet *net, const cs_path *path, cs_super_use use)
{
    CS_TRY(cs_super_check_path(net, path));
    net->use = use;
    set_edge(net, &net->stage[0]);
    set_edge(net, &net->stage[net->n_stages - 1]);
    for (size_t b = 0; b < path->n_blocks; b++)
        set_block(net, &net->stage[b + 1], &path->block[b]);
    number_gradients(net);
    CS_TRY(allocate(net));
    prepare_weights(net);
    return CS_OK;
}

void cs_super_swap(cs_supernet *net)
{
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            cs_super_op *op = cs_super_active(&net->stage[s], i);
            for (int j = 0; op && j < op->n_layers; j++) {
                cs_layer *layer = &op->layer[j];
                float *const mean = layer->bn.run_mean, *const var = layer->bn.run_var;
                const cs_range range = layer->range;
                layer->bn.run_mean = op->other_mean[j];
                layer->bn.run_var = op->other_var[j];
                layer->range = op->other_range[j];
                op->other_mean[j] = mean;
                op->other_var[j] = var;
                op->other_range[j] = range;
            }
        }
}
