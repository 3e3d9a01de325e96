/* What a method sees of its run: every metered call passes through here. The running of a search
 * and its summary are in search.c. */
#include "run/task_state.h"

#include "core/hash.h"
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cs_task_config_init(cs_task_config *config)
{
    *config = (cs_task_config){0};
    config->limits = CS_LIMITS_NONE;
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        config->budget[m] = INFINITY;
    config->primary = CS_METER_MACS;
    config->finish_hw_queries = 1000;
    config->keep_offers = 1;
}

cs_status cs_task_new(const cs_task_config *config, cs_task **out, cs_error *err)
{
    assert(config->space && config->method && config->source.evaluate);
    assert(config->primary <= CS_METER_MACS && config->keep_offers >= 1);
    cs_task *task = calloc(1, sizeof *task);
    cs_offer_record *kept = task ? calloc(config->keep_offers, sizeof *task->kept) : NULL;
    if (!kept) {
        free(task);
        return cs_fail(err, CS_ENOMEM, "out of memory for a task");
    }
    task->config = *config;
    task->kept = kept;
    task->engine_start = config->engine ? cs_engine_macs(config->engine) : 0;
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        task->meters.limit[m] = config->budget[m];
    task->ready = !config->source.prepare;
    task->best_feasible_acc = NAN;
    task->first_feasible_mac = NAN;
    *out = task;
    return CS_OK;
}

void cs_task_free(cs_task *task)
{
    if (!task)
        return;
    free(task->kept);
    free(task->known);
    free(task->front);
    free(task->observed);
    free(task);
}

double cs_task_now(const cs_task *task)
{
    return task->config.wall_s ? task->config.wall_s(task->config.context) : 0.0;
}

/* Brings the MAC meter up to date and says whether the search may go on. */
cs_status cs_task_account(cs_task *task)
{
    const uint64_t done =
        task->config.engine ? cs_engine_macs(task->config.engine) - task->engine_start : 0;
    task->meters.used[CS_METER_MACS] = (double)(done + task->charged_mac);
    if (task->stopped)
        return CS_STOP;
    if (task->config.interrupted && task->config.interrupted(task->config.context)) {
        task->stopped = true;
        snprintf(task->reason, sizeof task->reason, "terminated");
        return CS_STOP;
    }
    const cs_meter spent = cs_meters_spent(&task->meters, task->config.primary);
    if (spent == CS_METER_COUNT)
        return CS_OK;
    task->stopped = true;
    if (spent == task->config.primary)
        snprintf(task->reason, sizeof task->reason, "budget");
    else
        snprintf(task->reason, sizeof task->reason, "cap %s", cs_meter_name(spent));
    return CS_STOP;
}

void cs_task_emit(cs_task *task, cs_event *event)
{
    event->seq = task->seq++;
    event->search_mac = (uint64_t)task->meters.used[CS_METER_MACS];
    event->evals = (uint64_t)task->meters.used[CS_METER_EVALS];
    event->hw_queries = task->hw_queries;
    event->samples = (uint64_t)task->meters.used[CS_METER_SAMPLES];
    event->best_feasible_acc = task->best_feasible_acc;
    event->hypervolume = task->hypervolume;
    if (event->kind != CS_EVENT_OBSERVE)
        event->value = NAN;
    if (task->config.on_event)
        task->config.on_event(task->config.context, event);
}

/* ---- free of charge ---- */

const cs_space *cs_task_space(const cs_task *task)
{
    return task->config.space;
}

const cs_limits *cs_task_limits(const cs_task *task)
{
    return &task->config.limits;
}

const cs_dataset_info *cs_task_dataset(const cs_task *task)
{
    return &task->config.dataset;
}

double cs_task_param(const cs_task *task, const char *name)
{
    const cs_param *params = task->config.method->params;
    for (size_t i = 0; params[i].name; i++)
        if (strcmp(params[i].name, name) == 0)
            return task->config.param ? task->config.param[i] : params[i].def;
    assert(false && "the method asked for a parameter it did not declare");
    return NAN;
}

