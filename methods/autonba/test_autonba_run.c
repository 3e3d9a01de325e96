/* Whole runs on the toy task: interrupted and resumed, on other platforms, in every mode. */
#include "autonba.h"
#include "core/hash.h"
#include "tests/conform/toy_task.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const cs_method cs_method_autonba, cs_method_trips;

static void set(double *value, const char *name, double x)
{
    const cs_param *p = cs_method_autonba.params;
    for (size_t i = 0; p[i].name; i++)
        if (strcmp(p[i].name, name) == 0) {
            value[i] = x;
            return;
        }
    cr_assert_fail("no parameter %s", name);
}

static void defaults(double *value)
{
    for (size_t i = 0; cs_method_autonba.params[i].name; i++)
        value[i] = cs_method_autonba.params[i].def;
}

/* ---- interruption ---- */

typedef struct watch {
    cs_task *task;
    cs_sink *sink;
    uint64_t trace, steps, cut; /* the trace up to the cut is what a checkpoint keeps */
    bool ended;
    uint32_t seen; /* bits of the event kinds after the cut */
} watch;

static void on_event(void *context, const cs_event *e)
{
    watch *w = context;
    if (w->ended)
        return;
    const uint64_t whole[] = {e->kind,       e->seq,     e->search_mac, e->evals,
                              e->hw_queries, e->samples, e->design_hash};
    w->trace = cs_hash_bytes(whole, sizeof whole, w->trace);
    w->trace = cs_hash_bytes(&e->value, sizeof e->value, w->trace);
    w->seen |= 1u << e->kind;
}

static void on_step(void *context)
{
    watch *w = context;
    if (++w->steps != w->cut)
        return;
    cr_assert_eq(cs_sink_new(&w->sink), CS_OK);
    cr_assert_eq(cs_task_checkpoint(w->task, w->sink), CS_OK);
    w->ended = true;
}

static bool interrupted(void *context)
{
    return ((watch *)context)->ended;
}

/* Runs, killed after step `cut` and resumed by a new task (0: not killed); the hash of its trace.
 */
static uint64_t run_cut(uint64_t cut, uint64_t *steps, uint32_t *seen)
{
    toy t = toy_new(&cs_method_autonba);
    watch w = {.cut = cut};
    t.config.context = &w;
    t.config.on_event = on_event;
    t.config.on_step = on_step;
    t.config.interrupted = interrupted;
    t.config.budget[CS_METER_MACS] = 6.0 * toy_price(&cs_method_autonba);
    cr_assert_eq(cs_task_new(&t.config, &w.task, NULL), CS_OK);
    cr_assert_eq(cs_task_run(w.task, NULL), CS_OK);
    cs_task_free(w.task);
    *steps = w.steps;
    if (w.sink) {
        size_t n;
        cs_source *source;
        const void *bytes = cs_sink_bytes(w.sink, &n);
        cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
        cs_engine *engine; /* a new process has one of its own */
        cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
        t.config.engine = engine;
        t.config.resume = source;
        t.feed[0]->calls = t.feed[1]->calls = 999; /* a new process begins elsewhere */
        w.ended = false;
        w.seen = 0;
        w.cut = 0;
        cr_assert_eq(cs_task_new(&t.config, &w.task, NULL), CS_OK);
        cr_assert_eq(cs_task_run(w.task, NULL), CS_OK);
        cs_task_free(w.task);
        cs_engine_free(engine);
        cs_source_free(source);
        cs_sink_free(w.sink);
    }
    toy_free(&t);
    *seen = w.seen;
    return w.trace;
}

/* In pretraining, among architecture steps, while candidates are compared and trained. */
Test(autonba, a_killed_and_resumed_run_equals_an_undisturbed_one)
{
    uint64_t whole, part;
    uint32_t seen;
    const uint64_t straight = run_cut(0, &whole, &seen);
    cr_assert_gt(whole, 30u, "%d steps", (int)whole);
    cr_assert(seen & (1u << CS_EVENT_EVAL));
    const uint64_t cuts[] = {1, whole / 8, whole / 3, whole / 2, whole - 8, whole - 2};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        cr_assert_eq(run_cut(cuts[i], &part, &seen), straight, "cut after step %d of %d",
                     (int)cuts[i], (int)whole);
}

/* ---- settings ---- */

static toy_result run_with(toy *t, const double *value, double evals)
{
    t->config.param = value;
    t->config.budget[CS_METER_MACS] = evals * toy_price(&cs_method_autonba);
    const toy_result r = toy_run(t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    return r;
}

Test(autonba, every_mode_answers)
{
    static const struct {
        const char *name;
        double value;
    } settings[] = {{"sampling", AUTONBA_SOFT},
                    {"sampling", AUTONBA_HARD},
                    {"sampling", AUTONBA_FAKE_HARD},
                    {"sampling", AUTONBA_RANDOM_HARD},
                    {"hetero_bits", 0.0},
                    {"bits_storage", CS_BITS_PER_COPY},
                    {"bilevel", 0.0},
                    {"hw_frozen", 1.0},
                    {"hw_loss", AUTONBA_LOSS_SUM},
                    {"hw_engine", CS_ACCEL_RELEASED},
                    {"hw_engine", CS_ACCEL_RANDOM},
                    {"hw_engine", CS_ACCEL_EXACT}};
    double value[64];
    uint64_t before = 0;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        toy t = toy_new(&cs_method_autonba);
        defaults(value);
        set(value, settings[i].name, settings[i].value);
        const toy_result r = run_with(&t, value, 5.0);
        cr_assert(r.answered, "%s = %g", settings[i].name, settings[i].value);
        cr_assert_eq(r.answer.hw.violated, 0u);
        cr_assert_neq(r.trace, before, "%s = %g changes nothing", settings[i].name,
                      settings[i].value);
        before = r.trace;
        toy_free(&t);
    }
}

