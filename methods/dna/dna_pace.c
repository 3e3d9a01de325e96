/* The schedule: epochs of the paper become parts of whatever budget the task has. */
#include "dna.h"

#include <math.h>

/* Part of the cost-model queries that may be spent at the begin and by the end of the training of
 * the shared network; the rest is for derived networks, or for finding a first design that fits. */
#define QUERIES_AT_BEGIN 0.15
#define QUERIES_AT_END 0.6
#define STEPS_PER_EPOCH 390.0 /* for a task that names no images          */
#define ALPHA_LR_MAX 0.05
#define RESERVED_PRICES 1.2 /* of the dearest evaluation: a budget of a few still pays for one */
#define SHARE_MIN 0.1       /* of the budget, however dear an evaluation is */

double dna_progress_made(const cs_task *task, const dna_state *s)
{
    const double left = cs_training_left(task);
    if (left < 1.0)
        return (1.0 - left) / s->at.share;
    if (s->at.allowance > 0.0)
        return (double)s->at.train_macs / s->at.allowance;
    if (s->at.batch == 0)
        return 0.0;
    const double images = cs_task_dataset(task)->n_search_train;
    const double epoch = images > 0.0 ? fmax(1.0, floor(images / s->at.batch)) : STEPS_PER_EPOCH;
    return (double)s->at.weight_steps / (s->settings.epochs * epoch);
}

double dna_evaluations_left(const cs_task *task)
{
    return fmin(cs_training_left(task), cs_budget_left(task, CS_METER_EVALS));
}

double dna_queries_free(const cs_task *task, const dna_state *s)
{
    const double left = cs_budget_left(task, CS_METER_HW_QUERIES), used = (double)s->at.hw_queries;
    if (left >= 1.0)
        return INFINITY;
    const double made = fmin(1.0, dna_progress_made(task, s));
    const bool searching = s->at.phase == DNA_SEARCH && (s->at.tabled || s->at.rounds < 2);
    const double part =
        searching ? QUERIES_AT_BEGIN + made * (QUERIES_AT_END - QUERIES_AT_BEGIN) : 1.0;
    return fmax(0.0, used / (1.0 - left) * part - used);
}

double dna_tau(const dna_settings *settings, double progress)
{
    const double epoch = fmin(1.0, fmax(0.0, progress)) * settings->epochs;
    return fmax(1e-3, settings->tau * pow(settings->tau_decay, epoch));
}

double dna_lr(const dna_settings *settings, double progress)
{
    const double pi = 3.14159265358979323846, at = fmin(1.0, fmax(0.0, progress));
    return settings->lr_end + 0.5 * (settings->sgd.lr - settings->lr_end) * (1.0 + cos(pi * at));
}

/* The published rate belongs to tens of thousands of steps. With fewer of them each is longer; how
 * many there will be follows from how far those so far have come. */
double dna_alpha_lr(const dna_state *s, double progress)
{
    const dna_settings *set = &s->settings;
    if (set->alpha.lr > 0.0)
        return set->alpha.lr;
    const double done = (double)s->at.alpha_steps, span = fmax(1e-9, 1.0 - s->at.first_alpha);
    const double each = done > 0.0 ? (progress - s->at.first_alpha) / done
                                   : progress / fmax(1.0, (double)s->at.weight_steps);
    return fmin(ALPHA_LR_MAX, set->alpha_travel * fmax(0.0, each) / span);
}

cs_status dna_ask_evaluations(cs_task *task, dna_state *s)
{
    double acc;
    const double macs_left = cs_budget_left(task, CS_METER_MACS);
    double price, max;
    s->at.asked_evaluations = true;
    cs_price_sample(task, &price, &max);
    if (macs_left < 1.0 && s->settings.share < 1.0) {
        const double total = (double)s->at.train_macs / (1.0 - macs_left);
        s->at.share = fmin(s->at.share, fmax(SHARE_MIN, 1.0 - RESERVED_PRICES * max / total));
    }
    if (cs_training_left(task) < 1.0 || !s->at.has_feasible)
        return CS_OK;
    CS_TRY(cs_eval(task, &s->at.feasible, cs_task_fidelity(task), &acc));
    CS_TRY(cs_memo_put(s->memo, &s->at.feasible, acc));
    CS_TRY(cs_offer(task, &s->at.feasible, acc));
    s->at.evaluated++;
    s->at.best_acc = acc;
    s->at.best = s->at.feasible;
    s->at.best_hw = s->at.feasible_hw;
    s->at.offered = true;
    const double left = cs_budget_left(task, CS_METER_EVALS);
    if (left < 1.0 && isfinite(price) && cs_training_left(task) >= 1.0)
        s->at.allowance = fmax(1.0, s->settings.share * price / (1.0 - left));
    return CS_OK;
}
