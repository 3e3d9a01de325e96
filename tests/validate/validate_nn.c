/* Operators of the training engine against PyTorch in double precision (validation/nn). */
#include "nn/bn.h"
#include "nn/loss.h"
#include "tensors.h"
#include "tests/nn_layout.h"
#include "validate_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Memory of one case, given back at once. */
typedef struct case_memory {
    void *block[32];
    size_t n;
} case_memory;

static void *pool_get(case_memory *p, size_t count, size_t size)
{
    void *block = p->n < 32 ? calloc(count ? count : 1, size) : NULL;
    if (!block)
        abort(); /* a test program: nothing sensible is left to do */
    p->block[p->n++] = block;
    return block;
}
#define FLOATS(n) ((float *)pool_get(&pool, (size_t)(n), sizeof(float)))

static void pool_free(case_memory *p)
{
    while (p->n)
        free(p->block[--p->n]);
}

static void fill(float *x, int n, float value)
{
    for (int i = 0; i < n; i++)
        x[i] = value;
}

/* ---- conv.csv -------------------------------------------------------------------------------- */

static cs_status check_conv(const tensor_case *c, cs_engine *engine, validate_result *out,
                            cs_error *err)
{
    const tensor *x = tensor_find(c, "x", 4, err), *w = tensor_find(c, "w", 4, err);
    const tensor *y = tensor_find(c, "y", 4, err), *dy = tensor_find(c, "dy", 4, err);
    const tensor *dx = tensor_find(c, "dx", 4, err), *dw = tensor_find(c, "dw", 4, err);
    const int s = (int)tensor_case_number(c->name, "s"), g = (int)tensor_case_number(c->name, "g");
    if (!x || !w || !y || !dy || !dx || !dw)
        return CS_EFORMAT;
    if (s < 1 || g < 1 || x->dim[1] != w->dim[1] * g || w->dim[0] % g || w->dim[2] != w->dim[3])
        return cs_fail(err, CS_EFORMAT, "case %s: stride, groups and shapes disagree", c->name);
    cs_convop conv;
    cs_convop_shape(&conv, x->dim[1], w->dim[0], w->dim[2], s, g, x->dim[2], x->dim[3], 0, false);
    if (conv.oh != y->dim[2] || conv.ow != y->dim[3])
        return cs_fail(err, CS_EFORMAT, "case %s: output is %dx%d, expected %dx%d", c->name,
                       y->dim[2], y->dim[3], conv.oh, conv.ow);
    case_memory pool = {.n = 0};
    const int n = x->dim[0], in = conv.h * conv.w, o = conv.oh * conv.ow;
    float *px = FLOATS(n * in * conv.in_p), *py = FLOATS(n * o * conv.out_p);
    float *pdy = FLOATS(n * o * conv.out_p), *pdx = FLOATS(n * in * conv.in_p);
    float *pw = FLOATS(cs_convop_weights(&conv)), *pdw = FLOATS(cs_convop_weights(&conv));
    float *flat = FLOATS(x->n + w->n + y->n), *ones = FLOATS(conv.in_p + conv.out_p);
    float *zeros = FLOATS(conv.in_p + conv.out_p);
    cs_weights weights = {.q = FLOATS(cs_convop_weights(&conv)),
                          .t = FLOATS(conv.out_p * conv.rows_p)};
    cs_worker worker = {.kernels = engine->kernels, .scratch = FLOATS(cs_convop_scratch(&conv))};
    nchw_to_padded(x->value, n, conv.cin, in, conv.in_p, px);
    nchw_to_padded(dy->value, n, conv.cout, o, conv.out_p, pdy);
    oihw_to_matrix(&conv, w->value, pw);
    fill(ones, conv.in_p + conv.out_p, 1.0f);
    const cs_finish open = {.s = ones, .t = zeros, .lo = -INFINITY, .hi = INFINITY};
    const cs_dz dz = {pdy, py, ones, zeros, zeros};
    cs_convop_prepare(&conv, pw, CS_BITS_FLOAT, &weights);
    cs_convop_forward(&worker, &conv, (size_t)n, px, &open, weights.q, py, NULL);
    const cs_input_gradient to = {.to = pdx};
    cs_convop_back(&worker, &conv, (size_t)n, &dz, px, &open, &weights, pdw, &to);
    cs_convop_weight_gradient(&conv, pw, &weights, CS_STE_CLAMP, pdw);
    padded_to_nchw(py, n, conv.cout, o, conv.out_p, flat);
    tensor_compare(c, engine, y, flat, out);
    padded_to_nchw(pdx, n, conv.cin, in, conv.in_p, flat);
    tensor_compare(c, engine, dx, flat, out);
    matrix_to_oihw(&conv, pdw, flat);
    tensor_compare(c, engine, dw, flat, out);
    pool_free(&pool);
    return CS_OK;
}

