/* The search phase: a method at work on its task. */
#include "run/worker.h"

#include "cosearch/nn.h"
#include "run/chosen_source.h"
#include "run/ckpt_file.h"
#include "run/clock.h"
#include "run/env.h"
#include "run/memory.h"
#include "run/protocol.h"
#include "run/task_config.h"
#include "run/trace.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define METER_EVERY_S 0.25
#define TRACE_EVERY_S 10.0 /* a heartbeat row at least so often */

typedef struct search {
    cs_worker *worker;
    cs_task *task;
    cs_trace trace;
    bool answer_moved; /* design.txt is older than the last offer */
    double next_meter_s, next_trace_s, next_design_s, next_ckpt_s;
    cs_source *resume;       /* checkpoint of an earlier worker, or NULL */
    cs_ckpt_accounts before; /* what earlier workers spent               */
    double best_acc;
    cs_chosen_source source;
    cs_loader *loader[2];
} search;

/* ---- the answer so far ---- */

static void add_candidate(cs_text *text, const cs_space *space, const cs_offer_record *offer)
{
    char design[CS_DESIGN_TEXT_MAX];
    if (cs_design_format(space, &offer->design, design, sizeof design) == CS_OK)
        cs_text_addf(text, "%.17g %.17g %s\n", offer->claim_acc, offer->acc_val, design);
}

/* candidates.txt by the profile's rule; design.txt is its first one. */
static cs_status write_answer(search *s, cs_error *err)
{
    const cs_worker *w = s->worker;
    char path[CS_PATH_MAX];
    cs_text list = {0}, first = {0};
    const cs_offer_record *offer = w->profile.select == CS_SELECT_CLAIM
                                       ? cs_task_offer_best_claim(s->task)
                                       : cs_task_offer_at(s->task, 0);
    for (size_t i = 1; offer; i++) {
        add_candidate(&list, w->space, offer);
        offer = w->profile.select == CS_SELECT_REEVAL ? cs_task_offer_at(s->task, i) : NULL;
    }
    if (list.len == 0)
        return CS_OK;
    const char *line = list.failed ? "" : list.data; /* CLAIM ACC_VAL TEXT\n */
    const char *text = strchr(strchr(line, ' ') + 1, ' ') + 1;
    cs_text_add(&first, text, strcspn(text, "\n") + 1);
    CS_TRY(cs_store_path(&w->store, w->job.run_id, "candidates.txt", path, err));
    cs_status status = cs_file_write(path, list.data, list.len, err);
    if (status == CS_OK)
        status = cs_store_path(&w->store, w->job.run_id, "design.txt", path, err);
    if (status == CS_OK)
        status = first.failed ? CS_ENOMEM : cs_file_write(path, first.data, first.len, err);
    cs_text_free(&list);
    cs_text_free(&first);
    s->answer_moved = false;
    return status;
}

/* ---- callbacks of the task ---- */

static void trace_event(search *s, const cs_event *event)
{
    cs_trace_write(&s->trace, event);
    s->next_trace_s = cs_clock_s() + TRACE_EVERY_S;
}

static double wall(void *context)
{
    (void)context;
    return cs_clock_s();
}

static void send_meter(search *s)
{
    cs_task_summary sum;
    cs_task_summary_get(s->task, &sum);
    uint64_t evals = 0;
    for (int f = 0; f < CS_FID_COUNT; f++)
        evals += sum.evals[f];
    cs_event_send("meter %llu %llu %llu %llu %.4f %.6f", (unsigned long long)sum.search_mac,
                  (unsigned long long)evals, (unsigned long long)sum.hw_queries,
                  (unsigned long long)sum.samples, cs_budget_left(s->task, CS_METER_COUNT),
                  s->best_acc);
}

