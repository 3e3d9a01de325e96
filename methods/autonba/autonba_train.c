/* The bi-level loop: weights on one half of the images, logits on the other, the accelerator in
 * between. One step is one weight step, with the architecture step before it. */
#include "autonba.h"

#include <math.h>

#define LOSS_DECAY 0.95

static void average(double *mean, double loss)
{
    *mean = isnan(*mean) ? loss : LOSS_DECAY * *mean + (1.0 - LOSS_DECAY) * loss;
}

/* A loss that is not finite ends the training but not the search: logits and accelerators stand. */
static cs_status survive(cs_task *task, autonba_state *s, cs_status status)
{
    if (status != CS_ENUMERIC)
        return status;
    cs_note(task, "shared weights diverged after %llu weight steps: training ends here",
            (unsigned long long)s->at.weight_steps);
    s->at.diverged = true;
    s->at.phase = AUTONBA_DERIVE;
    return CS_OK;
}

/* ---- architecture step ---- */

/* Resources are the accelerator's own fault; too little speed may be the path's. */
static bool does_not_fit(const cs_hw_metrics *hw)
{
    return (hw->violated & (CS_VIOLATES_DSP | CS_VIOLATES_BRAM | CS_VIOLATES_AREA)) != 0;
}

static cs_status search_for_path(cs_task *task, autonba_state *s, cs_design *design, double samples)
{
    cs_hw_metrics hw;
    bool feasible;
    CS_TRY(autonba_search_accelerator(task, s, design, s->at.path_searches > 0, samples, &hw,
                                      &feasible));
    s->at.path_searches++;
    s->at.accelerator = *design;
    return CS_OK;
}

/* s->report: the cost of the drawn path on the stored accelerator, which is searched again now and
 * then, and when the path does not fit on it. *known: there was a query to spend. */
static cs_status cost_of_path(cs_task *task, autonba_state *s, bool *known)
{
    const autonba_settings *set = &s->settings;
    const uint64_t period = (uint64_t)set->hw_period;
    const bool due = set->hw_frozen ? s->at.path_searches == 0 : s->at.arch_steps % period == 0;
    cs_design design = s->at.accelerator;
    double room = autonba_queries_free(task, s);
    autonba_draw_design(s->space, &s->draw, &design);
    if (due && room >= 4.0)
        CS_TRY(search_for_path(task, s, &design, fmin(set->hw_samples, room / 2.0)));
    *known = autonba_queries_free(task, s) >= 1.0;
    if (!*known)
        return CS_OK;
    CS_TRY(autonba_look(task, s, &design));
    room = autonba_queries_free(task, s);
    if (does_not_fit(&s->report.total) && !due && !set->hw_frozen && room >= 64.0) {
        CS_TRY(search_for_path(task, s, &design, fmin(set->hw_samples, room) / 8.0));
        CS_TRY(autonba_look(task, s, &design));
    }
    if (s->report.total.violated == 0) {
        s->at.feasible = design;
        s->at.has_feasible = true;
    }
    return CS_OK;
}

static cs_status add_hardware(cs_task *task, autonba_state *s)
{
    const autonba_settings *set = &s->settings;
    double charge[CS_BLOCKS_MAX];
    bool known;
    CS_TRY(cost_of_path(task, s, &known));
    if (!known)
        return CS_OK;
    if (set->hw_loss == AUTONBA_LOSS_SUM)
        autonba_block_cycles(&s->report, s->logits.n_blocks, charge);
    else
        autonba_shares(&s->report, s->goal, s->logits.n_blocks, charge);
    autonba_add_hw_gradient(&s->draw, charge, s->at.lambda, set->hw_baseline, &s->at.baseline,
                            &s->logits);
    return CS_OK;
}

static cs_status arch_step(cs_task *task, autonba_state *s, const cs_batch *batch, double progress)
{
    cs_supernet_result result;
    cs_rng *rng = cs_task_rng(task, "paths");
    if (s->at.search_begin < 0.0)
        s->at.search_begin = progress;
    const double lr = autonba_arch_lr(s, progress);
    autonba_draw_path(&s->settings, &s->logits, autonba_tau(&s->settings, progress), AUTONBA_ARCH,
                      rng, &s->draw);
    CS_TRY(cs_supernet_arch(s->net, batch, &s->draw.path, true, &s->grad, &result));
    average(&s->at.loss_val, result.loss);
    cs_logits_zero_grad(s->logits.alpha);
    cs_logits_zero_grad(s->logits.beta);
    autonba_add_gradient(&s->settings, &s->draw, &s->grad, &s->logits);
    CS_TRY(add_hardware(task, s));
    autonba_update(&s->settings, &s->draw, lr, &s->logits);
    s->at.arch_steps++;
    return CS_OK;
}

/* ---- weight step ---- */

