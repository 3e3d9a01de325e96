/* Building a supernet: shapes, parameters, initial values. */
#include "nn/netspec.h"
#include "search/supernet_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t take_params(cs_supernet *net, size_t n)
{
    const size_t at = net->n_params;
    net->n_params += (n + CS_LANES - 1) / CS_LANES * CS_LANES;
    return at;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* Shapes and parameters of an operator on maps of `size` pixels a side. raw: its input is a batch,
 * whose channels are not padded. */
static void shape_op(cs_supernet *net, cs_super_op *op, const cs_stage_spec *spec, int size,
                     bool raw)
{
    op->n_layers = spec->n_convs;
    op->relu = spec->relu;
    op->residual = spec->residual;
    for (int j = 0; j < op->n_layers; j++) {
        const cs_conv_spec *c = &spec->conv[j];
        cs_layer *layer = &op->layer[j];
        cs_convop_shape(&layer->conv, c->cin, c->cout, c->k, c->s, c->groups, size, size,
                        raw ? c->cin : 0, c->shuffle);
        layer->bits = CS_BITS_FLOAT;
        layer->w = take_params(net, cs_convop_weights(&layer->conv));
        layer->gamma = take_params(net, (size_t)layer->conv.out_p);
        layer->beta = take_params(net, (size_t)layer->conv.out_p);
        size = layer->conv.oh;
        const size_t scratch = cs_convop_scratch(&layer->conv);
        net->conv_scratch = scratch > net->conv_scratch ? scratch : net->conv_scratch;
        net->wide = most(net->wide, most(layer->conv.in_p, layer->conv.out_p));
    }
}

/* Every candidate of a block, as the network of one block that holds it. */
static cs_status shape_block(cs_supernet *net, cs_super_stage *stage, cs_net *plain, int block,
                             cs_error *err)
{
    cs_block *b = &plain->block[block];
    for (int k = 0; k < stage->n_ops; k++) {
        const cs_op *kind = &cs_ops[net->net_space->ops[k]];
        cs_net_spec spec;
        b->kernel = kind->kernel;
        b->expansion = kind->expansion;
        b->groups = kind->groups;
        b->skip = kind->skip;
        if (cs_block_identity(b)) {
            stage->op[k].residual = true;
            continue;
        }
        cs_net one = *plain;
        one.stem_channels = b->cin;
        one.n_blocks = 1;
        one.block[0] = *b;
        CS_TRY(cs_net_lower(&one, &spec, err));
        shape_op(net, &stage->op[k], &spec.stage[1], b->in_size, false);
    }
    stage->out_channels = b->cout;
    stage->out_size = (size_t)b->out_size * b->out_size * (size_t)cs_padded(b->cout);
    return CS_OK;
}

static void shape_edge(cs_supernet *net, cs_super_stage *stage, const cs_stage_spec *spec, int size,
                       bool raw)
{
    shape_op(net, stage->op, spec, size, raw);
    stage->out_channels = stage->op->layer[0].conv.cout;
    stage->out_size = cs_convop_out_size(&stage->op->layer[0].conv);
}

static cs_status shape(cs_supernet *net, cs_net *plain, cs_error *err)
{
    cs_net edges = *plain;
    cs_net_spec spec;
    edges.n_blocks = 0;
    const int blocks = plain->n_blocks;
    CS_TRY(cs_net_lower(&edges, &spec, err));
    int size = plain->stem_size;
    shape_edge(net, &net->stage[0], &spec.stage[0], plain->input_size, true);
    for (int i = 0; i < blocks; i++) {
        CS_TRY(shape_block(net, &net->stage[i + 1], plain, i, err));
        size = plain->block[i].out_size;
    }
    spec.stage[1].conv[0].cin = plain->block[blocks - 1].cout;
    shape_edge(net, &net->stage[blocks + 1], &spec.stage[1], size, false);
    const cs_convop *head = &net->stage[blocks + 1].op->layer[0].conv;
    net->classifier = (cs_classifier){.features = head->cout,
                                      .features_p = head->out_p,
                                      .classes = plain->classes,
                                      .classes_p = cs_padded(plain->classes),
                                      .pixels = (size_t)head->oh * (size_t)head->ow};
    net->wide = most(net->wide, net->classifier.classes_p);
    net->fc_w = take_params(net, (size_t)(head->out_p * net->classifier.classes_p));
    net->fc_b = take_params(net, (size_t)net->classifier.classes_p);
    return CS_OK;
}

/* Parameters and what belongs to channels: nothing whose size depends on the batch or the path. */
static void take_state(cs_supernet *net, cs_arena *arena)
{
    net->params = CS_TAKE(arena, net->n_params, float);
    net->velocity = CS_TAKE(arena, net->n_params, float);
    net->classifier.t =
        CS_TAKE(arena, net->classifier.features_p * net->classifier.classes_p, float);
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            cs_super_op *op = &net->ops[k];
            cs_layer_take(arena, &op->layer[j]);
            op->other_mean[j] = CS_TAKE(arena, op->layer[j].conv.out_p, float);
            op->other_var[j] = CS_TAKE(arena, op->layer[j].conv.out_p, float);
        }
    for (int i = 0; i < net->n_stages; i++) {
        const int channels = cs_padded(net->stage[i].out_channels);
        net->stage[i].own_min = CS_TAKE(arena, channels, float);
        net->stage[i].own_max = CS_TAKE(arena, channels, float);
    }
    net->team.ones = CS_TAKE(arena, net->wide, float);
    net->team.zeros = CS_TAKE(arena, net->wide, float);
    for (int t = 0; t < net->team.n; t++)
        cs_part_take(arena, &net->team.part[t], (size_t)net->wide, net->conv_scratch);
}

