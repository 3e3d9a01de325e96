/* Gaussian process: data, factor, predictions. */
#include "cosearch/gp.h"

#include "nn/linalg.h"
#include "search/gp_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 512 /* predicted together */
#define COLUMNS 128    /* of the inverse factor, taken together */
/* A constant feature or target: its spread is rounding. */
#define CONSTANT 1e-12

cs_status cs_gp_new(cs_engine *engine, size_t features, const cs_gp_options *options, cs_gp **out)
{
    if (features == 0)
        return CS_EUSAGE;
    cs_gp *gp = calloc(1, sizeof *gp);
    if (!gp)
        return CS_ENOMEM;
    gp->engine = engine;
    gp->options = *options;
    gp->d = features;
    gp->n_params = 2 + (options->kernel != CS_GP_LINEAR && options->ard ? features : 1);
    gp->theta = calloc(gp->n_params, sizeof *gp->theta);
    gp->shift = calloc(features, sizeof *gp->shift);
    gp->scale = calloc(features, sizeof *gp->scale);
    if (!gp->theta || !gp->shift || !gp->scale) {
        cs_gp_free(gp);
        return CS_ENOMEM;
    }
    gp->theta[GP_NOISE] = log(1e-4);
    for (size_t i = GP_LENGTH; i < gp->n_params; i++)
        gp->theta[i] = options->kernel == CS_GP_LINEAR ? 0.0 : 0.5 * log((double)features);
    gp->y_scale = 1.0;
    *out = gp;
    return CS_OK;
}

static void free_points(cs_gp *gp)
{
    double **const arrays[] = {&gp->x,      &gp->y,       &gp->u,    &gp->norm,
                               &gp->factor, &gp->inverse, &gp->alpha};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        free(*arrays[i]);
        *arrays[i] = NULL;
    }
}

void cs_gp_free(cs_gp *gp)
{
    if (!gp)
        return;
    free_points(gp);
    free(gp->theta);
    free(gp->shift);
    free(gp->scale);
    free(gp);
}

size_t cs_gp_size(const cs_gp *gp)
{
    return gp->n;
}

double cs_gp_best(const cs_gp *gp)
{
    double best = INFINITY;
    for (size_t i = 0; i < gp->n; i++)
        best = fmin(best, gp->y[i]);
    return gp->y_shift + gp->y_scale * best;
}

double cs_gp_jitter(const cs_gp *gp)
{
    return gp->jitter;
}

size_t cs_gp_params(const cs_gp *gp)
{
    return gp->n_params;
}

const double *cs_gp_theta(const cs_gp *gp)
{
    return gp->theta;
}

/* ---- data ---- */

/* Copies n rows of `from` columns into rows of `to` columns. */
static void widen(double *into, size_t to, const double *old, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memcpy(&into[i * to], &old[i * from], n * sizeof *into);
}

/* Room for n points; what is there stays. */
static cs_status reserve(cs_gp *gp, size_t n)
{
    if (n <= gp->cap)
        return CS_OK;
    cs_gp grown = *gp;
    grown.cap = n > gp->cap + gp->cap / 4 ? n : gp->cap + gp->cap / 4;
    grown.x = malloc(grown.cap * gp->d * sizeof *grown.x);
    grown.u = malloc(grown.cap * gp->d * sizeof *grown.u);
    grown.y = malloc(grown.cap * sizeof *grown.y);
    grown.norm = malloc(grown.cap * sizeof *grown.norm);
    grown.alpha = malloc(grown.cap * sizeof *grown.alpha);
    grown.factor = calloc(grown.cap * grown.cap, sizeof *grown.factor);
    grown.inverse = calloc(grown.cap * grown.cap, sizeof *grown.inverse);
    if (!grown.x || !grown.u || !grown.y || !grown.norm || !grown.alpha || !grown.factor ||
        !grown.inverse) {
        free_points(&grown);
        return CS_ENOMEM;
    }
    if (gp->n > 0) {
        memcpy(grown.x, gp->x, gp->n * gp->d * sizeof *grown.x);
        memcpy(grown.u, gp->u, gp->n * gp->d * sizeof *grown.u);
        memcpy(grown.y, gp->y, gp->n * sizeof *grown.y);
        memcpy(grown.norm, gp->norm, gp->n * sizeof *grown.norm);
        memcpy(grown.alpha, gp->alpha, gp->n * sizeof *grown.alpha);
        widen(grown.factor, grown.cap, gp->factor, gp->cap, gp->n);
        if (gp->inverted)
            widen(grown.inverse, grown.cap, gp->inverse, gp->cap, gp->n);
    }
    free_points(gp);
    *gp = grown;
    return CS_OK;
}

