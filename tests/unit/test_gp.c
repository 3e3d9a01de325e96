/* Gaussian process against a dense reference written from the textbook: covariance by its formula,
 * inverse by Gauss and Jordan, no factor, no shortcut. */
#include "cosearch/gp.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX 80
#define D_MAX 8

static cs_engine *engine_new(void)
{
    cs_engine *engine;
    cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
    return engine;
}

/* A process on random data of a smooth function, with random hyper-parameters. */
typedef struct world {
    cs_engine *engine;
    cs_gp *gp;
    cs_gp_options options;
    size_t n, d, p;
    double x[N_MAX * D_MAX], y[N_MAX], theta[2 + D_MAX];
    cs_rng rng;
} world;

static double truth(const double *x, size_t d)
{
    double sum = 3.0;
    for (size_t j = 0; j < d; j++)
        sum += sin(1.5 * x[j] + (double)j) * (j % 2 ? 2.0 : 0.5);
    return sum;
}

static void fill(world *w, cs_gp_kernel kernel, bool ard, size_t n, size_t d, uint64_t seed)
{
    *w = (world){.engine = engine_new(), .options = {kernel, ard, true}, .n = n, .d = d};
    cs_rng_seed(&w->rng, seed);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++)
            w->x[i * d + j] = 10.0 * (double)j + (1.0 + (double)j) * cs_rng_normal(&w->rng);
        w->y[i] = 50.0 * truth(&w->x[i * d], d) + cs_rng_normal(&w->rng);
    }
    cr_assert_eq(cs_gp_new(w->engine, d, &w->options, &w->gp), CS_OK);
    w->p = cs_gp_params(w->gp);
    cr_assert_eq(w->p, kernel == CS_GP_LINEAR || !ard ? 3 : 2 + d);
    for (size_t i = 0; i < w->p; i++)
        w->theta[i] = 0.4 * cs_rng_normal(&w->rng);
    w->theta[1] = log(1e-2);
    cr_assert_eq(cs_gp_set_theta(w->gp, w->theta), CS_OK);
    cr_assert_eq(cs_gp_set_data(w->gp, w->x, w->y, n), CS_OK);
}

static void drop(world *w)
{
    cs_gp_free(w->gp);
    cs_engine_free(w->engine);
}

/* ---- the reference ---- */

typedef struct reference {
    double x[N_MAX * D_MAX], y[N_MAX], shift[D_MAX], sd[D_MAX], y_shift, y_sd;
    double inverse[N_MAX * N_MAX], log_det;
} reference;

static double covariance(const world *w, const double *theta, const double *a, const double *b)
{
    double sum = 0.0;
    for (size_t j = 0; j < w->d; j++) {
        const double l = exp(theta[2 + (w->options.ard ? j : 0)]);
        sum += w->options.kernel == CS_GP_LINEAR ? a[j] * b[j] : pow((a[j] - b[j]) / l, 2.0);
    }
    switch (w->options.kernel) {
    case CS_GP_LINEAR: return exp(theta[0]) * sum + exp(theta[2]);
    case CS_GP_RBF: return exp(theta[0]) * exp(-0.5 * sum);
    case CS_GP_MATERN52: break;
    }
    const double r = sqrt(5.0 * sum);
    return exp(theta[0]) * (1.0 + r + r * r / 3.0) * exp(-r);
}

static void scale_column(const double *x, size_t stride, size_t n, double *mean, double *sd)
{
    double square = 0.0;
    *mean = 0.0;
    for (size_t i = 0; i < n; i++)
        *mean += x[i * stride] / (double)n;
    for (size_t i = 0; i < n; i++)
        square += pow(x[i * stride] - *mean, 2.0) / (double)n;
    *sd = sqrt(square);
}