/* ---- batchnorm.csv --------------------------------------------------------------------------- */

static cs_status check_bn(const tensor_case *c, cs_engine *engine, validate_result *out,
                          cs_error *err)
{
    const tensor *x = tensor_find(c, "x", 4, err), *y = tensor_find(c, "y", 4, err);
    const tensor *dy = tensor_find(c, "dy", 4, err), *dx = tensor_find(c, "dx", 4, err);
    const tensor *eval = tensor_find(c, "y_eval_norelu", 4, err);
    const tensor *gamma = tensor_find(c, "gamma", 1, err), *beta = tensor_find(c, "beta", 1, err);
    const tensor *dgamma = tensor_find(c, "dgamma", 1, err);
    const tensor *dbeta = tensor_find(c, "dbeta", 1, err);
    const tensor *mean = tensor_find(c, "running_mean", 1, err);
    const tensor *var = tensor_find(c, "running_var", 1, err);
    const double relu = tensor_case_number(c->name, "relu");
    if (!x || !y || !dy || !dx || !eval || !gamma || !beta || !dgamma || !dbeta || !mean || !var)
        return CS_EFORMAT;
    if (relu != 0.0 && relu != 1.0)
        return cs_fail(err, CS_EFORMAT, "case %s: expected relu0 or relu1 in its name", c->name);
    case_memory pool = {.n = 0};
    const int n = x->dim[0], ch = x->dim[1], hw = x->dim[2] * x->dim[3], cp = cs_padded(ch);
    const size_t rows = (size_t)(n * hw), all = rows * (size_t)cp;
    float *z = FLOATS(all), *g = FLOATS(all), *o = FLOATS(all), *flat = FLOATS(x->n);
    float *v = FLOATS(13 * cp), *dg = v + 8 * cp, *db = v + 9 * cp;
    double *sums = pool_get(&pool, (size_t)(2 * cp), sizeof *sums);
    memcpy(v, gamma->value, (size_t)ch * sizeof *v);
    memcpy(v + cp, beta->value, (size_t)ch * sizeof *v);
    fill(v + 3 * cp, cp, 1.0f);
    const cs_bn bn = {v,          v + cp,     v + 2 * cp, v + 3 * cp,
                      v + 4 * cp, v + 5 * cp, v + 6 * cp, v + 7 * cp};
    const cs_finish f = {.s = bn.s, .t = bn.t, .lo = relu > 0.0 ? 0.0f : -INFINITY, .hi = INFINITY};
    const cs_finish norelu = {.s = bn.s, .t = bn.t, .lo = -INFINITY, .hi = INFINITY};
    const cs_stats stats = {sums, sums + cp, NULL, NULL};
    nchw_to_padded(x->value, n, ch, hw, cp, z);
    nchw_to_padded(dy->value, n, ch, hw, cp, g);
    engine->kernels->stats(rows, cp, z, NULL, &stats);
    cs_bn_batch(&bn, cp, sums, sums + cp, (double)rows, CS_BN_MOMENTUM);
    engine->kernels->join(rows, cp, &f, z, NULL, -INFINITY, o, NULL);
    padded_to_nchw(o, n, ch, hw, cp, flat);
    tensor_compare(c, engine, y, flat, out);
    memset(sums, 0, (size_t)(2 * cp) * sizeof *sums);
    const cs_gate gate = {.then = &f, .z = z};
    engine->kernels->gate(rows, cp, &gate, g, g, &stats);
    cs_bn_back(&bn, cp, sums, sums + cp, (double)rows, dg, db, v + 10 * cp, v + 11 * cp,
               v + 12 * cp);
    const cs_dz dz = {g, z, v + 10 * cp, v + 11 * cp, v + 12 * cp};
    engine->kernels->dz(rows, cp, &dz, o);
    padded_to_nchw(o, n, ch, hw, cp, flat);
    tensor_compare(c, engine, dx, flat, out);
    tensor_compare(c, engine, dgamma, dg, out);
    tensor_compare(c, engine, dbeta, db, out);
    tensor_compare(c, engine, mean, bn.run_mean, out);
    tensor_compare(c, engine, var, bn.run_var, out);
    cs_bn_running(&bn, cp);
    engine->kernels->join(rows, cp, &norelu, z, NULL, -INFINITY, o, NULL);
    padded_to_nchw(o, n, ch, hw, cp, flat);
    tensor_compare(c, engine, eval, flat, out);
    pool_free(&pool);
    return CS_OK;
}

/* ---- loss.csv -------------------------------------------------------------------------------- */

