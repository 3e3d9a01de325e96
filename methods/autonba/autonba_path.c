/* Heterogeneous sampling: paths of weight and architecture steps, gradients of the logits and their
 * update. */
#include "autonba.h"

#include <math.h>
#include <string.h>

#define ROW_MAX (CS_PATH_OPS_MAX > CS_PATH_BITS_MAX ? CS_PATH_OPS_MAX : CS_PATH_BITS_MAX)

cs_status autonba_logits_new(const cs_space *space, autonba_logits *out)
{
    const cs_net_space *net = cs_space_net_space(space);
    uint16_t ops[CS_BLOCKS_MAX], bits[CS_BLOCKS_MAX * CS_PATH_OPS_MAX];
    autonba_logits l = {.n_blocks = net->n_blocks, .n_ops = net->n_ops, .n_bits = net->n_bits};
    if (l.n_blocks > CS_BLOCKS_MAX || l.n_ops > CS_PATH_OPS_MAX || l.n_bits > CS_PATH_BITS_MAX)
        return CS_EUSAGE;
    for (size_t b = 0; b < l.n_blocks; b++)
        ops[b] = (uint16_t)l.n_ops;
    for (size_t r = 0; r < l.n_blocks * l.n_ops; r++)
        bits[r] = (uint16_t)l.n_bits;
    CS_TRY(cs_logits_new(ops, l.n_blocks, 1e-3f, &l.alpha));
    const cs_status status = cs_logits_new(bits, l.n_blocks * l.n_ops, 1e-3f, &l.beta);
    if (status == CS_OK)
        *out = l;
    else
        cs_logits_free(l.alpha);
    return status;
}

void autonba_logits_free(autonba_logits *logits)
{
    cs_logits_free(logits->alpha);
    cs_logits_free(logits->beta);
    *logits = (autonba_logits){0};
}

/* ---- drawing ---- */

/* The k active entries of a sample, best first. */
static void pick(int sampling, const double *y, size_t n, size_t k, cs_rng *rng, uint16_t *index)
{
    if (sampling != AUTONBA_RANDOM_HARD) {
        cs_top_k(y, n, k, index);
        return;
    }
    uint16_t all[ROW_MAX];
    cs_top_k(y, n, n, all); /* the best stays, the others are drawn without replacement */
    for (size_t i = 1; i < k; i++) {
        const size_t j = i + cs_rng_below(rng, (uint32_t)(n - i));
        const uint16_t other = all[j];
        all[j] = all[i];
        all[i] = other;
    }
    memcpy(index, all, k * sizeof *index);
}

/* Probabilities through which active entries get their gradient. */
static void probabilities(int sampling, const float *logit, const double *y, const uint16_t *index,
                          size_t k, double *p)
{
    if (sampling == AUTONBA_HETERO)
        cs_softmax_active(logit, index, k, p);
    else
        for (size_t i = 0; i < k; i++)
            p[i] = y[index[i]];
}

static size_t at_most(size_t k, size_t n)
{
    return k < n ? k : n;
}

static void draw_bits(const autonba_settings *settings, const autonba_logits *logits, double tau,
                      autonba_stage stage, cs_rng *rng, size_t row, size_t i, autonba_choice *c,
                      cs_path_op *out)
{
    const size_t n = logits->n_bits;
    const float *logit = &logits->beta->value[logits->beta->offset[row]];
    const bool soft =
        settings->sampling == AUTONBA_SOFT || (stage == AUTONBA_WEIGHTS && settings->hetero_bits);
    /* a weight step has no use for bitwidths with factor 0 */
    const size_t k = soft ? n : stage == AUTONBA_WEIGHTS ? 1 : at_most(settings->k_bits, n);
    cs_gumbel_softmax(logit, n, tau, rng, c->z[i]);
    pick(soft ? AUTONBA_SOFT : settings->sampling, c->z[i], n, k, rng, c->bits[i]);
    probabilities(settings->sampling, logit, c->z[i], c->bits[i], k, c->q[i]);
    c->n_bits = (uint16_t)k;
    out->n_bits = (uint8_t)k;
    for (size_t j = 0; j < k; j++) {
        out->bits[j] = (uint8_t)c->bits[i][j];
        out->bits_coef[j] = soft ? (float)c->z[i][c->bits[i][j]] : j == 0 ? 1.0f : 0.0f;
    }
}

void autonba_draw_path(const autonba_settings *settings, const autonba_logits *logits, double tau,
                       autonba_stage stage, cs_rng *rng, autonba_draw *out)
{
    const int sampling = settings->sampling;
    out->tau = tau;
    out->path.n_blocks = logits->n_blocks;
    for (size_t b = 0; b < logits->n_blocks; b++) {
        autonba_choice *c = &out->block[b];
        cs_path_block *block = &out->path.block[b];
        const size_t n = logits->n_ops;
        const size_t k = sampling == AUTONBA_SOFT ? n : at_most(settings->k_ops, n);
        const float *logit = &logits->alpha->value[logits->alpha->offset[b]];
        cs_gumbel_softmax(logit, n, tau, rng, c->y);
        pick(sampling, c->y, n, k, rng, c->op);
        probabilities(sampling, logit, c->y, c->op, k, c->p);
        c->n_ops = (uint16_t)k;
        block->n_ops = (uint8_t)k;
        for (size_t i = 0; i < k; i++) {
            const float first = i == 0 ? 1.0f : 0.0f;
            block->op[i].op = (uint8_t)c->op[i];
            block->op[i].coef = sampling == AUTONBA_SOFT   ? (float)c->y[c->op[i]]
                                : sampling == AUTONBA_HARD ? 1.0f
                                                           : first;
            draw_bits(settings, logits, tau, stage, rng, b * n + c->op[i], i, c, &block->op[i]);
        }
    }
}