cs_fidelity cs_task_fidelity(const cs_task *task)
{
    for (int f = CS_FID_COUNT - 1; f >= 0; f--)
        if (task->config.source.offers(task->config.source.context, (cs_fidelity)f))
            return (cs_fidelity)f;
    return CS_FID_SHORT; /* nothing is priced: cs_eval will say so */
}

cs_rng *cs_task_rng(cs_task *task, const char *stream)
{
    for (size_t i = 0; i < task->n_streams; i++)
        if (strcmp(task->stream[i].name, stream) == 0)
            return &task->stream[i].rng;
    assert(task->n_streams < STREAMS_MAX && strlen(stream) < sizeof task->stream->name);
    named_stream *s = &task->stream[task->n_streams++];
    snprintf(s->name, sizeof s->name, "%s", stream);
    cs_rng_seed(&s->rng, cs_rng_derive(task->config.method_root, stream));
    return &s->rng;
}

cs_engine *cs_task_engine(cs_task *task)
{
    return task->config.engine;
}

double cs_eval_price(const cs_task *task, const cs_design *design, cs_fidelity fidelity)
{
    cs_net net;
    const cs_accuracy_source *source = &task->config.source;
    if (!source->offers(source->context, fidelity) ||
        cs_space_network(task->config.space, design, &net) != CS_OK)
        return INFINITY;
    return source->price(source->context, &net, fidelity);
}

double cs_budget_left(const cs_task *task, cs_meter meter)
{
    cs_meters seen = task->meters;
    seen.used[CS_METER_MACS] -= task->prepared_mac;
    seen.limit[CS_METER_MACS] -= task->prepared_mac;
    return cs_meters_left(&seen, meter);
}

void cs_note(cs_task *task, const char *fmt, ...)
{
    char line[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = line; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    if (task->config.on_note)
        task->config.on_note(task->config.context, line);
}

/* ---- metered ---- */

cs_status cs_hw_detail(cs_task *task, const cs_design *design, cs_hw_report *out)
{
    if (task->finishing) {
        if (task->finish_used >= task->config.finish_hw_queries)
            return CS_STOP;
    } else {
        CS_TRY(cs_task_account(task));
    }
    CS_TRY(cs_space_check(task->config.space, design, &task->method_error));
    if (task->finishing)
        task->finish_used++;
    else
        task->meters.used[CS_METER_HW_QUERIES] += 1.0;
    task->hw_queries++;
    const double begin = cs_task_now(task);
    const cs_status status = cs_space_cost(task->config.space, design, &task->config.limits, out);
    task->hw_wall_s += cs_task_now(task) - begin;
    return status;
}

cs_status cs_hw_query(cs_task *task, const cs_design *design, cs_hw_metrics *out)
{
    CS_TRY(cs_hw_detail(task, design, &task->report));
    *out = task->report.total;
    return CS_OK;
}

static cs_status tick(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)epoch, (void)step, (void)loss;
    return cs_task_account(context);
}

static cs_status evaluate(cs_task *task, const cs_design *design, const cs_net *net,
                          cs_fidelity fidelity, double *acc)
{
    const cs_accuracy_source *source = &task->config.source;
    if (!source->metered) {
        const double price = source->price(source->context, net, fidelity);
        const double left = task->meters.limit[CS_METER_MACS] - task->meters.used[CS_METER_MACS];
        task->charged_mac += (uint64_t)fmin(price, left);
        if (price > left)
            return cs_task_account(task);
    }
    const uint64_t seed = cs_rng_derive_index(task->config.eval_root, cs_net_hash(net));
    return source->evaluate(source->context, design, net, fidelity, seed, tick, task, acc,
                            &task->method_error);
}

