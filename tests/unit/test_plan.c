#include "run/plan.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_profile(cs_profile *p)
{
    static const char *const set[] = {"name=t",
                                      "space=fbnet:micro",
                                      "hw=fpga-chunk",
                                      "dataset=synth",
                                      "seeds=0-2",
                                      "primary=mac:1e9",
                                      "methods=random,evolution,hsco",
                                      "limits.dsp_max=450,220",
                                      "fidelity.short.epochs=1"};
    cs_error err = {""};
    cs_profile_init(p);
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        cr_assert_eq(cs_profile_set(p, set[i], &err), CS_OK, "%s: %s", set[i], err.text);
    snprintf(p->name, sizeof p->name, "t");
    p->overridden[0] = '\0';
}

static cs_plan *plan_of(const cs_profile *p, const cs_selection *selection)
{
    cs_plan *plan;
    cs_error err = {""};
    cr_assert_eq(cs_plan_new(p, selection, "no-data", &plan, &err), CS_OK, "%s", err.text);
    return plan;
}

static bool has(const cs_plan *plan, const char *run_id)
{
    for (size_t i = 0; i < plan->n_jobs; i++)
        if (strcmp(plan->job[i].run_id, run_id) == 0)
            return true;
    return false;
}

Test(plan, seeds_outermost_every_run_once)
{
    cs_profile p;
    make_profile(&p);
    cs_plan *plan = plan_of(&p, &(cs_selection){0});
    cr_assert_eq(plan->n_jobs, 18);
    bool shuffled = false;
    for (size_t i = 0; i < plan->n_jobs; i++) {
        cr_assert_eq(plan->job[i].seed, i / 6);
        cr_assert_eq(plan->job[i].cell, i / 3 % 2);
        shuffled = shuffled || plan->job[i].method != plan->job[i % 3].method;
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(plan->job[i].run_id, plan->job[k].run_id);
    }
    cr_assert(shuffled, "methods keep one order over all seeds and cells");
    cs_plan_free(plan);
}

Test(plan, shards_are_a_partition)
{
    cs_profile p;
    make_profile(&p);
    cs_plan *all = plan_of(&p, &(cs_selection){0});
    size_t total = 0;
    for (uint64_t i = 1; i <= 4; i++) {
        cs_plan *part = plan_of(&p, &(cs_selection){.shard = i, .shards = 4});
        total += part->n_jobs;
        for (size_t k = 0; k < part->n_jobs; k++)
            cr_assert(has(all, part->job[k].run_id));
        cs_plan_free(part);
    }
    cr_assert_eq(total, all->n_jobs);
    cs_plan_free(all);
    cs_selection s = {0};
    cr_assert_eq(cs_shard_parse("2/4", &s, NULL), CS_OK);
    cr_assert(s.shard == 2 && s.shards == 4);
    const char *const bad[] = {"0/4", "5/4", "2", "/4", "a/b", "2/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(cs_shard_parse(bad[i], &s, NULL), CS_EUSAGE, "%s", bad[i]);
}

Test(plan, selections_keep_run_ids)
{
    cs_profile p;
    make_profile(&p);
    cs_plan *all = plan_of(&p, &(cs_selection){0});
    cs_plan *few = plan_of(&p, &(cs_selection){.methods = "hsco", .seeds = "1,9", .cells = "1"});
    cr_assert_eq(few->n_jobs, 2);
    cr_assert(has(all, few->job[0].run_id));
    cr_assert_not(has(all, few->job[1].run_id));
    cs_plan_free(few);
    cs_plan_free(all);
}

Test(plan, whatever_decides_the_outcome_moves_the_run_id)
{
    static const char *const moves[] = {
        "primary=mac:2e9",   "hsco.beta=0.25", "recipe.lr=0.2",         "master_seed=1",
        "val_fraction=0.25", "vary=method",    "limits.dsp_max=449,220"};
    static const char *const stays[] = {"jobs=2", "caps.wall_s=5", "caps.peak_kib=1e6",
                                        "require.min_seeds=3"};
    cs_profile p;
    make_profile(&p);
    const cs_selection one = {.methods = "hsco", .seeds = "0", .cells = "0"};
    cs_plan *before = plan_of(&p, &one);
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        cs_profile q = p;
        cr_assert_eq(cs_profile_set(&q, moves[i], NULL), CS_OK, "%s", moves[i]);
        cs_plan *after = plan_of(&q, &one);
        cr_assert_str_neq(before->job[0].run_id, after->job[0].run_id, "%s", moves[i]);
        cs_plan_free(after);
    }
    for (size_t i = 0; i < sizeof stays / sizeof *stays; i++) {
        cs_profile q = p;
        cr_assert_eq(cs_profile_set(&q, stays[i], NULL), CS_OK, "%s", stays[i]);
        cs_plan *after = plan_of(&q, &one);
        cr_assert_str_eq(before->job[0].run_id, after->job[0].run_id, "%s", stays[i]);
        cs_plan_free(after);
    }
    cs_plan_free(before);
}