static cs_status check_loss(const tensor_case *c, cs_engine *engine, validate_result *out,
                            cs_error *err)
{
    const tensor *logits = tensor_find(c, "logits", 2, err);
    const tensor *label = tensor_find(c, "label", 1, err), *loss = tensor_find(c, "loss", 1, err);
    const tensor *d = tensor_find(c, "dlogits", 2, err);
    const double smoothing = tensor_case_number(c->name, "smooth");
    if (!logits || !label || !loss || !d)
        return CS_EFORMAT;
    if (smoothing < 0.0 || label->n != (size_t)logits->dim[0])
        return cs_fail(err, CS_EFORMAT, "case %s: expected smoothX in its name and a label a row",
                       c->name);
    case_memory pool = {.n = 0};
    const int n = logits->dim[0], classes = logits->dim[1], stride = cs_padded(classes);
    float *x = FLOATS(n * stride), *dx = FLOATS(n * stride), *flat = FLOATS(logits->n);
    int32_t *y = pool_get(&pool, label->n, sizeof *y);
    nchw_to_padded(logits->value, n, classes, 1, stride, x);
    for (size_t i = 0; i < label->n; i++)
        y[i] = (int32_t)label->value[i];
    const float ours = (float)cs_cross_entropy((size_t)n, classes, stride, x, y, smoothing, dx);
    padded_to_nchw(dx, n, classes, 1, stride, flat);
    tensor_compare(c, engine, loss, &ours, out);
    tensor_compare(c, engine, d, flat, out);
    pool_free(&pool);
    return CS_OK;
}

/* ---- quantize.csv ---------------------------------------------------------------------------- */

typedef struct quant_case {
    bool weight, soft;
    int bits[8], n_bits;
    int channels, per; /* output channels (1 for an activation), values of each               */
} quant_case;

/* weight_b4, activation_soft468: kind, then one bitwidth or the digits of several. */
static cs_status parse_quant(const tensor_case *c, const tensor *x, quant_case *q, cs_error *err)
{
    *q = (quant_case){.weight = strncmp(c->name, "weight_", 7) == 0};
    const char *mode = strchr(c->name, '_');
    if (mode && strncmp(mode, "_b", 2) == 0) {
        q->bits[q->n_bits++] = atoi(mode + 2);
    } else if (mode && strncmp(mode, "_soft", 5) == 0) {
        q->soft = true;
        for (const char *d = mode + 5; *d >= '1' && *d <= '9' && q->n_bits < 8; d++) {
            const bool two = d[0] == '1' && d[1] >= '0' && d[1] <= '9'; /* 10..16 */
            q->bits[q->n_bits++] = two ? 10 + d[1] - '0' : d[0] - '0';
            d += two;
        }
    }
    for (int i = 0; i < q->n_bits; i++)
        if (q->bits[i] < 1 || q->bits[i] > 16)
            q->n_bits = 0;
    if (q->n_bits == 0 || (!q->weight && strncmp(c->name, "activation_", 11) != 0))
        return cs_fail(err, CS_EFORMAT,
                       "case %s: expected weight or activation, then _bN or _softNNN", c->name);
    q->channels = q->weight ? x->dim[0] : 1;
    q->per = (int)x->n / q->channels;
    return CS_OK;
}

