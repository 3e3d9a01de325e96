/* Methods that break the contract, each in one way, and what must come of it. */
#include "toy_task.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const cs_param no_params[] = {{.name = NULL}};

static cs_status open_nothing(cs_task *task, void **state)
{
    (void)task;
    *state = NULL;
    return CS_OK;
}

static void close_nothing(void *state)
{
    (void)state;
}

static cs_method cheat(cs_status (*step)(cs_task *, void *))
{
    return (cs_method){.abi = CS_METHOD_ABI,
                       .version = 1,
                       .name = "cheat",
                       .cite = "none",
                       .summary = "breaks the contract",
                       .params = no_params,
                       .open = open_nothing,
                       .step = step,
                       .close = close_nothing};
}

static toy_result run(const cs_method *method, double evals)
{
    toy t = toy_new(method);
    t.config.budget[CS_METER_EVALS] = evals;
    t.config.primary = CS_METER_EVALS;
    const toy_result r = toy_run(&t);
    toy_free(&t);
    return r;
}

/* A feasible design, by rejection. */
static cs_status feasible(cs_task *task, cs_design *design)
{
    cs_hw_metrics hw;
    do {
        cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), design);
        CS_TRY(cs_hw_query(task, design, &hw));
    } while (hw.violated);
    return CS_OK;
}

/* Goes on after CS_STOP: asks for ten more evaluations in the same step and says all is well. */
static cs_status deaf_step(cs_task *task, void *state)
{
    (void)state;
    cs_design design;
    double acc;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &design);
    for (int i = 0; i < 10; i++)
        (void)cs_eval(task, &design, cs_task_fidelity(task), &acc);
    return CS_OK;
}

Test(cheats, ignoring_stop_gains_nothing)
{
    const cs_method m = cheat(deaf_step);
    const toy_result r = run(&m, 13.0);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert_eq(r.evals, 13u, "%d evaluations", (int)r.evals);
    cr_assert_eq(r.summary.steps, 2u);
    cr_assert_str_eq(r.reason, "budget");
}

static cs_status outside_step(cs_task *task, void *state)
{
    (void)state;
    cs_design design;
    CS_TRY(feasible(task, &design));
    design.choice[0] = 60000;
    return cs_offer(task, &design, 0.9);
}

Test(cheats, designs_outside_the_space_are_refused)
{
    const cs_method m = cheat(outside_step);
    const toy_result r = run(&m, 5.0);
    cr_assert_eq(r.status, CS_EMETHOD);
    cr_assert_str_eq(r.reason, "method error");
    cr_assert_not(r.answered);
    cr_assert_eq(r.summary.offers_feasible, 0u);
    cr_assert(strstr(r.error.text, "cheat") && strstr(r.error.text, "block"), "%s", r.error.text);
}

/* Claims 99 % for whatever it drew; then offers a design that breaks the limits. */
static cs_status liar_step(cs_task *task, void *state)
{
    (void)state;
    cs_design design;
    cs_hw_metrics hw;
    double acc;
    CS_TRY(feasible(task, &design));
    CS_TRY(cs_eval(task, &design, cs_task_fidelity(task), &acc));
    CS_TRY(cs_offer(task, &design, 0.99));
    do {
        cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &design);
        CS_TRY(cs_hw_query(task, &design, &hw));
    } while (!hw.violated);
    return cs_offer(task, &design, 1.0);
}

Test(cheats, false_claims_show)
{
    const cs_method m = cheat(liar_step);
    const toy_result r = run(&m, 6.0);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert(r.answered);
    cr_assert_eq(r.answer.hw.violated, 0u, "an infeasible offer became the answer");
    cr_assert_float_eq(r.answer.claim_acc, 0.99, 0.0);
    cr_assert_lt(r.answer.acc_val, 0.95, "the measured accuracy is beside the claim");
    cr_assert_gt(r.best_claim_gap, 0.04);
    cr_assert_eq(r.summary.offers_feasible, 6u);
    cr_assert_geq(r.summary.offers, 11u);
}

static cs_status quitter_step(cs_task *task, void *state)
{
    (void)task, (void)state;
    return CS_STOP;
}

static cs_status broken_step(cs_task *task, void *state)
{
    (void)task, (void)state;
    return CS_ENUMERIC;
}

Test(cheats, stop_without_a_spent_budget_is_an_error)
{
    const cs_method quitter = cheat(quitter_step), broken = cheat(broken_step);
    toy_result r = run(&quitter, 5.0);
    cr_assert_eq(r.status, CS_EMETHOD);
    cr_assert(strstr(r.error.text, "CS_STOP"), "%s", r.error.text);
    r = run(&broken, 5.0);
    cr_assert_eq(r.status, CS_EMETHOD);
    cr_assert(strstr(r.error.text, cs_status_text(CS_ENUMERIC)), "%s", r.error.text);
}

/* Saves its work for the time after the budget. */
static cs_status late_finish(cs_task *task, void *state)
{
    (void)state;
    cs_design design;
    cs_hw_metrics hw;
    cs_batch batch;
    double acc;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &design);
    cr_assert_eq(cs_eval(task, &design, cs_task_fidelity(task), &acc), CS_STOP);
    cr_assert_eq(cs_batch_next(task, CS_SEARCH_TRAIN, &batch), CS_STOP);
    int queries = 0;
    while (cs_hw_query(task, &design, &hw) == CS_OK)
        queries++;
    cr_assert_eq(queries, 1000);
    return CS_OK;
}

Test(cheats, finish_has_an_allowance_and_no_evaluations)
{
    cs_method m = cheat(deaf_step);
    m.finish = late_finish;
    const toy_result r = run(&m, 4.0);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert_eq(r.evals, 4u);
    cr_assert_eq(r.summary.hw_queries, 1000u);
}