Test(plan, roots_follow_the_seed_only_where_varied)
{
    cs_profile p;
    make_profile(&p);
    cs_plan *plan = plan_of(&p, &(cs_selection){.methods = "random", .cells = "0", .vary = "eval"});
    const cs_job *a = &plan->job[0], *b = &plan->job[1];
    cr_assert_neq(cs_job_root(a, &p, CS_ROOT_EVAL), cs_job_root(b, &p, CS_ROOT_EVAL));
    cr_assert_eq(cs_job_root(a, &p, CS_ROOT_METHOD), cs_job_root(b, &p, CS_ROOT_METHOD));
    cr_assert_neq(cs_job_root(a, &p, CS_ROOT_METHOD), cs_job_root(a, &p, CS_ROOT_INIT));
    cs_plan_free(plan);
}

static void refused(cs_profile *p, const cs_selection *s, const char *sentence)
{
    cs_plan *plan;
    cs_error err = {""};
    cr_assert_eq(cs_plan_new(p, s, "no-data", &plan, &err), CS_EUSAGE, "%s", sentence);
    cr_assert(strstr(err.text, sentence), "'%s' lacks '%s'", err.text, sentence);
}

Test(plan, refusals)
{
    static const struct {
        const char *set, *sentence;
    } bad[] = {{"methods=randm", "did you mean 'random'"},
               {"space=fbnet:mikro", "did you mean 'fbnet:micro'"},
               {"hw=fpga-chunks", "did you mean 'fpga-chunk'"},
               {"dataset=synt", "did you mean 'synth'"},
               {"space=fbnet:imagenet", "224 pixels"},
               {"hsco.betta=1", "did you mean 'beta'"},
               {"hsco.beta=7", "bounds the method declares"},
               {"recipe.batch=60000", "[recipe] batch"},
               {"fidelity.short.subset=10", "[fidelity.short] batch"},
               {"source=surrogat", "source"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cs_profile p;
        make_profile(&p);
        cr_assert_eq(cs_profile_set(&p, bad[i].set, NULL), CS_OK, "%s", bad[i].set);
        refused(&p, &(cs_selection){0}, bad[i].sentence);
    }
    cs_profile p;
    make_profile(&p);
    refused(&p, &(cs_selection){.methods = "hscoo"}, "did you mean 'hsco'");
    refused(&p, &(cs_selection){.cells = "2"}, "--cells");
    refused(&p, &(cs_selection){.seeds = "x"}, "seeds 'x'");
}

Test(plan, missing_data_is_an_environment_error)
{
    cs_profile p;
    cs_plan *plan;
    cs_error err = {""};
    make_profile(&p);
    cr_assert_eq(cs_profile_set(&p, "dataset=cifar10", NULL), CS_OK);
    cr_assert_eq(cs_plan_new(&p, &(cs_selection){0}, "/nonexistent", &plan, &err), CS_EDATA);
    cr_assert(strstr(err.text, "/nonexistent"), "%s", err.text);
}

Test(job, echo_reads_back)
{
    cs_profile p;
    char path[] = "/tmp/cosearch-job-XXXXXX";
    make_profile(&p);
    cr_assert_eq(cs_profile_set(&p, "hsco.beta=0.125", NULL), CS_OK);
    cs_plan *plan = plan_of(&p, &(cs_selection){.methods = "hsco"});
    cs_text text = {0};
    cs_job back;
    cs_error err = {""};
    cr_assert_eq(cs_job_echo(&plan->job[3], &text), CS_OK);
    FILE *file = fdopen(mkstemp(path), "w");
    fwrite(text.data, 1, text.len, file);
    fclose(file);
    cr_assert_eq(cs_job_read(path, &plan->profile, &back, &err), CS_OK, "%s", err.text);
    cr_assert_str_eq(back.run_id, plan->job[3].run_id);
    cr_assert_eq(back.seed, plan->job[3].seed);
    cr_assert_eq(memcmp(back.param, plan->job[3].param, sizeof back.param), 0);
    cr_assert_eq(back.limits.dsp_max, plan->job[3].limits.dsp_max);
    cr_assert_eq(cs_profile_set(&plan->profile, "recipe.lr=0.5", NULL), CS_OK);
    cr_assert_eq(cs_job_read(path, &plan->profile, &back, &err), CS_EMISMATCH);
    remove(path);
    cs_text_free(&text);
    cs_plan_free(plan);
}
