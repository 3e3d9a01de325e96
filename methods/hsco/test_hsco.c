#include "hsco.h"
#include "tests/conform/toy_task.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

extern const cs_method cs_method_hsco;

static const hsco_settings settings = {.beta = 0.25, .pruned_reward = HSCO_PRUNED_FLAT};

Test(hsco, rewards)
{
    const cs_hw_metrics hw = {.utilization = 0.8}, none = {.utilization = NAN};
    cr_assert_float_eq(hsco_reward_trained(&settings, 0.4, &hw), 0.25 * 0.4 + 0.75 * 0.8, 1e-15);
    cr_assert_float_eq(hsco_reward_trained(&settings, 0.4, &none), 0.1, 1e-15);
    hsco_settings graded = settings;
    graded.pruned_reward = HSCO_PRUNED_GRADED;
    cr_assert_float_eq(hsco_reward_pruned(&settings, 3.0), -1.0, 0.0);
    cr_assert_float_eq(hsco_reward_pruned(&graded, 3.0), -1.75, 1e-15);
    cr_assert_float_eq(hsco_reward_fast(1.0, &hw), -0.5, 1e-15);
    cr_assert_float_eq(hsco_reward_fast(0.0, &hw), 0.8, 1e-15);
}

Test(hsco, specification_raises_the_frame_rate_floor)
{
    cs_limits limits = CS_LIMITS_NONE;
    hsco_settings s = settings;
    limits.dsp_max = 100.0;
    limits.fps_min = 50.0;
    const cs_hw_metrics hw = {.dsp = 50.0, .fps = 60.0};
    cr_assert_eq(hsco_excess(&s, &limits, &hw), 0.0);
    s.spec_fps = 120.0;
    cr_assert_float_eq(hsco_excess(&s, &limits, &hw), log(2.0), 1e-12);
    s.spec_fps = 10.0; /* never below the task's own floor */
    const cs_hw_metrics slow = {.dsp = 200.0, .fps = 25.0};
    cr_assert_float_eq(hsco_excess(&s, &limits, &slow), 2.0 * log(2.0), 1e-12);
}

/* With no fast exploration every child that misses the specification costs one query. */
Test(hsco, redraws_the_hardware_before_it_prunes)
{
    const cs_param *p = cs_method_hsco.params;
    double value[64];
    size_t redraws = 0;
    for (size_t i = 0; p[i].name; i++) {
        value[i] = p[i].def;
        if (strcmp(p[i].name, "num_hw_per_child") == 0)
            redraws = i;
    }
    for (int k = 0; k <= 10; k += 5) {
        toy t = toy_new(&cs_method_hsco);
        value[redraws] = k;
        t.config.param = value;
        t.config.limits.fps_min = 1e12;
        t.config.budget[CS_METER_HW_QUERIES] = 110.0 * (k + 1);
        const toy_result r = toy_run(&t);
        cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
        /* 110 episodes of one draw and k redraws; the step that meets the spent cap may count */
        cr_assert(r.summary.steps >= 110u && r.summary.steps <= 111u, "%d steps",
                  (int)r.summary.steps);
        cr_assert_eq(r.evals, 0u);
        toy_free(&t);
    }
}

/* A converged policy ends its search instead of repeating itself to the end of the budget. */
Test(hsco, ends_when_it_only_repeats_itself)
{
    const cs_param *p = cs_method_hsco.params;
    double value[64];
    for (size_t i = 0; p[i].name; i++) {
        value[i] = p[i].def;
        if (strcmp(p[i].name, "lr") == 0)
            value[i] = 0.05;
        if (strcmp(p[i].name, "patience") == 0)
            value[i] = 40.0;
    }
    toy t = toy_new(&cs_method_hsco);
    t.config.param = value;
    t.config.budget[CS_METER_EVALS] = 4000.0;
    const toy_result r = toy_run(&t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert_str_eq(r.reason, "converged");
    cr_assert(r.answered);
    toy_free(&t);
}
