/* Running a search on a task, and what it leaves behind. */
#include "run/task_state.h"

#include "core/hash.h"
#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t cs_net_hash(const cs_net *net)
{
    char text[64 + 32 * CS_BLOCKS_MAX];
    int n = snprintf(text, sizeof text, "%u %u %u %u %u", (unsigned)net->input_size,
                     (unsigned)net->stem_channels, (unsigned)net->stem_stride,
                     (unsigned)net->head_channels, (unsigned)net->classes);
    for (size_t i = 0; i < net->n_blocks; i++) {
        const cs_block *b = &net->block[i];
        n += snprintf(text + n, sizeof text - (size_t)n, "|%u %u %u %u %u %u", (unsigned)b->kernel,
                      (unsigned)b->expansion, (unsigned)b->groups, (unsigned)b->stride,
                      (unsigned)b->cout, (unsigned)b->bits);
    }
    return cs_hash_bytes(text, (size_t)n, 0);
}

double cs_task_recall(const cs_task *task, uint64_t net_hash)
{
    for (size_t i = 0; i < task->n_known; i++)
        if (task->known[i].net_hash == net_hash)
            return task->known[i].acc;
    return NAN;
}

bool cs_task_room(void **items, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return true;
    const size_t more = *cap ? 2 * *cap : 64;
    void *p = realloc(*items, more * size);
    if (!p)
        return false;
    *items = p;
    *cap = more;
    return true;
}

cs_status cs_task_remember(cs_task *task, uint64_t net_hash, cs_fidelity fidelity, double acc)
{
    const known_acc entry = {net_hash, fidelity, acc};
    for (size_t i = 0; i < task->n_known; i++)
        if (task->known[i].net_hash == net_hash) {
            if (fidelity >= task->known[i].fidelity)
                task->known[i] = entry;
            return CS_OK;
        }
    void *items = task->known;
    if (!cs_task_room(&items, &task->cap_known, task->n_known, sizeof *task->known))
        return CS_ENOMEM;
    task->known = items;
    task->known[task->n_known++] = entry;
    return CS_OK;
}

/* Area under the staircase of the points, from the origin. */
static double area(const front_point *front, size_t n)
{
    double sum = 0.0, acc = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (front[i].acc - acc) * front[i].fps;
        acc = front[i].acc;
    }
    return sum;
}

cs_status cs_task_add_to_front(cs_task *task, double acc, double fps)
{
    if (!isfinite(fps) || !isfinite(acc))
        return CS_OK;
    for (size_t i = 0; i < task->n_front; i++)
        if (task->front[i].acc >= acc && task->front[i].fps >= fps)
            return CS_OK;
    void *items = task->front;
    if (!cs_task_room(&items, &task->cap_front, task->n_front, sizeof *task->front))
        return CS_ENOMEM;
    task->front = items;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < task->n_front; i++)
        if (!(acc >= task->front[i].acc && fps >= task->front[i].fps))
            task->front[n++] = task->front[i];
    while (at < n && task->front[at].acc < acc)
        at++;
    memmove(task->front + at + 1, task->front + at, (n - at) * sizeof *task->front);
    task->front[at] = (front_point){acc, fps};
    task->n_front = n + 1;
    task->hypervolume = area(task->front, task->n_front);
    return CS_OK;
}

const cs_offer_record *cs_task_offer_at(const cs_task *task, size_t i)
{
    return i < task->n_kept ? &task->kept[i] : NULL;
}

const cs_offer_record *cs_task_offer_best_claim(const cs_task *task)
{
    return task->has_best ? &task->best_claim : NULL;
}

const char *cs_task_stop_reason(const cs_task *task)
{
    return task->reason;
}

void cs_task_summary_get(const cs_task *task, cs_task_summary *out)
{
    *out = (cs_task_summary){
        .steps = task->steps,
        .hw_queries = task->hw_queries,
        .samples = (uint64_t)task->meters.used[CS_METER_SAMPLES],
        .search_mac = (uint64_t)task->meters.used[CS_METER_MACS],
        .offers = task->offers,
        .offers_feasible = task->offers_feasible,
        .first_feasible_mac = task->first_feasible_mac,
        .eval_wall_s = task->eval_wall_s,
        .hw_wall_s = task->hw_wall_s,
        .search_wall_s = task->search_wall_s,
        .budget_used = task->meters.used[task->config.primary],
    };
    memcpy(out->evals, task->evals, sizeof out->evals);
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        out->exhausted[m] = task->meters.used[m] >= task->meters.limit[m];
}

