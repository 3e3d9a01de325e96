/* LSTM policy over a sequence of decisions (Hochreiter and Schmidhuber 1997 with a forget gate),
 * one embedding table and one softmax head per decision.
 *
 * Cell, for step t with input x: [i f g o] = [x h(t-1)] W + b,
 * c(t) = sig(f) c(t-1) + sig(i) tanh(g), h(t) = sig(o) tanh(c(t)). */
#include "cosearch/nn.h"
#include "cosearch/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the numbers of one decision start in the flat weight vector. */
typedef struct head_offsets {
    size_t embed; /* [n_choices][embedding] */
    size_t w, b;  /* [n_choices][hidden], [n_choices] */
} head_offsets;

/* What backpropagation needs of one step. */
typedef struct step {
    uint16_t decision, choice, first, end;
    double log_p;
} step;

struct cs_controller {
    cs_engine *engine;
    size_t n;
    uint16_t *n_choices, max_choices;
    int hidden, embedding, width; /* width = embedding + hidden: of [x h] */
    head_offsets *head;
    size_t cell_w, cell_b, start, count; /* offsets; total */
    float *w, *grad;
    /* The last sequence, [n steps] each. */
    size_t n_steps;
    step *step;
    float *xh, *gate, *cell, *prob; /* [width], [4 hidden] after activation, [hidden], [choices] */
    float *out, *out_tanh;          /* h and tanh(c), [hidden] each */
    float *scratch;                 /* d logits, dh, dc, d[xh] */
    float *dgate;                   /* [n][4 hidden] */
};

static size_t layout(cs_controller *c)
{
    const size_t hidden = (size_t)c->hidden, embedding = (size_t)c->embedding;
    size_t at = 0;
    c->cell_w = at;
    at += (size_t)c->width * 4 * hidden;
    c->cell_b = at;
    at += 4 * hidden;
    c->start = at;
    at += embedding;
    for (size_t i = 0; i < c->n; i++) {
        const size_t k = c->n_choices[i];
        c->head[i].embed = at;
        at += k * embedding;
        c->head[i].w = at;
        at += k * hidden;
        c->head[i].b = at;
        at += k;
    }
    return at;
}

static void fill_uniform(float *w, size_t n, double bound, cs_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        w[i] = (float)(bound * (2.0 * cs_rng_uniform(rng) - 1.0));
}

static void initialise(cs_controller *c, cs_rng *rng)
{
    const size_t hidden = (size_t)c->hidden, embedding = (size_t)c->embedding;
    const double cell = sqrt(6.0 / (double)(c->width + 4 * c->hidden));
    fill_uniform(c->w + c->cell_w, (size_t)c->width * 4 * hidden, cell, rng);
    for (size_t j = hidden; j < 2 * hidden; j++)
        c->w[c->cell_b + j] = 1.0f; /* remember by default */
    fill_uniform(c->w + c->start, embedding, 1.0, rng);
    for (size_t i = 0; i < c->n; i++) {
        const size_t k = c->n_choices[i];
        fill_uniform(c->w + c->head[i].embed, k * embedding, 1.0, rng);
        fill_uniform(c->w + c->head[i].w, k * hidden, sqrt(6.0 / (double)(k + hidden)), rng);
    }
}

static cs_status allocate(cs_controller *c)
{
    const size_t n = c->n, hidden = (size_t)c->hidden, width = (size_t)c->width;
    c->w = calloc(c->count, sizeof *c->w);
    c->grad = calloc(c->count, sizeof *c->grad);
    c->step = calloc(n, sizeof *c->step);
    c->xh = calloc(n * width, sizeof *c->xh);
    c->gate = calloc(n * 4 * hidden, sizeof *c->gate);
    c->cell = calloc(n * hidden, sizeof *c->cell);
    c->out = calloc(n * hidden, sizeof *c->out);
    c->out_tanh = calloc(n * hidden, sizeof *c->out_tanh);
    c->prob = calloc(n * c->max_choices, sizeof *c->prob);
    c->dgate = calloc(n * 4 * hidden, sizeof *c->dgate);
    c->scratch = calloc(c->max_choices + hidden + width, sizeof *c->scratch);
    const bool ok = c->w && c->grad && c->step && c->xh && c->gate && c->cell && c->out &&
                    c->out_tanh && c->prob && c->dgate && c->scratch;
    return ok ? CS_OK : CS_ENOMEM;
}

