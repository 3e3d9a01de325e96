/* Small parts of the engine: products, quantiser, loss, optimisers, schedule, instruction sets. */
#include "nn/gradcheck.h"
#include "nn/loss.h"
#include "nn/reference.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>
#include <string.h>

Test(nn_gemm, every_transposition_against_the_reference)
{
    cs_rng rng;
    cs_rng_seed(&rng, 31);
    cs_engine *engine = engine_of(isa_default(), 1);
    uint64_t macs = 0;
    for (int round = 0; round < 40; round++) {
        const int m = between(&rng, 1, 20), n = between(&rng, 1, 20), k = between(&rng, 1, 20);
        const bool ta = round & 1, tb = round & 2;
        const int lda = (ta ? m : k) + between(&rng, 0, 3),
                  ldb = (tb ? k : n) + between(&rng, 0, 3);
        float *a = normals((size_t)((ta ? k : m) * lda), &rng);
        float *b = normals((size_t)((tb ? n : k) * ldb), &rng), *c = normals((size_t)(m * n), &rng);
        double *expect = doubles_of(c, (size_t)(m * n));
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double sum = 0.0;
                for (int p = 0; p < k; p++)
                    sum += (double)a[ta ? p * lda + i : i * lda + p] *
                           (double)b[tb ? j * ldb + p : p * ldb + j];
                expect[i * n + j] = 0.5 * expect[i * n + j] + 2.0 * sum;
            }
        cs_gemm(engine, ta, tb, m, n, k, 2.0f, a, lda, b, ldb, 0.5f, c, n);
        macs += (uint64_t)(m * n * k);
        cr_assert_lt(relative(c, expect, (size_t)(m * n)), 1e-6);
        free(a);
        free(b);
        free(c);
        free(expect);
    }
    cr_assert_eq(cs_engine_macs(engine), macs);
    cs_engine_free(engine);
}

Test(nn_engine, refuses_what_it_cannot_do)
{
    cs_engine *engine = NULL;
    cr_assert_eq(cs_engine_new(0, &engine), CS_EUSAGE);
    cr_assert_null(engine);
    cr_assert_eq(cs_engine_new(3, &engine), CS_OK);
    cr_assert_eq(cs_engine_threads(engine), 3);
    cr_assert_eq(cs_engine_isa(engine), cs_isa_detect());
    cr_assert_eq(cs_engine_set_isa(engine, CS_ISA_COUNT), CS_EUSAGE);
    cr_assert_eq(cs_engine_set_isa(engine, CS_ISA_PORTABLE), CS_OK);
    cr_assert_eq(cs_engine_isa(engine), CS_ISA_PORTABLE);
    cr_assert_str_eq(cs_isa_text(CS_ISA_AVX2), "avx2");
    cr_assert_gt(strlen(cs_blas_core()), 0);
    cs_engine_free(engine);
    cs_engine_free(NULL);
}

Test(nn_quant, against_the_reference_for_every_bitwidth)
{
    cs_rng rng;
    cs_rng_seed(&rng, 32);
    for (int bits = 1; bits <= 16; bits++) {
        const size_t n = 200;
        float *x = normals(n, &rng), *y = floats(n);
        double *xd = doubles_of(x, n), *yd = doubles_of(x, n), *pass = doubles_of(x, n);
        float lo = x[0], hi = x[0];
        for (size_t i = 0; i < n; i++) {
            lo = fminf(lo, x[i]);
            hi = fmaxf(hi, x[i]);
        }
        const cs_quant q = cs_quant_of(lo, hi, bits);
        const float one = 1.0f;
        cs_quant_mix(n, 1, &q, 0, &one, 1, x, y);
        cs_ref_quant(n, xd, bits, yd, pass);
        for (size_t i = 0; i < n; i++) {
            const double u = (xd[i] - (double)lo) / (double)q.step;
            const bool edge = fabs(u - floor(u) - 0.5) < 1e-6 * (u + 1.0);
            cr_assert_lt(fabs((double)y[i] - yd[i]), edge ? 1.01 * (double)q.step : 2e-6);
            cr_assert_eq((double)cs_quant_pass(&q, CS_STE_CLAMP, x[i]), pass[i], "bits %d", bits);
            cr_assert_eq(cs_quant_pass(&q, CS_STE_IDENTITY, x[i]), 1.0f);
        }
        free(x);
        free(y);
        free(xd);
        free(yd);
        free(pass);
    }
}

Test(nn_quant, range_of_zero_and_float_pass_unchanged)
{
    const cs_quant flat = cs_quant_of(0.7f, 0.7f, 4),
                   wide = cs_quant_of(-1.0f, 1.0f, CS_BITS_FLOAT);
    const cs_quant tiny = cs_quant_of(0.0f, 1e-44f, 8), bad = cs_quant_of(0.0f, INFINITY, 8);
    cr_assert(flat.exact && wide.exact && tiny.exact && bad.exact);
    cr_assert_eq(cs_quant_value(&flat, 0.7f), 0.7f);
    cr_assert_eq(cs_quant_pass(&flat, CS_STE_CLAMP, 0.7f), 1.0f);
    cr_assert_eq(cs_quant_value(&wide, 0.123f), 0.123f);
}

Test(nn_quant, mixture_weighs_the_copies)
{
    const float x[4] = {-1.0f, 0.1f, 0.6f, 1.0f}, p[2] = {0.25f, 0.75f};
    const cs_quant q[2] = {cs_quant_of(-1.0f, 1.0f, 4), cs_quant_of(-1.0f, 1.0f, 8)};
    float y[4];
    cs_quant_mix(4, 1, q, 0, p, 2, x, y);
    for (int i = 0; i < 4; i++) {
        const float expect =
            0.25f * cs_quant_value(&q[0], x[i]) + 0.75f * cs_quant_value(&q[1], x[i]);
        cr_assert_lt(fabs((double)y[i] - (double)expect), 1e-6);
    }
}

