/* Gaussian process: marginal likelihood and the hyper-parameters that maximise it. */
#include "cosearch/gp.h"

#include "nn/linalg.h"
#include "search/gp_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOG_2PI 1.83787706640934548356

/* ---- likelihood ---- */

typedef struct gp_work {
    double *u, *norm, *alpha; /* [n * d], [n], [n] */
    double *k, *slope;        /* [n * n] */
    double *product;          /* [n * d] */
} gp_work;

static cs_status work_new(const cs_gp *gp, bool gradient, gp_work *w)
{
    const size_t n = gp->n, d = gp->d;
    w->u = malloc((2 * n * d + 2 * n + (gradient ? 2 : 1) * n * n) * sizeof *w->u);
    if (!w->u)
        return CS_ENOMEM;
    w->product = w->u + n * d;
    w->norm = w->product + n * d;
    w->alpha = w->norm + n;
    w->k = w->alpha + n;
    w->slope = gradient ? w->k + n * n : NULL;
    return CS_OK;
}

/* Equation 5.9: dL/dt = 1/2 tr(W dK/dt) with W = alpha alpha^T - K^-1. k holds K^-1 below the
 * diagonal and becomes W. Returns tr W and sum of W. */
static void make_w(const cs_gp *gp, gp_work *w, double *trace, double *sum)
{
    const size_t n = gp->n;
    *trace = *sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double *row = &w->k[i * n], off = 0.0;
        for (size_t j = 0; j <= i; j++) {
            row[j] = w->alpha[i] * w->alpha[j] - row[j];
            off += row[j];
        }
        *trace += row[i];
        *sum += 2.0 * off - row[i];
    }
}

/* product = symmetric(k) * x for the lower triangle in k. */
static void symmetric_product(const cs_gp *gp, gp_work *w, const double *x)
{
    const size_t n = gp->n, d = gp->d;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            w->k[i * n + j] = w->k[j * n + i];
    cs_dgemm(gp->engine, false, false, n, d, n, 1.0, w->k, n, x, d, 0.0, w->product, d);
}

/* d/dlog v = 1/2 v sum_j x_j^T W x_j over features j, d/dlog b = 1/2 b sum W. */
static void gradient_linear(const cs_gp *gp, const double *theta, gp_work *w, double sum,
                            double *gradient)
{
    double dot = 0.0;
    symmetric_product(gp, w, w->u);
    for (size_t i = 0; i < gp->n * gp->d; i++)
        dot += w->u[i] * w->product[i];
    gradient[GP_VARIANCE] = 0.5 * exp(theta[GP_VARIANCE]) * dot;
    gradient[GP_BIAS] = 0.5 * exp(theta[GP_BIAS]) * sum;
}

/* With M = W o slope and scaled features u: d/dlog l_j = 1/2 sum_ab M_ab (u_aj - u_bj)^2
 * = sum_a u_aj (u_aj sum_b M_ab - (M u)_aj): one product for all features. */
static void gradient_lengths(const cs_gp *gp, gp_work *w, double *gradient)
{
    const size_t n = gp->n, d = gp->d;
    for (size_t i = 0; i < n; i++) {
        double *row = &w->k[i * n];
        const double *slope = &w->slope[i * n];
        for (size_t j = 0; j <= i; j++)
            row[j] *= slope[j];
    }
    symmetric_product(gp, w, w->u);
    for (size_t p = GP_LENGTH; p < gp->n_params; p++)
        gradient[p] = 0.0;
    for (size_t i = 0; i < n; i++) {
        double total = 0.0;
        for (size_t j = 0; j < n; j++)
            total += w->k[i * n + j];
        for (size_t j = 0; j < d; j++) {
            const double u = w->u[i * d + j];
            gradient[GP_LENGTH + (gp->options.ard ? j : 0)] +=
                u * (u * total - w->product[i * d + j]);
        }
    }
}

/* d/dlog v = 1/2 tr(W (K - noise)); tr(W K) = alpha^T y - n. */
static void gradient_of(const cs_gp *gp, const double *theta, double jitter, gp_work *w,
                        double *gradient)
{
    const double noise = exp(theta[GP_NOISE]);
    double trace, sum, fit = 0.0;
    make_w(gp, w, &trace, &sum);
    for (size_t i = 0; i < gp->n; i++)
        fit += w->alpha[i] * gp->y[i];
    gradient[GP_NOISE] = 0.5 * noise * trace;
    gradient[GP_VARIANCE] = 0.5 * (fit - (double)gp->n - (noise + jitter) * trace);
    if (gp->options.kernel == CS_GP_LINEAR)
        gradient_linear(gp, theta, w, sum, gradient);
    else
        gradient_lengths(gp, w, gradient);
}

