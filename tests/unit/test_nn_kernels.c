/* Every kernel of every instruction set against the slow reference on random inputs. */
#include "nn/reference.h"
#include "tests/nn_layout.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(nn_kernels, product_of_any_shape)
{
    cs_rng rng;
    cs_rng_seed(&rng, 11);
    for (int round = 0; round < 60; round++) {
        const int m = between(&rng, 1, 40), k = between(&rng, 1, 50);
        const int n = CS_LANES * between(&rng, 1, 8), extra = between(&rng, 0, 3);
        const bool transposed = round % 2, add = round % 3 == 0;
        float *a = normals((size_t)((m + extra) * (k + extra)), &rng);
        float *b = normals((size_t)(k * (n + extra)), &rng), *c = normals((size_t)(m * n), &rng);
        const ptrdiff_t row = transposed ? 1 : k + extra, col = transposed ? m + extra : 1;
        double *expect = doubles_of(c, (size_t)(m * n));
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double sum = add ? (double)c[i * n + j] : 0.0;
                for (int p = 0; p < k; p++)
                    sum += (double)a[i * row + p * col] * (double)b[p * (n + extra) + j];
                expect[i * n + j] = sum;
            }
        EACH_ISA(isa)
        {
            cs_engine *engine = engine_of((cs_isa)isa, 1);
            float *out = floats((size_t)(m * n));
            memcpy(out, c, sizeof *c * (size_t)(m * n));
            engine->kernels->product(m, n, k, a, row, col, b, n + extra, out, n, add);
            cr_assert_lt(relative(out, expect, (size_t)(m * n)), 1e-6, "%s %dx%dx%d",
                         cs_isa_text((cs_isa)isa), m, n, k);
            free(out);
            cs_engine_free(engine);
        }
        free(a);
        free(b);
        free(c);
        free(expect);
    }
}

/* Coefficients per channel for the elementwise kernels. */
typedef struct elements {
    size_t rows;
    int cp;
    float *z, *w, *g, *add, *out, *s, *t, *c1, *c2, *c3, *min, *max;
    double *sum, *square;
} elements;

static elements elements_of(cs_rng *rng)
{
    elements e = {.rows = (size_t)between(rng, 1, 20), .cp = CS_LANES * between(rng, 1, 5)};
    const size_t n = e.rows * (size_t)e.cp, c = (size_t)e.cp;
    float **const all[] = {&e.z, &e.w, &e.g, &e.add, &e.out},
                  **const per[] = {&e.s, &e.t, &e.c1, &e.c2, &e.c3, &e.min, &e.max};
    for (size_t i = 0; i < 5; i++)
        *all[i] = normals(n, rng);
    for (size_t i = 0; i < 7; i++)
        *per[i] = normals(c, rng);
    e.sum = calloc(c, sizeof *e.sum);
    e.square = calloc(c, sizeof *e.square);
    return e;
}

