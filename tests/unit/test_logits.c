/* Logits, Gumbel-softmax samples and the K-path proxy, each against a slow version written from the
 * formulas. */
#include "cosearch/relax.h"
#include "run/task_state.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define N 9

static const uint16_t shape[4] = {3, 1, 5, 2};

static cs_logits *table(uint64_t seed)
{
    cs_logits *t;
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    cr_assert_eq(cs_logits_new(shape, 4, 1e-3f, &t), CS_OK);
    for (size_t i = 0; i < t->count; i++)
        t->value[i] = (float)(2.0 * cs_rng_normal(&rng));
    return t;
}

static void random_row(cs_rng *rng, float *logit, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        logit[i] = (float)(scale * cs_rng_normal(rng));
}

Test(logits, shape_and_start)
{
    cs_logits *t;
    cr_assert_eq(cs_logits_new(shape, 4, 1e-3f, &t), CS_OK);
    cr_expect_eq(t->rows, 4);
    cr_expect_eq(t->count, 11);
    cr_expect_eq(t->offset[0], 0);
    cr_expect_eq(t->offset[2], 4);
    cr_expect_eq(t->offset[3], 9);
    for (size_t i = 0; i < t->count; i++) {
        cr_expect_eq(t->value[i], 1e-3f);
        cr_expect(t->grad[i] == 0.0f && t->m[i] == 0.0f && t->v[i] == 0.0f);
    }
    cs_logits_free(t);
    cs_logits_free(NULL);
    const uint16_t empty[2] = {3, 0};
    cr_expect_eq(cs_logits_new(empty, 2, 0.0f, &t), CS_EUSAGE);
    cr_expect_eq(cs_logits_new(shape, 0, 0.0f, &t), CS_EUSAGE);
}

Test(logits, entropy_of_known_rows)
{
    cs_logits *t;
    cr_assert_eq(cs_logits_new(shape, 4, 7.0f, &t), CS_OK);
    cr_expect_float_eq(cs_logits_entropy(t, 0), 1.0, 1e-12);
    cr_expect_float_eq(cs_logits_entropy(t, 1), 0.0, 0.0);
    cr_expect_float_eq(cs_logits_mean_entropy(t), 1.0, 1e-12);
    t->value[0] = 1e30f; /* decided */
    t->value[9] = (float)log(3.0) + 7.0f;
    cr_expect_float_eq(cs_logits_entropy(t, 0), 0.0, 1e-12);
    const double h = -(0.75 * log(0.75) + 0.25 * log(0.25)) / log(2.0);
    cr_expect_float_eq(cs_logits_entropy(t, 3), h, 1e-6);
    cr_expect_float_eq(cs_logits_mean_entropy(t), (0.0 + 1.0 + h) / 3.0, 1e-6);
    cs_logits_free(t);
}

Test(logits, argmax_ties_to_the_lower)
{
    cs_logits *t = table(1);
    float *row = &t->value[t->offset[2]];
    memcpy(row, (float[5]){-1.0f, 4.0f, 2.0f, 4.0f, -9.0f}, 5 * sizeof *row);
    cr_expect_eq(cs_logits_argmax(t, 2), 1);
    cr_expect_eq(cs_logits_argmax(t, 1), 0);
    cs_logits_free(t);
}

/* Adam written out for one number. */
static double adam_alone(const cs_adam *a, double w, const double *g, int n)
{
    double m = 0.0, v = 0.0;
    for (int t = 1; t <= n; t++) {
        m = a->beta1 * m + (1.0 - a->beta1) * g[t - 1];
        v = a->beta2 * v + (1.0 - a->beta2) * g[t - 1] * g[t - 1];
        w -= a->lr * (m / (1.0 - pow(a->beta1, t))) / (sqrt(v / (1.0 - pow(a->beta2, t))) + a->eps);
    }
    return w;
}