static cs_status likelihood(cs_gp *gp, const double *theta, gp_work *w, double *value,
                            double *gradient)
{
    const size_t n = gp->n;
    double jitter, fit = 0.0, log_det = 0.0;
    gp_scale(gp, theta, gp->x, n, w->u, w->norm);
    CS_TRY(gp_factor(gp, theta, w->u, w->norm, w->k, gradient ? w->slope : NULL, n, &jitter));
    memcpy(w->alpha, gp->y, n * sizeof *w->alpha);
    cs_dtrsv(gp->engine, false, n, w->k, n, w->alpha);
    for (size_t i = 0; i < n; i++) {
        fit += w->alpha[i] * w->alpha[i];
        log_det += log(w->k[i * n + i]);
    }
    *value = -0.5 * fit - log_det - 0.5 * (double)n * LOG_2PI;
    if (!gradient)
        return CS_OK;
    cs_dtrsv(gp->engine, true, n, w->k, n, w->alpha);
    CS_TRY(cs_cholesky_inverse(gp->engine, n, w->k, n));
    gradient_of(gp, theta, jitter, w, gradient);
    return CS_OK;
}

cs_status cs_gp_likelihood(cs_gp *gp, const double *theta, double *value, double *gradient)
{
    gp_work w;
    if (gp->n == 0)
        return CS_EUSAGE;
    CS_TRY(work_new(gp, gradient != NULL, &w));
    const cs_status status = likelihood(gp, theta, &w, value, gradient);
    free(w.u);
    return status;
}

/* ---- L-BFGS (Nocedal 1980) on t, theta = low + (high - low) / (1 + exp(-t)) ---- */

#define MEMORY 8
#define ARMIJO 1e-4
#define GRADIENT_SMALL 1e-4

typedef struct gp_search {
    cs_gp *gp;
    gp_work work;
    size_t p, left;            /* parameters; likelihoods that may still be computed */
    double *low, *high;        /* bounds of theta */
    double *t, *g;             /* where we are, gradient of minus the likelihood there */
    double *next_t, *next_g;   /* the trial */
    double *step, *s, *y;      /* direction; [MEMORY * p] pairs, a ring */
    double rho[MEMORY], value; /* minus the likelihood at t */
    size_t pairs;              /* ever stored */
    double *theta, *best;      /* of the trial; the best ever */
    double best_value;
} gp_search;

static void bounds(const cs_gp *gp, double *low, double *high)
{
    const bool linear = gp->options.kernel == CS_GP_LINEAR;
    const double root = 0.5 * log((double)gp->d);
    low[GP_VARIANCE] = log(1e-3);
    high[GP_VARIANCE] = log(1e3);
    low[GP_NOISE] = log(1e-6);
    high[GP_NOISE] = 0.0;
    for (size_t i = GP_LENGTH; i < gp->n_params; i++) {
        low[i] = linear ? log(1e-3) : log(0.05) + root;
        high[i] = linear ? log(1e3) : log(100.0) + root;
    }
}

static cs_status search_new(cs_gp *gp, gp_search *s)
{
    const size_t p = gp->n_params;
    *s = (gp_search){.gp = gp, .p = p, .best_value = INFINITY};
    s->low = malloc((9 + 2 * MEMORY) * p * sizeof *s->low);
    if (!s->low)
        return CS_ENOMEM;
    double **const arrays[] = {&s->high, &s->t,     &s->g,    &s->next_t, &s->next_g,
                               &s->step, &s->theta, &s->best, &s->s};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = s->low + (i + 1) * p;
    s->y = s->s + MEMORY * p;
    bounds(gp, s->low, s->high);
    if (work_new(gp, true, &s->work) != CS_OK) {
        free(s->low);
        return CS_ENOMEM;
    }
    return CS_OK;
}

/* Minus the likelihood at t and its gradient there; +Inf where there is no factor. */
static double evaluate(gp_search *s, const double *t, double *g)
{
    double value;
    s->left--;
    for (size_t i = 0; i < s->p; i++)
        s->theta[i] = s->low[i] + (s->high[i] - s->low[i]) / (1.0 + exp(-t[i]));
    if (likelihood(s->gp, s->theta, &s->work, &value, g) != CS_OK || !isfinite(value))
        return INFINITY;
    for (size_t i = 0; i < s->p; i++) {
        const double part = (s->theta[i] - s->low[i]) / (s->high[i] - s->low[i]);
        g[i] *= -(s->high[i] - s->low[i]) * part * (1.0 - part);
    }
    if (-value < s->best_value) {
        s->best_value = -value;
        memcpy(s->best, s->theta, s->p * sizeof *s->best);
    }
    return -value;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *a, double factor, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += factor * b[i];
}