cs_status cs_controller_new(cs_engine *engine, const cs_controller_shape *shape, cs_rng *init,
                            cs_controller **out)
{
    if (shape->n == 0 || shape->n > UINT16_MAX || shape->hidden < 1 || shape->embedding < 1)
        return CS_EUSAGE;
    cs_controller *c = calloc(1, sizeof *c);
    if (!c)
        return CS_ENOMEM;
    c->engine = engine;
    c->n = shape->n;
    c->hidden = shape->hidden;
    c->embedding = shape->embedding;
    c->width = shape->hidden + shape->embedding;
    c->n_choices = malloc(c->n * sizeof *c->n_choices);
    c->head = calloc(c->n, sizeof *c->head);
    cs_status status = c->n_choices && c->head ? CS_OK : CS_ENOMEM;
    for (size_t i = 0; status == CS_OK && i < c->n; i++) {
        c->n_choices[i] = shape->n_choices[i];
        if (c->n_choices[i] > c->max_choices)
            c->max_choices = c->n_choices[i];
        if (c->n_choices[i] == 0)
            status = CS_EUSAGE;
    }
    if (status == CS_OK) {
        c->count = layout(c);
        status = allocate(c);
    }
    if (status != CS_OK) {
        cs_controller_free(c);
        return status;
    }
    initialise(c, init);
    *out = c;
    return CS_OK;
}