Test(logits, adam_row_counts_its_own_steps)
{
    const cs_adam adam = {.lr = 0.03, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8};
    const double g[3] = {0.5, -1.25, 2.0};
    cs_logits *t = table(2);
    const cs_logits before = *t;
    float first[11];
    memcpy(first, before.value, sizeof first);
    for (int step = 0; step < 40; step++) { /* row 0 only */
        cs_logits_zero_grad(t);
        t->grad[1] = 1.0f;
        cs_logits_adam_row(t, &adam, 0);
    }
    cr_expect_arr_eq(&t->value[3], &first[3], 8 * sizeof *first);
    for (int step = 0; step < 3; step++) { /* row 2: late, with its bias correction */
        cs_logits_zero_grad(t);
        t->grad[4] = (float)g[step];
        cs_logits_adam_row(t, &adam, 2);
    }
    cr_expect_float_eq(t->value[4], adam_alone(&adam, (double)first[4], g, 3), 1e-6);
    cr_expect_eq(t->steps[0], 40);
    cr_expect_eq(t->steps[2], 3);
    cs_logits_adam(t, &adam);
    cr_expect_eq(t->steps[1], 1);
    cr_expect_eq(t->steps[2], 4);
    cs_logits_free(t);
}

Test(logits, save_and_load)
{
    const cs_adam adam = {.lr = 0.03, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8};
    cs_logits *t = table(3), *copy = table(4), *other;
    cs_sink *sink;
    cs_source *source;
    size_t n;
    for (int step = 0; step < 5; step++) {
        for (size_t i = 0; i < t->count; i++)
            t->grad[i] = (float)i - 4.0f * (float)step;
        cs_logits_adam(t, &adam);
    }
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_logits_save(t, sink), CS_OK);
    const void *bytes = cs_sink_bytes(sink, &n);

    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    copy->grad[0] = 3.0f;
    cr_assert_eq(cs_logits_load(copy, source), CS_OK);
    cs_source_free(source);
    cr_expect_eq(copy->grad[0], 0.0f);
    for (size_t i = 0; i < t->count; i++)
        t->grad[i] = copy->grad[i] = 0.25f;
    cs_logits_adam(t, &adam);
    cs_logits_adam(copy, &adam);
    cr_expect_arr_eq(t->value, copy->value, t->count * sizeof *t->value);

    const float kept = copy->value[0];
    cr_assert_eq(cs_source_new(bytes, n - 4, &source), CS_OK); /* torn */
    cr_expect_neq(cs_logits_load(copy, source), CS_OK);
    cs_source_free(source);
    cr_expect_eq(copy->value[0], kept);

    const uint16_t wider[4] = {3, 1, 5, 3};
    cr_assert_eq(cs_logits_new(wider, 4, 0.0f, &other), CS_OK);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_expect_eq(cs_logits_load(other, source), CS_EFORMAT);
    cs_source_free(source);
    cs_sink_free(sink);
    cs_logits_free(t);
    cs_logits_free(copy);
    cs_logits_free(other);
}

/* ---- Gumbel ---- */

