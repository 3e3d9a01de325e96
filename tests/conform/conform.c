/* The contract of a method, held against every registered one. */
#include "toy_task.h"

#include "core/hash.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EACH_METHOD(m) for (const cs_method *const *it = cs_methods, *m; (m = *it) != NULL; it++)

/* Another name of an earlier method: its runs are that method's. */
static bool is_alias(const cs_method *m)
{
    for (const cs_method *const *it = cs_methods; *it != m; it++)
        if ((*it)->step == m->step && (*it)->params == m->params)
            return true;
    return false;
}

static toy_result run_with(const cs_method *m, uint64_t seed, double evals)
{
    toy t = toy_new(m);
    toy_seed(&t, seed);
    t.config.budget[CS_METER_MACS] = evals * toy_price(m);
    const toy_result r = toy_run(&t);
    toy_free(&t);
    return r;
}

Test(conform, table_is_complete)
{
    size_t n = 0;
    EACH_METHOD(m)
    {
        n++;
        cr_assert_eq(m->abi, CS_METHOD_ABI, "%s", m->name);
        cr_assert_geq(m->version, 1u);
        cr_assert(m->name && m->cite && m->summary && m->params && m->open && m->step && m->close);
        cr_assert(*m->name && *m->cite && *m->summary);
        cr_assert_eq(cs_method_find(m->name), m, "name %s is not unique", m->name);
        cr_assert_eq(!(m->traits & CS_TRAIT_RESUMABLE), !(m->save && m->load), "%s", m->name);
        for (const cs_param *p = m->params; p->name; p++) {
            cr_assert(p->source && *p->source, "%s.%s has no source", m->name, p->name);
            cr_assert(p->lo <= p->def && p->def <= p->hi, "%s.%s: default out of bounds", m->name,
                      p->name);
            for (const cs_param *q = m->params; q != p; q++)
                cr_assert_str_neq(p->name, q->name, "%s", m->name);
            if (p->labels) {
                size_t labels = 0;
                while (p->labels[labels])
                    labels++;
                cr_assert(p->lo == 0.0 && p->hi == (double)(labels - 1), "%s.%s", m->name, p->name);
            }
        }
    }
    cr_assert_geq(n, 3u);
}

Test(conform, close_accepts_null)
{
    EACH_METHOD(m)
    m->close(NULL);
}

Test(conform, same_seed_same_trace)
{
    EACH_METHOD(m)
    {
        const toy_result a = run_with(m, 3, 12), b = run_with(m, 3, 12), c = run_with(m, 4, 12);
        cr_assert_eq(a.status, CS_OK, "%s: %s", m->name, a.error.text);
        cr_assert_gt(a.evals, 0u, "%s", m->name);
        cr_assert_eq(a.trace, b.trace, "%s: same seed, other trace", m->name);
        cr_assert_neq(a.trace, c.trace, "%s: other seed, same trace", m->name);
    }
}

/* A meter may be overrun by what was under way when it ran out, never by a further step. */
Test(conform, stops_at_each_meter)
{
    EACH_METHOD(m)
    {
        toy t = toy_new(m);
        t.config.budget[CS_METER_EVALS] = 5.0;
        t.config.primary = CS_METER_EVALS;
        toy_result r = toy_run(&t);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert_eq(r.evals, 5u, "%s: %d evaluations", m->name, (int)r.evals);
        cr_assert_str_eq(r.reason, "budget", "%s", m->name);
        t.config.budget[CS_METER_EVALS] = INFINITY;
        t.config.primary = CS_METER_MACS;
        t.config.budget[CS_METER_MACS] = 4.0 * toy_price(m);
        r = toy_run(&t);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert_str_eq(r.reason, "budget", "%s", m->name);
        cr_assert_leq((double)r.summary.search_mac, 1.02 * 4.0 * toy_price(m), "%s", m->name);
        t.config.budget[CS_METER_HW_QUERIES] = 40.0;
        r = toy_run(&t);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert_leq(r.summary.hw_queries, 40u + t.config.finish_hw_queries, "%s", m->name);
        cr_assert(*r.reason, "%s", m->name);
        toy_free(&t);
    }
}

Test(conform, survives_no_budget)
{
    EACH_METHOD(m)
    {
        const toy_result r = run_with(m, 1, 0.0);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert_eq(r.evals, 0u, "%s", m->name);
        cr_assert_not(r.answered, "%s", m->name);
        cr_assert_str_eq(r.reason, "budget", "%s", m->name);
    }
}

/* No design fits: a method ends in order, offers nothing feasible and trains nothing. */
Test(conform, survives_impossible_limits)
{
    EACH_METHOD(m)
    {
        toy t = toy_new(m);
        t.config.limits.fps_min = 1e12;
        t.config.budget[CS_METER_MACS] = 50.0 * toy_price(m);
        t.config.budget[CS_METER_HW_QUERIES] = 1500.0;
        const toy_result r = toy_run(&t);
        toy_free(&t);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert_not(r.answered, "%s", m->name);
        cr_assert_eq(r.summary.offers_feasible, 0u);
        cr_assert_eq(r.evals, 0u, "%s trained designs that no limit admits", m->name);
    }
}

