/* The schedule: epochs of the paper become parts of whatever budget the task has. */
#include "autonba.h"

#include <math.h>

/* Part of the cost-model queries that the training may have used at its beginning and its end. */
#define QUERIES_AT_BEGIN 0.02
#define QUERIES_AT_END 0.7
#define QUERIES_IN_ALL 0.99   /* a search that is done is not one that was cut short */
#define QUERIES_TO_ANCHOR 0.5 /* for the first feasible design, which tells the budget */
#define FIRST_QUERIES 64.0    /* before the size of their budget is known */
#define ARCH_LR_MAX 0.05
#define RESERVE_PRICES 1.5 /* of the dearest evaluation: it and the comparison before it */

bool autonba_budget_unknown(const autonba_state *s)
{
    return s->at.reserved >= 0.0 && s->at.total_macs <= 0.0 && !s->at.counted_samples &&
           !s->at.anchored;
}

bool autonba_pure(const autonba_state *s)
{
    return s->settings.reserve <= 0.0;
}

double autonba_progress_made(const cs_task *task, const autonba_state *s)
{
    const double left = cs_training_left(task);
    if (left < 1.0)
        return (1.0 - left) / (1.0 - fmax(s->at.reserved, 0.0));
    if (s->at.allowance > 0.0)
        return (double)s->at.train_macs / s->at.allowance;
    if (s->at.batch == 0)
        return 0.0;
    const double images = cs_task_dataset(task)->n_search_train;
    const double epoch =
        fmax(1.0, floor(images / s->at.batch)); /* nothing limits it: as published */
    return (double)s->at.weight_steps / (s->settings.epochs * epoch);
}

cs_status autonba_see_budgets(cs_task *task, autonba_state *s)
{
    double mean, max;
    CS_TRY(autonba_look(task, s,
                        &s->at.accelerator)); /* a metered call brings the meters up to date */
    const double left = cs_budget_left(task, CS_METER_MACS);
    s->at.total_macs = left < 1.0 ? (double)s->at.train_macs / (1.0 - left) : 0.0;
    s->at.counted_samples = cs_budget_left(task, CS_METER_SAMPLES) < 1.0;
    s->at.reserved = s->settings.reserve;
    if (autonba_pure(s) || s->at.total_macs <= 0.0)
        return CS_OK;
    cs_price_sample(task, &mean, &max); /* at least one evaluation, if possible */
    s->at.reserved = fmax(s->at.reserved, fmin(RESERVE_PRICES * max / s->at.total_macs, 0.5));
    return CS_OK;
}

void autonba_see_evaluations(cs_task *task, autonba_state *s)
{
    double price, max;
    const double left = cs_budget_left(task, CS_METER_EVALS);
    cs_price_sample(task, &price, &max);
    if (left < 1.0 && isfinite(price) && cs_training_left(task) >= 1.0)
        s->at.allowance = fmax(1.0, (1.0 - s->settings.reserve) * price / (1.0 - left));
}

double autonba_queries_free(const cs_task *task, const autonba_state *s)
{
    const double left = cs_budget_left(task, CS_METER_HW_QUERIES), used = (double)s->at.hw_queries;
    if (left >= 1.0)
        return s->at.hw_queries ? INFINITY : FIRST_QUERIES;
    const double made = fmin(1.0, autonba_progress_made(task, s));
    double part = QUERIES_AT_BEGIN + made * (QUERIES_AT_END - QUERIES_AT_BEGIN);
    if (s->at.phase != AUTONBA_TRAIN)
        part = QUERIES_IN_ALL;
    else if (autonba_budget_unknown(s))
        part = fmax(part, QUERIES_TO_ANCHOR);
    return fmax(0.0, used / (1.0 - left) * part - used);
}

double autonba_tau(const autonba_settings *settings, double progress)
{
    const double at = fmin(1.0, fmax(0.0, progress));
    return settings->tau_start * pow(settings->tau_end / settings->tau_start, at);
}

double autonba_lr(const autonba_settings *settings, double progress)
{
    const double pi = 3.14159265358979323846, at = fmin(1.0, fmax(0.0, progress));
    return settings->lr_end + 0.5 * (settings->sgd.lr - settings->lr_end) * (1.0 + cos(pi * at));
}

/* Published: 3e-4 for 35,100 steps. With fewer steps the same distance is covered by longer ones;
 * how many there will be follows from how far those so far have come. */
double autonba_arch_lr(const autonba_state *s, double progress)
{
    const autonba_settings *set = &s->settings;
    if (set->arch.lr > 0.0)
        return set->arch.lr;
    const double done = (double)s->at.arch_steps, span = fmax(1e-9, 1.0 - s->at.search_begin);
    const double each = done > 0.0 ? (progress - s->at.search_begin) / done
                                   : 2.0 * progress / fmax(1.0, (double)s->at.weight_steps);
    return fmin(ARCH_LR_MAX, set->arch_travel * fmax(each, 0.0) / span);
}
