/* What a task keeps over a checkpoint beside the method: observed values, places in feeds, an
 * accuracy source that has to be prepared. */
#include "cosearch/nn.h"
#include "run/task_state.h"
#include "task_bed.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Observes the count of steps 100 times a step. */
static cs_status observing_step(cs_task *task, void *state)
{
    cs_batch batch;
    (void)state;
    CS_TRY(cs_batch_next(task, CS_SEARCH_TRAIN, &batch));
    for (int i = 0; i < 100; i++)
        cs_observe(task, "loss", (double)batch.n);
    cs_observe(task, "block0.entropy", NAN);
    return task_bed_query(task, state);
}

/* A feed of 3 batches of 1, 2, 3 images an epoch. */
static cs_status count_next(void *context, cs_batch *out)
{
    uint64_t *calls = context;
    const uint32_t at = (uint32_t)(*calls)++ % 4;
    *out = (cs_batch){.n = at + 1};
    return at < 3 ? CS_OK : CS_DONE;
}

static void count_seek(void *context, uint64_t calls)
{
    *(uint64_t *)context = calls;
}

typedef struct watcher {
    uint64_t rows, seq, hash;
    double value;
} watcher;

static void watch(void *context, const cs_event *e)
{
    watcher *w = context;
    if (e->kind != CS_EVENT_OBSERVE) {
        cr_assert(isnan(e->value));
        cr_assert_null(e->name);
        return;
    }
    cr_assert_eq(e->seq, w->seq++);
    if (strcmp(e->name, "loss") != 0)
        return;
    w->rows++;
    w->hash = w->hash * 31u + (uint64_t)e->value + e->hw_queries + e->samples;
}

Test(task_resume, observed_values_thin_out)
{
    cs_method m = task_bed_method(observing_step);
    task_bed f;
    watcher w = {0};
    cs_task_summary sum;
    char reason[64];
    uint64_t calls = 0;
    task_bed_new(&f, &m);
    f.config.context = &w;
    f.config.on_event = watch;
    f.config.budget[CS_METER_HW_QUERIES] = 40; /* 4000 values */
    f.config.feed[CS_SEARCH_TRAIN] = (cs_feed){&calls, 6, count_next, count_seek};
    cr_assert_eq(task_bed_run(&f, &sum, reason, NULL), CS_OK);
    cr_assert_eq(sum.hw_queries, 40, "observing is free");
    /* 256 + 128 for each of the doublings to 512, 1024, 2048, + 1952 / 16 */
    cr_assert_eq(w.rows, 256 + 3 * 128 + 122);
    cs_space_free(f.space);
}

static cs_status save_nothing(const void *state, cs_sink *sink)
{
    (void)state, (void)sink;
    return CS_OK;
}

static cs_status load_nothing(cs_task *task, cs_source *source, void **state)
{
    (void)source;
    return task_bed_no_open(task, state);
}

/* Runs to 7 steps, checkpoints, goes on in a new task to 40, and returns what was observed. */
static uint64_t observed_hash(task_bed *f, bool interrupt)
{
    watcher w = {0};
    uint64_t calls = 0;
    cs_task *task;
    cs_sink *sink;
    cs_source *source;
    size_t n;
    f->config.context = &w;
    f->config.feed[CS_SEARCH_TRAIN] = (cs_feed){&calls, 6, count_next, count_seek};
    f->config.resume = NULL;
    cr_assert_eq(cs_task_new(&f->config, &task, NULL), CS_OK);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(observing_step(task, NULL), CS_OK);
        if (i != 6 || !interrupt)
            continue;
        cr_assert_eq(cs_sink_new(&sink), CS_OK);
        cr_assert_eq(cs_task_checkpoint(task, sink), CS_OK);
        cs_task_free(task);
        const void *bytes = cs_sink_bytes(sink, &n);
        cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
        calls = 999; /* a new process begins elsewhere */
        f->config.resume = source;
        cr_assert_eq(cs_task_new(&f->config, &task, NULL), CS_OK);
        void *state;
        cr_assert_eq(cs_task_restore(task, &state, NULL), CS_OK);
        cs_source_free(source);
        cs_sink_free(sink);
    }
    cs_task_free(task);
    return w.hash;
}

Test(task_resume, observed_values_and_batches_go_on_after_a_checkpoint)
{
    cs_method m = task_bed_method(observing_step);
    task_bed f;
    cs_sink *sink;
    cs_task *task;
    uint64_t calls = 0;
    m.save = save_nothing;
    m.load = load_nothing;
    task_bed_new(&f, &m);
    f.config.on_event = watch;
    cr_assert_eq(observed_hash(&f, true), observed_hash(&f, false));
    f.config.resume = NULL;
    f.config.context = &(watcher){0};
    f.config.feed[CS_SEARCH_TRAIN] = (cs_feed){&calls, 6, count_next, NULL};
    cr_assert_eq(cs_task_new(&f.config, &task, NULL), CS_OK);
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_task_checkpoint(task, sink), CS_OK, "nothing was drawn yet");
    cr_assert_eq(observing_step(task, NULL), CS_OK);
    cr_assert_eq(cs_task_checkpoint(task, sink), CS_DONE, "a feed that cannot seek");
    cs_sink_free(sink);
    cs_task_free(task);
    cs_space_free(f.space);
}

/* A source that has to be prepared in four pieces of 10 products each. */
typedef struct slow_source {
    cs_engine *engine;
    uint64_t pieces;
} slow_source;