/* Mean and one over the standard deviation; 0 for a constant. */
static void moments(const double *x, size_t stride, size_t n, double *mean, double *scale)
{
    double sum = 0.0, squares = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[i * stride];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double off = x[i * stride] - *mean;
        squares += off * off;
        size = fmax(size, fabs(x[i * stride]));
    }
    const double sd = sqrt(squares / (double)n);
    *scale = sd > CONSTANT * size ? 1.0 / sd : 0.0;
}

static bool finite(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static void standardise(const cs_gp *gp, const double *x, size_t m, double *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < gp->d; j++)
            out[i * gp->d + j] = (x[i * gp->d + j] - gp->shift[j]) * gp->scale[j];
}

/* alpha = L^-T L^-1 y */
static void solve(cs_gp *gp)
{
    memcpy(gp->alpha, gp->y, gp->n * sizeof *gp->alpha);
    cs_dtrsv(gp->engine, false, gp->n, gp->factor, gp->cap, gp->alpha);
    cs_dtrsv(gp->engine, true, gp->n, gp->factor, gp->cap, gp->alpha);
}

static cs_status refactor(cs_gp *gp)
{
    gp->inverted = false;
    if (gp->n == 0)
        return CS_OK;
    gp_scale(gp, gp->theta, gp->x, gp->n, gp->u, gp->norm);
    const cs_status status =
        gp_factor(gp, gp->theta, gp->u, gp->norm, gp->factor, NULL, gp->cap, &gp->jitter);
    if (status == CS_OK)
        solve(gp);
    else
        gp->n = 0; /* no process at all rather than a wrong one */
    return status;
}

cs_status cs_gp_set_data(cs_gp *gp, const double *x, const double *y, size_t n)
{
    if (n == 0)
        return CS_EUSAGE;
    if (!finite(x, n * gp->d) || !finite(y, n))
        return CS_ENUMERIC;
    CS_TRY(reserve(gp, n));
    gp->n = n;
    for (size_t j = 0; j < gp->d; j++)
        moments(&x[j], gp->d, n, &gp->shift[j], &gp->scale[j]);
    standardise(gp, x, n, gp->x);
    gp->y_shift = 0.0;
    gp->y_scale = 1.0;
    if (gp->options.standardise) {
        double over;
        moments(y, 1, n, &gp->y_shift, &over);
        gp->y_scale = over > 0.0 ? 1.0 / over : 1.0;
    }
    for (size_t i = 0; i < n; i++)
        gp->y[i] = (y[i] - gp->y_shift) / gp->y_scale;
    return refactor(gp);
}

cs_status cs_gp_set_theta(cs_gp *gp, const double *theta)
{
    if (!finite(theta, gp->n_params))
        return CS_ENUMERIC;
    memmove(gp->theta, theta, gp->n_params * sizeof *theta);
    return refactor(gp);
}

/* A new last row: l = L^-1 k, corner = sqrt(k(x, x) + noise - l.l); and of the inverse likewise. */
static cs_status add_row(cs_gp *gp)
{
    const size_t n = gp->n;
    double *row = &gp->factor[n * gp->cap], *inverse = &gp->inverse[n * gp->cap];
    double left = gp_variance(gp, gp->theta, gp->norm[n]) + exp(gp->theta[GP_NOISE]) + gp->jitter;
    gp_covariance(gp, gp->theta, &gp->u[n * gp->d], &gp->norm[n], 1, gp->u, gp->norm, n, row,
                  gp->cap);
    cs_dtrsv(gp->engine, false, n, gp->factor, gp->cap, row);
    for (size_t i = 0; i < n; i++)
        left -= row[i] * row[i];
    if (!(left > 1e-14)) /* as good as there already: factor anew, with jitter */
        return CS_ENUMERIC;
    row[n] = sqrt(left);
    if (gp->inverted) {
        cs_dgemv(gp->engine, true, n, n, gp->inverse, gp->cap, row, inverse);
        for (size_t i = 0; i < n; i++)
            inverse[i] /= -row[n];
        inverse[n] = 1.0 / row[n];
    }
    return CS_OK;
}