static void elements_free(elements *e)
{
    void *const all[] = {e->w,  e->z,  e->g,  e->add, e->out, e->s,   e->t,
                         e->c1, e->c2, e->c3, e->min, e->max, e->sum, e->square};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

Test(nn_kernels, finish_is_the_quantiser_formula)
{
    cs_rng rng;
    cs_rng_seed(&rng, 12);
    EACH_ISA(isa)
    {
        cs_engine *engine = engine_of((cs_isa)isa, 1);
        for (int bits = 2; bits <= 16; bits += 2) {
            elements e = elements_of(&rng);
            const cs_quant q = cs_quant_of(-1.5f, 2.0f, bits);
            const cs_finish f = cs_quant_finish(&q, NULL, e.cp, e.s, e.t);
            engine->kernels->finish(e.rows, e.cp, &f, e.z, e.out);
            for (size_t i = 0; i < e.rows * (size_t)e.cp; i++) {
                const double step = 3.5 / ldexp(1.0, bits), top = ldexp(1.0, bits) - 1.0;
                const double u = fmin(fmax(((double)e.z[i] + 1.5) / step, 0.0), top);
                const double value = nearbyint(u) * step - 1.5;
                const bool edge = fabs(u - floor(u) - 0.5) < 1e-6 * (u + 1.0);
                cr_assert_lt(fabs((double)e.out[i] - value), edge ? 1.01 * step : 2e-6,
                             "%s, %d bits, %g", cs_isa_text((cs_isa)isa), bits, (double)e.z[i]);
            }
            elements_free(&e);
        }
        cs_engine_free(engine);
    }
}

Test(nn_kernels, elementwise)
{
    cs_rng rng;
    cs_rng_seed(&rng, 13);
    EACH_ISA(isa)
    {
        cs_engine *engine = engine_of((cs_isa)isa, 1);
        for (int round = 0; round < 24; round++) {
            elements e = elements_of(&rng);
            const size_t n = e.rows * (size_t)e.cp;
            const cs_finish f = {.s = e.s,
                                 .t = e.t,
                                 .lo = round % 2 ? 0.0f : -INFINITY,
                                 .hi = round % 3 ? 1.0f : INFINITY};
            const cs_dz dz = {e.g, e.z, e.c1, e.c2, e.c3};
            double *expect = doubles_of(e.z, n);

            engine->kernels->dz(e.rows, e.cp, &dz, e.out);
            for (size_t i = 0; i < n; i++) {
                const size_t c = i % (size_t)e.cp;
                expect[i] = (double)e.c1[c] * (double)e.g[i] + (double)e.c2[c] * (double)e.z[i] +
                            (double)e.c3[c];
            }
            cr_assert_lt(relative(e.out, expect, n), 1e-6);

            const cs_stats span = {NULL, NULL, e.min, e.max};
            memcpy(e.out, e.z, n * sizeof *e.z);
            for (int c = 0; c < e.cp; c++) {
                e.min[c] = INFINITY;
                e.max[c] = -INFINITY;
            }
            engine->kernels->join(e.rows, e.cp, &f, e.z, round % 2 ? e.add : NULL,
                                  round % 4 ? -INFINITY : 0.0f, e.out, &span);
            for (size_t i = 0; i < n; i++) {
                const size_t c = i % (size_t)e.cp;
                expect[i] = fmax((double)e.s[c] * (double)e.z[i] + (double)e.t[c], (double)f.lo) +
                            (round % 2 ? (double)e.add[i] : 0.0);
                if (round % 4 == 0)
                    expect[i] = fmax(expect[i], 0.0);
                cr_assert(e.out[i] >= e.min[c] && e.out[i] <= e.max[c]);
            }
            cr_assert_lt(relative(e.out, expect, n), 1e-6);

            const cs_stats sums = {e.sum, e.square, NULL, NULL};
            /* own gate, something added, then another gate: every combination over the rounds */
            const cs_finish then = {.s = e.c1, .t = e.c2, .lo = -0.5f, .hi = 0.5f};
            const cs_gate gate = {.own = round & 1 ? &f : NULL,
                                  .x = e.z,
                                  .add = round & 2 ? e.add : NULL,
                                  .then = round & 4 ? &then : NULL,
                                  .z = e.w,
                                  .stream = round % 3 == 1};
            engine->kernels->gate(e.rows, e.cp, &gate, e.g, e.out, &sums);
            double *sum = calloc((size_t)e.cp, sizeof *sum);
            double *product = calloc((size_t)e.cp, sizeof *product);
            for (size_t i = 0; i < n; i++) {
                const size_t c = i % (size_t)e.cp;
                const double u = (double)e.s[c] * (double)e.z[i] + (double)e.t[c];
                const double v = (double)e.c1[c] * (double)e.w[i] + (double)e.c2[c];
                expect[i] = (double)e.g[i];
                if (gate.own && !(u > (double)f.lo && u < (double)f.hi))
                    expect[i] = 0.0;
                if (gate.add)
                    expect[i] += (double)e.add[i];
                if (gate.then && !(v > -0.5 && v < 0.5))
                    expect[i] = 0.0;
                sum[c] += expect[i];
                product[c] += expect[i] * (double)(gate.then ? e.w[i] : gate.own ? e.z[i] : 0.0f);
            }
            cr_assert_lt(relative(e.out, expect, n), 1e-6);
            for (int c = 0; c < e.cp; c++) {
                cr_assert_lt(fabs(e.sum[c] - sum[c]), 1e-4);
                cr_assert_lt(fabs(e.square[c] - product[c]), 1e-4);
            }
            free(product);
            free(sum);
            free(expect);
            elements_free(&e);
        }
        cs_engine_free(engine);
    }
}

Test(nn_kernels, statistics)
{
    cs_rng rng;
    cs_rng_seed(&rng, 14);
    EACH_ISA(isa)
    {
        cs_engine *engine = engine_of((cs_isa)isa, 1);
        elements e = elements_of(&rng);
        const cs_stats stats = {e.sum, e.square, e.min, e.max};
        for (int c = 0; c < e.cp; c++) {
            e.min[c] = INFINITY;
            e.max[c] = -INFINITY;
        }
        engine->kernels->stats(e.rows, e.cp, e.z, e.out, &stats);
        cr_assert_eq(memcmp(e.out, e.z, e.rows * (size_t)e.cp * sizeof *e.z), 0);
        for (int c = 0; c < e.cp; c++) {
            double sum = 0.0, square = 0.0;
            float min = INFINITY, max = -INFINITY;
            for (size_t r = 0; r < e.rows; r++) {
                const float x = e.z[r * (size_t)e.cp + (size_t)c];
                sum += (double)x;
                square += (double)x * (double)x;
                min = fminf(min, x);
                max = fmaxf(max, x);
            }
            cr_assert(fabs(sum - e.sum[c]) < 1e-5 && fabs(square - e.square[c]) < 1e-4);
            cr_assert(min == e.min[c] && max == e.max[c]);
        }
        elements_free(&e);
        cs_engine_free(engine);
    }
}

/* ---- convolutions -----------------------------------------------------------------------------
 */

typedef struct conv_case {
    cs_convop conv;
    cs_ref_shape shape;
    float *x, *w, *dy; /* plain layouts */
    double *y, *dx, *dw;
    size_t n_in, n_out, n_w;
} conv_case;

/* Reference: z = conv(finish(x)), with finish nothing (NULL), an affine map, ReLU or a quantiser.
 */
static void conv_expect(conv_case *c, const cs_finish *f)
{
    double *a = malloc(c->n_in * sizeof *a), *w = doubles_of(c->w, c->n_w);
    double *dy = doubles_of(c->dy, c->n_out), *pass = malloc(c->n_in * sizeof *pass);
    for (size_t i = 0; i < c->n_in; i++) {
        const size_t ch = i % (size_t)c->shape.cin;
        a[i] = (double)c->x[i];
        pass[i] = 1.0;
        if (!f)
            continue;
        const double u = (double)f->s[ch] * (double)c->x[i] + (double)f->t[ch];
        const double v = fmin(fmax(u, (double)f->lo), (double)f->hi);
        a[i] = f->quant ? nearbyint(v) * (double)f->step + (double)f->min : v;
        pass[i] = u > (double)f->lo && u < (double)f->hi ? 1.0 : 0.0;
    }
    cs_ref_conv(&c->shape, a, w, c->y);
    cs_ref_conv_back(&c->shape, a, w, dy, c->dx, c->dw);
    for (size_t i = 0; i < c->n_in; i++)
        c->dx[i] *= pass[i];
    free(a);
    free(w);
    free(dy);
    free(pass);
}

static void pad_rows(const float *in, size_t rows, int c, int cp, float *out)
{
    for (size_t r = 0; r < rows; r++)
        memcpy(out + r * (size_t)cp, in + r * (size_t)c, (size_t)c * sizeof *in);
}

static double compare_rows(const float *padded, const double *expect, size_t rows, int c, int cp)
{
    float *flat = floats(rows * (size_t)c);
    for (size_t r = 0; r < rows; r++)
        memcpy(flat + r * (size_t)c, padded + r * (size_t)cp, (size_t)c * sizeof *flat);
    const double error = relative(flat, expect, rows * (size_t)c);
    free(flat);
    return error;
}

static void conv_run(cs_isa isa, const conv_case *c, const cs_finish *f, const char *what)
{
    cs_engine *engine = engine_of(isa, 1);
    const cs_convop *v = &c->conv;
    const size_t rows_in = c->n_in / (size_t)v->cin, rows_out = c->n_out / (size_t)v->cout;
    const size_t n_w = cs_convop_weights(v), wide = (size_t)(v->in_p + v->out_p);
    float *x = floats(rows_in * (size_t)v->in_p), *gin = floats(rows_in * (size_t)v->in_p);
    float *y = floats(rows_out * (size_t)v->out_p), *dy = floats(rows_out * (size_t)v->out_p);
    float *w = floats(n_w), *dw = floats(n_w), *flat = floats(c->n_w);
    float *ones = floats(wide), *zeros = floats(wide), *min = floats(wide), *max = floats(wide);
    double *sum = calloc(wide, sizeof *sum), *square = calloc(wide, sizeof *square);
    cs_weights weights = {.q = floats(n_w), .t = floats((size_t)(v->out_p * v->rows_p))};
    cs_worker worker = {.kernels = engine->kernels, .scratch = floats(cs_convop_scratch(v))};
    for (size_t i = 0; i < wide; i++)
        ones[i] = 1.0f;
    pad_rows(c->x, rows_in, v->cin, v->in_p, x);
    pad_rows(c->dy, rows_out, v->cout, v->out_p, dy);
    oihw_to_matrix(v, c->w, w);
    cs_convop_prepare(v, w, CS_BITS_FLOAT, &weights);
    const cs_stats stats = {sum, square, min, max};
    const cs_dz dz = {dy, f ? y : NULL, ones, zeros, zeros};
    cs_convop_forward(&worker, v, (size_t)c->shape.n, x, f, weights.q, y, &stats);
    cr_assert_lt(compare_rows(y, c->y, rows_out, v->cout, v->out_p), 2e-6, "%s y", what);
    for (int o = 0; o < v->cout; o++) {
        double expect = 0.0;
        for (size_t r = 0; r < rows_out; r++)
            expect += c->y[r * (size_t)v->cout + (size_t)o];
        cr_assert_lt(fabs(sum[o] - expect), 1e-3 * (1.0 + fabs(expect)), "%s sum", what);
    }
    for (int i = 0; i < v->in_p; i++)
        sum[i] = square[i] = 0.0;
    const cs_input_gradient to = {.to = gin, .stats = &stats};
    cs_convop_back(&worker, v, (size_t)c->shape.n, &dz, x, f, &weights, dw, &to);
    cs_convop_weight_gradient(v, w, &weights, CS_STE_CLAMP, dw);
    matrix_to_oihw(v, dw, flat);
    cr_assert_lt(relative(flat, c->dw, c->n_w), 2e-6, "%s dw", what);
    cr_assert_lt(compare_rows(gin, c->dx, rows_in, v->cin, v->in_p), 2e-6, "%s dx", what);
    for (int i = 0; i < v->cin; i++) {
        double g = 0.0, gz = 0.0;
        for (size_t r = 0; r < rows_in; r++) {
            const size_t at = r * (size_t)v->cin + (size_t)i;
            g += c->dx[at];
            gz += c->dx[at] * (double)c->x[at];
        }
        cr_assert_lt(fabs(sum[i] - g), 1e-3 * (1.0 + fabs(g)), "%s sum g", what);
        if (f) /* without a gate there is no z to go with g */
            cr_assert_lt(fabs(square[i] - gz), 1e-3 * (1.0 + fabs(gz)), "%s sum gz", what);
    }
    cr_assert_eq(worker.macs, 3 * (uint64_t)c->shape.n * v->macs);
    if (v->kind == CS_CONVOP_DEPTHWISE) {
        const cs_input_gradient only = {.to = gin}, none = {.to = NULL};
        memset(dw, 0, n_w * sizeof *dw);
        memset(gin, 0, rows_in * (size_t)v->in_p * sizeof *gin);
        cs_convop_back(&worker, v, (size_t)c->shape.n, &dz, x, f, &weights, NULL, &only);
        cs_convop_back(&worker, v, (size_t)c->shape.n, &dz, x, f, &weights, dw, &none);
        matrix_to_oihw(v, dw, flat);
        cr_assert_lt(relative(flat, c->dw, c->n_w), 2e-6, "%s dw alone", what);
        cr_assert_lt(compare_rows(gin, c->dx, rows_in, v->cin, v->in_p), 2e-6, "%s dx alone", what);
        cr_assert_eq(worker.macs, 5 * (uint64_t)c->shape.n * v->macs);
    }
    void *const all[] = {x,     gin, y,   dy,  w,      dw,        flat,      ones,
                         zeros, min, max, sum, square, weights.q, weights.t, worker.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    cs_engine_free(engine);
}

static void conv_check(cs_rng *rng, int n, int cin, int cout, int k, int s, int groups, int h,
                       int w)
{
    conv_case c = {.shape = cs_ref_shape_of(n, cin, cout, k, s, groups, h, w)};
    cs_convop_shape(&c.conv, cin, cout, k, s, groups, h, w, 0, false);
    cr_assert(c.conv.oh == c.shape.oh && c.conv.ow == c.shape.ow);
    c.n_in = (size_t)(n * h * w * cin);
    c.n_out = (size_t)(n * c.shape.oh * c.shape.ow * cout);
    c.n_w = (size_t)(cout * (cin / groups) * k * k);
    c.x = normals(c.n_in, rng);
    c.w = normals(c.n_w, rng);
    c.dy = normals(c.n_out, rng);
    c.y = calloc(c.n_out, sizeof *c.y);
    c.dx = calloc(c.n_in, sizeof *c.dx);
    c.dw = calloc(c.n_w, sizeof *c.dw);
    float *s_ = normals((size_t)c.conv.in_p, rng), *t = normals((size_t)c.conv.in_p, rng);
    for (int i = cin; i < c.conv.in_p; i++)
        s_[i] = t[i] = 0.0f;
    const cs_finish finish[] = {
        {.s = s_, .t = t, .lo = -INFINITY, .hi = INFINITY},
        {.s = s_, .t = t, .lo = 0.0f, .hi = INFINITY},
        {.s = s_, .t = t, .lo = 0.0f, .hi = 3.0f, .step = 0.3f, .min = -0.2f, .quant = true},
    };
    for (size_t i = 0; i <= sizeof finish / sizeof *finish; i++) {
        const cs_finish *f = i < sizeof finish / sizeof *finish ? &finish[i] : NULL;
        conv_expect(&c, f);
        EACH_ISA(isa)
        {
            char what[96];
            snprintf(what, sizeof what, "%s finish %zu: n%d i%d o%d k%d s%d g%d %dx%d",
                     cs_isa_text((cs_isa)isa), i, n, cin, cout, k, s, groups, h, w);
            conv_run((cs_isa)isa, &c, f, what);
        }
    }
    void *const all[] = {c.x, c.w, c.dy, c.y, c.dx, c.dw, s_, t};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

Test(nn_conv, depthwise)
{
    cs_rng rng;
    cs_rng_seed(&rng, 21);
    for (int k = 3; k <= 5; k += 2)
        for (int s = 1; s <= 2; s++) {
            conv_check(&rng, 2, 16, 16, k, s, 16, 8, 8);
            conv_check(&rng, 1, 40, 40, k, s, 40, 1, 1);
            for (int round = 0; round < 4; round++) {
                const int c = between(&rng, 2, 50);
                conv_check(&rng, between(&rng, 1, 3), c, c, k, s, c, between(&rng, 1, 19),
                           between(&rng, 1, 19));
            }
        }
}

Test(nn_conv, pointwise)
{
    cs_rng rng;
    cs_rng_seed(&rng, 22);
    conv_check(&rng, 3, 8, 12, 1, 1, 2, 8, 8);
    conv_check(&rng, 1, 24, 144, 1, 1, 1, 11, 11);
    for (int round = 0; round < 10; round++) {
        const int g = between(&rng, 1, 3);
        conv_check(&rng, between(&rng, 1, 3), g * between(&rng, 1, 30), g * between(&rng, 1, 30), 1,
                   1, g, between(&rng, 1, 9), between(&rng, 1, 9));
    }
}

Test(nn_conv, general)
{
    cs_rng rng;
    cs_rng_seed(&rng, 23);
    conv_check(&rng, 2, 3, 16, 3, 1, 1, 12, 12);
    conv_check(&rng, 2, 3, 16, 3, 2, 1, 13, 11);
    conv_check(&rng, 2, 20, 24, 1, 2, 1, 7, 8);
    for (int round = 0; round < 8; round++) {
        const int g = between(&rng, 1, 3), k = 2 * between(&rng, 0, 3) + 1;
        conv_check(&rng, between(&rng, 1, 2), g * between(&rng, 1, 8), g * between(&rng, 1, 12), k,
                   between(&rng, 1, 3), g, between(&rng, 1, 9), between(&rng, 1, 9));
    }
}

Test(nn_conv, shuffle_is_the_order_of_the_output)
{
    cs_convop conv;
    cs_convop_shape(&conv, 6, 12, 1, 1, 3, 4, 4, 0, true);
    double plain[12], shuffled[12];
    for (int o = 0; o < 12; o++)
        plain[o] = o;
    cs_ref_shuffle(1, 12, 3, plain, shuffled);
    for (int o = 0; o < 12; o++) {
        cr_assert_eq((int)shuffled[cs_convop_position(&conv, o)], o);
        for (int i = 0; i < 6; i++)
            cr_assert_eq(cs_convop_connected(&conv, i, cs_convop_position(&conv, o)),
                         i / 2 == o / 4);
    }
}

/* Forward and backward of all images at once, or of one after the other. */
static void run_images(cs_engine *engine, const cs_convop *v, size_t n, bool at_once,
                       const float *x, const float *dy, const cs_finish *f,
                       const cs_weights *weights, float *y, float *gin)
{
    const size_t wide = (size_t)(v->in_p + v->out_p);
    float *coef = floats(4 * wide), *dw = floats(cs_convop_weights(v));
    double *sums = calloc(2 * wide, sizeof *sums);
    cs_worker worker = {.kernels = engine->kernels, .scratch = floats(cs_convop_scratch(v))};
    for (size_t i = 0; i < wide; i++)
        coef[i] = 1.0f;
    const cs_stats stats = {sums, sums + wide, coef + 2 * wide, coef + 3 * wide};
    const size_t step = at_once ? n : 1;
    for (size_t i = 0; i < n; i += step) {
        const size_t in = i * cs_convop_in_size(v), out = i * cs_convop_out_size(v);
        const cs_dz dz = {dy + out, y + out, coef, coef + wide, coef + wide};
        cs_convop_forward(&worker, v, step, x + in, f, weights->q, y + out, &stats);
        const cs_input_gradient to = {.to = gin + in, .stats = &stats};
        cs_convop_back(&worker, v, step, &dz, x + in, f, weights, dw, &to);
    }
    free(coef);
    free(dw);
    free(sums);
    free(worker.scratch);
}

/* Large tensors are written past the caches; the same numbers have to arrive. */
Test(nn_conv, streaming_changes_no_bit)
{
    cs_rng rng;
    cs_rng_seed(&rng, 24);
    for (int depthwise = 0; depthwise < 2; depthwise++) {
        cs_convop v;
        cs_convop_shape(&v, depthwise ? 128 : 120, 128, depthwise ? 3 : 1, 1, depthwise ? 128 : 1,
                        32, 33, 0, false);
        const size_t n = CS_STREAM_FLOATS / cs_convop_out_size(&v) + 1;
        const size_t in = n * cs_convop_in_size(&v), out = n * cs_convop_out_size(&v);
        cr_assert(cs_streams(in) && cs_streams(out) && !cs_streams(out / n));
        float *x = normals(in, &rng), *dy = normals(out, &rng);
        float *w = normals(cs_convop_weights(&v), &rng);
        float *s = normals((size_t)v.in_p, &rng), *t = normals((size_t)v.in_p, &rng);
        const cs_finish f = {.s = s, .t = t, .lo = 0.0f, .hi = INFINITY};
        cs_weights weights = {.q = floats(cs_convop_weights(&v)),
                              .t = floats((size_t)(v.out_p * v.rows_p))};
        cs_convop_prepare(&v, w, CS_BITS_FLOAT, &weights);
        EACH_ISA(isa)
        {
            cs_engine *engine = engine_of((cs_isa)isa, 1);
            float *y[2] = {floats(out), floats(out)}, *gin[2] = {floats(in), floats(in)};
            for (int i = 0; i < 2; i++)
                run_images(engine, &v, n, i, x, dy, &f, &weights, y[i], gin[i]);
            cr_assert_eq(memcmp(y[0], y[1], out * sizeof *x), 0, "%s", cs_isa_text((cs_isa)isa));
            cr_assert_eq(memcmp(gin[0], gin[1], in * sizeof *x), 0, "%s", cs_isa_text((cs_isa)isa));
            for (int i = 0; i < 2; i++) {
                free(y[i]);
                free(gin[i]);
            }
            cs_engine_free(engine);
        }
        void *const all[] = {x, dy, w, s, t, weights.q, weights.t};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            free(all[i]);
    }
}
