/* Campaigns whose workers end badly: each run ends as one clean row. The workers are the test
 * binary itself, see misbehave.h. */
#include "run/runner.h"
#include "temp_file.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct campaign {
    char folder[64];
    cs_store store;
    cs_plan *plan;
    cs_run_options options;
} campaign;

static void set_up(campaign *c, const char *what, const char *cap)
{
    static const char *const set[] = {"name=bad",
                                      "space=fbnet:micro",
                                      "hw=fpga-chunk",
                                      "dataset=synth",
                                      "seeds=0",
                                      "primary=mac:1e9",
                                      "methods=random",
                                      "limits.dsp_max=450",
                                      "fidelity.short.epochs=1"};
    char path[CS_PATH_MAX];
    cs_profile p;
    cs_error err = {""};
    cs_profile_init(&p);
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        cr_assert_eq(cs_profile_set(&p, set[i], &err), CS_OK, "%s", err.text);
    if (cap)
        cr_assert_eq(cs_profile_set(&p, cap, &err), CS_OK, "%s", err.text);
    snprintf(p.name, sizeof p.name, "bad");
    p.overridden[0] = '\0';
    temp_folder(c->folder);
    cr_assert_eq(cs_plan_new(&p, &(cs_selection){0}, "no-data", &c->plan, &err), CS_OK);
    cr_assert_eq(cs_store_at(c->folder, "bad", &c->store, NULL), CS_OK);
    cr_assert_eq(cs_store_prepare(&c->store, NULL), CS_OK);
    cr_assert_eq(cs_path_format(path, NULL, "%s/misbehave", c->store.dir), CS_OK);
    cr_assert_eq(cs_file_write(path, what, strlen(what), NULL), CS_OK);
    c->options = (cs_run_options){.exe = "/proc/self/exe",
                                  .results = c->folder,
                                  .command = "cosearch run bad",
                                  .quiet = true};
}

static void tear_down(campaign *c)
{
    cs_plan_free(c->plan);
    cs_folder_remove(c->folder, NULL);
}

/* Runs and expects one row with a status in results.csv. */
static void one_row(campaign *c, const char *status, cs_row *row)
{
    cs_run_outcome outcome;
    cs_error err = {""};
    cr_assert_eq(cs_runner_run(c->plan, &c->options, &outcome, &err), CS_OK, "%s", err.text);
    cr_assert_eq(outcome.missing, 0);
    cr_assert_eq(cs_row_read_file(&cs_schema_results, c->store.results, row, &err), CS_OK, "%s",
                 err.text);
    cr_assert_str_eq(cs_row_get(row, "status"), status);
    cr_assert_str_eq(cs_row_get(row, "run_id"), c->plan->job[0].run_id);
    cr_assert_str_eq(cs_row_get(row, "method"), "random");
    cr_assert_str_eq(cs_row_get(row, "acc_test_mean"), "");
}

Test(runner, a_crash_is_a_row)
{
    campaign c;
    cs_row row;
    set_up(&c, "crash", NULL);
    one_row(&c, "crashed", &row);
    cr_assert_str_eq(cs_row_get(&row, "signal"), "11");
    cr_assert_str_eq(cs_row_get(&row, "attempts"), "1"); /* a method's fault is never retried */
    cs_row_free(&row);
    tear_down(&c);
}

Test(runner, a_memory_hog_is_a_row)
{
    campaign c;
    cs_row row;
    set_up(&c, "hog", "caps.peak_kib=200000");
    one_row(&c, "oom_cap", &row);
    cr_assert_str_eq(cs_row_get(&row, "mem_source"), "heartbeat");
    cr_assert(cs_row_get_number(&row, "mem_peak_kib") > 200000.0);
    cs_row_free(&row);
    tear_down(&c);
}

Test(runner, a_deaf_worker_is_a_row, .timeout = 30)
{
    campaign c;
    cs_row row;
    set_up(&c, "deaf", "caps.wall_s=0.2");
    one_row(&c, "killed_wall", &row);
    cr_assert_str_eq(cs_row_get(&row, "signal"), "9");
    cs_row_free(&row);
    tear_down(&c);
}

Test(runner, a_kill_from_outside_is_tried_again_once)
{
    campaign c;
    cs_row row;
    set_up(&c, "kill", NULL);
    one_row(&c, "oom_kernel", &row);
    cr_assert_str_eq(cs_row_get(&row, "attempts"), "2");
    cs_row_free(&row);
    tear_down(&c);
}

Test(runner, an_end_without_a_result_is_a_row)
{
    campaign c;
    cs_row row;
    set_up(&c, "silent", NULL);
    one_row(&c, "harness_error", &row);
    cs_row_free(&row);
    tear_down(&c);
}

Test(runner, retry_takes_classes)
{
    campaign c;
    cs_row row;
    cs_run_outcome outcome;
    cs_error err = {""};
    set_up(&c, "crash", NULL);
    one_row(&c, "crashed", &row);
    cs_row_free(&row);
    c.options.retry = "oom_cap";
    one_row(&c, "crashed", &row);
    cr_assert_str_eq(cs_row_get(&row, "attempts"), "1");
    cs_row_free(&row);
    c.options.retry = "oom_cap,crashed";
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, &err), CS_OK, "%s", err.text);
    cr_assert_eq(outcome.finished, 1);
    c.options.retry = "crashd";
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "crashd"), "%s", err.text);
    tear_down(&c);
}

Test(runner, a_run_held_by_somebody_else_is_left_alone)
{
    campaign c;
    cs_run_outcome outcome;
    char path[CS_PATH_MAX];
    int lock;
    set_up(&c, "crash", NULL);
    cr_assert_eq(cs_store_path(&c.store, c.plan->job[0].run_id, "", path, NULL), CS_OK);
    cr_assert_eq(cs_folder_make(path, NULL), CS_OK);
    cr_assert_eq(cs_store_path(&c.store, c.plan->job[0].run_id, "lock", path, NULL), CS_OK);
    cr_assert_eq(cs_lock_take(path, &lock, NULL), CS_OK);
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, NULL), CS_OK);
    cr_assert(outcome.finished == 0 && outcome.missing == 1 && outcome.held == 1);
    cs_lock_drop(lock);
    tear_down(&c);
}

Test(runner, another_profile_of_the_same_name_is_refused)
{
    campaign c;
    cs_run_outcome outcome;
    cs_error err = {""};
    set_up(&c, "crash", NULL);
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, NULL), CS_OK);
    c.plan->profile.final.recipe.lr = 0.7;
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, &err), CS_EMISMATCH);
    cr_assert(strstr(err.text, "[recipe] lr: '0.1' against '0.7'"), "%s", err.text);
    c.options.fresh = true;
    cr_assert_eq(cs_runner_run(c.plan, &c.options, &outcome, &err), CS_OK, "%s", err.text);
    cr_assert_eq(outcome.finished, 1);
    tear_down(&c);
}