static cs_status slow_prepare(void *context, cs_train_hook tick, void *tick_context, cs_error *err)
{
    slow_source *s = context;
    float one[10] = {1.0f}, c;
    (void)err;
    cs_gemm(s->engine, false, false, 1, 1, 10, 1.0f, one, 10, one, 1, 0.0f, &c, 1);
    s->pieces++;
    CS_TRY(tick(tick_context, 0, (uint32_t)s->pieces, 0.5));
    return s->pieces < 4 ? CS_OK : CS_DONE;
}

static cs_status slow_save(const void *context, cs_sink *sink)
{
    return cs_sink_write(sink, &((const slow_source *)context)->pieces, sizeof(uint64_t));
}

static cs_status slow_load(void *context, cs_source *source)
{
    return cs_source_read(source, &((slow_source *)context)->pieces, sizeof(uint64_t));
}

static cs_status slow_evaluate(void *context, const cs_design *design, const cs_net *net,
                               cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                               void *tick_context, double *acc, cs_error *err)
{
    (void)design, (void)net, (void)fidelity, (void)seed, (void)tick, (void)tick_context, (void)err;
    cr_assert_eq(((slow_source *)context)->pieces, 4, "evaluated before it was prepared");
    *acc = 0.5;
    return CS_OK;
}

static void set_up_slow(task_bed *f, const cs_method *m, slow_source *source)
{
    task_bed_new(f, m);
    *source = (slow_source){0};
    cr_assert_eq(cs_engine_new(1, &source->engine), CS_OK);
    f->config.engine = source->engine;
    f->config.source.context = source;
    f->config.source.evaluate = slow_evaluate;
    f->config.source.prepare = slow_prepare;
    f->config.source.save = slow_save;
    f->config.source.load = slow_load;
}

static cs_status halfway_step(cs_task *task, void *state)
{
    (void)state; /* 40 of 100 were spent on the source: the method has 60, of which it has used 0 */
    cr_assert_eq(cs_budget_left(task, CS_METER_MACS), 1.0);
    float one[30] = {1.0f}, c[3];
    cs_gemm(cs_task_engine(task), false, false, 1, 3, 10, 1.0f, one, 10, one, 3, 0.0f, c, 3);
    cs_design d;
    double acc;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &d);
    CS_TRY(cs_eval(task, &d, CS_FID_SHORT, &acc));
    cr_assert_float_eq(cs_budget_left(task, CS_METER_MACS), 0.5, 1e-12);
    return CS_DONE;
}

Test(task_resume, a_source_is_prepared_first_and_charged)
{
    const cs_method m = task_bed_method(halfway_step);
    task_bed f;
    slow_source source;
    cs_task_summary sum;
    char reason[64];
    cs_error err = {""};
    set_up_slow(&f, &m, &source);
    f.config.source.metered = true;
    f.config.budget[CS_METER_MACS] = 100.0;
    cr_assert_eq(task_bed_run(&f, &sum, reason, &err), CS_OK, "%s", err.text);
    cr_assert_str_eq(reason, "converged");
    cr_assert_eq(sum.search_mac, 70);
    cr_assert_eq(f.events[CS_EVENT_OBSERVE], 4, "the loss of each piece");
    source.pieces = 0;
    f.config.budget[CS_METER_MACS] = 25.0; /* spent before the source is ready */
    cr_assert_eq(task_bed_run(&f, &sum, reason, &err), CS_OK, "%s", err.text);
    cr_assert_str_eq(reason, "budget");
    cr_assert_eq(sum.search_mac, 30);
    cr_assert_eq(sum.evals[CS_FID_SHORT], 0);
    cs_engine_free(source.engine);
    cs_space_free(f.space);
}

typedef struct saver {
    task_bed f;
    cs_task *task;
    cs_sink *sink;
    unsigned after, steps;
} saver;

static void save_once(void *context)
{
    saver *s = context;
    if (++s->steps == s->after)
        cr_assert_eq(cs_task_checkpoint(s->task, s->sink), CS_OK);
}

/* A checkpoint taken during the preparation, or between it and the method, goes on from there. */
static void resume_after(unsigned pieces)
{
    cs_method m = task_bed_method(halfway_step);
    slow_source source;
    saver s = {.after = pieces};
    cs_source *bytes_in;
    cs_task_summary sum;
    size_t n;
    m.save = save_nothing;
    m.load = load_nothing;
    set_up_slow(&s.f, &m, &source);
    s.f.config.source.metered = true;
    s.f.config.budget[CS_METER_MACS] = 100.0;
    s.f.config.context = &s;
    s.f.config.on_event = NULL;
    s.f.config.on_step = save_once;
    cr_assert_eq(cs_sink_new(&s.sink), CS_OK);
    cr_assert_eq(cs_task_new(&s.f.config, &s.task, NULL), CS_OK);
    cr_assert_eq(cs_task_run(s.task, NULL), CS_OK);
    cs_task_free(s.task);
    const void *bytes = cs_sink_bytes(s.sink, &n);
    cr_assert_eq(cs_source_new(bytes, n, &bytes_in), CS_OK);
    source.pieces = 99;
    s.f.config.resume = bytes_in;
    s.after = 0;
    cr_assert_eq(cs_task_new(&s.f.config, &s.task, NULL), CS_OK);
    cr_assert_eq(cs_task_run(s.task, NULL), CS_OK);
    cr_assert_str_eq(cs_task_stop_reason(s.task), "converged");
    cs_task_summary_get(s.task, &sum);
    cr_assert_eq(sum.search_mac, 70, "as if undisturbed");
    cr_assert_eq(source.pieces, 4);
    cs_task_free(s.task);
    cs_source_free(bytes_in);
    cs_sink_free(s.sink);
    cs_engine_free(source.engine);
    cs_space_free(s.f.space);
}

Test(task_resume, a_half_prepared_source_is_resumed)
{
    for (unsigned pieces = 1; pieces <= 4; pieces++)
        resume_after(pieces);
}
