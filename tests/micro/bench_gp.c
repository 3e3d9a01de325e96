/* Times of the Gaussian process at the shapes of a long Bayesian optimisation: 1,000 points of 20
 * features, Matern-5/2 with a length scale per feature, 10,000 candidates. */
#include "bench_gp.h"

#include "cosearch/gp.h"
#include "micro.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 1000, FEATURES = 20, CANDIDATES = 10000 };

typedef struct gp_state {
    cs_engine *engine;
    cs_gp *gp;
    double *x, *y, *candidate, *mean, *sd;
    double gradient[2 + FEATURES], best;
    size_t n; /* points to fit */
    cs_status status;
} gp_state;

static double fit(void *context)
{
    gp_state *s = context;
    s->status = cs_gp_set_data(s->gp, s->x, s->y, s->n);
    return 1.0;
}

static double fit_ei(void *context)
{
    gp_state *s = context;
    fit(s);
    if (s->status == CS_OK)
        s->status = cs_gp_predict(s->gp, s->candidate, CANDIDATES, s->mean, s->sd);
    const double best = cs_gp_best(s->gp);
    s->best = -INFINITY;
    for (size_t i = 0; s->status == CS_OK && i < CANDIDATES; i++)
        s->best = fmax(s->best, cs_gp_ei(s->mean[i], s->sd[i], best));
    return 1.0;
}

static double likelihood(void *context)
{
    gp_state *s = context;
    double value;
    s->status = cs_gp_likelihood(s->gp, cs_gp_theta(s->gp), &value, s->gradient);
    return 1.0;
}

/* Appends the last tenth, point by point. */
static double append(void *context)
{
    gp_state *s = context;
    for (size_t i = s->n; s->status == CS_OK && i < POINTS; i++)
        s->status = cs_gp_append(s->gp, &s->x[i * FEATURES], s->y[i]);
    return (double)(POINTS - s->n);
}

static cs_status set_up(gp_state *s)
{
    const cs_gp_options options = {CS_GP_MATERN52, true, true};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    s->n = POINTS;
    s->x = malloc(sizeof(double) * POINTS * FEATURES);
    s->y = malloc(sizeof(double) * POINTS);
    s->candidate = malloc(sizeof(double) * CANDIDATES * FEATURES);
    s->mean = malloc(sizeof(double) * CANDIDATES);
    s->sd = malloc(sizeof(double) * CANDIDATES);
    if (!s->x || !s->y || !s->candidate || !s->mean || !s->sd)
        return CS_ENOMEM;
    for (size_t i = 0; i < POINTS * FEATURES; i++)
        s->x[i] = cs_rng_uniform(&rng);
    for (size_t i = 0; i < CANDIDATES * FEATURES; i++)
        s->candidate[i] = cs_rng_uniform(&rng);
    for (size_t i = 0; i < POINTS; i++)
        s->y[i] =
            sin(6.0 * s->x[i * FEATURES]) + s->x[i * FEATURES + 1] + 0.1 * cs_rng_normal(&rng);
    CS_TRY(cs_engine_new(1, &s->engine));
    return cs_gp_new(s->engine, FEATURES, &options, &s->gp);
}

static void measure(gp_state *s, const char *name, const char *note, micro_work work)
{
    const micro_case c = {"search", name, 1, "ms", note};
    if (s->status == CS_OK)
        micro_measure_cpu(&c, work, s, 5, 0.2);
}

static void measure_append(gp_state *s)
{
    double least = INFINITY, most = 0.0, all[5];
    const micro_case c = {"search", "gp_n1000_append_ms", 1, "ms",
                          "CPU time; one point, factor and inverse"};
    s->n = POINTS - 100;
    for (int i = 0; i < 5 && s->status == CS_OK; i++) {
        fit(s);
        if (s->status == CS_OK)
            s->status = cs_gp_predict(s->gp, s->candidate, 1, s->mean, s->sd);
        const double start = micro_cpu_now();
        all[i] = append(s);
        all[i] = 1e3 * (micro_cpu_now() - start) / all[i];
        least = fmin(least, all[i]);
        most = fmax(most, all[i]);
    }
    for (int i = 0; i < 5; i++) /* median of five */
        for (int j = i + 1; j < 5; j++)
            if (all[j] < all[i]) {
                const double t = all[i];
                all[i] = all[j];
                all[j] = t;
            }
    if (s->status == CS_OK)
        micro_row(&c, all[2], least, most);
}

void bench_gp_rows(void)
{
    gp_state s = {.status = CS_OK};
    s.status = set_up(&s);
    measure(&s, "gp_n1000_d20_fit_ms", "CPU time; fixed hyper-parameters", fit);
    measure(&s, "gp_n1000_d20_fit_ei_ms", "CPU time; and EI over 10,000 candidates", fit_ei);
    measure(&s, "gp_n1000_d20_likelihood_gradient_ms", "CPU time; 22 hyper-parameters", likelihood);
    measure_append(&s);
    if (s.status != CS_OK)
        fprintf(stderr, "bench search: Gaussian process: %s\n", cs_status_text(s.status));
    cs_gp_free(s.gp);
    cs_engine_free(s.engine);
    free(s.x);
    free(s.y);
    free(s.candidate);
    free(s.mean);
    free(s.sd);
}
