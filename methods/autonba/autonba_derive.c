/* From logits to answers: networks, each with an accelerator of its own that holds the limits. */
#include "autonba.h"

#include <math.h>
#include <string.h>

#define COMPARE_SHARE 0.3    /* of what is left for the end goes at most to comparing candidates */
#define COMPARE_MARGIN 1.2   /* and what trains the most probable network stays */
#define FAILURES_MAX 400     /* networks in a row that are known or fit no accelerator */
#define FINISH_SAMPLES 900.0 /* of the 1,000 queries a profile allows by default */

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

/* An accelerator for the derived network: of its own, or the frozen one. *known: there were queries
 * to spend. */
static cs_status derive_accelerator(cs_task *task, autonba_state *s, cs_design *design, bool *known)
{
    const autonba_settings *set = &s->settings;
    const double room = autonba_queries_free(task, s) * (autonba_budget_unknown(s) ? 1.0 : 0.5);
    *known = room >= 1.0;
    if (!*known)
        return CS_OK;
    if (!set->hw_frozen || s->at.path_searches == 0)
        return autonba_search_accelerator(task, s, design, true, fmin(set->hw_samples, room),
                                          &s->at.derived_hw, &s->at.derived_feasible);
    *design = s->at.accelerator;
    autonba_argmax_design(s->space, &s->logits, design);
    CS_TRY(autonba_look(task, s, design));
    s->at.derived_hw = s->report.total;
    s->at.derived_feasible = s->report.total.violated == 0;
    return CS_OK;
}

cs_status autonba_derive_now(cs_task *task, autonba_state *s)
{
    cs_design design = s->at.has_derived ? s->at.derived : s->at.accelerator;
    autonba_argmax_design(s->space, &s->logits, &design);
    const bool changed = !s->at.has_derived || !same_network(s->space, &design, &s->at.derived);
    if (changed || !s->at.derived_feasible) {
        bool known;
        CS_TRY(derive_accelerator(task, s, &design, &known));
        if (!known)
            return CS_OK;
        s->at.derived = design;
        s->at.has_derived = true;
    }
    if (s->at.arch_steps > 0)
        s->at.lambda = autonba_next_lambda(&s->settings, cs_task_limits(task), s->goal,
                                           &s->at.derived_hw, s->at.derived_feasible, s->at.lambda);
    if (s->at.derived_feasible && autonba_budget_unknown(s)) {
        CS_TRY(evaluate(task, s, &s->at.derived)); /* shows whether evaluations are the budget */
        s->at.anchored = true;
        autonba_see_evaluations(task, s);
    }
    return changed && s->at.derived_feasible ? offer_derived(task, s) : CS_OK;
}

/* ---- candidates ---- */

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

static bool enough_candidates(const cs_task *task, const autonba_state *s, uint32_t wanted)
{
    if (s->at.n_candidates == 0)
        return false;
    return s->at.n_candidates >= wanted || s->at.attempts > 8u * wanted ||
           cs_training_left(task) < (1.0 - COMPARE_SHARE) * s->at.derive_begin ||
           !affordable(task, s, &s->at.candidate[0].design, COMPARE_MARGIN);
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
        CS_TRY(autonba_fit(task, s, &design, samples_for_one(task, s), &feasible));
        if (feasible && !is_candidate(s, &design))
            CS_TRY(add_candidate(task, s, &design));
    }
    if (s->at.n_candidates == 0 && s->at.attempts > wanted && s->at.has_feasible)
        CS_TRY(add_candidate(task, s, &s->at.feasible));
    if (!enough_candidates(task, s, wanted)) {
        if (s->at.attempts <= FAILURES_MAX && autonba_queries_free(task, s) >= 1.0)
            return CS_OK;
        if (s->at.n_candidates == 0)
            return CS_DONE;
    }
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
    if (++s->at.attempts > FAILURES_MAX || autonba_queries_free(task, s) < 1.0)
        return CS_DONE;
    if (!cs_memo_get(s->memo, &design, &known))
        CS_TRY(autonba_fit(task, s, &design, samples_for_one(task, s) / 4.0, &feasible));
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
        autonba_search_freely(task, s, &design, s->at.has_derived, FINISH_SAMPLES, &hw, &feasible);
    if (status != CS_OK && status != CS_STOP)
        return status;
    return feasible ? cs_offer(task, &design, NAN) : CS_OK;
}