/* a = a^-1; returns log |a|. */
static double gauss_jordan(double *a, size_t n)
{
    static double b[N_MAX * N_MAX];
    double log_det = 0.0;
    memset(b, 0, sizeof b);
    for (size_t i = 0; i < n; i++)
        b[i * n + i] = 1.0;
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t i = c + 1; i < n; i++)
            if (fabs(a[i * n + c]) > fabs(a[pivot * n + c]))
                pivot = i;
        for (size_t j = 0; j < n; j++) {
            const double t = a[c * n + j], u = b[c * n + j];
            a[c * n + j] = a[pivot * n + j];
            a[pivot * n + j] = t;
            b[c * n + j] = b[pivot * n + j];
            b[pivot * n + j] = u;
        }
        const double over = 1.0 / a[c * n + c];
        log_det -= log(fabs(over));
        for (size_t j = 0; j < n; j++) {
            a[c * n + j] *= over;
            b[c * n + j] *= over;
        }
        for (size_t i = 0; i < n; i++) {
            const double f = a[i * n + c];
            for (size_t j = 0; i != c && j < n; j++) {
                a[i * n + j] -= f * a[c * n + j];
                b[i * n + j] -= f * b[c * n + j];
            }
        }
    }
    memcpy(a, b, n * n * sizeof *a);
    return log_det;
}