static cs_quant range_of(const float *x, int n, int bits)
{
    float lo = x[0], hi = x[0];
    for (int i = 1; i < n; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    return cs_quant_of(lo, hi, bits);
}

/* Values whose code lies within 1e-5 (and float32's own resolution of it) of a rounding boundary
 * may differ by one step: they take the reference's value if they are one of the two. */
static void forgive_boundary(const quant_case *q, const tensor *x, const tensor *y, float *ours)
{
    for (int c = 0; c < q->channels; c++) {
        const cs_quant quant = range_of(x->value + c * q->per, q->per, q->bits[0]);
        for (int i = c * q->per; i < (c + 1) * q->per && !quant.exact; i++) {
            const double u = ((double)x->value[i] - (double)quant.min) / (double)quant.step;
            const bool near = fabs(u - floor(u) - 0.5) <= 1e-5 + 2.4e-7 * fabs(u);
            if (near && fabs((double)ours[i] - (double)y->value[i]) <= 1.001 * (double)quant.step)
                ours[i] = y->value[i];
        }
    }
}

/* Weights take the way of the graph: prepared per output channel, gradient through the rule. */
static void quantise_weight(const quant_case *q, const tensor *x, float *y, float *mask)
{
    case_memory pool = {.n = 0};
    cs_convop conv;
    cs_convop_shape(&conv, q->per, q->channels, 1, 1, 1, 1, 1, 0, false);
    const size_t n = cs_convop_weights(&conv);
    float *w = FLOATS(n), *d = FLOATS(n);
    cs_weights weights = {.q = FLOATS(n)};
    weights.quant = pool_get(&pool, (size_t)conv.out_p, sizeof *weights.quant);
    oihw_to_matrix(&conv, x->value, w);
    cs_convop_prepare(&conv, w, q->bits[0], &weights);
    fill(d, (int)n, 1.0f);
    cs_convop_weight_gradient(&conv, w, &weights, CS_STE_CLAMP, d);
    matrix_to_oihw(&conv, weights.q, y);
    matrix_to_oihw(&conv, d, mask);
    pool_free(&pool);
}

/* Activations as the kernels do them while loading, and their mask in the backward pass. */
static void quantise_activation(const cs_engine *engine, const quant_case *q, const tensor *x,
                                float *y, float *mask)
{
    case_memory pool = {.n = 0};
    const int cp = cs_padded(q->per);
    float *in = FLOATS(cp), *out = FLOATS(cp), *g = FLOATS(cp), *s = FLOATS(cp), *t = FLOATS(cp);
    const cs_quant quant = range_of(x->value, q->per, q->bits[0]);
    memcpy(in, x->value, x->n * sizeof *in);
    fill(g, cp, 1.0f);
    if (quant.exact) {
        memcpy(out, in, x->n * sizeof *in);
    } else {
        const cs_finish f = cs_quant_finish(&quant, NULL, cp, s, t);
        engine->kernels->finish(1, cp, &f, in, out);
        const cs_gate gate = {.own = &f, .x = in};
        engine->kernels->gate(1, cp, &gate, g, g, NULL);
    }
    memcpy(y, out, x->n * sizeof *y);
    memcpy(mask, g, x->n * sizeof *mask);
    pool_free(&pool);
}

static void quantise_soft(const quant_case *q, const tensor *x, const tensor *p, float *y)
{
    for (int c = 0; c < q->channels; c++) {
        cs_quant quant[8];
        for (int j = 0; j < q->n_bits; j++)
            quant[j] = range_of(x->value + c * q->per, q->per, q->bits[j]);
        cs_quant_mix((size_t)q->per, 1, quant, 0, p->value, (size_t)q->n_bits,
                     x->value + c * q->per, y + c * q->per);
    }
}

static cs_status check_quant(const tensor_case *c, cs_engine *engine, validate_result *out,
                             cs_error *err)
{
    const tensor *x = tensor_find(c, "x", 4, err), *y = tensor_find(c, "y", 4, err);
    quant_case q;
    if (!x || !y)
        return CS_EFORMAT;
    CS_TRY(parse_quant(c, x, &q, err));
    const tensor *extra = tensor_find(c, q.soft ? "p" : "grad_mask", q.soft ? 1 : 4, err);
    if (!extra)
        return CS_EFORMAT;
    if (q.soft && extra->n != (size_t)q.n_bits)
        return cs_fail(err, CS_EFORMAT, "case %s: %d bitwidths but %zu probabilities", c->name,
                       q.n_bits, extra->n);
    case_memory pool = {.n = 0};
    float *ours = FLOATS(x->n), *mask = FLOATS(x->n);
    if (q.soft) {
        quantise_soft(&q, x, extra, ours);
    } else {
        if (q.weight)
            quantise_weight(&q, x, ours, mask);
        else
            quantise_activation(engine, &q, x, ours, mask);
        forgive_boundary(&q, x, y, ours);
        tensor_compare(c, engine, extra, mask, out);
    }
    tensor_compare(c, engine, y, ours, out);
    pool_free(&pool);
    return CS_OK;
}

/* ---------------------------------------------------------------------------------------------- */

static cs_status validate_conv(const cs_csv *csv, validate_result *out, cs_error *err)
{
    return tensors_check(csv, check_conv, out, err);
}
static cs_status validate_bn(const cs_csv *csv, validate_result *out, cs_error *err)
{
    return tensors_check(csv, check_bn, out, err);
}
static cs_status validate_loss(const cs_csv *csv, validate_result *out, cs_error *err)
{
    return tensors_check(csv, check_loss, out, err);
}
static cs_status validate_quant(const cs_csv *csv, validate_result *out, cs_error *err)
{
    return tensors_check(csv, check_quant, out, err);
}
static cs_status validate_step(const cs_csv *csv, validate_result *out, cs_error *err)
{
    return tensors_check(csv, validate_step_case, out, err);
}

const validate_file validate_nn_files[] = {
    {"nn/conv.csv", "1e-4 of the norm", validate_conv},
    {"nn/batchnorm.csv", "1e-4 of the norm", validate_bn},
    {"nn/loss.csv", "1e-4 of the norm", validate_loss},
    {"nn/quantize.csv", "1e-4 of the norm", validate_quant},
    {"nn/mbconv_step.csv", "1e-4 of the norm", validate_step},
    {NULL, NULL, NULL},
};
