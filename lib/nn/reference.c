#include "nn/reference.h"

#include "nn/bn.h"

#include <math.h>
#include <string.h>

cs_ref_shape cs_ref_shape_of(int n, int cin, int cout, int k, int s, int groups, int h, int w)
{
    return (cs_ref_shape){.n = n,
                          .cin = cin,
                          .cout = cout,
                          .k = k,
                          .s = s,
                          .groups = groups,
                          .h = h,
                          .w = w,
                          .oh = (h + 2 * (k / 2) - k) / s + 1,
                          .ow = (w + 2 * (k / 2) - k) / s + 1};
}

void cs_ref_product(int m, int n, int k, const double *a, const double *b, double *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0.0;
            for (int p = 0; p < k; p++)
                sum += a[i * k + p] * b[p * n + j];
            c[i * n + j] = sum;
        }
}

/* One connection of a convolution: output, input and weight index. */
typedef void (*connection)(size_t y, size_t x, size_t w, void *context);

static void each_connection(const cs_ref_shape *c, connection visit, void *context)
{
    const int ig = c->cin / c->groups, og = c->cout / c->groups, p = c->k / 2;
    for (int n = 0; n < c->n; n++)
        for (int oy = 0; oy < c->oh; oy++)
            for (int ox = 0; ox < c->ow; ox++)
                for (int o = 0; o < c->cout; o++)
                    for (int i = 0; i < ig; i++)
                        for (int ky = 0; ky < c->k; ky++)
                            for (int kx = 0; kx < c->k; kx++) {
                                const int y = oy * c->s + ky - p, x = ox * c->s + kx - p;
                                if (y < 0 || y >= c->h || x < 0 || x >= c->w)
                                    continue;
                                const int ci = o / og * ig + i;
                                visit((size_t)(((n * c->oh + oy) * c->ow + ox) * c->cout + o),
                                      (size_t)(((n * c->h + y) * c->w + x) * c->cin + ci),
                                      (size_t)(((o * ig + i) * c->k + ky) * c->k + kx), context);
                            }
}

typedef struct conv_data {
    const double *x, *w, *dy;
    double *y, *dx, *dw;
} conv_data;

static void visit_forward(size_t y, size_t x, size_t w, void *context)
{
    const conv_data *d = context;
    d->y[y] += d->x[x] * d->w[w];
}

static void visit_back(size_t y, size_t x, size_t w, void *context)
{
    const conv_data *d = context;
    d->dx[x] += d->dy[y] * d->w[w];
    d->dw[w] += d->dy[y] * d->x[x];
}

static size_t in_count(const cs_ref_shape *c)
{
    return (size_t)c->n * (size_t)c->h * (size_t)c->w * (size_t)c->cin;
}

void cs_ref_conv(const cs_ref_shape *c, const double *x, const double *w, double *y)
{
    conv_data d = {.x = x, .w = w, .y = y};
    memset(y, 0, sizeof *y * (size_t)c->n * (size_t)c->oh * (size_t)c->ow * (size_t)c->cout);
    each_connection(c, visit_forward, &d);
}

void cs_ref_conv_back(const cs_ref_shape *c, const double *x, const double *w, const double *dy,
                      double *dx, double *dw)
{
    conv_data d = {.x = x, .w = w, .dy = dy, .dx = dx, .dw = dw};
    memset(dx, 0, in_count(c) * sizeof *dx);
    memset(dw, 0, sizeof *dw * (size_t)c->cout * (size_t)(c->cin / c->groups * c->k * c->k));
    each_connection(c, visit_back, &d);
}

void cs_ref_bn(size_t rows, int c, const double *z, const double *gamma, const double *beta,
               double *mean, double *inv, double *y)
{
    for (int k = 0; k < c; k++) {
        double sum = 0.0, square = 0.0;
        for (size_t r = 0; r < rows; r++)
            sum += z[r * (size_t)c + (size_t)k];
        mean[k] = sum / (double)rows;
        for (size_t r = 0; r < rows; r++) {
            const double d = z[r * (size_t)c + (size_t)k] - mean[k];
            square += d * d;
        }
        inv[k] = 1.0 / sqrt(square / (double)rows + CS_BN_EPS);
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)c + (size_t)k;
            y[at] = gamma[k] * (z[at] - mean[k]) * inv[k] + beta[k];
        }
    }
}

void cs_ref_bn_back(size_t rows, int c, const double *z, const double *gamma, const double *mean,
                    const double *inv, const double *dy, double *dz, double *dgamma, double *dbeta)
{
    for (int k = 0; k < c; k++) {
        dgamma[k] = dbeta[k] = 0.0;
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)c + (size_t)k;
            dbeta[k] += dy[at];
            dgamma[k] += dy[at] * (z[at] - mean[k]) * inv[k];
        }
        for (size_t r = 0; r < rows; r++) {
            const size_t at = r * (size_t)c + (size_t)k;
            const double normal = (z[at] - mean[k]) * inv[k];
            dz[at] = gamma[k] * inv[k] * (dy[at] - (dbeta[k] + normal * dgamma[k]) / (double)rows);
        }
    }
}

void cs_ref_quant(size_t n, const double *x, int bits, double *y, double *pass)
{
    double min = x[0], max = x[0];
    for (size_t i = 1; i < n; i++) {
        min = fmin(min, x[i]);
        max = fmax(max, x[i]);
    }
    const double levels = ldexp(1.0, bits), step = (max - min) / levels;
    for (size_t i = 0; i < n; i++) {
        if (bits >= CS_BITS_FLOAT || step <= 0.0) {
            y[i] = x[i];
            if (pass)
                pass[i] = 1.0;
            continue;
        }
        const double u = (x[i] - min) / step;
        if (pass)
            pass[i] = u > 0.0 && u < levels - 1.0 ? 1.0 : 0.0;
        y[i] = fmin(fmax(nearbyint(u), 0.0), levels - 1.0) * step + min;
    }
}

void cs_ref_shuffle(size_t rows, int c, int groups, const double *x, double *y)
{
    const int per = c / groups;
    for (size_t r = 0; r < rows; r++)
        for (int i = 0; i < groups; i++)
            for (int j = 0; j < per; j++)
                y[r * (size_t)c + (size_t)(j * groups + i)] =
                    x[r * (size_t)c + (size_t)(i * per + j)];
}

void cs_ref_shuffle_back(size_t rows, int c, int groups, const double *dy, double *dx)
{
    cs_ref_shuffle(rows, c, c / groups, dy, dx); /* the inverse exchanges the two factors */
}

double cs_ref_cross_entropy(int n, int classes, const double *logits, const int32_t *label,
                            double smoothing, double *dlogits)
{
    double loss = 0.0;
    for (int i = 0; i < n; i++) {
        double sum = 0.0;
        for (int c = 0; c < classes; c++)
            sum += exp(logits[i * classes + c]);
        for (int c = 0; c < classes; c++) {
            const double p = exp(logits[i * classes + c]) / sum;
            const double target = (c == label[i] ? 1.0 - smoothing : 0.0) + smoothing / classes;
            loss -= target * log(p) / n;
            dlogits[i * classes + c] = (p - target) / n;
        }
    }
    return loss;
}
