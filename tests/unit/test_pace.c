#include "cosearch/relax.h"
#include "cosearch/search.h"
#include "run/task_state.h"
#include "task_bed.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

Test(pace, prices_and_budgets_of_a_task)
{
    const cs_method m = task_bed_method(task_bed_query);
    task_bed f;
    cs_task *task;
    double mean, max;
    task_bed_new(&f, &m);
    f.config.budget[CS_METER_MACS] = 4e6;
    f.config.budget[CS_METER_WALL_S] = 1.0;
    cr_assert_eq(cs_task_new(&f.config, &task, NULL), CS_OK);
    cs_price_sample(task, &mean, &max);
    cr_assert_float_eq(mean, 1e6, 1e-3);
    cr_assert_eq(max, 1e6);
    cr_assert_eq(cs_training_left(task), 1.0);
    task->meters.used[CS_METER_MACS] = 1e6;
    task->meters.used[CS_METER_WALL_S] = 0.9;
    cr_assert_eq(cs_training_left(task), 0.75, "clocks do not count");
    cs_task_free(task);
    cs_space_free(f.space);
}

typedef struct seen {
    size_t n;
    char name[64][CS_OBSERVE_NAME + 1];
    double value[64];
} seen;

static void watch(void *context, const cs_event *e)
{
    seen *s = context;
    cr_assert_eq(e->kind, CS_EVENT_OBSERVE);
    snprintf(s->name[s->n], sizeof *s->name, "%s", e->name);
    s->value[s->n++] = e->value;
}

Test(pace, operators_are_observed_by_name)
{
    const cs_method m = task_bed_method(task_bed_query);
    const uint16_t n_ops[] = {4, 4, 4, 4};
    task_bed f;
    cs_task *task;
    cs_logits *alpha;
    seen s = {0};
    task_bed_new(&f, &m);
    f.config.context = &s;
    f.config.on_event = watch;
    cr_assert_eq(cs_task_new(&f.config, &task, NULL), CS_OK);
    cr_assert_eq(cs_logits_new(n_ops, 4, 0.0f, &alpha), CS_OK);
    alpha->value[alpha->offset[2] + 1] = (float)log(3.0);
    cs_observe_ops(task, alpha);
    cr_assert_eq(s.n, 16u);
    cr_assert_str_eq(s.name[0], "alpha.b00.k3_e1");
    cr_assert_str_eq(s.name[9], "alpha.b02.k3_e3");
    cr_assert_str_eq(s.name[15], "alpha.b03.skip");
    cr_assert_float_eq(s.value[9], 0.5, 1e-7);
    cr_assert_float_eq(s.value[8], 1.0 / 6.0, 1e-7);
    cr_assert_float_eq(s.value[0], 0.25, 1e-7);
    cs_logits_free(alpha);
    cs_task_free(task);
    cs_space_free(f.space);
}