/* Steps the method by hand to the end of its training; the state tells what it did. */
Test(autonba, frozen_hardware_is_searched_once_for_paths)
{
    for (int frozen = 0; frozen < 2; frozen++) {
        toy t = toy_new(&cs_method_autonba);
        double value[64];
        cs_task *task;
        void *opened;
        defaults(value);
        set(value, "hw_frozen", frozen);
        set(value, "hw_period", 5.0);
        t.config.param = value;
        t.config.budget[CS_METER_MACS] = 8.0 * toy_price(&cs_method_autonba);
        cr_assert_eq(cs_task_new(&t.config, &task, NULL), CS_OK);
        cr_assert_eq(cs_method_autonba.open(task, &opened), CS_OK);
        autonba_state *s = opened;
        cs_design first = {0};
        while (s->at.phase == AUTONBA_TRAIN) {
            cr_assert_eq(cs_method_autonba.step(task, opened), CS_OK);
            if (s->at.arch_steps == 1)
                first = s->at.accelerator;
        }
        cr_assert_gt(s->at.arch_steps, 10u);
        size_t begin, end;
        cs_space_group(t.space, CS_GROUP_ACCELERATOR, &begin, &end);
        const bool same = memcmp(first.choice + begin, s->at.accelerator.choice + begin,
                                 (end - begin) * sizeof *first.choice) == 0;
        cr_assert_eq(same, frozen == 1);
        if (frozen)
            cr_assert_eq(s->at.path_searches, 1u);
        else
            cr_assert_geq(s->at.path_searches, s->at.arch_steps / 5);
        cs_method_autonba.close(opened);
        cs_task_free(task);
        toy_free(&t);
    }
}

/* As published: nothing is trained by itself, the whole budget trains, one network is the answer.
 */
Test(autonba, without_reserve_the_answer_is_the_most_probable_network)
{
    double value[64];
    defaults(value);
    set(value, "reserve", 0.0);
    toy t = toy_new(&cs_method_autonba);
    const toy_result r = run_with(&t, value, 5.0);
    cr_assert_eq(r.evals, 0u);
    cr_assert(r.answered);
    toy_free(&t);
}

Test(autonba, images_can_be_the_budget)
{
    toy t = toy_new(&cs_method_autonba);
    t.config.primary = CS_METER_SAMPLES;
    t.config.budget[CS_METER_SAMPLES] = 200.0;
    const toy_result r = toy_run(&t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert(r.answered);
    cr_assert_gt(r.evals, 0u);
    cr_assert_leq((double)r.summary.samples, 200.0 + TOY_BATCH);
    toy_free(&t);
}

/* The cap on queries is for searches that find nothing: one that ends in order stays below it. */
Test(autonba, queries_are_rationed_to_the_end)
{
    static const double caps[] = {300.0, 2000.0, 20000.0};
    for (size_t i = 0; i < 3; i++) {
        toy t = toy_new(&cs_method_autonba);
        double value[64];
        defaults(value);
        t.config.budget[CS_METER_HW_QUERIES] = caps[i];
        const toy_result r = run_with(&t, value, 12.0);
        cr_assert_lt((double)r.summary.hw_queries, caps[i], "%s", r.reason);
        cr_assert(strcmp(r.reason, "budget") == 0 || strcmp(r.reason, "converged") == 0, "%s",
                  r.reason);
        cr_assert(r.answered);
        toy_free(&t);
    }
}

/* No DSPs, no frame rate: energy-delay product and area of an ASIC. */
Test(autonba, limits_may_be_those_of_an_asic)
{
    static const char *const platforms[] = {"asic-pe", "asic-hetero"};
    for (size_t i = 0; i < 2; i++) {
        toy t = toy_new(&cs_method_autonba);
        cs_error err = {""};
        cs_rng rng;
        double edp[64];
        cs_space_free(t.space);
        cr_assert_eq(cs_space_new("fbnet:micro", platforms[i], 10, &t.space, &err), CS_OK, "%s",
                     err.text);
        cs_rng_seed(&rng, 4);
        cs_hw_report *report = malloc(sizeof *report);
        for (size_t k = 0; k < 64; k++) { /* the limit: better than uniform designs mostly are */
            cs_design design;
            cs_space_sample(t.space, &rng, &design);
            cr_assert_eq(cs_space_cost(t.space, &design, NULL, report), CS_OK);
            size_t at = k;
            const double x = isfinite(report->total.edp_js) ? report->total.edp_js : INFINITY;
            for (; at > 0 && edp[at - 1] > x; at--)
                edp[at] = edp[at - 1];
            edp[at] = x;
        }
        free(report);
        t.config.space = t.space;
        t.config.limits = CS_LIMITS_NONE;
        t.config.limits.edp_max_js = edp[6];
        cr_assert(isfinite(edp[6]));
        double value[64];
        defaults(value);
        const toy_result r = run_with(&t, value, 5.0);
        cr_assert(r.answered, "%s: nothing with EDP <= %g in %d queries", platforms[i], edp[6],
                  (int)r.summary.hw_queries);
        cr_assert_leq(r.answer.hw.edp_js, edp[6]);
        toy_free(&t);
    }
}

Test(autonba, trips_is_autonba)
{
    toy t = toy_new(&cs_method_autonba), u = toy_new(&cs_method_trips);
    double value[64];
    defaults(value);
    cr_assert_eq(run_with(&t, value, 4.0).trace, run_with(&u, value, 4.0).trace);
    cr_assert_str_eq(cs_method_trips.name, "trips");
    toy_free(&t);
    toy_free(&u);
}
