/* mbconv_step.csv: blocks, average pool and classifier through the training graph itself. */
#include "validate_step.h"

#include "nn/loss.h"
#include "nn/model.h"
#include "tests/nn_layout.h"

#include <stdio.h>
#include <stdlib.h>

/* What the file's steps were taken with (its README). */
static const cs_recipe step_recipe = {.momentum = 0.9, .weight_decay = 5e-4};
#define STEP_LR 0.1

static const tensor *find(const tensor_case *c, const char *prefix, int block, const char *what,
                          int dims, cs_error *err)
{
    char name[96];
    if (block >= 0)
        snprintf(name, sizeof name, "%s.%d.%s", prefix, block, what);
    else
        snprintf(name, sizeof name, "%s.fc.%s", prefix, what);
    return tensor_find(c, name, dims, err);
}

static cs_conv_spec conv_spec(int cin, int cout, int k, int s, int groups)
{
    return (cs_conv_spec){.cin = (uint16_t)cin,
                          .cout = (uint16_t)cout,
                          .k = (uint8_t)k,
                          .s = (uint8_t)s,
                          .groups = (uint16_t)groups,
                          .bits = CS_BITS_FLOAT};
}

/* A part "e6k5s2": letters with numbers; kernel, stride (1) and groups (1). Channels come from the
 * shapes of the weights. */
static cs_status block_spec(const tensor_case *c, const char *part, int index, cs_stage_spec *out,
                            cs_error *err)
{
    int value[128] = {['s'] = 1, ['g'] = 1};
    const char *at = part;
    while (*at >= 'a' && *at <= 'z') {
        char *end;
        value[(int)*at] = (int)strtol(at + 1, &end, 10);
        if (end == at + 1)
            break;
        at = end;
    }
    if ((*at != '_' && *at != '\0') || value['e'] < 1 || value['k'] < 1 || value['s'] < 1 ||
        value['g'] < 1)
        return cs_fail(err, CS_EFORMAT, "case %s: block %d is not like e6k5s2", c->name, index);
    const tensor *w1 = find(c, "before", index, "c1.weight", 4, err);
    const tensor *w3 = find(c, "before", index, "c3.weight", 4, err);
    if (!w1 || !w3)
        return CS_EFORMAT;
    const int g = value['g'], cin = w1->dim[1] * g, wide = w1->dim[0], cout = w3->dim[0];
    *out = (cs_stage_spec){.n_convs = 3, .residual = value['s'] == 1 && cin == cout};
    out->conv[0] = conv_spec(cin, wide, 1, 1, g);
    out->conv[0].shuffle = g > 1;
    out->conv[1] = conv_spec(wide, wide, value['k'], value['s'], wide);
    out->conv[2] = conv_spec(wide, cout, 1, 1, g);
    return CS_OK;
}

static cs_status net_spec(const tensor_case *c, const tensor *x, const tensor *fc,
                          cs_net_spec *spec, cs_error *err)
{
    *spec = (cs_net_spec){.input_size = (uint16_t)x->dim[2],
                          .input_channels = (uint16_t)x->dim[1],
                          .padded_input = true,
                          .classes = (uint16_t)fc->dim[0]};
    for (const char *part = c->name; part; part = strchr(part, '_')) {
        part += *part == '_';
        if (spec->n_stages == CS_BLOCKS_MAX)
            return cs_fail(err, CS_EFORMAT, "case %s: too many blocks", c->name);
        CS_TRY(block_spec(c, part, spec->n_stages, &spec->stage[spec->n_stages], err));
        spec->n_stages++;
    }
    return CS_OK;
}

typedef struct step {
    const tensor_case *c;
    cs_model *model;
    float *flat; /* as long as the longest parameter */
} step;