Test(conform, answers_are_feasible_designs_of_the_space)
{
    EACH_METHOD(m)
    {
        toy t = toy_new(m);
        t.config.budget[CS_METER_MACS] = 12.0 * toy_price(m);
        const toy_result r = toy_run(&t);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        cr_assert(r.answered, "%s found nothing in %d queries", m->name, (int)r.summary.hw_queries);
        char text[CS_DESIGN_TEXT_MAX];
        cs_design back;
        cs_hw_report report;
        cs_net net;
        const cs_design *d = &r.answer.design;
        cr_assert_eq(cs_space_check(t.space, d, NULL), CS_OK, "%s", m->name);
        cr_assert_eq(cs_design_format(t.space, d, text, sizeof text), CS_OK);
        cr_assert_eq(cs_design_parse(t.space, text, &back, NULL), CS_OK, "%s", text);
        cr_assert(cs_design_equal(t.space, d, &back), "%s", text);
        cr_assert_eq(cs_space_cost(t.space, d, &t.config.limits, &report), CS_OK);
        cr_assert_eq(report.total.violated, 0u, "%s", text);
        cr_assert_leq(report.total.dsp, 64.0);
        cr_assert_geq(report.total.fps, 1300.0);
        /* honest claims: what was measured, or nothing better */
        cr_assert_eq(cs_space_network(t.space, d, &net), CS_OK);
        cr_assert_float_eq(r.answer.claim_acc, toy_accuracy(&net), 1e-12, "%s", m->name);
        cr_assert_leq(r.best_claim_gap, 1e-12, "%s", m->name);
        cr_assert_eq(r.summary.offers, r.summary.offers_feasible, "%s offered infeasible designs",
                     m->name);
        toy_free(&t);
    }
}

/* Every declared value between the bounds is a legal setting: the ends must not break a run. */
Test(conform, bounds_of_parameters_work)
{
    EACH_METHOD(m)
    if (!is_alias(m)) {
        double value[64];
        size_t n = 0;
        for (; m->params[n].name; n++)
            value[n] = m->params[n].def;
        cr_assert_lt(n, 64u);
        for (size_t i = 0; i < 2 * n; i++) {
            const cs_param *p = &m->params[i / 2];
            toy t = toy_new(m);
            value[i / 2] = i % 2 ? p->hi : p->lo;
            t.config.param = value;
            t.config.budget[CS_METER_EVALS] = 3.0;
            t.config.budget[CS_METER_HW_QUERIES] = 200.0;
            const toy_result r = toy_run(&t);
            cr_assert_eq(r.status, CS_OK, "%s.%s = %g: %s", m->name, p->name, value[i / 2],
                         r.error.text);
            value[i / 2] = p->def;
            toy_free(&t);
        }
    }
}

/* Steps a method by hand, saving and loading its state after `interrupt` steps (0: never). The
 * random streams belong to the task and go on. */
static uint64_t stepped(const cs_method *m, int interrupt)
{
    toy t = toy_new(m);
    cs_task *task;
    void *state;
    cs_task_summary sum;
    cr_assert_eq(cs_task_new(&t.config, &task, NULL), CS_OK);
    cr_assert_eq(m->open(task, &state), CS_OK);
    for (int k = 1; k <= 120; k++) {
        cr_assert_eq(m->step(task, state), CS_OK, "%s: step %d", m->name, k);
        if (k != interrupt)
            continue;
        cs_sink *sink;
        cs_source *source;
        size_t n;
        cr_assert_eq(cs_sink_new(&sink), CS_OK);
        cr_assert_eq(m->save(state, sink), CS_OK);
        m->close(state);
        const void *bytes = cs_sink_bytes(sink, &n);
        if (n) { /* a torn checkpoint is an error, not a crash */
            cr_assert_eq(cs_source_new(bytes, n - 1, &source), CS_OK);
            cr_assert_lt(m->load(task, source, &state), 0, "%s", m->name);
            cs_source_free(source);
        }
        cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
        cr_assert_eq(m->load(task, source, &state), CS_OK, "%s", m->name);
        cs_source_free(source);
        cs_sink_free(sink);
    }
    m->close(state);
    cs_task_summary_get(task, &sum);
    const uint64_t whole[] = {sum.evals[CS_FID_SHORT], sum.hw_queries, sum.search_mac, sum.offers,
                              cs_task_offer_at(task, 0) ? cs_task_offer_at(task, 0)->hash : 0};
    cs_task_free(task);
    toy_free(&t);
    return cs_hash_bytes(whole, sizeof whole, 0);
}

Test(conform, load_after_save_goes_on_as_before)
{
    EACH_METHOD(m)
    if ((m->traits & CS_TRAIT_RESUMABLE) && !is_alias(m)) {
        const uint64_t straight = stepped(m, 0);
        cr_assert_eq(stepped(m, 60), straight, "%s", m->name);
        cr_assert_eq(stepped(m, 1), straight, "%s", m->name);
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#define SEEDS 9

/* Median over seeds of the answer's accuracy at the same budget; no answer counts 0. */
static double median_accuracy(const cs_method *m, double evals)
{
    double acc[SEEDS];
    for (uint64_t s = 0; s < SEEDS; s++) {
        const toy_result r = run_with(m, 100 + s, evals);
        cr_assert_eq(r.status, CS_OK, "%s: %s", m->name, r.error.text);
        acc[s] = r.answered ? r.answer.acc_val : 0.0;
    }
    qsort(acc, SEEDS, sizeof acc[0], ascending);
    return acc[SEEDS / 2];
}

Test(conform, searching_beats_random)
{
    const cs_method *random = cs_method_find("random");
    cr_assert_not_null(random);
    const double control = median_accuracy(random, 40.0);
    EACH_METHOD(m)
    if (m != random && !is_alias(m)) {
        const double acc = median_accuracy(m, 40.0);
        cr_log_info("%s %.4f, random %.4f", m->name, acc, control);
        cr_assert_gt(acc, control, "%s: median %g, random %g", m->name, acc, control);
    }
}