static cs_status allocate(cs_supernet *net)
{
    cs_arena arena = {NULL, 0};
    take_state(net, &arena);
    net->state_bytes = arena.used;
    CS_TRY(cs_engine_alloc(net->engine, arena.used, &net->state, &net->state_size));
    memset(net->state, 0, arena.used);
    arena = (cs_arena){net->state, 0};
    take_state(net, &arena);
    for (int c = 0; c < net->wide; c++)
        net->team.ones[c] = 1.0f;
    for (int t = 0; t < net->team.n; t++)
        net->team.part[t].worker.kernels = net->engine->kernels;
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++)
            cs_layer_point(&net->ops[k].layer[j], net->params,
                           j + 1 < net->ops[k].n_layers || net->ops[k].relu);
    net->classifier.w = net->params + net->fc_w;
    net->classifier.b = net->params + net->fc_b;
    return CS_OK;
}

/* One stream per operator, so that what an operator starts with does not depend on the others. */
static void init(cs_supernet *net, uint64_t seed)
{
    cs_rng rng;
    for (int i = 0; i < net->n_stages; i++)
        for (int k = 0; k < net->stage[i].n_ops; k++) {
            const bool block = i > 0 && i + 1 < net->n_stages;
            char name[64];
            snprintf(name, sizeof name, "stage%d.%s", i,
                     block ? cs_ops[net->net_space->ops[k]].name : "edge");
            cs_rng_seed(&rng, cs_rng_derive(seed, name));
            for (int j = 0; j < net->stage[i].op[k].n_layers; j++)
                cs_layer_init(&net->stage[i].op[k].layer[j], net->params, &rng);
        }
    cs_rng_seed(&rng, cs_rng_derive(seed, "classifier"));
    cs_classifier_init(net->params + net->fc_w, net->classifier.features, net->classifier.classes,
                       &rng);
}

static cs_status build(cs_supernet *net, const cs_net *plain, cs_error *err)
{
    const size_t per_block = net->net_space->n_ops;
    cs_net shapes = *plain;
    net->classes = plain->classes;
    net->n_stages = plain->n_blocks + 2;
    net->n_ops = plain->n_blocks * per_block + 2;
    net->ops = calloc(net->n_ops, sizeof *net->ops);
    net->team.part = calloc((size_t)net->team.n, sizeof *net->team.part);
    if (!net->ops || !net->team.part)
        return CS_ENOMEM;
    cs_super_op *op = net->ops;
    for (int i = 0; i < net->n_stages; i++) {
        const bool block = i > 0 && i + 1 < net->n_stages;
        net->stage[i].op = op;
        net->stage[i].n_ops = block ? (int)per_block : 1;
        op += net->stage[i].n_ops;
    }
    CS_TRY(shape(net, &shapes, err));
    return allocate(net);
}

cs_status cs_super_new(cs_engine *engine, const cs_net_space *space, const cs_net *plain,
                       uint32_t max_batch, cs_bits_storage storage, uint64_t init_seed,
                       cs_supernet **out, cs_error *err)
{
    if (max_batch == 0 || space->n_ops > CS_PATH_OPS_MAX || plain->n_blocks == 0)
        return cs_fail(err, CS_EUSAGE,
                       "supernet of %s: batches of %u images, %d blocks, %zu operators; expected "
                       "at least 1 image and block and at most %d operators",
                       space->name, max_batch, plain->n_blocks, space->n_ops, CS_PATH_OPS_MAX);
    cs_supernet *net = calloc(1, sizeof *net);
    if (!net)
        return cs_fail(err, CS_ENOMEM, "supernet of %s: out of memory", space->name);
    net->engine = engine;
    net->net_space = space;
    net->max_batch = max_batch;
    net->storage = storage;
    net->team = (cs_team){.engine = engine, .n = engine->threads};
    const cs_status status = build(net, plain, err);
    if (status != CS_OK) {
        cs_supernet_free(net);
        return status == CS_ENOMEM
                   ? cs_fail(err, status, "supernet of %s: out of memory", space->name)
                   : status;
    }
    init(net, init_seed);
    *out = net;
    return CS_OK;
}

cs_status cs_supernet_new(cs_engine *engine, const cs_space *space, uint32_t max_batch,
                          cs_bits_storage storage, uint64_t init_seed, cs_supernet **out,
                          cs_error *err)
{
    /* the first design has the channels, strides and sizes of all */
    cs_design design = {.n = (uint16_t)cs_space_size(space)};
    cs_net plain;
    cs_space_repair(space, &design);
    CS_TRY(cs_space_network(space, &design, &plain));
    return cs_super_new(engine, cs_space_net_space(space), &plain, max_batch, storage, init_seed,
                        out, err);
}

void cs_supernet_free(cs_supernet *net)
{
    if (!net)
        return;
    cs_engine_release(net->engine, net->tensors, net->tensors_size);
    cs_engine_release(net->engine, net->state, net->state_size);
    free(net->team.part);
    free(net->ops);
    free(net);
}

size_t cs_supernet_parameter_bytes(const cs_supernet *net)
{
    return net->state_bytes;
}

size_t cs_supernet_tensor_bytes(const cs_supernet *net)
{
    return net->tensor_bytes;
}
