/* The task as a method meets it: budgets are sticky, offers are checked, errors are told apart. */
#include "task_bed.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static cs_status eval_step(cs_task *task, void *state)
{
    cs_design d;
    double acc;
    (void)state;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &d);
    CS_TRY(cs_eval(task, &d, CS_FID_SHORT, &acc));
    return cs_offer(task, &d, acc);
}

static cs_status done_step(cs_task *task, void *state)
{
    (void)task, (void)state;
    return CS_DONE;
}

static cs_status lying_step(cs_task *task, void *state)
{
    (void)task, (void)state;
    return CS_STOP;
}

static cs_status failing_step(cs_task *task, void *state)
{
    cs_design d;
    (void)state;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &d);
    d.choice[0] = 999;
    return cs_offer(task, &d, 0.5);
}

static cs_status greedy_finish(cs_task *task, void *state)
{
    unsigned queries = 0;
    double acc;
    cs_design d;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "finish"), &d);
    while (task_bed_query(task, state) == CS_OK)
        queries++;
    cr_assert_eq(queries, 7);
    cr_assert_eq(cs_eval(task, &d, CS_FID_SHORT, &acc), CS_STOP);
    return cs_offer(task, &d, NAN);
}

Test(task, a_mac_budget_cuts_the_evaluation_that_would_exceed_it)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    task_bed_new(&f, &m);
    f.config.budget[CS_METER_MACS] = 3.5e6;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_str_eq(reason, "budget");
    cr_assert_eq(sum.evals[CS_FID_SHORT], 3);
    cr_assert_eq(sum.search_mac, 3500000);
    cr_assert_eq(sum.offers_feasible, 3);
    cr_assert_eq(f.events[CS_EVENT_EVAL], 3);
    cr_assert_eq(f.events[CS_EVENT_OFFER] + f.events[CS_EVENT_IMPROVE], 3);
    cr_assert_eq(f.events[CS_EVENT_STOP], 1);
    cs_space_free(f.space);
}

Test(task, caps_and_zero_budgets)
{
    const cs_method m = task_bed_method(task_bed_query);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    task_bed_new(&f, &m);
    f.config.budget[CS_METER_HW_QUERIES] = 5;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_str_eq(reason, "cap hw_queries");
    cr_assert_eq(sum.hw_queries, 5);
    f.config.budget[CS_METER_MACS] = 0.0;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_str_eq(reason, "budget");
    cr_assert_eq(sum.hw_queries, 0);
    cr_assert_eq(sum.steps, 0);
    cs_space_free(f.space);
}

Test(task, finish_has_its_allowance_and_no_evaluations)
{
    cs_method m = task_bed_method(task_bed_query);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    m.finish = greedy_finish;
    task_bed_new(&f, &m);
    f.config.budget[CS_METER_HW_QUERIES] = 5;
    f.config.finish_hw_queries = 7;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_eq(sum.hw_queries, 12);
    cr_assert_eq(sum.offers, 1);
    cr_assert_eq(f.events[CS_EVENT_EVAL], 0);
    cs_space_free(f.space);
}

Test(task, endings_are_told_apart)
{
    cs_method m = task_bed_method(done_step);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    cs_error err = {""};
    task_bed_new(&f, &m);
    cr_assert_eq(task_bed_run(&f, &sum, reason, &err), CS_OK);
    cr_assert_str_eq(reason, "converged");
    m.step = lying_step;
    cr_assert_eq(task_bed_run(&f, &sum, reason, &err), CS_EMETHOD);
    cr_assert(strstr(err.text, "although no budget is spent"), "%s", err.text);
    cr_assert_str_eq(reason, "method error");
    m.step = failing_step;
    cr_assert_eq(task_bed_run(&f, &sum, reason, &err), CS_EMETHOD);
    cr_assert(strstr(err.text, "design outside the space"), "%s", err.text);
    cs_space_free(f.space);
}

static bool always(void *context)
{
    (void)context;
    return true;
}

Test(task, a_signal_ends_the_search)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    task_bed_new(&f, &m);
    f.config.interrupted = always;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_str_eq(reason, "terminated");
    cs_space_free(f.space);
}