/* A return value of open, step or finish: CS_OK to go on, CS_STOP for an orderly end, else the
 * method's fault. */
static cs_status judge(cs_task *task, const char *call, cs_status status, cs_error *err)
{
    const char *method = task->config.method->name;
    if (status == CS_OK)
        return cs_task_account(task);
    if (status == CS_STOP && (cs_task_account(task) == CS_STOP || task->finishing))
        return CS_STOP;
    if (status == CS_DONE || status == CS_EINFEASIBLE) {
        if (!task->stopped)
            snprintf(task->reason, sizeof task->reason, "%s",
                     status == CS_DONE ? "converged" : "infeasible");
        task->stopped = true;
        return CS_STOP;
    }
    task->stopped = true;
    if (status == CS_EIO || status == CS_EDATA) { /* not the method's doing */
        snprintf(task->reason, sizeof task->reason, "harness error");
        return cs_fail(err, status, "%s: %s", call,
                       *task->method_error.text ? task->method_error.text : cs_status_text(status));
    }
    snprintf(task->reason, sizeof task->reason, "method error");
    if (status == CS_STOP)
        return cs_fail(err, CS_EMETHOD,
                       "method %s: %s returned CS_STOP in step %llu although no budget is spent",
                       method, call, (unsigned long long)task->steps);
    return cs_fail(err, CS_EMETHOD, "method %s: %s failed in step %llu: %s%s%s", method, call,
                   (unsigned long long)task->steps, cs_status_text(status),
                   *task->method_error.text ? ": " : "", task->method_error.text);
}

static cs_status observe_loss(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)epoch, (void)step;
    cs_observe(context, "source.loss", loss);
    return cs_task_account(context);
}

/* A piece of the accuracy source's preparation. */
static cs_status prepare(cs_task *task, cs_error *err)
{
    const cs_accuracy_source *source = &task->config.source;
    const double begin = cs_task_now(task);
    const cs_status status = source->prepare(source->context, observe_loss, task, err);
    task->eval_wall_s += cs_task_now(task) - begin;
    const cs_status account = cs_task_account(task);
    task->prepared_mac = task->meters.used[CS_METER_MACS];
    task->ready = status == CS_DONE;
    if (status < 0) {
        task->stopped = true;
        snprintf(task->reason, sizeof task->reason, "harness error");
        return status;
    }
    return account;
}

cs_status cs_task_run(cs_task *task, cs_error *err)
{
    const cs_method *method = task->config.method;
    const double begin = cs_task_now(task);
    void *state = NULL;
    cs_status status = task->config.resume ? cs_task_restore(task, &state, err) : CS_OK;
    while (status == CS_OK && !task->ready) {
        status = prepare(task, err);
        if (status == CS_OK && task->config.on_step)
            task->config.on_step(task->config.context);
    }
    if (status == CS_OK && !task->opened) {
        status = method->open(task, &state);
        task->opened = status == CS_OK;
        task->method_state = state;
        status = judge(task, "open", status, err);
    }
    while (status == CS_OK) {
        task->method_error.text[0] = '\0';
        status = judge(task, "step", method->step(task, state), err);
        task->steps++;
        task->method_state = state;
        if (status == CS_OK && task->config.on_step)
            task->config.on_step(task->config.context);
    }
    if (status == CS_STOP && task->opened && method->finish) {
        task->finishing = true;
        const cs_status finished = method->finish(task, state);
        status = finished == CS_OK ? CS_STOP : judge(task, "finish", finished, err);
    }
    method->close(state);
    task->search_wall_s += cs_task_now(task) - begin;
    cs_task_account(task);
    cs_task_emit(
        task, &(cs_event){.kind = CS_EVENT_STOP, .fidelity = -1, .claim_acc = NAN, .acc_val = NAN});
    return status == CS_STOP ? CS_OK : status;
}