/* Asked between all pieces of work, so also the place for what happens from time to time. */
static bool interrupted(void *context)
{
    search *s = context;
    const double now = cs_clock_s();
    if (now >= s->next_meter_s) {
        s->next_meter_s = now + METER_EVERY_S;
        send_meter(s);
    }
    if (s->answer_moved && now >= s->next_design_s) {
        s->next_design_s = now + 1.0;
        if (write_answer(s, NULL) != CS_OK) /* tried again at the end, where it counts */
            s->answer_moved = false;
    }
    if (now >= s->next_trace_s) {
        cs_task_summary sum;
        cs_task_summary_get(s->task, &sum);
        trace_event(s, &(cs_event){.kind = CS_EVENT_HEARTBEAT,
                                   .search_mac = sum.search_mac,
                                   .evals = sum.evals[0] + sum.evals[1] + sum.evals[2],
                                   .hw_queries = sum.hw_queries,
                                   .samples = sum.samples,
                                   .fidelity = -1,
                                   .best_feasible_acc = s->best_acc,
                                   .value = NAN,
                                   .hypervolume = NAN});
    }
    return cs_worker_terminated();
}

static void on_event(void *context, const cs_event *e)
{
    search *s = context;
    s->best_acc = e->best_feasible_acc;
    trace_event(s, e);
    if (e->kind == CS_EVENT_OFFER || e->kind == CS_EVENT_IMPROVE) {
        s->answer_moved = s->answer_moved || e->hw.violated == 0;
        cs_event_send("offer %016llx", (unsigned long long)e->design_hash);
    }
}

/* Of this worker and the ones before it. */
static uint64_t engine_peak_kib(const search *s)
{
    const uint64_t kib = (cs_engine_peak_bytes(s->worker->engine) + 1023) / 1024;
    return kib > s->before.engine_kib ? kib : s->before.engine_kib;
}

/* Between two steps: a checkpoint, if it is time. Failing to write one harms nothing now; a full
 * disk will show when it matters. */
static void on_step(void *context)
{
    search *s = context;
    const cs_worker *w = s->worker;
    const double now = cs_clock_s();
    char path[CS_PATH_MAX];
    uint64_t rss;
    if (now < s->next_ckpt_s)
        return;
    s->next_ckpt_s = now + w->profile.checkpoint_s;
    cs_ckpt_accounts a = {.wall_s = now - s->trace.origin_s,
                          .cpu_s = cs_clock_cpu_s() - s->trace.origin_cpu_s};
    a.engine_kib = engine_peak_kib(s);
    if (!cs_memory_read(&rss, &a.peak_kib) || a.peak_kib < s->before.peak_kib)
        a.peak_kib = s->before.peak_kib;
    if (cs_trace_mark(&s->trace, &a.trace_bytes, NULL) == CS_OK &&
        cs_store_path(&w->store, w->job.run_id, "ckpt.bin", path, NULL) == CS_OK &&
        cs_ckpt_write(path, w->job.run_id, s->task, &a, NULL) == CS_DONE)
        s->next_ckpt_s = INFINITY; /* this search keeps none */
}

static void on_note(void *context, const char *line)
{
    const search *s = context;
    printf("%10.3f %s\n", cs_clock_s() - s->trace.origin_s, line);
}

/* ---- set-up and result ---- */

static cs_status make_task(search *s, cs_error *err)
{
    cs_worker *w = s->worker;
    cs_task_config config;
    cs_task_config_init(&config);
    config.space = w->space;
    config.limits = w->job.limits;
    config.dataset = *cs_dataset_info_get(w->dataset);
    config.method = w->job.method;
    config.param = w->job.param;
    config.engine = w->engine;
    for (cs_meter m = CS_METER_EVALS; m <= CS_METER_MACS; m++)
        config.budget[m] = w->profile.cap[m];
    config.primary = w->profile.primary;
    config.budget[config.primary] = fmin(config.budget[config.primary], w->profile.primary_limit);
    config.finish_hw_queries = w->profile.finish_hw_queries;
    /* The method's name keeps two methods of one seed from drawing the same first designs. */
    config.method_root =
        cs_rng_derive(cs_job_root(&w->job, &w->profile, CS_ROOT_METHOD), w->job.method->name);
    config.eval_root = cs_job_root(&w->job, &w->profile, CS_ROOT_EVAL);
    CS_TRY(cs_source_choose(&w->profile, w->dataset, &config, &s->source, err));
    config.keep_offers = w->profile.select == CS_SELECT_REEVAL ? (uint32_t)w->profile.reeval : 1;
    config.context = s;
    config.on_event = on_event;
    config.on_note = on_note;
    config.wall_s = wall;
    config.interrupted = interrupted;
    config.on_step = on_step;
    config.resume = s->resume;
    static const cs_data_split split[2] = {CS_SPLIT_SEARCH_TRAIN, CS_SPLIT_SEARCH_VAL};
    const cs_recipe *recipe = &w->profile.final.recipe; /* batches for weight sharing */
    for (int i = 0; i < 2; i++) {
        const cs_loader_options options = {
            .batch = recipe->batch,
            .seed =
                cs_rng_derive_index(cs_job_root(&w->job, &w->profile, CS_ROOT_ORDER), (uint64_t)i),
            .shuffle = true,
            .augment = i == 0 && recipe->augment,
            .drop_rest = true};
        if (cs_loader_new(w->dataset, split[i], &options, &s->loader[i], NULL) == CS_OK)
            config.feed[i] = cs_loader_feed(s->loader[i]);
    }
    return cs_task_new(&config, &s->task, err);
}