cs_status cs_eval(cs_task *task, const cs_design *design, cs_fidelity fidelity, double *acc_val)
{
    const cs_accuracy_source *source = &task->config.source;
    if (task->finishing)
        return CS_STOP;
    CS_TRY(cs_task_account(task));
    if (!source->offers(source->context, fidelity))
        return cs_fail(&task->method_error, CS_EUSAGE,
                       "the profile does not price fidelity %d (0 proxy, 1 short, 2 full)",
                       (int)fidelity);
    CS_TRY(cs_space_check(task->config.space, design, &task->method_error));
    cs_net net;
    CS_TRY(cs_space_network(task->config.space, design, &net));
    double acc;
    const double begin = cs_task_now(task);
    const cs_status status = evaluate(task, design, &net, fidelity, &acc);
    task->eval_wall_s += cs_task_now(task) - begin;
    if (status != CS_OK) {
        cs_task_account(task);
        return status;
    }
    task->evals[fidelity]++;
    task->meters.used[CS_METER_EVALS] += 1.0;
    cs_task_account(task); /* the result is delivered; the next call sees the stop */
    CS_TRY(cs_space_cost(task->config.space, design, &task->config.limits, &task->report));
    const cs_hw_metrics *hw = &task->report.total;
    CS_TRY(cs_task_remember(task, cs_net_hash(&net), fidelity, acc));
    if (hw->violated == 0)
        CS_TRY(cs_task_add_to_front(task, acc, hw->fps));
    cs_task_emit(task, &(cs_event){.kind = CS_EVENT_EVAL,
                                   .design_hash = cs_design_hash(task->config.space, design),
                                   .fidelity = (int)fidelity,
                                   .claim_acc = NAN,
                                   .acc_val = acc,
                                   .hw = *hw,
                                   .has_hw = true});
    *acc_val = acc;
    return CS_OK;
}

cs_status cs_batch_next(cs_task *task, cs_split split, cs_batch *out)
{
    const cs_feed *feed = &task->config.feed[split];
    if (task->finishing)
        return CS_STOP;
    CS_TRY(cs_task_account(task));
    if (!feed->next)
        return cs_fail(&task->method_error, CS_EUSAGE, "this task has no batches to offer");
    cs_status status = CS_DONE;
    for (int i = 0; i < 2 && status == CS_DONE; i++, task->feed_calls[split]++)
        status = feed->next(feed->context, out);
    if (status == CS_OK)
        task->meters.used[CS_METER_SAMPLES] += out->n;
    return status;
}

/* Puts a feasible offer at the front of the kept ones; an equal design moves there. */
static void keep(cs_task *task, const cs_offer_record *offer)
{
    size_t at = 0;
    while (at < task->n_kept && task->kept[at].hash != offer->hash)
        at++;
    if (at == task->n_kept && task->n_kept < task->config.keep_offers)
        task->n_kept++;
    else if (at == task->n_kept)
        at--; /* full: the oldest goes */
    memmove(task->kept + 1, task->kept, at * sizeof *task->kept);
    task->kept[0] = *offer;
}

cs_status cs_offer(cs_task *task, const cs_design *design, double claimed_acc)
{
    const cs_space *space = task->config.space;
    cs_offer_record offer = {.claim_acc = claimed_acc};
    cs_net net;
    CS_TRY(cs_space_check(space, design, &task->method_error));
    cs_space_canonical(space, design, &offer.design);
    CS_TRY(cs_space_network(space, &offer.design, &net));
    CS_TRY(cs_space_cost(space, &offer.design, &task->config.limits, &task->report));
    cs_task_account(task);
    offer.hash = cs_design_hash(space, &offer.design);
    offer.hw = task->report.total;
    offer.acc_val = cs_task_recall(task, cs_net_hash(&net));
    task->offers++;
    bool improved = false;
    if (offer.hw.violated == 0) {
        if (task->offers_feasible++ == 0)
            task->first_feasible_mac = task->meters.used[CS_METER_MACS];
        keep(task, &offer);
        if (!task->has_best || claimed_acc > task->best_claim.claim_acc ||
            (isnan(task->best_claim.claim_acc) && !isnan(claimed_acc)))
            task->best_claim = offer;
        task->has_best = true;
        const double acc = isnan(offer.acc_val) ? claimed_acc : offer.acc_val;
        improved = acc > task->best_feasible_acc || (isnan(task->best_feasible_acc) && !isnan(acc));
        if (improved)
            task->best_feasible_acc = acc;
    }
    cs_task_emit(task, &(cs_event){.kind = improved ? CS_EVENT_IMPROVE : CS_EVENT_OFFER,
                                   .design_hash = offer.hash,
                                   .fidelity = -1,
                                   .claim_acc = claimed_acc,
                                   .acc_val = offer.acc_val,
                                   .hw = offer.hw,
                                   .has_hw = true});
    return CS_OK;
}
