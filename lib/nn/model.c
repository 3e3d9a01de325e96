/* Building a graph: shapes, then memory in two passes (measure, hand out), then initial values. */
#include "nn/model.h"

#include "cosearch/rng.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t take_params(cs_model *m, size_t n)
{
    const size_t at = m->n_params;
    m->n_params += (n + CS_LANES - 1) / CS_LANES * CS_LANES;
    return at;
}

static void shape_stages(cs_model *m)
{
    int size = m->spec.input_size;
    for (int i = 0; i < m->n_stages; i++) {
        const cs_stage_spec *from = &m->spec.stage[i];
        cs_stage *stage = &m->stage[i];
        stage->n_layers = from->n_convs;
        stage->relu = from->relu;
        stage->residual = from->residual;
        for (int j = 0; j < from->n_convs; j++) {
            const cs_conv_spec *c = &from->conv[j];
            cs_layer *layer = &stage->layer[j];
            const bool raw = i == 0 && j == 0 && !m->spec.padded_input;
            assert(!raw || (c->bits >= CS_BITS_FLOAT && !from->residual));
            cs_convop_shape(&layer->conv, c->cin, c->cout, c->k, c->s, c->groups, size, size,
                            raw ? c->cin : 0, c->shuffle);
            layer->bits = c->bits;
            layer->w = take_params(m, cs_convop_weights(&layer->conv));
            layer->gamma = take_params(m, (size_t)layer->conv.out_p);
            layer->beta = take_params(m, (size_t)layer->conv.out_p);
            layer->grad = layer->w;
            size = layer->conv.oh;
        }
        assert(!from->residual || from->conv[from->n_convs - 1].cout >= from->conv[0].cin);
    }
    const cs_convop *last = &cs_stage_last(&m->stage[m->n_stages - 1])->conv;
    m->features = last->cout;
    m->features_p = last->out_p;
    m->classes_p = cs_padded(m->spec.classes);
    m->fc_w = take_params(m, (size_t)m->features_p * (size_t)m->classes_p);
    m->fc_b = take_params(m, (size_t)m->classes_p);
}

static void plan_layer(cs_arena *p, cs_layer *layer, bool first)
{
    const cs_convop *c = &layer->conv;
    layer->weights.q = CS_TAKE(p, cs_convop_weights(c), float);
    const bool transposed = !first && c->kind != CS_CONVOP_DEPTHWISE;
    layer->weights.t = transposed ? CS_TAKE(p, c->out_p * c->rows_p, float) : NULL;
    layer->weights.quant = layer->bits < CS_BITS_FLOAT ? CS_TAKE(p, c->out_p, cs_quant) : NULL;
    cs_layer_take(p, layer);
}

/* Parameters and everything whose size does not depend on the batch. */
static void plan_state(cs_model *m, cs_arena *p)
{
    int wide = m->classes_p;
    size_t scratch = 0;
    m->params = CS_TAKE(p, m->n_params, float);
    m->velocity = CS_TAKE(p, m->n_params, float);
    m->fc_t = CS_TAKE(p, m->features_p * m->classes_p, float);
    for (int i = 0; i < m->n_stages; i++) {
        cs_stage *stage = &m->stage[i];
        for (int j = 0; j < stage->n_layers; j++) {
            const cs_convop *c = &stage->layer[j].conv;
            plan_layer(p, &stage->layer[j], i == 0 && j == 0);
            wide = c->out_p > wide ? c->out_p : wide;
            wide = c->in_p > wide ? c->in_p : wide;
            const size_t need = cs_convop_scratch(c);
            scratch = need > scratch ? need : scratch;
        }
        stage->x_min = CS_TAKE(p, cs_stage_last(stage)->conv.out_p, float);
        stage->x_max = CS_TAKE(p, cs_stage_last(stage)->conv.out_p, float);
    }
    for (int t = 0; t < m->team.n; t++) {
        m->team.part[t].grad = CS_TAKE(p, m->n_params, float);
        cs_part_take(p, &m->team.part[t], (size_t)wide, scratch);
    }
    m->grad = m->team.part[0].grad;
}

