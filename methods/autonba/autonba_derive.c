/* From logits to answers: networks, each with an accelerator of its own that holds the limits. */
#include "autonba.h"

#include <math.h>
#include <string.h>

#define COMPARE_SHARE 0.3  /* of what is left for the end goes at most to comparing candidates */
#define COMPARE_MARGIN 1.2 /* and what trains the most probable network stays */
#define SHRINK_MAX (2 * CS_BLOCKS_MAX)
#define FAILURES_MAX 400     /* networks in a row that are known or fit no accelerator */
#define FINISH_SAMPLES 900.0 /* of the 1,000 queries a profile allows by default */

/* ---- cost-model queries ---- */

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

/* With no regard to what is planned: for the end, when nothing else needs queries. */
static cs_status search_with(cs_task *task, autonba_state *s, cs_design *design, bool keep,
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
    return n >= 1.0 ? search_with(task, s, design, keep, n, hw, feasible) : CS_OK;
}

/* ---- accuracy by shared weights ---- */

/* So many batches of a split of the task, as one epoch. */
typedef struct batches {
    cs_task *task;
    cs_split split;
    uint32_t whole, left;
} batches;

static cs_status next_batch(void *context, cs_batch *out)
{
    batches *b = context;
    if (b->left == 0) {
        b->left = b->whole;
        return CS_DONE;
    }
    b->left--;
    return cs_batch_next(b->task, b->split, out);
}

/* One pass of search-val, or less if that were more than SCORE_SHARE of the budget. */
#define SCORE_SHARE 0.004

static void score_batches(const cs_task *task, const autonba_state *s, uint32_t *train,
                          uint32_t *val)
{
    const double each = (double)cs_supernet_forward_macs(s->net, &s->path) * s->at.batch;
    const double total = s->at.total_macs > 0.0 ? s->at.total_macs : s->at.allowance;
    double room = total > 0.0 ? SCORE_SHARE * total / each : INFINITY;
    const double images_left = cs_budget_left(task, CS_METER_SAMPLES);
    if (images_left < 1.0) {
        const double drawn = (double)(s->at.weight_steps + s->at.arch_steps);
        room = fmin(room, SCORE_SHARE * drawn / (1.0 - images_left));
    }
    const double pass = floor((double)cs_task_dataset(task)->n_search_val / s->at.batch);
    const double first = fmax(1.0, fmin(s->settings.recalibrate, floor(room / 3.0)));
    *train = (uint32_t)first;
    *val = (uint32_t)fmax(1.0, fmin(pass, floor(room - first)));
}

/* Accuracy of a design's network by shared weights, batch norm recalibrated. NaN if they are of no
 * use. */
static cs_status score(cs_task *task, autonba_state *s, const cs_design *design, double *acc)
{
    *acc = NAN;
    if (!s->net || s->at.diverged)
        return CS_OK;
    cs_path_of_design(s->space, design, &s->path);
    uint32_t n_train, n;
    score_batches(task, s, &n_train, &n);
    s->at.score_images = (double)n * s->at.batch;
    batches train = {task, CS_SEARCH_TRAIN, n_train, n_train};
    batches val = {task, CS_SEARCH_VAL, n, n};
    const cs_feed train_feed = {
        .context = &train, .epoch_images = train.whole * s->at.batch, .next = next_batch};
    const cs_feed val_feed = {.context = &val, .epoch_images = n * s->at.batch, .next = next_batch};
    cs_status status = cs_supernet_recalibrate(s->net, &s->path, &train_feed, n_train);
    if (status == CS_OK)
        status = cs_supernet_accuracy(s->net, &s->path, &val_feed, NULL, NULL, acc);
    if (status == CS_ENUMERIC) {
        *acc = NAN;
        status = CS_OK;
    }
    return status;
}

/* ---- training of its own ---- */

/* Trains and measures the network alone; offered if it is the best so far. */
static cs_status evaluate(cs_task *task, autonba_state *s, const cs_design *design)
{
    double acc;
    if (cs_memo_get(s->memo, design, &acc))
        return CS_OK;
    CS_TRY(cs_eval(task, design, cs_task_fidelity(task), &acc));
    CS_TRY(cs_memo_put(s->memo, design, acc));
    if (acc <= s->at.best_acc || autonba_pure(s))
        return CS_OK;
    s->at.best_acc = acc;
    s->at.offered = true;
    return cs_offer(task, design, acc);
}

/* ---- along the way ---- */

static bool same_network(const cs_space *space, const cs_design *a, const cs_design *b)
{
    cs_design x, y;
    size_t first, last;
    cs_space_canonical(space, a, &x);
    cs_space_canonical(space, b, &y);
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    return memcmp(x.choice, y.choice, first * sizeof x.choice[0]) == 0;
}

