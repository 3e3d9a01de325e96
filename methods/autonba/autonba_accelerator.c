/* Accelerators for given networks: searches, looks, and networks that give way. */
#include "autonba.h"

#include <math.h>

#define SHRINK_MAX (2 * CS_BLOCKS_MAX)

typedef struct query_context {
    cs_task *task;
    autonba_state *state;
} query_context;

static cs_status query(void *context, const cs_design *design, cs_hw_report *report)
{
    query_context *q = context;
    CS_TRY(cs_hw_detail(q->task, design, report));
    q->state->at.hw_queries++;
    return CS_OK;
}

cs_status autonba_look(cs_task *task, autonba_state *s, const cs_design *design)
{
    query_context context = {task, s};
    return query(&context, design, &s->report);
}

cs_status autonba_search_freely(cs_task *task, autonba_state *s, cs_design *design, bool keep,
                                double samples, cs_hw_metrics *hw, bool *feasible)
{
    query_context context = {task, s};
    cs_accel_result result;
    const cs_status status =
        cs_accel_search(s->accel, design, keep, (uint64_t)samples, cs_task_rng(task, "accelerator"),
                        query, &context, NULL, NULL, &result);
    if (status == CS_EINFEASIBLE) { /* the exact solver: nothing holds the limits */
        *feasible = false;
        return CS_OK;
    }
    if (status != CS_OK && status != CS_STOP)
        return status;
    s->at.hw_searches++;
    *hw = result.hw;
    *feasible = result.feasible && result.hw.violated == 0;
    return status;
}

cs_status autonba_search_accelerator(cs_task *task, autonba_state *s, cs_design *design, bool keep,
                                     double samples, cs_hw_metrics *hw, bool *feasible)
{
    const double n = floor(fmin(samples, autonba_queries_free(task, s)));
    *feasible = false;
    return n >= 1.0 ? autonba_search_freely(task, s, design, keep, n, hw, feasible) : CS_OK;
}

/* The block that costs most goes one operator or bitwidth down, until an accelerator fits. */
static bool make_cheaper(const cs_space *space, const autonba_logits *l, const double *share,
                         cs_design *design)
{
    size_t ops_at, bits_at, last;
    double worst = -1.0;
    size_t block = l->n_blocks;
    cs_space_group(space, CS_GROUP_NETWORK, &ops_at, &last);
    cs_space_group(space, CS_GROUP_BITWIDTH, &bits_at, &last);
    const cs_net_space *net = cs_space_net_space(space);
    for (size_t b = 0; b < l->n_blocks; b++) {
        const cs_op *op = &cs_ops[net->ops[design->choice[ops_at + b]]];
        const bool can = design->choice[bits_at + b] > 0 || op->expansion > 1 || op->kernel > 3;
        if (can && !op->skip && share[b] > worst) {
            worst = share[b];
            block = b;
        }
    }
    if (block == l->n_blocks)
        return false;
    if (design->choice[bits_at + block] > 0) {
        design->choice[bits_at + block]--;
        return true;
    }
    const cs_op *now = &cs_ops[net->ops[design->choice[ops_at + block]]];
    const float *logit = &l->alpha->value[l->alpha->offset[block]];
    size_t best = l->n_ops;
    for (size_t i = 0; i < l->n_ops; i++) { /* the likeliest of the smaller ones */
        const cs_op *op = &cs_ops[net->ops[i]];
        const int size =
            op->expansion * (op->kernel * op->kernel + 8) / (op->groups ? op->groups : 1);
        const int limit = now->expansion * (now->kernel * now->kernel + 8) / now->groups;
        if (!op->skip && size < limit && (best == l->n_ops || logit[i] > logit[best]))
            best = i;
    }
    if (best == l->n_ops)
        return false;
    design->choice[ops_at + block] = (uint16_t)best;
    return true;
}

cs_status autonba_fit(cs_task *task, autonba_state *s, cs_design *design, double samples,
                      bool *feasible)
{
    cs_hw_metrics hw;
    double share[CS_BLOCKS_MAX];
    CS_TRY(autonba_search_accelerator(task, s, design, true, samples, &hw, feasible));
    for (int i = 0; !*feasible && i < SHRINK_MAX && autonba_queries_free(task, s) >= 2.0; i++) {
        CS_TRY(autonba_look(task, s, design));
        autonba_shares(&s->report, s->goal, s->logits.n_blocks, share);
        if (!make_cheaper(s->space, &s->logits, share, design))
            return CS_OK;
        CS_TRY(autonba_search_accelerator(task, s, design, true, samples / 4.0, &hw, feasible));
    }
    return CS_OK;
}