/* standard: how many of the points the standardisation sees. */
static void refer(const world *w, const double *theta, size_t standard, reference *r)
{
    const size_t n = w->n, d = w->d;
    for (size_t j = 0; j < d; j++)
        scale_column(&w->x[j], d, standard, &r->shift[j], &r->sd[j]);
    scale_column(w->y, 1, standard, &r->y_shift, &r->y_sd);
    for (size_t i = 0; i < n; i++) {
        r->y[i] = (w->y[i] - r->y_shift) / r->y_sd;
        for (size_t j = 0; j < d; j++)
            r->x[i * d + j] = (w->x[i * d + j] - r->shift[j]) / r->sd[j];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            r->inverse[i * n + j] =
                covariance(w, theta, &r->x[i * d], &r->x[j * d]) + (i == j ? exp(theta[1]) : 0.0);
    r->log_det = gauss_jordan(r->inverse, n);
}

static void posterior(const world *w, const double *theta, const reference *r, const double *x,
                      double *mean, double *sd)
{
    double u[D_MAX], k[N_MAX], variance;
    for (size_t j = 0; j < w->d; j++)
        u[j] = (x[j] - r->shift[j]) / r->sd[j];
    for (size_t i = 0; i < w->n; i++)
        k[i] = covariance(w, theta, u, &r->x[i * w->d]);
    *mean = 0.0;
    variance = covariance(w, theta, u, u);
    for (size_t i = 0; i < w->n; i++)
        for (size_t j = 0; j < w->n; j++) {
            *mean += k[i] * r->inverse[i * w->n + j] * r->y[j];
            variance -= k[i] * r->inverse[i * w->n + j] * k[j];
        }
    *mean = r->y_shift + r->y_sd * *mean;
    *sd = r->y_sd * sqrt(fmax(variance, 0.0));
}

/* Mean to 1e-8 of the targets' spread, variance to 1e-8 of its square. */
static void check_posterior(world *w, size_t standard, size_t m)
{
    static reference r;
    double x[300 * D_MAX], mean[300], sd[300], slow_mean, slow_sd;
    refer(w, w->theta, standard, &r);
    for (size_t i = 0; i < m * w->d; i++)
        x[i] = 10.0 * (double)(i % w->d) + 3.0 * cs_rng_normal(&w->rng);
    memcpy(x, w->x, w->d * sizeof *x); /* a point that is known */
    cr_assert_eq(cs_gp_predict(w->gp, x, m, mean, sd), CS_OK);
    for (size_t i = 0; i < m; i++) {
        posterior(w, w->theta, &r, &x[i * w->d], &slow_mean, &slow_sd);
        cr_assert_float_eq(mean[i], slow_mean, 1e-8 * r.y_sd, "mean %.12g, %.12g", mean[i],
                           slow_mean);
        cr_assert_float_eq(sd[i] * sd[i], slow_sd * slow_sd, 1e-8 * r.y_sd * r.y_sd,
                           "sd %.12g, %.12g", sd[i], slow_sd);
    }
}

/* ---- tests ---- */

static const struct shape {
    cs_gp_kernel kernel;
    bool ard;
    size_t n, d;
} shapes[] = {{CS_GP_LINEAR, false, 40, 5},   {CS_GP_MATERN52, true, 60, 4},
              {CS_GP_MATERN52, false, 30, 8}, {CS_GP_RBF, true, 35, 3},
              {CS_GP_RBF, false, 20, 2},      {CS_GP_MATERN52, true, 1, 3}};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

Test(gp, posterior_is_that_of_the_dense_reference)
{
    for (size_t s = 0; s < N_SHAPES - 1; s++) {
        world w;
        fill(&w, shapes[s].kernel, shapes[s].ard, shapes[s].n, shapes[s].d, 10 + s);
        check_posterior(&w, w.n, 300); /* more than one block of candidates */
        cr_expect_eq(cs_gp_jitter(w.gp), 0.0);
        drop(&w);
    }
}

/* More points than a block of columns of the inverse factor. */
Test(gp, larger_than_a_block)
{
    enum { N = 300, D = 3 };
    static double x[N * D], y[N];
    const cs_gp_options options = {CS_GP_MATERN52, true, true};
    cs_engine *engine = engine_new();
    cs_gp *gp;
    cs_rng rng;
    double mean[N], sd[N];
    cs_rng_seed(&rng, 2);
    for (size_t i = 0; i < N * D; i++)
        x[i] = cs_rng_normal(&rng);
    for (size_t i = 0; i < N; i++)
        y[i] = truth(&x[i * D], D);
    cr_assert_eq(cs_gp_new(engine, D, &options, &gp), CS_OK);
    cr_assert_eq(cs_gp_set_theta(gp, (double[5]){0.0, log(1e-6), 1.0, 1.0, 1.0}), CS_OK);
    cr_assert_eq(cs_gp_set_data(gp, x, y, N), CS_OK);
    cr_assert_eq(cs_gp_predict(gp, x, N, mean, sd), CS_OK); /* almost without noise: interpolates */
    for (size_t i = 0; i < N; i++) {
        cr_assert_float_eq(mean[i], y[i], 0.02, "%g, %g", mean[i], y[i]);
        cr_assert_lt(sd[i], 0.01);
    }
    cs_gp_free(gp);
    cs_engine_free(engine);
}

Test(gp, likelihood_and_its_gradient)
{
    for (size_t s = 0; s < N_SHAPES - 1; s++) {
        static reference r;
        world w;
        double value, gradient[2 + D_MAX], fit = 0.0;
        fill(&w, shapes[s].kernel, shapes[s].ard, shapes[s].n, shapes[s].d, 20 + s);
        refer(&w, w.theta, w.n, &r);
        for (size_t i = 0; i < w.n; i++)
            for (size_t j = 0; j < w.n; j++)
                fit += r.y[i] * r.inverse[i * w.n + j] * r.y[j];
        const double slow =
            -0.5 * fit - 0.5 * r.log_det - 0.5 * (double)w.n * log(2.0 * 3.14159265358979323846);
        cr_assert_eq(cs_gp_likelihood(w.gp, w.theta, &value, gradient), CS_OK);
        cr_expect_float_eq(value, slow, 1e-8 * fabs(slow), "%.12g, %.12g", value, slow);
        for (size_t i = 0; i < w.p; i++) {
            double up, down;
            const double at = w.theta[i], h = 1e-5;
            w.theta[i] = at + h;
            cr_assert_eq(cs_gp_likelihood(w.gp, w.theta, &up, NULL), CS_OK);
            w.theta[i] = at - h;
            cr_assert_eq(cs_gp_likelihood(w.gp, w.theta, &down, NULL), CS_OK);
            w.theta[i] = at;
            const double slope = (up - down) / (2.0 * h);
            cr_expect_float_eq(gradient[i], slope, 1e-5 * fmax(1.0, fabs(slope)),
                               "shape %zu: gradient[%zu] %.9g, slope %.9g", s, i, gradient[i],
                               slope);
        }
        drop(&w);
    }
}

/* With the inverse factor already there, and without. */
Test(gp, append_is_a_fit_without_standardising_anew)
{
    for (size_t s = 0; s < N_SHAPES; s++)
        for (int predicted = 0; predicted < 2; predicted++) {
            world w;
            double mean, sd;
            fill(&w, shapes[s].kernel, shapes[s].ard, shapes[s].n, shapes[s].d, 30 + s);
            const size_t before = w.n;
            if (before == 1) { /* nothing to standardise by */
                drop(&w);
                continue;
            }
            if (predicted)
                cr_assert_eq(cs_gp_predict(w.gp, w.x, 1, &mean, &sd), CS_OK);
            for (; w.n < before + 12; w.n++) {
                double *x = &w.x[w.n * w.d];
                for (size_t j = 0; j < w.d; j++)
                    x[j] = 10.0 * (double)j + 2.0 * cs_rng_normal(&w.rng);
                w.y[w.n] = 50.0 * truth(x, w.d);
                cr_assert_eq(cs_gp_append(w.gp, x, w.y[w.n]), CS_OK);
            }
            cr_expect_eq(cs_gp_size(w.gp), w.n);
            check_posterior(&w, before, 40);
            drop(&w);
        }
}

Test(gp, near_duplicates_and_constant_features)
{
    const cs_gp_kernel kernels[] = {CS_GP_LINEAR, CS_GP_MATERN52, CS_GP_RBF};
    for (size_t k = 0; k < 3; k++) {
        world w;
        double mean[40], sd[40], value, gradient[2 + D_MAX];
        fill(&w, kernels[k], true, 40, 4, 40 + k);
        for (size_t i = 0; i < 40; i++) {
            w.x[i * 4 + 2] = 1e6; /* constant */
            if (i % 2)            /* and every second point almost the one before */
                for (size_t j = 0; j < 4; j++)
                    w.x[i * 4 + j] = w.x[(i - 1) * 4 + j] * (1.0 + 1e-15 * (double)(i % 3));
        }
        w.theta[1] = log(1e-18); /* the noise does not help */
        cr_assert_eq(cs_gp_set_theta(w.gp, w.theta), CS_OK);
        cr_assert_eq(cs_gp_set_data(w.gp, w.x, w.y, 40), CS_OK);
        cr_expect_gt(cs_gp_jitter(w.gp), 0.0);
        cr_expect_lt(cs_gp_jitter(w.gp), 1e-3);
        cr_assert_eq(cs_gp_predict(w.gp, w.x, 40, mean, sd), CS_OK);
        cr_assert_eq(cs_gp_likelihood(w.gp, w.theta, &value, gradient), CS_OK);
        cr_expect(isfinite(value));
        for (size_t i = 0; i < 40; i++)
            cr_expect(isfinite(mean[i]) && sd[i] >= 0.0 && isfinite(sd[i]));
        for (int i = 0; i < 5; i++) /* the same point again and again */
            cr_assert_eq(cs_gp_append(w.gp, w.x, w.y[0]), CS_OK);
        cr_expect_eq(cs_gp_size(w.gp), 45);
        cr_assert_eq(cs_gp_predict(w.gp, w.x, 1, mean, sd), CS_OK);
        cr_expect(isfinite(mean[0]) && isfinite(sd[0]));
        cr_assert_eq(cs_gp_optimise(w.gp, 1, 20, &w.rng), CS_OK);
        drop(&w);
    }
}

Test(gp, constant_targets_and_one_point)
{
    world w;
    double mean, sd;
    fill(&w, CS_GP_MATERN52, true, 10, 2, 50);
    for (size_t i = 0; i < 10; i++)
        w.y[i] = 7.0;
    cr_assert_eq(cs_gp_set_data(w.gp, w.x, w.y, 10), CS_OK);
    cr_assert_eq(cs_gp_predict(w.gp, w.x, 1, &mean, &sd), CS_OK);
    cr_expect_float_eq(mean, 7.0, 1e-9);
    cr_assert_eq(cs_gp_set_data(w.gp, w.x, w.y, 1), CS_OK);
    cr_assert_eq(cs_gp_predict(w.gp, w.x, 1, &mean, &sd), CS_OK);
    cr_expect_float_eq(mean, 7.0, 1e-9);
    cr_expect_float_eq(cs_gp_best(w.gp), 7.0, 1e-12);
    drop(&w);
}

Test(gp, refuses_what_is_no_number)
{
    world w;
    double value;
    fill(&w, CS_GP_RBF, false, 10, 2, 51);
    cr_expect_eq(cs_gp_append(w.gp, (double[2]){1.0, (double)NAN}, 1.0), CS_ENUMERIC);
    cr_expect_eq(cs_gp_append(w.gp, (double[2]){1.0, 1.0}, (double)INFINITY), CS_ENUMERIC);
    cr_expect_eq(cs_gp_size(w.gp), 10);
    w.theta[0] = (double)NAN;
    cr_expect_eq(cs_gp_set_theta(w.gp, w.theta), CS_ENUMERIC);
    w.y[3] = (double)NAN;
    cr_expect_eq(cs_gp_set_data(w.gp, w.x, w.y, 10), CS_ENUMERIC);
    cr_expect_eq(cs_gp_set_data(w.gp, w.x, w.y, 0), CS_EUSAGE);
    cs_gp *empty;
    cr_assert_eq(cs_gp_new(w.engine, 2, &w.options, &empty), CS_OK);
    cr_expect_eq(cs_gp_likelihood(empty, w.theta, &value, NULL), CS_EUSAGE);
    cr_expect_eq(cs_gp_predict(empty, w.x, 1, &value, &value), CS_EUSAGE);
    cr_expect_eq(cs_gp_best(empty), (double)INFINITY);
    cr_assert_eq(cs_gp_append(empty, w.x, 1.0), CS_OK);
    cs_gp_free(empty);
    cs_gp_free(NULL);
    drop(&w);
}

/* ---- hyper-parameters ---- */

/* The likelihood rises, its gradient vanishes inside the bounds, and a feature that decides nothing
 * gets the longest scale. */
Test(gp, optimise_finds_a_maximum)
{
    world w;
    double before, after, gradient[2 + D_MAX];
    fill(&w, CS_GP_MATERN52, true, 70, 4, 60);
    for (size_t i = 0; i < 70; i++)
        w.y[i] = sin(w.x[i * 4]) + 0.05 * cs_rng_normal(&w.rng); /* of the first feature only */
    cr_assert_eq(cs_gp_set_data(w.gp, w.x, w.y, 70), CS_OK);
    cr_assert_eq(cs_gp_likelihood(w.gp, w.theta, &before, NULL), CS_OK);
    cr_assert_eq(cs_gp_optimise(w.gp, 2, 60, &w.rng), CS_OK);
    cr_assert_eq(cs_gp_likelihood(w.gp, cs_gp_theta(w.gp), &after, gradient), CS_OK);
    cr_expect_gt(after, before + 10.0, "%g became %g", before, after);
    const double *theta = cs_gp_theta(w.gp);
    cr_expect_lt(fabs(gradient[0]), 0.05);
    cr_expect_lt(fabs(gradient[1]), 0.05);
    cr_expect_lt(fabs(gradient[2]), 0.05);
    for (size_t j = 1; j < 4; j++)
        cr_expect_gt(theta[2 + j], theta[2] + log(4.0), "feature %zu: %g against %g", j,
                     exp(theta[2 + j]), exp(theta[2]));
    cr_expect_float_eq(sqrt(exp(theta[1])) * 0.707, 0.05, 0.05); /* sd of the targets about 0.7 */
    drop(&w);
}

Test(gp, optimise_is_deterministic)
{
    double theta[2][2 + D_MAX];
    for (int i = 0; i < 2; i++) {
        world w;
        fill(&w, CS_GP_RBF, true, 30, 3, 61);
        cr_assert_eq(cs_gp_optimise(w.gp, 2, 30, &w.rng), CS_OK);
        memcpy(theta[i], cs_gp_theta(w.gp), w.p * sizeof(double));
        drop(&w);
    }
    cr_expect_arr_eq(theta[0], theta[1], 5 * sizeof(double));
}

Test(gp, median_length_of_known_points)
{
    const cs_gp_options options = {CS_GP_RBF, false, false};
    const double x[4] = {0.0, 1.0, 2.0, 3.0}, y[4] = {1.0, -1.0, 1.0, 1.0};
    cs_engine *engine = engine_new();
    cs_gp *gp;
    cr_assert_eq(cs_gp_new(engine, 1, &options, &gp), CS_OK);
    cr_assert_eq(cs_gp_set_data(gp, x, y, 4), CS_OK);
    cr_assert_eq(cs_gp_median_length(gp), CS_OK);
    /* distances 1 1 1 2 2 3, over the standard deviation sqrt(5/4) */
    cr_expect_float_eq(exp(cs_gp_theta(gp)[2]), 2.0 / sqrt(1.25), 1e-12);
    cs_gp_free(gp);
    cs_engine_free(engine);
}

/* Labels of a half-plane: sure on both sides, in doubt between and far away. */
Test(gp, probability_of_a_label)
{
    const cs_gp_options options = {CS_GP_RBF, false, false};
    static double x[60 * 2], y[60];
    double mean[3], sd[3], p[3];
    const double where[6] = {2.0, 0.0, -2.0, 0.0, 50.0, 50.0};
    cs_engine *engine = engine_new();
    cs_gp *gp;
    cs_rng rng;
    cs_rng_seed(&rng, 70);
    for (size_t i = 0; i < 60; i++) {
        x[2 * i] = 2.0 * cs_rng_normal(&rng);
        x[2 * i + 1] = 2.0 * cs_rng_normal(&rng);
        y[i] = x[2 * i] > 0.0 ? 1.0 : -1.0;
    }
    cr_assert_eq(cs_gp_new(engine, 2, &options, &gp), CS_OK);
    cr_assert_eq(cs_gp_set_theta(gp, (double[3]){0.0, log(0.01), 0.0}), CS_OK);
    cr_assert_eq(cs_gp_set_data(gp, x, y, 60), CS_OK);
    cr_assert_eq(cs_gp_median_length(gp), CS_OK);
    cr_assert_eq(cs_gp_predict(gp, where, 3, mean, sd), CS_OK);
    for (int i = 0; i < 3; i++)
        p[i] = cs_gp_probability(mean[i], sd[i]);
    cr_expect_gt(p[0], 0.75);
    cr_expect_lt(p[1], 0.25);
    cr_expect_float_eq(p[2], 0.5, 0.01);
    cs_gp_free(gp);
    cs_engine_free(engine);
}

/* ---- acquisition ---- */

Test(gp, expected_improvement_is_the_integral)
{
    const double cases[][3] = {
        {0.0, 1.0, 0.0}, {1.0, 0.5, 0.0}, {-2.0, 0.7, -1.0}, {3.0, 2.0, 0.5}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const double mean = cases[c][0], sd = cases[c][1], best = cases[c][2];
        double sum = 0.0;
        const double h = 1e-4;
        for (double z = -9.0; z < 9.0; z += h)
            sum += fmax(best - (mean + sd * z), 0.0) * exp(-0.5 * z * z) * h;
        cr_expect_float_eq(cs_gp_ei(mean, sd, best), sum / sqrt(2.0 * 3.14159265358979323846),
                           1e-6);
    }
    cr_expect_eq(cs_gp_ei(1.0, 0.0, 3.0), 2.0);
    cr_expect_eq(cs_gp_ei(3.0, 0.0, 1.0), 0.0);
    cr_expect_geq(cs_gp_ei(1e3, 1e-3, 0.0), 0.0);
    cr_expect_float_eq(cs_gp_lcb(2.0, 0.5, 1.0), 1.5, 1e-15);
    cr_expect_float_eq(cs_gp_probability(0.0, 3.0), 0.5, 1e-15);
}

/* A one-dimensional function with two valleys: the deeper one is found. */
Test(gp, expected_improvement_finds_the_minimum)
{
    const cs_gp_options options = {CS_GP_MATERN52, true, true};
    enum { GRID = 401 };
    static double grid[GRID], mean[GRID], sd[GRID];
    cs_engine *engine = engine_new();
    cs_gp *gp;
    cs_rng rng;
    double least = INFINITY;
    cs_rng_seed(&rng, 80);
    cr_assert_eq(cs_gp_new(engine, 1, &options, &gp), CS_OK);
    for (size_t i = 0; i < GRID; i++)
        grid[i] = -4.0 + 8.0 * (double)i / (GRID - 1);
#define VALLEYS(x) ((x) * (x) * (x) * (x)-8.0 * (x) * (x) + 3.0 * (x))
    for (size_t i = 0; i < GRID; i++)
        least = fmin(least, VALLEYS(grid[i]));
    double x[30], y[30];
    size_t n = 0;
    for (; n < 5; n++)
        x[n] = -3.5 + 1.7 * (double)n, y[n] = VALLEYS(x[n]);
    for (; n < 30; n++) {
        size_t best = 0;
        cr_assert_eq(cs_gp_set_data(gp, x, y, n), CS_OK);
        cr_assert_eq(cs_gp_optimise(gp, 1, 25, &rng), CS_OK);
        cr_assert_eq(cs_gp_predict(gp, grid, GRID, mean, sd), CS_OK);
        for (size_t i = 1; i < GRID; i++)
            if (cs_gp_ei(mean[i], sd[i], cs_gp_best(gp)) >
                cs_gp_ei(mean[best], sd[best], cs_gp_best(gp)))
                best = i;
        x[n] = grid[best];
        y[n] = VALLEYS(x[n]);
    }
    double found = INFINITY;
    for (size_t i = 0; i < n; i++)
        found = fmin(found, y[i]);
    cr_expect_lt(found, least + 0.05, "%g, least %g", found, least);
    cs_gp_free(gp);
    cs_engine_free(engine);
}