/* An answer for a search that is cut short. Its claim is its accuracy by shared weights when that
 * is what answers are chosen by; otherwise it has none yet: numbers of two kinds must not compete.
 */
static cs_status offer_derived(cs_task *task, autonba_state *s)
{
    double acc = NAN;
    if (autonba_pure(s)) {
        CS_TRY(score(task, s, &s->at.derived, &acc));
        cs_observe(task, "derived.acc", acc);
    }
    s->at.offered = true;
    return cs_offer(task, &s->at.derived, acc);
}

cs_status autonba_derive_now(cs_task *task, autonba_state *s)
{
    const autonba_settings *set = &s->settings;
    cs_design design = s->at.has_derived ? s->at.derived : s->at.accelerator;
    autonba_argmax_design(s->space, &s->logits, &design);
    const bool changed = !s->at.has_derived || !same_network(s->space, &design, &s->at.derived);
    if (changed || !s->at.derived_feasible) {
        const double room = autonba_queries_free(task, s) * (autonba_budget_unknown(s) ? 1.0 : 0.5);
        CS_TRY(autonba_search_accelerator(task, s, &design, true, fmin(set->hw_samples, room),
                                          &s->at.derived_hw, &s->at.derived_feasible));
        s->at.derived = design;
        s->at.has_derived = true;
    }
    if (s->at.arch_steps > 0)
        s->at.lambda = autonba_next_lambda(set, cs_task_limits(task), s->goal, &s->at.derived_hw,
                                           s->at.derived_feasible, s->at.lambda);
    if (s->at.derived_feasible && autonba_budget_unknown(s)) {
        CS_TRY(evaluate(task, s, &s->at.derived)); /* shows whether evaluations are the budget */
        s->at.anchored = true;
        autonba_see_evaluations(task, s);
    }
    return changed && s->at.derived_feasible ? offer_derived(task, s) : CS_OK;
}

/* ---- candidates ---- */

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