Test(nn_quant, running_range_moves_a_tenth)
{
    cs_range r = {.seen = false};
    cs_range_update(&r, -1.0f, 2.0f, CS_RANGE_MOMENTUM);
    cr_assert(r.min == -1.0f && r.max == 2.0f);
    cs_range_update(&r, 0.0f, 12.0f, CS_RANGE_MOMENTUM);
    cr_assert_lt(fabs((double)r.min + 0.9), 1e-6);
    cr_assert_lt(fabs((double)r.max - 3.0), 1e-6);
}

typedef struct loss_case {
    float *logits, *d;
    int32_t *label;
} loss_case;

static double loss_value(void *context)
{
    const loss_case *c = context;
    return cs_cross_entropy(7, 10, 16, c->logits, c->label, 0.1, c->d);
}

Test(nn_loss, reference_gradient_and_padding)
{
    cs_rng rng;
    cs_rng_seed(&rng, 33);
    int32_t label[7] = {0, 9, 3, 3, 5, 1, 2};
    loss_case c = {normals(7 * 16, &rng), normals(7 * 16, &rng), label};
    double logits[70], d[70];
    for (int i = 0; i < 70; i++)
        logits[i] = (double)c.logits[i / 10 * 16 + i % 10];
    cr_assert_lt(fabs(loss_value(&c) - cs_ref_cross_entropy(7, 10, logits, label, 0.1, d)), 1e-9);
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 16; k++)
            cr_assert_lt(fabs((double)c.d[i * 16 + k] - (k < 10 ? d[i * 10 + k] : 0.0)), 1e-7);
    float *grad = floats(7 * 16);
    memcpy(grad, c.d, 7 * 16 * sizeof *grad);
    cr_assert_lt(cs_gradcheck(loss_value, &c, c.logits, grad, 7 * 16, 1e-2, 5, &rng), 1e-3);
    /* huge logits do not overflow */
    for (int i = 0; i < 7 * 16; i++)
        c.logits[i] *= 1e4f;
    cr_assert(isfinite(loss_value(&c)));
    free(c.logits);
    free(c.d);
    free(grad);
}

Test(nn_loss, accuracy_takes_the_first_of_equals)
{
    const float x[8] = {1, 1, 0, 0, 0, 2, 3, 9};
    const int32_t first[2] = {0, 2}, second[2] = {1, 1};
    cr_assert_eq(cs_count_correct(2, 3, 4, x, first), 2);
    cr_assert_eq(cs_count_correct(2, 3, 4, x, second), 0);
}

Test(nn_optim, sgd_and_adam_by_hand)
{
    float w[2] = {1.0f, -2.0f}, v[2] = {0.5f, 0.0f};
    const float g[2] = {0.1f, 0.2f};
    cs_sgd_step(w, g, v, 2, 0.1, 0.9, 0.01);
    cr_assert_lt(fabs((double)v[0] - 0.56), 1e-6); /* 0.45 + 0.1 + 0.01 */
    cr_assert_lt(fabs((double)w[0] - 0.944), 1e-6);
    cr_assert_lt(fabs((double)v[1] - 0.18), 1e-6);
    cr_assert_lt(fabs((double)w[1] + 2.018), 1e-6);
    /* Adam's first step is lr * sign(g) but for eps */
    const cs_adam adam = {.lr = 0.01, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8};
    float a[2] = {1.0f, 1.0f}, m[2] = {0}, s[2] = {0};
    const float ga[2] = {3.0f, -0.001f};
    cs_adam_step(&adam, 1, a, ga, m, s, 2);
    cr_assert_lt(fabs((double)a[0] - 0.99), 1e-6);
    cr_assert_lt(fabs((double)a[1] - 1.01), 1e-6);
    cs_adam_step(&adam, 2, a, ga, m, s, 2); /* the same gradient again: the same step */
    cr_assert_lt(fabs((double)a[0] - 0.98), 1e-5);
}

Test(nn_optim, clip_scales_only_what_is_too_long)
{
    float g[2] = {3.0f, 4.0f};
    cr_assert_lt(fabs(cs_clip_norm(g, 2, 0.0) - 5.0), 1e-9);
    cr_assert_eq(g[0], 3.0f);
    cs_clip_norm(g, 2, 10.0);
    cr_assert_eq(g[1], 4.0f);
    cs_clip_norm(g, 2, 2.5);
    cr_assert_lt(fabs((double)g[0] - 1.5) + fabs((double)g[1] - 2.0), 1e-6);
}

Test(nn_optim, schedule)
{
    cr_assert_lt(fabs(cs_lr_at(0.1, 0.01, 0, 100, 10) - 0.01), 1e-12);
    cr_assert_lt(fabs(cs_lr_at(0.1, 0.01, 9, 100, 10) - 0.1), 1e-12);
    cr_assert_lt(fabs(cs_lr_at(0.1, 0.01, 10, 100, 10) - 0.1), 1e-12);
    cr_assert_lt(fabs(cs_lr_at(0.1, 0.01, 55, 100, 10) - 0.055), 1e-12);
    cr_assert_lt(cs_lr_at(0.1, 0.01, 99, 100, 10), 0.0101);
    cr_assert_geq(cs_lr_at(0.1, 0.01, 99, 100, 10), 0.01);
    cr_assert_eq(cs_lr_at(0.1, 0.01, 0, 0, 0), 0.1);
}