/* Copies every parameter in from the file ("before"), or compares model values with the file. */
static cs_status each_parameter(const step *s, const char *prefix, float *values,
                                validate_result *out, cs_error *err)
{
    cs_model *m = s->model;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < CS_STAGE_CONVS; j++) {
            const cs_layer *layer = &m->stage[i].layer[j];
            char name[32];
            snprintf(name, sizeof name, "c%d.weight", j + 1);
            const tensor *w = find(s->c, prefix, i, name, 4, err);
            snprintf(name, sizeof name, "b%d.weight", j + 1);
            const tensor *gamma = find(s->c, prefix, i, name, 1, err);
            snprintf(name, sizeof name, "b%d.bias", j + 1);
            const tensor *beta = find(s->c, prefix, i, name, 1, err);
            if (!w || !gamma || !beta)
                return CS_EFORMAT;
            const cs_convop *conv = &layer->conv;
            if (w->n != (size_t)(conv->cout * (conv->cin / conv->groups) * conv->k * conv->k) ||
                gamma->n != (size_t)conv->cout || beta->n != (size_t)conv->cout)
                return cs_fail(err, CS_EFORMAT, "case %s: shapes of block %d do not fit",
                               s->c->name, i);
            for (int o = 0; !out && o < conv->cout; o++) {
                values[layer->gamma + (size_t)cs_convop_position(conv, o)] = gamma->value[o];
                values[layer->beta + (size_t)cs_convop_position(conv, o)] = beta->value[o];
            }
            if (!out) {
                oihw_to_matrix(conv, w->value, values + layer->w);
                continue;
            }
            matrix_to_oihw(conv, values + layer->w, s->flat);
            tensor_compare(s->c, m->engine, w, s->flat, out);
            for (int o = 0; o < conv->cout; o++)
                s->flat[o] = values[layer->gamma + (size_t)cs_convop_position(conv, o)];
            tensor_compare(s->c, m->engine, gamma, s->flat, out);
            for (int o = 0; o < conv->cout; o++)
                s->flat[o] = values[layer->beta + (size_t)cs_convop_position(conv, o)];
            tensor_compare(s->c, m->engine, beta, s->flat, out);
        }
    const tensor *w = find(s->c, prefix, -1, "weight", 2, err);
    const tensor *b = find(s->c, prefix, -1, "bias", 1, err);
    if (!w || !b)
        return CS_EFORMAT;
    for (int o = 0; o < w->dim[0]; o++)
        for (int k = 0; k < w->dim[1]; k++) {
            float *at = &values[m->fc_w + (size_t)(k * m->classes_p + o)];
            if (out)
                s->flat[o * w->dim[1] + k] = *at;
            else
                *at = w->value[o * w->dim[1] + k];
        }
    if (out) {
        tensor_compare(s->c, m->engine, w, s->flat, out);
        tensor_compare(s->c, m->engine, b, values + m->fc_b, out);
    } else {
        memcpy(values + m->fc_b, b->value, b->n * sizeof *values);
    }
    return CS_OK;
}

static cs_status run_step(const step *s, const float *x, const int32_t *label, size_t n,
                          validate_result *out, cs_error *err)
{
    cs_model *m = s->model;
    const tensor *logits = tensor_find(s->c, "logits", 2, err);
    const tensor *loss = tensor_find(s->c, "loss", 1, err);
    if (!logits || !loss)
        return CS_EFORMAT;
    CS_TRY(each_parameter(s, "before", m->params, NULL, err));
    const cs_batch batch = {.x = x,
                            .y = label,
                            .n = (uint32_t)n,
                            .h = m->spec.input_size,
                            .w = m->spec.input_size,
                            .c = m->spec.input_channels};
    const float ours = (float)cs_model_step(m, &batch, &step_recipe, STEP_LR);
    padded_to_nchw(m->logits, (int)n, m->spec.classes, 1, m->classes_p, s->flat);
    tensor_compare(s->c, m->engine, logits, s->flat, out);
    tensor_compare(s->c, m->engine, loss, &ours, out);
    CS_TRY(each_parameter(s, "grad", m->grad, out, err));
    return each_parameter(s, "after", m->params, out, err);
}

cs_status validate_step_case(const tensor_case *c, cs_engine *engine, validate_result *out,
                             cs_error *err)
{
    const tensor *x = tensor_find(c, "x", 4, err), *label = tensor_find(c, "label", 1, err);
    const tensor *fc = tensor_find(c, "before.fc.weight", 2, err);
    cs_net_spec spec;
    if (!x || !label || !fc)
        return CS_EFORMAT;
    CS_TRY(net_spec(c, x, fc, &spec, err));
    step s = {.c = c};
    const int n = x->dim[0], hw = x->dim[2] * x->dim[3], cp = cs_padded(x->dim[1]);
    cs_status status = cs_model_build(engine, &spec, (uint32_t)n, &s.model, err);
    if (status != CS_OK)
        return status;
    float *padded = malloc((size_t)(n * hw * cp) * sizeof *padded);
    int32_t *y = malloc(label->n * sizeof *y);
    s.flat = malloc((s.model->n_params + label->n * spec.classes) * sizeof *s.flat);
    if (!padded || !y || !s.flat || label->n != (size_t)n) {
        status = cs_fail(err, CS_EFORMAT, "case %s: labels do not fit, or no memory", c->name);
    } else {
        nchw_to_padded(x->value, n, x->dim[1], hw, cp, padded);
        for (size_t i = 0; i < label->n; i++)
            y[i] = (int32_t)label->value[i];
        status = run_step(&s, padded, y, (size_t)n, out, err);
    }
    free(padded);
    free(y);
    free(s.flat);
    cs_model_free(s.model);
    return status;
}