/* ---- gradients ---- */

/* Straight-through gradient of one row: through the proxy of the active entries, or through the
 * sample y of the whole row. */
static void back(int sampling, double tau, const uint16_t *index, size_t k, const double *p,
                 const double *y, size_t n, const double *coef_grad, float *grad)
{
    double all[ROW_MAX] = {0.0};
    if (sampling == AUTONBA_HETERO) {
        cs_softmax_active_back(index, k, p, coef_grad, grad);
        return;
    }
    for (size_t i = 0; i < k; i++)
        all[index[i]] = coef_grad[i];
    cs_gumbel_softmax_back(y, n, tau, all, grad);
}

void autonba_add_gradient(const autonba_settings *settings, const autonba_draw *draw,
                          const cs_path_grad *grad, autonba_logits *logits)
{
    const cs_logits *alpha = logits->alpha, *beta = logits->beta;
    for (size_t b = 0; b < logits->n_blocks; b++) {
        const autonba_choice *c = &draw->block[b];
        back(settings->sampling, draw->tau, c->op, c->n_ops, c->p, c->y, logits->n_ops,
             grad->coef[b], &alpha->grad[alpha->offset[b]]);
        for (size_t i = 0; i < c->n_ops; i++) {
            const size_t row = b * logits->n_ops + c->op[i];
            back(settings->sampling, draw->tau, c->bits[i], c->n_bits, c->q[i], c->z[i],
                 logits->n_bits, grad->bits[b][i], &beta->grad[beta->offset[row]]);
        }
    }
}

/* Adam and rescaling of one row. Entries that were not active are left where they are: with the
 * proxy they had no gradient, and Adam would move them by their old momentum. */
static void update_row(int sampling, const cs_adam *adam, cs_logits *logits, size_t row,
                       const uint16_t *index, size_t k)
{
    float before[ROW_MAX];
    const size_t n = logits->n[row];
    float *value = &logits->value[logits->offset[row]];
    memcpy(before, value, n * sizeof *before);
    cs_logits_adam_row(logits, adam, row);
    for (size_t j = 0; j < n && sampling == AUTONBA_HETERO; j++) {
        bool active = false;
        for (size_t i = 0; i < k; i++)
            active = active || index[i] == j;
        if (!active)
            value[j] = before[j];
    }
    cs_logits_rescale(value, before, index, k);
}

void autonba_update(const autonba_settings *settings, const autonba_draw *draw, double lr,
                    autonba_logits *logits)
{
    cs_adam adam = settings->arch;
    adam.lr = lr;
    for (size_t b = 0; b < logits->n_blocks; b++) {
        const autonba_choice *c = &draw->block[b];
        update_row(settings->sampling, &adam, logits->alpha, b, c->op, c->n_ops);
        for (size_t i = 0; i < c->n_ops; i++) /* bits of an operator with factor 0 have no effect */
            if (draw->path.block[b].op[i].coef != 0.0f)
                update_row(settings->sampling, &adam, logits->beta, b * logits->n_ops + c->op[i],
                           c->bits[i], c->n_bits);
    }
}

/* ---- designs ---- */

static void set_block(const cs_space *space, size_t block, size_t op, size_t bits, cs_design *out)
{
    size_t ops_at, bits_at, last;
    cs_space_group(space, CS_GROUP_NETWORK, &ops_at, &last);
    cs_space_group(space, CS_GROUP_BITWIDTH, &bits_at, &last);
    out->choice[ops_at + block] = (uint16_t)op;
    out->choice[bits_at + block] = (uint16_t)bits;
}

void autonba_draw_design(const cs_space *space, const autonba_draw *draw, cs_design *out)
{
    out->n = (uint16_t)cs_space_size(space);
    for (size_t b = 0; b < draw->path.n_blocks; b++)
        set_block(space, b, draw->block[b].op[0], draw->block[b].bits[0][0], out);
}

void autonba_argmax_design(const cs_space *space, const autonba_logits *logits, cs_design *out)
{
    out->n = (uint16_t)cs_space_size(space);
    for (size_t b = 0; b < logits->n_blocks; b++) {
        const size_t op = cs_logits_argmax(logits->alpha, b);
        set_block(space, b, op, cs_logits_argmax(logits->beta, b * logits->n_ops + op), out);
    }
}

static size_t sample_row(const cs_logits *logits, size_t row, double flatness, cs_rng *rng)
{
    double y[ROW_MAX];
    cs_gumbel_softmax(&logits->value[logits->offset[row]], logits->n[row], flatness, NULL, y);
    return cs_rng_choice(rng, y, logits->n[row]);
}

void autonba_sample_design(const cs_space *space, const autonba_logits *logits, double flatness,
                           cs_rng *rng, cs_design *out)
{
    out->n = (uint16_t)cs_space_size(space);
    for (size_t b = 0; b < logits->n_blocks; b++) {
        const size_t op = sample_row(logits->alpha, b, flatness, rng);
        set_block(space, b, op, sample_row(logits->beta, b * logits->n_ops + op, flatness, rng),
                  out);
    }
}