static void fill_effort(const search *s, cs_row *row)
{
    const cs_profile *p = &s->worker->profile;
    cs_task_summary sum;
    cs_task_summary_get(s->task, &sum);
    const double wall_s = s->before.wall_s + sum.search_wall_s;
    cs_row_number(row, "budget_used", sum.budget_used);
    cs_row_number(row, "overrun", fmax(0.0, sum.budget_used / p->primary_limit - 1.0));
    cs_row_text(row, "stop_reason", cs_task_stop_reason(s->task));
    cs_row_count(row, "steps", sum.steps);
    cs_row_count(row, "evals_proxy", sum.evals[CS_FID_PROXY]);
    cs_row_count(row, "evals_short", sum.evals[CS_FID_SHORT]);
    cs_row_count(row, "evals_full", sum.evals[CS_FID_FULL]);
    cs_row_count(row, "hw_queries", sum.hw_queries);
    cs_row_count(row, "samples", sum.samples);
    cs_row_count(row, "search_mac", sum.search_mac);
    cs_row_count(row, "offers", sum.offers);
    cs_row_count(row, "offers_feasible", sum.offers_feasible);
    cs_row_number(row, "first_feasible_mac", sum.first_feasible_mac);
    cs_row_count(row, "mem_engine_kib", engine_peak_kib(s));
    cs_row_number(row, "search_wall_s", wall_s);
    cs_row_number(row, "eval_wall_s", sum.eval_wall_s);
    cs_row_number(row, "hw_wall_s", sum.hw_wall_s);
    cs_row_number(row, "method_wall_s", fmax(0.0, wall_s - sum.eval_wall_s - sum.hw_wall_s));
}

static void fill_provenance(const cs_worker *w, cs_row *row)
{
    char build[64];
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    uint64_t n = 1;
    if (threads)
        cs_text_u64(threads, &n);
    cs_env_build_id(build, sizeof build);
    cs_row_text(row, "env_id", w->env_id);
    cs_row_text(row, "git_rev", cs_env_git_rev());
    if (*cs_env_git_rev())
        cs_row_flag(row, "git_dirty", cs_env_git_dirty());
    cs_row_text(row, "build_id", build);
    cs_row_text(row, "blas_core", cs_blas_core());
    cs_row_count(row, "blas_threads", n);
}

static void fill_counters(const cs_counters *counters, cs_row *row)
{
    static const char *const name[] = {"papi_tot_ins", "papi_tot_cyc", "papi_l3_tcm"};
    for (int i = 0; i < 3; i++)
        if (counters->has[i])
            cs_row_count(row, name[i], counters->value[i]);
}