/* Activations and their gradients. */
static void plan_batch(cs_model *m, cs_arena *p)
{
    const size_t n = m->max_batch;
    size_t inside = 0, between = 0;
    for (int i = 0; i < m->n_stages; i++) {
        cs_stage *stage = &m->stage[i];
        for (int j = 0; j < stage->n_layers; j++) {
            const cs_convop *c = &stage->layer[j].conv;
            stage->layer[j].z = CS_TAKE(p, n * cs_convop_out_size(c), float);
            const size_t in = cs_convop_in_size(c);
            if (j > 0)
                inside = in > inside ? in : inside;
        }
        const size_t out = cs_convop_out_size(&cs_stage_last(stage)->conv);
        stage->x = CS_TAKE(p, n * out, float);
        between = out > between ? out : between;
        if (stage->residual && cs_stage_resizes(stage)) { /* a copy of the shortcut, and back */
            const size_t in = cs_convop_in_size(&stage->layer[0].conv);
            inside = in > inside ? in : inside;
            inside = out > inside ? out : inside;
        }
    }
    for (int i = 0; i < 2; i++) {
        m->gradient[i] = CS_TAKE(p, n * inside, float);
        m->dx[i] = CS_TAKE(p, n * between, float);
    }
    m->pooled = CS_TAKE(p, n * (size_t)m->features_p, float);
    m->dpooled = CS_TAKE(p, n * (size_t)m->features_p, float);
    m->logits = CS_TAKE(p, n * (size_t)m->classes_p, float);
    m->dlogits = CS_TAKE(p, n * (size_t)m->classes_p, float);
}

static void point_layers(cs_model *m)
{
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            cs_layer *layer = &m->stage[i].layer[j];
            const cs_stage *stage = &m->stage[i];
            const bool last = j + 1 == stage->n_layers;
            const bool relu = !last || (stage->relu && !stage->residual);
            cs_layer_point(layer, m->params, relu);
            layer->result = last && stage->relu && stage->residual ? stage->x : NULL;
        }
}

static cs_status allocate(cs_model *m)
{
    void (*const step[2])(cs_model *, cs_arena *) = {plan_state, plan_batch};
    for (int i = 0; i < 2; i++) {
        cs_arena p = {NULL, 0};
        step[i](m, &p);
        CS_TRY(cs_engine_alloc(m->engine, p.used, &m->block[i], &m->block_size[i]));
        if (i == 0)
            memset(m->block[0], 0, p.used);
        p = (cs_arena){m->block[i], 0};
        step[i](m, &p);
    }
    return CS_OK;
}

cs_status cs_model_build(cs_engine *engine, const cs_net_spec *spec, uint32_t max_batch,
                         cs_model **out, cs_error *err)
{
    if (max_batch == 0 || spec->n_stages == 0)
        return cs_fail(err, CS_EUSAGE, "model: batch %u and %d stages, expected at least 1 of each",
                       max_batch, spec->n_stages);
    cs_model *m = calloc(1, sizeof *m);
    if (!m)
        return cs_fail(err, CS_ENOMEM, "model: out of memory");
    m->engine = engine;
    m->spec = *spec;
    m->max_batch = max_batch;
    m->n_stages = spec->n_stages;
    m->team = (cs_team){.engine = engine, .n = engine->threads};
    m->stage = calloc((size_t)m->n_stages, sizeof *m->stage);
    m->team.part = calloc((size_t)m->team.n, sizeof *m->team.part);
    cs_status status = m->stage && m->team.part ? CS_OK : CS_ENOMEM;
    if (status == CS_OK) {
        shape_stages(m);
        status = allocate(m);
    }
    if (status != CS_OK) {
        cs_model_free(m);
        return cs_fail(err, status, "model: out of memory for batches of %u images", max_batch);
    }
    for (int t = 0; t < m->team.n; t++)
        m->team.part[t].worker.kernels = engine->kernels;
    point_layers(m);
    *out = m;
    return CS_OK;
}

void cs_model_free(cs_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < 2; i++)
        cs_engine_release(m->engine, m->block[i], m->block_size[i]);
    free(m->stage);
    free(m->team.part);
    free(m);
}

void cs_model_init(cs_model *m, uint64_t seed)
{
    memset(m->params, 0, m->n_params * sizeof *m->params);
    cs_rng rng;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            char name[32];
            snprintf(name, sizeof name, "conv%d.%d", i, j);
            cs_rng_seed(&rng, cs_rng_derive(seed, name));
            cs_layer_init(&m->stage[i].layer[j], m->params, &rng);
        }
    cs_rng_seed(&rng, cs_rng_derive(seed, "classifier"));
    cs_classifier_init(m->params + m->fc_w, m->features, m->spec.classes, &rng);
    m->ready = false;
}

cs_status cs_model_new(cs_engine *engine, const cs_net *net, uint32_t max_batch, uint64_t init_seed,
                       cs_model **out, cs_error *err)
{
    cs_net_spec spec;
    CS_TRY(cs_net_lower(net, &spec, err));
    CS_TRY(cs_model_build(engine, &spec, max_batch, out, err));
    cs_model_init(*out, init_seed);
    return CS_OK;
}