static cs_status weight_step(cs_task *task, autonba_state *s, const cs_batch *batch,
                             double progress)
{
    cs_supernet_result result;
    cs_supernet_sgd sgd = s->settings.sgd;
    sgd.lr = autonba_lr(&s->settings, progress);
    autonba_draw_path(&s->settings, &s->logits, autonba_tau(&s->settings, progress),
                      AUTONBA_WEIGHTS, cs_task_rng(task, "paths"), &s->draw);
    CS_TRY(cs_supernet_step(s->net, batch, &s->draw.path, &sgd, &result));
    average(&s->at.loss_train, result.loss);
    s->at.weight_steps++;
    return CS_OK;
}

static cs_status make_net(cs_task *task, autonba_state *s, const cs_batch *batch)
{
    cs_error err = {""};
    const uint64_t seed = cs_rng_next(cs_task_rng(task, "init"));
    const cs_status status = cs_supernet_new(cs_task_engine(task), s->space, batch->n,
                                             s->settings.storage, seed, &s->net, &err);
    if (status != CS_OK)
        cs_note(task, "%s", err.text);
    else
        s->at.batch = batch->n;
    return status;
}

/* ---- end of an epoch ---- */

/* Probability of a bitwidth over all operators of a block. */
static double bits_probability(const autonba_logits *l, size_t block, size_t bits)
{
    double p[CS_PATH_OPS_MAX], q[CS_PATH_BITS_MAX], sum = 0.0;
    cs_gumbel_softmax(&l->alpha->value[l->alpha->offset[block]], l->n_ops, 1.0, NULL, p);
    for (size_t op = 0; op < l->n_ops; op++) {
        const size_t row = block * l->n_ops + op;
        cs_gumbel_softmax(&l->beta->value[l->beta->offset[row]], l->n_bits, 1.0, NULL, q);
        sum += p[op] * q[bits];
    }
    return sum;
}

static void put_digits(char *text, size_t value)
{
    text[0] = (char)('0' + value / 10 % 10);
    text[1] = (char)('0' + value % 10);
}

/* Probabilities of every bitwidth: beta.bNN.BITS. */
static void observe_bits(cs_task *task, const autonba_state *s)
{
    const cs_net_space *net = cs_space_net_space(s->space);
    for (size_t b = 0; b < s->logits.n_blocks; b++)
        for (size_t k = 0; k < s->logits.n_bits; k++) {
            char name[] = "beta.b00.00";
            put_digits(name + 6, b);
            put_digits(name + 9, (size_t)net->bits[k]);
            cs_observe(task, name, bits_probability(&s->logits, b, k));
        }
}

static void observe(cs_task *task, autonba_state *s, double progress)
{
    /* the peak of the whole run, also where it was resumed */
    s->at.tensor_bytes = fmax(s->at.tensor_bytes, (double)cs_supernet_tensor_bytes(s->net));
    cs_observe(task, "progress", progress);
    cs_observe(task, "tau", autonba_tau(&s->settings, progress));
    cs_observe(task, "loss.train", s->at.loss_train);
    cs_observe(task, "loss.val", s->at.loss_val);
    cs_observe(task, "lambda", s->at.lambda);
    cs_observe(task, "alpha.entropy", cs_logits_mean_entropy(s->logits.alpha));
    cs_observe(task, "beta.entropy", cs_logits_mean_entropy(s->logits.beta));
    cs_observe(task, "derived.feasible", s->at.derived_feasible ? 1.0 : 0.0);
    cs_observe(task, "derived.fps", s->at.derived_hw.fps);
    cs_observe(task, "derived.edp_js", s->at.derived_hw.edp_js);
    cs_observe(task, "memory.tensors", s->at.tensor_bytes);
    cs_observe_ops(task, s->logits.alpha);
    observe_bits(task, s);
}

static cs_status end_epoch(cs_task *task, autonba_state *s, double progress)
{
    s->at.epoch = (uint32_t)fmin(1e9, progress * s->settings.epochs) + 1;
    const cs_status status = autonba_derive_now(task, s);
    observe(task, s, progress);
    return status;
}

cs_status autonba_train_step(cs_task *task, autonba_state *s)
{
    cs_batch train, val;
    const double progress = autonba_progress_made(task, s);
    if (progress >= 1.0) {
        s->at.phase = AUTONBA_DERIVE;
        return CS_OK;
    }
    CS_TRY(cs_batch_next(task, CS_SEARCH_TRAIN, &train));
    if (!s->net)
        CS_TRY(make_net(task, s, &train));
    const uint64_t macs = cs_engine_macs(cs_task_engine(task));
    cs_status status = CS_OK;
    if (s->at.weight_steps > 0 && progress >= s->settings.pretrain) {
        if (s->settings.bilevel)
            CS_TRY(cs_batch_next(task, CS_SEARCH_VAL, &val));
        status = arch_step(task, s, s->settings.bilevel ? &val : &train, progress);
    }
    if (status == CS_OK)
        status = weight_step(task, s, &train, progress);
    s->at.train_macs += cs_engine_macs(cs_task_engine(task)) - macs;
    if (status != CS_OK)
        return survive(task, s, status);
    if (s->at.reserved < 0.0)
        CS_TRY(autonba_see_budgets(task, s));
    const double now = autonba_progress_made(task, s);
    return now * s->settings.epochs >= (double)s->at.epoch ? end_epoch(task, s, now) : CS_OK;
}