void cs_controller_free(cs_controller *c)
{
    if (!c)
        return;
    free(c->n_choices);
    free(c->head);
    free(c->w);
    free(c->grad);
    free(c->step);
    free(c->xh);
    free(c->gate);
    free(c->cell);
    free(c->out);
    free(c->out_tanh);
    free(c->prob);
    free(c->dgate);
    free(c->scratch);
    free(c);
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

/* To 1e-7 absolute, and several times faster than tanhf. */
static float squash(float x)
{
    return 1.0f - 2.0f / (expf(2.0f * x) + 1.0f);
}

/* Runs the cell for a new step of decision i and fills the softmax of the allowed choices. */
static void forward_step(cs_controller *c, uint16_t i, uint16_t first, uint16_t end)
{
    const size_t t = c->n_steps++, hidden = (size_t)c->hidden, embedding = (size_t)c->embedding;
    float *xh = c->xh + t * (size_t)c->width, *z = c->gate + t * 4 * hidden;
    float *cell = c->cell + t * hidden;
    const float *before = t ? cell - hidden : NULL;
    size_t input = c->start;
    if (t) {
        const step *last = &c->step[t - 1];
        input = c->head[last->decision].embed + last->choice * embedding;
    }
    memcpy(xh, c->w + input, embedding * sizeof *xh);
    if (t)
        memcpy(xh + embedding, c->out + (t - 1) * hidden, hidden * sizeof *xh);
    else
        memset(xh + embedding, 0, hidden * sizeof *xh);
    memcpy(z, c->w + c->cell_b, 4 * hidden * sizeof *z);
    cs_gemm(c->engine, false, false, 1, 4 * c->hidden, c->width, 1.0f, xh, c->width,
            c->w + c->cell_w, 4 * c->hidden, 1.0f, z, 4 * c->hidden);
    float *h = c->out + t * hidden, *tanh_c = c->out_tanh + t * hidden;
    for (size_t j = 0; j < hidden; j++) {
        z[j] = sigmoid(z[j]);
        z[hidden + j] = sigmoid(z[hidden + j]);
        z[2 * hidden + j] = squash(z[2 * hidden + j]);
        z[3 * hidden + j] = sigmoid(z[3 * hidden + j]);
        cell[j] = z[j] * z[2 * hidden + j] + (t ? z[hidden + j] * before[j] : 0.0f);
        tanh_c[j] = squash(cell[j]);
        h[j] = z[3 * hidden + j] * tanh_c[j];
    }
    /* Only the allowed rows of the head take part. */
    const int k = end - first;
    float *p = c->prob + t * c->max_choices;
    memcpy(p, c->w + c->head[i].b + first, (size_t)k * sizeof *p);
    cs_gemm(c->engine, false, true, 1, k, c->hidden, 1.0f, h, c->hidden,
            c->w + c->head[i].w + first * hidden, c->hidden, 1.0f, p, k);
    float top = p[0], sum = 0.0f;
    for (int j = 1; j < k; j++)
        top = fmaxf(top, p[j]);
    for (int j = 0; j < k; j++)
        sum += p[j] = expf(p[j] - top);
    for (int j = 0; j < k; j++)
        p[j] /= sum;
    c->step[t] = (step){.decision = i, .first = first, .end = end};
}

static uint16_t draw(const float *p, uint32_t k, cs_rng *rng)
{
    double left = cs_rng_uniform(rng);
    uint16_t last = 0;
    for (uint16_t j = 0; j < k; j++) {
        if (!(p[j] > 0.0f))
            continue;
        last = j;
        left -= (double)p[j];
        if (left < 0.0)
            break;
    }
    return last;
}

static uint16_t best(const float *p, uint32_t k)
{
    uint16_t top = 0;
    for (uint16_t j = 1; j < k; j++)
        if (p[j] > p[top])
            top = j;
    return top;
}

typedef enum mode { DRAW, GREEDY, GIVEN } mode;

/* The whole sequence; decisions before `fixed` and, in mode GIVEN, all others are taken as they
 * are. Leaves the steps for backpropagation. */
static cs_status run(cs_controller *c, const cs_mask *mask, mode how, cs_rng *rng, size_t fixed,
                     uint16_t *choice, double *log_prob)
{
    double sum = 0.0;
    c->n_steps = 0;
    for (size_t i = 0; i < c->n; i++) {
        uint16_t first, end;
        const bool given = how == GIVEN || i < fixed;
        mask->allowed(mask->context, choice, i, &first, &end);
        if (first >= end || end > c->n_choices[i])
            return CS_EUSAGE;
        if (given && (choice[i] < first || choice[i] >= end))
            return CS_EOUTSIDE;
        if (end - first == 1) {
            choice[i] = first;
            continue;
        }
        forward_step(c, (uint16_t)i, first, end);
        step *s = &c->step[c->n_steps - 1];
        const float *p = c->prob + (c->n_steps - 1) * c->max_choices;
        const uint32_t k = (uint32_t)(end - first);
        if (!given)
            choice[i] = (uint16_t)(first + (how == DRAW ? draw(p, k, rng) : best(p, k)));
        s->choice = choice[i];
        const double pa = (double)p[s->choice - first];
        if (!isfinite(pa))
            return CS_ENUMERIC;
        s->log_p = log(fmax(pa, 1e-38)); /* an underflown probability is not -Inf */
        if (i >= fixed)
            sum += s->log_p;
    }
    if (log_prob)
        *log_prob = sum;
    return CS_OK;
}

cs_status cs_controller_sample(cs_controller *c, const cs_mask *mask, cs_rng *rng, size_t fixed,
                               uint16_t *choice, double *log_prob)
{
    return run(c, mask, DRAW, rng, fixed, choice, log_prob);
}

cs_status cs_controller_greedy(cs_controller *c, const cs_mask *mask, size_t fixed,
                               uint16_t *choice, double *log_prob)
{
    return run(c, mask, GREEDY, NULL, fixed, choice, log_prob);
}

/* GIVEN writes nothing but the forced value into a forced decision, which it has already. */
static cs_status replay(cs_controller *c, const cs_mask *mask, const uint16_t *choice, size_t from,
                        double *log_prob)
{
    uint16_t *copy = malloc(c->n * sizeof *copy);
    if (!copy)
        return CS_ENOMEM;
    memcpy(copy, choice, c->n * sizeof *copy);
    const cs_status status = run(c, mask, GIVEN, NULL, from, copy, log_prob);
    free(copy);
    return status;
}

cs_status cs_controller_log_prob(cs_controller *c, const cs_mask *mask, const uint16_t *choice,
                                 size_t from, double *log_prob)
{
    return replay(c, mask, choice, from, log_prob);
}

/* Gradient of the objective at the head of step t; adds dh. k_log and k_entropy are this step's
 * coefficients of log p(a) and of the entropy. */
static void backward_head(cs_controller *c, size_t t, double k_log, double k_entropy, float *dh)
{
    const step *s = &c->step[t];
    const int k = s->end - s->first;
    const size_t hidden = (size_t)c->hidden;
    const head_offsets *head = &c->head[s->decision];
    const float *p = c->prob + t * c->max_choices;
    float *dlogit = c->scratch;
    double entropy = 0.0;
    for (int j = 0; j < k; j++)
        if (p[j] > 0.0f)
            entropy -= (double)p[j] * log((double)p[j]);
    for (int j = 0; j < k; j++) {
        const double pj = (double)p[j];
        double d = k_log * ((j == s->choice - s->first ? 1.0 : 0.0) - pj);
        if (pj > 0.0) /* d(-sum p log p)/d logit_j = -p_j (log p_j + H) */
            d -= k_entropy * pj * (log(pj) + entropy);
        dlogit[j] = (float)d;
        c->grad[head->b + s->first + (size_t)j] += dlogit[j];
    }
    const float *h = c->out + t * hidden;
    const size_t rows = s->first * hidden;
    cs_gemm(c->engine, false, false, k, c->hidden, 1, 1.0f, dlogit, 1, h, c->hidden, 1.0f,
            c->grad + head->w + rows, c->hidden);
    cs_gemm(c->engine, false, false, 1, c->hidden, k, 1.0f, dlogit, k, c->w + head->w + rows,
            c->hidden, 1.0f, dh, c->hidden);
}

/* Through the gates of step t: from dh and the carried dc to d gate (pre-activation) and the dc
 * of the step before. */
static void backward_cell(cs_controller *c, size_t t, const float *dh, float *dc)
{
    const size_t hidden = (size_t)c->hidden;
    const float *z = c->gate + t * 4 * hidden, *cell = c->cell + t * hidden;
    const float *tanh_c = c->out_tanh + t * hidden;
    float *dz = c->dgate + t * 4 * hidden;
    for (size_t j = 0; j < hidden; j++) {
        const float i = z[j], f = z[hidden + j], g = z[2 * hidden + j], o = z[3 * hidden + j];
        const float tc = tanh_c[j], before = t ? cell[j - hidden] : 0.0f;
        const float d = dc[j] + dh[j] * o * (1.0f - tc * tc);
        dz[j] = d * g * i * (1.0f - i);
        dz[hidden + j] = d * before * f * (1.0f - f);
        dz[2 * hidden + j] = d * i * (1.0f - g * g);
        dz[3 * hidden + j] = dh[j] * tc * o * (1.0f - o);
        dc[j] = d * f;
    }
}

cs_status cs_controller_gradient(cs_controller *c, const cs_mask *mask, const uint16_t *choice,
                                 const cs_policy_term *term)
{
    CS_TRY(replay(c, mask, choice, term->from, NULL));
    const size_t hidden = (size_t)c->hidden, embedding = (size_t)c->embedding;
    const int gates = 4 * c->hidden;
    size_t own = 0;
    for (size_t t = 0; t < c->n_steps; t++)
        own += c->step[t].decision >= term->from;
    if (own == 0)
        return CS_OK;
    /* scratch: d logits, dh, d[x h] whose h part is carried to the step before; dc apart */
    float *dh = c->scratch + c->max_choices, *dxh = dh + hidden;
    float *dc = calloc(hidden, sizeof *dc);
    if (!dc)
        return CS_ENOMEM;
    memset(dxh, 0, (size_t)c->width * sizeof *dxh);
    double discount = 1.0 / (double)own;
    for (size_t t = c->n_steps; t-- > 0;) {
        memcpy(dh, dxh + embedding, hidden * sizeof *dh);
        if (c->step[t].decision >= term->from) {
            backward_head(c, t, term->weight * discount, term->entropy / (double)own, dh);
            discount *= term->gamma;
        }
        backward_cell(c, t, dh, dc);
        cs_gemm(c->engine, false, true, 1, c->width, gates, 1.0f, c->dgate + t * (size_t)gates,
                gates, c->w + c->cell_w, gates, 0.0f, dxh, c->width);
        size_t input = c->start;
        if (t) {
            const step *last = &c->step[t - 1];
            input = c->head[last->decision].embed + last->choice * embedding;
        }
        for (size_t j = 0; j < embedding; j++)
            c->grad[input + j] += dxh[j];
        for (size_t j = 0; j < (size_t)gates; j++)
            c->grad[c->cell_b + j] += c->dgate[t * (size_t)gates + j];
    }
    free(dc);
    cs_gemm(c->engine, true, false, c->width, gates, (int)c->n_steps, 1.0f, c->xh, c->width,
            c->dgate, gates, 1.0f, c->grad + c->cell_w, gates);
    return CS_OK;
}

size_t cs_controller_count(const cs_controller *c)
{
    return c->count;
}

float *cs_controller_weights(cs_controller *c)
{
    return c->w;
}

float *cs_controller_grad(cs_controller *c)
{
    return c->grad;
}

cs_status cs_controller_save(const cs_controller *c, cs_sink *sink)
{
    const uint64_t count = c->count;
    CS_TRY(cs_sink_write(sink, &count, sizeof count));
    CS_TRY(cs_sink_write(sink, c->w, c->count * sizeof *c->w));
    return cs_sink_write(sink, c->grad, c->count * sizeof *c->grad);
}

cs_status cs_controller_load(cs_controller *c, cs_source *source)
{
    uint64_t count;
    CS_TRY(cs_source_read(source, &count, sizeof count));
    if (count != c->count)
        return CS_EFORMAT;
    CS_TRY(cs_source_read(source, c->w, c->count * sizeof *c->w));
    return cs_source_read(source, c->grad, c->count * sizeof *c->grad);
}