/* Runs the task under the memory and time accounts and fills the row. */
static cs_status measure(search *s, cs_row *row, cs_error *err)
{
    uint64_t base = 0, peak = 0, rss;
    char utc[32];
    cs_counters counters;
    const char *started = getenv(CS_WORKER_STARTED);
    double exec_s;
    cs_clock_utc(utc, sizeof utc);
    cs_memory_reset_peak();
    const bool has_memory = cs_memory_read(&base, &peak);
    const double now = cs_clock_s();
    /* Times go on where an earlier worker stopped. */
    s->trace.origin_s = now - s->before.wall_s;
    s->trace.origin_cpu_s = cs_clock_cpu_s() - s->before.cpu_s;
    s->next_trace_s = now + TRACE_EVERY_S;
    s->next_ckpt_s = now + s->worker->profile.checkpoint_s;
    if (started && cs_text_double(started, &exec_s)) {
        cs_row_number(row, "startup_s", now - exec_s);
        cs_event_send("ready %.4f", now - exec_s);
    }
    cs_pulse_start(s->trace.origin_s);
    cs_counters_start();
    const cs_status status = cs_task_run(s->task, err);
    cs_row_number(row, "search_cpu_s", cs_clock_cpu_s() - s->trace.origin_cpu_s);
    cs_counters_stop(&counters);
    cs_pulse_stop();
    cs_row_text(row, "started_utc", utc);
    fill_counters(&counters, row);
    if (has_memory && cs_memory_read(&rss, &peak)) {
        cs_row_count(row, "mem_base_kib", base);
        cs_row_count(row, "mem_peak_kib", peak > s->before.peak_kib ? peak : s->before.peak_kib);
        cs_row_text(row, "mem_source", "papi");
    }
    send_meter(s);
    return status;
}

static cs_status search_and_write(search *s, cs_error *err)
{
    cs_worker *w = s->worker;
    cs_row row;
    cs_error fault = {""};
    if (cs_row_new(&cs_schema_results, &row) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_status status = measure(s, &row, &fault);
    if (status == CS_EMETHOD) { /* a result like any other: the row will say method_error */
        fprintf(stderr, "%s\n", fault.text);
        status = CS_OK;
    } else if (status != CS_OK) {
        status = cs_fail(err, status, "%s", fault.text);
    }
    cs_row_count(&row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(&row, "run_id", w->job.run_id);
    fill_effort(s, &row);
    fill_provenance(w, &row);
    if (status == CS_OK)
        status = cs_trace_sync(&s->trace, err);
    if (status == CS_OK)
        status = write_answer(s, err);
    if (status == CS_OK)
        status = cs_store_write(&w->store, w->job.run_id, "search.csv", &row, 1, err);
    cs_row_free(&row);
    return status;
}

/* One go at the search: from a checkpoint, or from the beginning. */
static cs_status attempt(cs_worker *worker, cs_source *resume, const cs_ckpt_accounts *before,
                         cs_error *err)
{
    char path[CS_PATH_MAX];
    search s = {.worker = worker, .resume = resume, .best_acc = NAN};
    if (resume) {
        s.before = *before;
        s.answer_moved = true; /* the offers of the checkpoint have no file yet */
        printf("goes on from a checkpoint at %.1f s\n", before->wall_s);
    }
    CS_TRY(cs_store_path(&worker->store, worker->job.run_id, "trace.csv", path, err));
    cs_status status = cs_trace_open(&s.trace, path, worker->job.run_id, s.before.trace_bytes, err);
    if (status == CS_OK)
        status = make_task(&s, err);
    if (status == CS_OK)
        status = search_and_write(&s, err);
    cs_task_free(s.task);
    cs_source_clear(&s.source);
    cs_loader_free(s.loader[0]);
    cs_loader_free(s.loader[1]);
    cs_trace_close(&s.trace);
    return status;
}

cs_status cs_phase_search(cs_worker *worker, cs_error *err)
{
    static const char *const stale[] = {"candidates.txt", "design.txt", "search.csv", "final.csv"};
    char path[CS_PATH_MAX];
    cs_source *resume;
    cs_ckpt_accounts before = {0};
    for (size_t i = 0; i < sizeof stale / sizeof *stale; i++) {
        CS_TRY(cs_store_path(&worker->store, worker->job.run_id, stale[i], path, err));
        unlink(path);
    }
    CS_TRY(cs_store_path(&worker->store, worker->job.run_id, "ckpt.bin", path, err));
    CS_TRY(cs_ckpt_read(path, worker->job.run_id, &before, &resume, err));
    cs_status status = attempt(worker, resume, &before, err);
    if (resume && status == CS_EFORMAT) {
        printf("%s; begins anew\n", err ? err->text : "the checkpoint cannot be used");
        status = attempt(worker, NULL, &before, err);
    }
    cs_source_free(resume);
    if (status == CS_OK)
        unlink(path);
    return status;
}