Test(task, evaluation_noise_belongs_to_the_network_not_to_the_order)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task *task;
    cs_design a, b;
    double acc;
    cs_rng rng;
    task_bed_new(&f, &m);
    cr_assert_eq(cs_task_new(&f.config, &task, NULL), CS_OK);
    cs_rng_seed(&rng, 3);
    cs_space_sample(f.space, &rng, &a);
    b = a;
    cr_assert_eq(cs_eval(task, &a, CS_FID_SHORT, &acc), CS_OK);
    const uint64_t first = f.last_seed;
    size_t network, bits, last;
    cs_space_group(f.space, CS_GROUP_NETWORK, &network, &last);
    cs_space_group(f.space, CS_GROUP_BITWIDTH, &bits, &last);
    do
        cs_space_sample_group(f.space, &rng, CS_GROUP_ACCELERATOR, &b);
    while (cs_design_equal(f.space, &a, &b));
    cr_assert_eq(cs_eval(task, &b, CS_FID_SHORT, &acc), CS_OK);
    cr_assert_eq(f.last_seed, first, "another accelerator, the same training");
    b.choice[network] = (uint16_t)!b.choice[network];
    cs_space_repair(f.space, &b);
    cr_assert_eq(cs_eval(task, &b, CS_FID_SHORT, &acc), CS_OK);
    cr_assert_neq(f.last_seed, first);
    cs_task_free(task);
    cs_space_free(f.space);
}

Test(task, offers_are_kept_by_recency_and_claim)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task *task;
    cs_design d[4];
    cs_rng rng;
    task_bed_new(&f, &m);
    f.config.keep_offers = 2;
    cr_assert_eq(cs_task_new(&f.config, &task, NULL), CS_OK);
    cs_rng_seed(&rng, 5);
    for (int i = 0; i < 4; i++)
        cs_space_sample(f.space, &rng, &d[i]);
    cr_assert_eq(cs_offer(task, &d[0], 0.9), CS_OK);
    cr_assert_eq(cs_offer(task, &d[1], 0.2), CS_OK);
    cr_assert_eq(cs_offer(task, &d[2], NAN), CS_OK);
    cr_assert_eq(cs_task_offer_at(task, 0)->hash, cs_design_hash(f.space, &d[2]));
    cr_assert_eq(cs_task_offer_at(task, 1)->hash, cs_design_hash(f.space, &d[1]));
    cr_assert_null(cs_task_offer_at(task, 2));
    cr_assert_eq(cs_task_offer_best_claim(task)->hash, cs_design_hash(f.space, &d[0]));
    cr_assert_eq(cs_offer(task, &d[1], 0.2), CS_OK); /* again: moves to the front */
    cr_assert_eq(cs_task_offer_at(task, 0)->hash, cs_design_hash(f.space, &d[1]));
    cr_assert_eq(cs_task_offer_at(task, 1)->hash, cs_design_hash(f.space, &d[2]));
    d[3].choice[0] = 999;
    cr_assert_eq(cs_offer(task, &d[3], 0.9), CS_EOUTSIDE);
    cs_task_free(task);
    cs_space_free(f.space);
}

Test(task, infeasible_offers_are_never_answers)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task_summary sum;
    char reason[64];
    task_bed_new(&f, &m);
    f.config.limits.dsp_max = 0.5;
    f.config.budget[CS_METER_MACS] = 5e6;
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_eq(sum.offers, 5);
    cr_assert_eq(sum.offers_feasible, 0);
    cr_assert(isnan(sum.first_feasible_mac));
    cr_assert_eq(f.last.hypervolume, 0.0);
    cs_space_free(f.space);
}

Test(task, streams_are_named_and_rooted)
{
    const cs_method m = task_bed_method(eval_step);
    task_bed f;
    cs_task *a, *b;
    task_bed_new(&f, &m);
    cr_assert_eq(cs_task_new(&f.config, &a, NULL), CS_OK);
    cr_assert_eq(cs_task_new(&f.config, &b, NULL), CS_OK);
    cs_rng *one = cs_task_rng(a, "one");
    const uint64_t first = cs_rng_next(one);
    cs_rng_next(cs_task_rng(b, "two")); /* draws elsewhere shift nothing */
    cr_assert_eq(cs_rng_next(cs_task_rng(b, "one")), first);
    cr_assert_eq(cs_task_rng(a, "one"), one);
    cs_task_free(b);
    f.config.method_root = 1;
    cr_assert_eq(cs_task_new(&f.config, &b, NULL), CS_OK);
    cr_assert_neq(cs_rng_next(cs_task_rng(b, "one")), first);
    cs_task_free(a);
    cs_task_free(b);
    cs_space_free(f.space);
}

Test(task, checkpoint_bytes_round_trip)
{
    cs_sink *sink;
    cs_source *source;
    size_t n;
    uint32_t out[2] = {0, 0};
    const uint32_t in[2] = {7, 9};
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_sink_write(sink, in, sizeof in), CS_OK);
    const void *bytes = cs_sink_bytes(sink, &n);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_assert_eq(cs_source_read(source, out, sizeof out), CS_OK);
    cr_assert(out[0] == 7 && out[1] == 9);
    cr_assert_eq(cs_source_read(source, out, 1), CS_EFORMAT);
    cs_source_free(source);
    cs_sink_free(sink);
}