cs_status cs_gp_append(cs_gp *gp, const double *x, double y)
{
    const size_t n = gp->n;
    if (n == 0)
        return cs_gp_set_data(gp, x, &y, 1);
    if (!finite(x, gp->d) || !isfinite(y))
        return CS_ENUMERIC;
    CS_TRY(reserve(gp, n + 1));
    standardise(gp, x, 1, &gp->x[n * gp->d]);
    gp_scale(gp, gp->theta, &gp->x[n * gp->d], 1, &gp->u[n * gp->d], &gp->norm[n]);
    gp->y[n] = (y - gp->y_shift) / gp->y_scale;
    const cs_status status = add_row(gp);
    gp->n = n + 1;
    if (status != CS_OK)
        return refactor(gp);
    solve(gp);
    return CS_OK;
}

/* ---- prediction ---- */

static cs_status invert(cs_gp *gp)
{
    if (gp->inverted)
        return CS_OK;
    memset(gp->inverse, 0, gp->cap * gp->cap * sizeof *gp->inverse); /* above the diagonal: 0 */
    for (size_t i = 0; i < gp->n; i++)
        memcpy(&gp->inverse[i * gp->cap], &gp->factor[i * gp->cap], (i + 1) * sizeof(double));
    CS_TRY(cs_triangle_inverse(gp->engine, gp->n, gp->inverse, gp->cap));
    gp->inverted = true;
    return CS_OK;
}

/* Scratch of a block of candidates. */
typedef struct gp_block {
    double *x, *u, *norm, *k, *v; /* [CANDIDATES * ...] */
} gp_block;

static cs_status block_new(const cs_gp *gp, gp_block *b)
{
    b->x = malloc(CANDIDATES * (2 * gp->d + 1 + gp->n + COLUMNS) * sizeof *b->x);
    if (!b->x)
        return CS_ENOMEM;
    b->u = b->x + CANDIDATES * gp->d;
    b->norm = b->u + CANDIDATES * gp->d;
    b->k = b->norm + CANDIDATES;
    b->v = b->k + CANDIDATES * gp->n;
    return CS_OK;
}

/* mean = k alpha, variance = k(x, x) - |L^-1 k|^2, the columns of L^-1 k in blocks of which the
 * zeros above the diagonal are left out. */
static void predict_block(cs_gp *gp, const gp_block *b, const double *x, size_t m, double *mean,
                          double *sd)
{
    const size_t n = gp->n;
    standardise(gp, x, m, b->x);
    gp_scale(gp, gp->theta, b->x, m, b->u, b->norm);
    gp_covariance(gp, gp->theta, b->u, b->norm, m, gp->u, gp->norm, n, b->k, n);
    cs_dgemv(gp->engine, false, m, n, b->k, n, gp->alpha, mean);
    for (size_t i = 0; i < m; i++)
        sd[i] = gp_variance(gp, gp->theta, b->norm[i]);
    for (size_t at = 0; at < n; at += COLUMNS) {
        const size_t width = n - at < COLUMNS ? n - at : COLUMNS;
        cs_dgemm(gp->engine, false, true, m, width, at + width, 1.0, b->k, n,
                 &gp->inverse[at * gp->cap], gp->cap, 0.0, b->v, COLUMNS);
        for (size_t i = 0; i < m; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < width; j++)
                sum += b->v[i * COLUMNS + j] * b->v[i * COLUMNS + j];
            sd[i] -= sum;
        }
    }
    for (size_t i = 0; i < m; i++) {
        mean[i] = gp->y_shift + gp->y_scale * mean[i];
        sd[i] = gp->y_scale * sqrt(fmax(sd[i], 0.0));
    }
}

cs_status cs_gp_predict(cs_gp *gp, const double *x, size_t m, double *mean, double *sd)
{
    gp_block b;
    if (gp->n == 0)
        return CS_EUSAGE;
    CS_TRY(invert(gp));
    CS_TRY(block_new(gp, &b));
    for (size_t at = 0; at < m; at += CANDIDATES)
        predict_block(gp, &b, &x[at * gp->d], m - at < CANDIDATES ? m - at : CANDIDATES, &mean[at],
                      &sd[at]);
    free(b.x);
    return CS_OK;
}

/* ---- acquisition ---- */

static double normal_cdf(double z)
{
    return 0.5 * erfc(-z * 0.70710678118654752440);
}

double cs_gp_ei(double mean, double sd, double best)
{
    const double gain = best - mean;
    if (!(sd > 0.0))
        return fmax(gain, 0.0);
    const double z = gain / sd;
    return fmax(gain * normal_cdf(z) + sd * 0.39894228040143267794 * exp(-0.5 * z * z), 0.0);
}

double cs_gp_lcb(double mean, double sd, double kappa)
{
    return mean - kappa * sd;
}

double cs_gp_probability(double mean, double sd)
{
    return normal_cdf(mean / sqrt(1.0 + sd * sd));
}