/* step = -H g by the two loops; the newest pair scales H. */
static void direction(gp_search *s)
{
    const size_t p = s->p, used = s->pairs < MEMORY ? s->pairs : MEMORY;
    double a[MEMORY];
    for (size_t i = 0; i < p; i++)
        s->step[i] = -s->g[i];
    for (size_t k = 0; k < used; k++) {
        const size_t at = (s->pairs - 1 - k) % MEMORY;
        a[at] = s->rho[at] * dot(&s->s[at * p], s->step, p);
        add(s->step, -a[at], &s->y[at * p], p);
    }
    if (used > 0) {
        const size_t at = (s->pairs - 1) % MEMORY;
        const double scale = 1.0 / (s->rho[at] * dot(&s->y[at * p], &s->y[at * p], p));
        for (size_t i = 0; i < p; i++)
            s->step[i] *= scale;
    } else { /* the first step moves by at most 1 */
        const double length = sqrt(dot(s->g, s->g, p));
        for (size_t i = 0; i < p; i++)
            s->step[i] /= fmax(length, 1.0);
    }
    for (size_t k = used; k-- > 0;) {
        const size_t at = (s->pairs - 1 - k) % MEMORY;
        const double b = s->rho[at] * dot(&s->y[at * p], s->step, p);
        add(s->step, a[at] - b, &s->s[at * p], p);
    }
}

/* Halves the step until the value falls enough; then moves there. */
static bool line_search(gp_search *s)
{
    const size_t p = s->p;
    const double slope = dot(s->g, s->step, p);
    if (!(slope < 0.0))
        return false;
    for (double length = 1.0; s->left > 0 && length > 1e-6; length *= 0.5) {
        for (size_t i = 0; i < p; i++)
            s->next_t[i] = s->t[i] + length * s->step[i];
        const double value = evaluate(s, s->next_t, s->next_g);
        if (!(value <= s->value + ARMIJO * length * slope))
            continue;
        double *new_s = &s->s[s->pairs % MEMORY * p], *new_y = &s->y[s->pairs % MEMORY * p];
        for (size_t i = 0; i < p; i++) {
            new_s[i] = s->next_t[i] - s->t[i];
            new_y[i] = s->next_g[i] - s->g[i];
        }
        const double curvature = dot(new_s, new_y, p);
        if (curvature > 1e-10 * dot(new_y, new_y, p)) {
            s->rho[s->pairs % MEMORY] = 1.0 / curvature;
            s->pairs++;
        }
        memcpy(s->t, s->next_t, p * sizeof *s->t);
        memcpy(s->g, s->next_g, p * sizeof *s->g);
        s->value = value;
        return true;
    }
    return false;
}

/* From theta, which is moved inside the bounds. */
static void descend(gp_search *s, const double *theta, size_t steps)
{
    s->left = steps;
    s->pairs = 0;
    for (size_t i = 0; i < s->p; i++) {
        const double part = (theta[i] - s->low[i]) / (s->high[i] - s->low[i]);
        const double inside = fmin(fmax(part, 1e-3), 1.0 - 1e-3);
        s->t[i] = log(inside / (1.0 - inside));
    }
    s->value = evaluate(s, s->t, s->g);
    while (s->left > 0 && isfinite(s->value) && dot(s->g, s->g, s->p) > GRADIENT_SMALL) {
        direction(s);
        if (!line_search(s))
            break;
    }
}

cs_status cs_gp_optimise(cs_gp *gp, size_t starts, size_t steps, cs_rng *rng)
{
    gp_search s;
    if (gp->n == 0 || steps == 0)
        return CS_EUSAGE;
    CS_TRY(search_new(gp, &s));
    double *start = s.next_t; /* free between descents */
    memcpy(start, gp->theta, s.p * sizeof *start);
    descend(&s, start, steps);
    for (size_t k = 0; k < starts; k++) {
        for (size_t i = 0; i < s.p; i++)
            start[i] = s.low[i] + cs_rng_uniform(rng) * (s.high[i] - s.low[i]);
        descend(&s, start, steps);
    }
    const cs_status status = isfinite(s.best_value) ? cs_gp_set_theta(gp, s.best) : CS_ENUMERIC;
    free(s.work.u);
    free(s.low);
    return status;
}

/* ---- median distance ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

cs_status cs_gp_median_length(cs_gp *gp)
{
    const size_t n = gp->n, d = gp->d, pairs = n * (n - (n > 0)) / 2;
    size_t at = 0;
    if (gp->options.kernel == CS_GP_LINEAR)
        return CS_EUSAGE;
    double *distance = malloc((pairs + 1) * sizeof *distance);
    if (!distance)
        return CS_ENOMEM;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double sum = 0.0;
            for (size_t c = 0; c < d; c++)
                sum +=
                    (gp->x[i * d + c] - gp->x[j * d + c]) * (gp->x[i * d + c] - gp->x[j * d + c]);
            if (sum > 0.0)
                distance[at++] = sqrt(sum);
        }
    qsort(distance, at, sizeof *distance, ascending);
    for (size_t p = GP_LENGTH; at > 0 && p < gp->n_params; p++)
        gp->theta[p] = log(distance[at / 2]);
    free(distance);
    return cs_gp_set_theta(gp, gp->theta);
}