/* The formula with its log softmax, in long double and without any guard. */
static void slow_gumbel(const float *logit, const double *noise, size_t n, double tau, double *y)
{
    long double sum = 0.0L, total = 0.0L, e[N];
    for (size_t i = 0; i < n; i++)
        sum += expl((long double)logit[i]);
    for (size_t i = 0; i < n; i++) {
        e[i] = expl(((long double)logit[i] - logl(sum) + (long double)noise[i]) / (long double)tau);
        total += e[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] = (double)(e[i] / total);
}

Test(gumbel, follows_the_formula)
{
    const double taus[4] = {5.0, 1.0, 0.25, 0.1};
    cs_rng rng, twin;
    float logit[N];
    double y[N], slow[N], noise[N];
    cs_rng_seed(&rng, 11);
    for (int round = 0; round < 200; round++) {
        random_row(&rng, logit, N, 3.0);
        twin = rng;
        cs_gumbel_softmax(logit, N, taus[round % 4], &rng, y);
        for (size_t i = 0; i < N; i++)
            noise[i] = cs_rng_gumbel(&twin); /* one draw per entry, in order */
        slow_gumbel(logit, noise, N, taus[round % 4], slow);
        for (size_t i = 0; i < N; i++)
            cr_assert_float_eq(y[i], slow[i], 1e-12, "round %d: y[%zu] %g, %g", round, i, y[i],
                               slow[i]);
        cs_gumbel_softmax(logit, N, taus[round % 4], NULL, y);
        slow_gumbel(logit, (double[N]){0.0}, N, taus[round % 4], slow);
        for (size_t i = 0; i < N; i++)
            cr_assert_float_eq(y[i], slow[i], 1e-12);
    }
}

/* The winner of a Gumbel draw is distributed as the softmax of the logits, at any temperature.
 * Chi-square with 8 degrees of freedom: 26.1 is its 99.9 % point. */
/* Against central differences of sum_j c_j y_j under the same noise. */
Test(gumbel, gradient_of_the_soft_sample)
{
    cs_rng rng;
    cs_rng_seed(&rng, 41);
    for (int trial = 0; trial < 50; trial++) {
        float logit[N], grad[N];
        double c[N], y[N], up[N], down[N];
        const double tau = 0.3 + 4.0 * cs_rng_uniform(&rng);
        for (int i = 0; i < N; i++) {
            logit[i] = (float)cs_rng_normal(&rng);
            c[i] = cs_rng_normal(&rng);
            grad[i] = 2.0f; /* is added to */
        }
        cs_rng noise = rng;
        cs_gumbel_softmax(logit, N, tau, &noise, y);
        cs_gumbel_softmax_back(y, N, tau, c, grad);
        for (int i = 0; i < N; i++) {
            float moved[N];
            double slope = 0.0;
            memcpy(moved, logit, sizeof moved);
            moved[i] = logit[i] + 0.0078125f;
            noise = rng;
            cs_gumbel_softmax(moved, N, tau, &noise, up);
            moved[i] = logit[i] - 0.0078125f;
            noise = rng;
            cs_gumbel_softmax(moved, N, tau, &noise, down);
            for (int j = 0; j < N; j++)
                slope += c[j] * (up[j] - down[j]) / 0.015625;
            cr_assert_float_eq(grad[i] - 2.0, slope, 2e-3, "trial %d, logit %d: %g, not %g", trial,
                               i, grad[i] - 2.0, slope);
        }
    }
}

Test(gumbel, winner_is_softmax_distributed)
{
    const double taus[2] = {0.3, 4.0};
    const int draws = 20000;
    cs_rng rng;
    float logit[N];
    double y[N], p[N];
    cs_rng_seed(&rng, 12);
    for (int round = 0; round < 2; round++) {
        int seen[N] = {0};
        random_row(&rng, logit, N, 1.0);
        cs_gumbel_softmax(logit, N, 1.0, NULL, p);
        for (int i = 0; i < draws; i++) {
            uint16_t top;
            cs_gumbel_softmax(logit, N, taus[round], &rng, y);
            cs_top_k(y, N, 1, &top);
            seen[top]++;
        }
        double chi = 0.0;
        for (size_t i = 0; i < N; i++)
            chi += pow(seen[i] - draws * p[i], 2.0) / (draws * p[i]);
        cr_expect_lt(chi, 26.1, "chi-square %.1f at temperature %g", chi, taus[round]);
    }
}

Test(gumbel, extreme_logits_and_temperatures)
{
    const float logit[4] = {1e30f, -1e30f, 1e30f, 0.0f};
    cs_rng rng;
    double y[4];
    cs_rng_seed(&rng, 13);
    cs_gumbel_softmax(logit, 4, 1.0, NULL, y);
    cr_expect_float_eq(y[0], 0.5, 1e-12);
    cr_expect_float_eq(y[2], 0.5, 1e-12);
    cr_expect_eq(y[1], 0.0);
    const double taus[3] = {1e-300, 1e-6, 1e300};
    for (int t = 0; t < 3; t++)
        for (int round = 0; round < 100; round++) {
            double sum = 0.0;
            cs_gumbel_softmax(logit, 4, taus[t], &rng, y);
            for (int i = 0; i < 4; i++)
                sum += y[i];
            cr_assert_float_eq(sum, 1.0, 1e-12, "temperature %g: sum %g", taus[t], sum);
        }
}

Test(gumbel, top_k)
{
    const double y[6] = {0.1, 0.4, 0.1, 0.4, 0.7, 0.0};
    uint16_t index[6];
    cs_top_k(y, 6, 6, index);
    cr_expect_arr_eq(index, ((uint16_t[6]){4, 1, 3, 0, 2, 5}), sizeof index);
    index[3] = 99;
    cs_top_k(y, 6, 3, index);
    cr_expect_arr_eq(index, ((uint16_t[4]){4, 1, 3, 99}), 4 * sizeof *index);
    cs_top_k(y, 1, 1, index);
    cr_expect_eq(index[0], 0);
}

/* ---- K-path proxy ---- */

/* L(logits) = sum over the active paths of c[j] * softmax_j over the raw active logits. */
static double proxy(const double *logit, const uint16_t *index, size_t k, const double *c)
{
    double sum = 0.0, value = 0.0;
    for (size_t j = 0; j < k; j++)
        sum += exp(logit[index[j]]);
    for (size_t j = 0; j < k; j++)
        value += c[j] * exp(logit[index[j]]) / sum;
    return value;
}

Test(gumbel, straight_through_gradient_of_the_proxy)
{
    cs_rng rng;
    cs_rng_seed(&rng, 14);
    for (int round = 0; round < 100; round++) {
        float logit[N], grad[N];
        double y[N], p[N], c[N], wide[N];
        uint16_t index[N];
        const size_t k = 1 + (size_t)round % N;
        random_row(&rng, logit, N, 1.5);
        cs_gumbel_softmax(logit, N, 1.0, &rng, y);
        cs_top_k(y, N, k, index);
        for (size_t i = 0; i < N; i++) {
            grad[i] = (float)i; /* is added to */
            wide[i] = (double)logit[i];
            c[i] = 4.0 * cs_rng_normal(&rng);
        }
        cs_softmax_active(logit, index, k, p);
        cs_softmax_active_back(index, k, p, c, grad);
        for (size_t i = 0; i < N; i++) {
            const double at = wide[i], h = 1e-5;
            wide[i] = at + h;
            const double up = proxy(wide, index, k, c);
            wide[i] = at - h;
            const double slope = (up - proxy(wide, index, k, c)) / (2.0 * h);
            wide[i] = at;
            cr_assert_float_eq((double)grad[i] - (double)i, slope, 2e-6,
                               "k %zu: grad[%zu] %g, slope %g", k, i, (double)grad[i] - (double)i,
                               slope);
        }
    }
}

/* Published rule: after the step the inactive entries have the probability they had before it. */
Test(gumbel, rescaling_keeps_the_inactive_mass)
{
    const double steps[4] = {1e-3, 0.3, 5.0, 30.0};
    cs_rng rng;
    cs_rng_seed(&rng, 15);
    for (int round = 0; round < 400; round++) {
        float before[N], row[N];
        double y[N], p[N], q[N];
        uint16_t index[N];
        const size_t k = 1 + (size_t)round % (N - 1);
        random_row(&rng, before, N, round % 3 ? 1.0 : 6.0);
        cs_gumbel_softmax(before, N, 1.0, &rng, y);
        cs_top_k(y, N, k, index);
        memcpy(row, before, sizeof row);
        for (size_t i = 0; i < k; i++)
            row[index[i]] += (float)(steps[round % 4] * cs_rng_normal(&rng));
        cs_logits_rescale(row, before, index, k);
        cs_gumbel_softmax(before, N, 1.0, NULL, p);
        cs_gumbel_softmax(row, N, 1.0, NULL, q);
        for (size_t i = 0; i < N; i++) {
            bool active = false;
            for (size_t j = 0; j < k; j++)
                active = active || index[j] == i;
            if (!active)
                cr_assert_float_eq(p[i], q[i], 1e-6, "round %d: p[%zu] %.9f became %.9f", round, i,
                                   p[i], q[i]);
        }
    }
}

Test(gumbel, rescaling_of_extreme_rows)
{
    float row[3] = {500.0f, -500.0f, 0.0f};
    const float before[3] = {300.0f, 400.0f, 0.0f};
    cs_logits_rescale(row, before, (uint16_t[2]){0, 1}, 2);
    cr_expect_float_eq(row[0], 400.0, 1e-4); /* log(e^300 + e^400) = log(e^x + e^(x - 1000)) */
    cr_expect_float_eq(row[1], -600.0, 1e-4);
    cr_expect_eq(row[2], 0.0f);
    cs_logits_rescale(row, before, NULL, 0);
    cr_expect_float_eq(row[0], 400.0, 1e-4);
}