/* An accelerator for the network, which gives way until one fits. */
static cs_status fit(cs_task *task, autonba_state *s, cs_design *design, double samples,
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

static bool is_candidate(const autonba_state *s, const cs_design *design)
{
    for (uint32_t i = 0; i < s->at.n_candidates; i++)
        if (same_network(s->space, &s->at.candidate[i].design, design))
            return true;
    return false;
}

/* Networks are drawn from the logits; the longer nothing new comes, the flatter. */
static void draw_network(cs_task *task, const autonba_state *s, cs_design *design)
{
    const double flatness = 1.0 + (double)s->at.attempts / 20.0;
    *design = s->at.has_derived ? s->at.derived : s->at.accelerator;
    autonba_sample_design(s->space, &s->logits, flatness, cs_task_rng(task, "candidates"), design);
}

/* By score, best first; those without one after them, in the order they came. The first, the most
 * probable network, stays where it is: it is the published answer. */
static void rank(autonba_progress *at)
{
    for (uint32_t i = 2; i < at->n_candidates; i++) {
        const autonba_candidate c = at->candidate[i];
        uint32_t j = i;
        for (; j > 1 && (at->candidate[j - 1].score < c.score ||
                         (isnan(at->candidate[j - 1].score) && !isnan(c.score)));
             j--)
            at->candidate[j] = at->candidate[j - 1];
        at->candidate[j] = c;
    }
}

static double samples_for_one(const cs_task *task, const autonba_state *s)
{
    const double left = (double)s->settings.candidates - s->at.n_candidates + 2.0;
    return fmax(16.0, fmin(s->settings.hw_final, autonba_queries_free(task, s) / fmax(2.0, left)));
}

static cs_status add_candidate(cs_task *task, autonba_state *s, const cs_design *design)
{
    autonba_candidate *c = &s->at.candidate[s->at.n_candidates];
    double acc;
    CS_TRY(score(task, s, design, &acc));
    c->design = *design;
    c->score = acc;
    if (s->at.n_candidates++ == 0)
        cs_observe(task, "derived.acc", acc);
    cs_observe(task, "candidate.acc", acc);
    return CS_OK;
}

/* Does what is left of the MACs pay for `times` evaluations of the network? */
static bool affordable(const cs_task *task, const autonba_state *s, const cs_design *design,
                       double times)
{
    const double price = cs_eval_price(task, design, cs_task_fidelity(task));
    return s->at.total_macs <= 0.0 ||
           times * price <= cs_budget_left(task, CS_METER_MACS) * s->at.total_macs;
}

cs_status autonba_derive_step(cs_task *task, autonba_state *s)
{
    const uint32_t wanted = autonba_pure(s) ? 1 : s->settings.candidates;
    const bool first = s->at.attempts == 0;
    cs_design design;
    bool feasible;
    draw_network(task, s, &design);
    if (first) {
        autonba_argmax_design(s->space, &s->logits, &design);
        s->at.derive_begin = cs_training_left(task);
    }
    s->at.attempts++;
    if (!is_candidate(s, &design)) {
        CS_TRY(fit(task, s, &design, samples_for_one(task, s), &feasible));
        if (feasible && !is_candidate(s, &design))
            CS_TRY(add_candidate(task, s, &design));
    }
    if (s->at.n_candidates == 0 && s->at.attempts > wanted && s->at.has_feasible)
        CS_TRY(add_candidate(task, s, &s->at.feasible));
    const double left = cs_training_left(task);
    const bool dear = left < (1.0 - COMPARE_SHARE) * s->at.derive_begin ||
                      !affordable(task, s, &s->at.candidate[0].design, COMPARE_MARGIN);
    const bool enough = s->at.n_candidates >= wanted ||
                        (s->at.n_candidates > 0 && (dear || s->at.attempts > 8u * wanted));
    if (!enough)
        return s->at.attempts > FAILURES_MAX ? CS_DONE : CS_OK;
    rank(&s->at);
    s->at.phase = AUTONBA_EVALUATE;
    s->at.attempts = 0;
    return CS_OK;
}

/* ---- answers ---- */

/* Published: the most probable network, whatever the others. */
static cs_status answer_pure(cs_task *task, autonba_state *s)
{
    const autonba_candidate *c = &s->at.candidate[0];
    s->at.offered = true;
    CS_TRY(cs_offer(task, &c->design, c->score));
    return CS_DONE;
}

/* May a network with this accuracy by shared weights take the place of the most probable one? Short
 * trainings favour networks that learn fast, so it must not be worse by shared weights: by more
 * than the standard error of the difference. Where evaluations are the budget, they are all spent.
 */
static bool worth_training(const autonba_state *s, double acc)
{
    const double first = s->at.candidate[0].score, n = fmax(1.0, s->at.score_images);
    const double p = (first * n + 1.0) / (n + 2.0); /* never 0 or 1 */
    return s->at.total_macs <= 0.0 || !(acc < first - sqrt(2.0 * p * (1.0 - p) / n));
}

/* The budget outlasts the list: more of the same kind. */
static cs_status evaluate_another(cs_task *task, autonba_state *s)
{
    cs_design design;
    double known, acc;
    bool feasible = false;
    draw_network(task, s, &design);
    if (++s->at.attempts > FAILURES_MAX)
        return CS_DONE;
    if (!cs_memo_get(s->memo, &design, &known))
        CS_TRY(fit(task, s, &design, samples_for_one(task, s) / 4.0, &feasible));
    if (!feasible || cs_memo_get(s->memo, &design, &known))
        return CS_OK;
    CS_TRY(score(task, s, &design, &acc));
    if (!worth_training(s, acc))
        return CS_OK;
    s->at.attempts = 0;
    return evaluate(task, s, &design);
}

cs_status autonba_evaluate_step(cs_task *task, autonba_state *s)
{
    if (autonba_pure(s))
        return answer_pure(task, s);
    while (s->at.next_candidate < s->at.n_candidates) {
        const autonba_candidate *next = &s->at.candidate[s->at.next_candidate++];
        const bool last = s->at.next_candidate == s->at.n_candidates && s->at.best_acc < 0.0;
        if (worth_training(s, next->score) && (affordable(task, s, &next->design, 1.0) || last))
            return evaluate(task, s, &next->design); /* cut, if none of them can be paid */
    }
    if (s->at.total_macs <= 0.0 && s->at.allowance <= 0.0)
        return CS_DONE; /* nothing limits evaluations: the list is enough */
    return evaluate_another(task, s);
}

/* Only a search cut short has no answer by now. */
cs_status autonba_finish(cs_task *task, void *state)
{
    autonba_state *s = state;
    cs_hw_metrics hw;
    bool feasible = false;
    cs_note(task,
            "%llu weight and %llu architecture steps, %llu accelerator searches of %llu queries",
            (unsigned long long)s->at.weight_steps, (unsigned long long)s->at.arch_steps,
            (unsigned long long)s->at.hw_searches, (unsigned long long)s->at.hw_queries);
    if (s->at.offered)
        return CS_OK;
    if (s->at.has_feasible)
        return cs_offer(task, &s->at.feasible, NAN);
    if (s->at.weight_steps == 0) /* nothing was searched: nothing is known */
        return CS_OK;
    cs_design design = s->at.has_derived ? s->at.derived : s->at.accelerator;
    autonba_argmax_design(s->space, &s->logits, &design);
    const cs_status status =
        search_with(task, s, &design, s->at.has_derived, FINISH_SAMPLES, &hw, &feasible);
    if (status != CS_OK && status != CS_STOP)
        return status;
    return feasible ? cs_offer(task, &design, NAN) : CS_OK;
}
