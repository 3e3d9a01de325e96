/* Checkpoints: what a task and its method need to go on as if nothing had happened. */
#include "run/task_state.h"

#include "core/text.h"
#include <stdlib.h>
#include <string.h>

struct cs_sink {
    cs_text text;
};

struct cs_source {
    char *bytes;
    size_t n, at;
};

cs_status cs_sink_new(cs_sink **out)
{
    cs_sink *sink = calloc(1, sizeof *sink);
    if (!sink)
        return CS_ENOMEM;
    *out = sink;
    return CS_OK;
}

cs_status cs_sink_write(cs_sink *sink, const void *bytes, size_t n)
{
    if (n > 0)
        cs_text_add(&sink->text, bytes, n);
    return sink->text.failed ? CS_ENOMEM : CS_OK;
}

const void *cs_sink_bytes(const cs_sink *sink, size_t *n)
{
    *n = sink->text.len;
    return sink->text.data;
}

void cs_sink_free(cs_sink *sink)
{
    if (sink)
        cs_text_free(&sink->text);
    free(sink);
}

cs_status cs_source_new(const void *bytes, size_t n, cs_source **out)
{
    cs_source *source = calloc(1, sizeof *source);
    char *copy = malloc(n + 1);
    if (!source || !copy) {
        free(source);
        free(copy);
        return CS_ENOMEM;
    }
    if (n)
        memcpy(copy, bytes, n);
    *source = (cs_source){copy, n, 0};
    *out = source;
    return CS_OK;
}

cs_status cs_source_read(cs_source *source, void *bytes, size_t n)
{
    if (n > source->n - source->at)
        return CS_EFORMAT;
    if (n > 0)
        memcpy(bytes, source->bytes + source->at, n);
    source->at += n;
    return CS_OK;
}

void cs_source_free(cs_source *source)
{
    if (source)
        free(source->bytes);
    free(source);
}

/* ---- the state of a task ---- */

#define MAGIC "CSTASK02"

/* The plain part of what is kept; arrays follow it. Read back by the same build only: the size is
 * checked, the worker checks the rest. */
typedef struct kept_state {
    double used[CS_METER_COUNT];
    uint64_t seq, steps, evals[CS_FID_COUNT], hw_queries, offers, offers_feasible;
    double first_feasible_mac, best_feasible_acc, hypervolume;
    double eval_wall_s, hw_wall_s;
    cs_offer_record best_claim;
    bool has_best;
    size_t n_streams, n_kept, n_known, n_front, n_observed;
    uint64_t feed_calls[2];
    double prepared_mac;
    bool ready, opened;
    named_stream stream[STREAMS_MAX];
} kept_state;

static void gather(const cs_task *task, kept_state *k)
{
    memset(k, 0, sizeof *k); /* padding too: the same state, the same bytes */
    memcpy(k->used, task->meters.used, sizeof k->used);
    memcpy(k->evals, task->evals, sizeof k->evals);
    memcpy(k->stream, task->stream, task->n_streams * sizeof *k->stream);
    k->seq = task->seq;
    k->steps = task->steps;
    k->hw_queries = task->hw_queries;
    k->offers = task->offers;
    k->offers_feasible = task->offers_feasible;
    k->first_feasible_mac = task->first_feasible_mac;
    k->best_feasible_acc = task->best_feasible_acc;
    k->hypervolume = task->hypervolume;
    k->eval_wall_s = task->eval_wall_s;
    k->hw_wall_s = task->hw_wall_s;
    k->best_claim = task->best_claim;
    k->has_best = task->has_best;
    k->n_streams = task->n_streams;
    k->n_kept = task->n_kept;
    k->n_known = task->n_known;
    k->n_front = task->n_front;
    k->n_observed = task->n_observed;
    memcpy(k->feed_calls, task->feed_calls, sizeof k->feed_calls);
    k->prepared_mac = task->prepared_mac;
    k->ready = task->ready;
    k->opened = task->opened;
}

static void spread(cs_task *task, const kept_state *k)
{
    memcpy(task->meters.used, k->used, sizeof k->used);
    memcpy(task->evals, k->evals, sizeof k->evals);
    memcpy(task->stream, k->stream, k->n_streams * sizeof *k->stream);
    /* This process's engine starts at 0; what the earlier ones did is charged. */
    task->charged_mac = (uint64_t)k->used[CS_METER_MACS];
    task->seq = k->seq;
    task->steps = k->steps;
    task->hw_queries = k->hw_queries;
    task->offers = k->offers;
    task->offers_feasible = k->offers_feasible;
    task->first_feasible_mac = k->first_feasible_mac;
    task->best_feasible_acc = k->best_feasible_acc;
    task->hypervolume = k->hypervolume;
    task->eval_wall_s = k->eval_wall_s;
    task->hw_wall_s = k->hw_wall_s;
    task->best_claim = k->best_claim;
    task->has_best = k->has_best;
    task->n_streams = k->n_streams;
    task->n_kept = k->n_kept;
    task->prepared_mac = k->prepared_mac;
    task->ready = k->ready;
    task->opened = k->opened;
    for (int i = 0; i < 2; i++) {
        const cs_feed *feed = &task->config.feed[i];
        task->feed_calls[i] = k->feed_calls[i];
        if (feed->seek)
            feed->seek(feed->context, k->feed_calls[i]);
    }
}

cs_status cs_task_checkpoint(const cs_task *task, cs_sink *sink)
{
    const cs_method *method = task->config.method;
    const uint64_t size = sizeof(kept_state);
    if (!method->save || !method->load)
        return CS_DONE;
    for (int i = 0; i < 2; i++)
        if (task->feed_calls[i] > 0 && !task->config.feed[i].seek)
            return CS_DONE;
    kept_state *k = malloc(sizeof *k);
    if (!k)
        return CS_ENOMEM;
    gather(task, k);
    cs_sink_write(sink, MAGIC, 8);
    cs_sink_write(sink, &size, sizeof size);
    cs_sink_write(sink, k, sizeof *k);
    cs_sink_write(sink, task->kept, task->n_kept * sizeof *task->kept);
    cs_sink_write(sink, task->known, task->n_known * sizeof *task->known);
    cs_sink_write(sink, task->front, task->n_front * sizeof *task->front);
    cs_status status =
        cs_sink_write(sink, task->observed, task->n_observed * sizeof *task->observed);
    free(k);
    if (status == CS_OK && task->config.source.save)
        status = task->config.source.save(task->config.source.context, sink);
    return status == CS_OK && task->opened ? method->save(task->method_state, sink) : status;
}

/* Array of n items out of a checkpoint; *out stays NULL if n is 0. */
static cs_status read_array(cs_source *source, void **out, size_t n, size_t size)
{
    if (n == 0)
        return CS_OK;
    if (n > (source->n - source->at) / size)
        return CS_EFORMAT;
    *out = malloc(n * size);
    return *out ? cs_source_read(source, *out, n * size) : CS_ENOMEM;
}

static cs_status read_task(cs_task *task, cs_source *source, kept_state *k)
{
    char magic[8];
    uint64_t size;
    void *known = NULL, *front = NULL, *seen = NULL;
    CS_TRY(cs_source_read(source, magic, sizeof magic));
    CS_TRY(cs_source_read(source, &size, sizeof size));
    if (memcmp(magic, MAGIC, 8) != 0 || size != sizeof *k)
        return CS_EFORMAT;
    CS_TRY(cs_source_read(source, k, sizeof *k));
    if (k->n_streams > STREAMS_MAX || k->n_kept > task->config.keep_offers)
        return CS_EFORMAT;
    CS_TRY(cs_source_read(source, task->kept, k->n_kept * sizeof *task->kept));
    cs_status status = read_array(source, &known, k->n_known, sizeof *task->known);
    if (status == CS_OK)
        status = read_array(source, &front, k->n_front, sizeof *task->front);
    if (status == CS_OK)
        status = read_array(source, &seen, k->n_observed, sizeof *task->observed);
    if (status != CS_OK) {
        free(known);
        free(front);
        free(seen);
        return status;
    }
    spread(task, k);
    task->known = known;
    task->front = front;
    task->n_known = task->cap_known = k->n_known;
    task->n_front = task->cap_front = k->n_front;
    task->observed = seen;
    task->n_observed = task->cap_observed = k->n_observed;
    return CS_OK;
}

cs_status cs_task_restore(cs_task *task, void **state, cs_error *err)
{
    kept_state *k = malloc(sizeof *k);
    cs_status status = k ? read_task(task, task->config.resume, k) : CS_ENOMEM;
    free(k);
    if (status == CS_OK && task->config.source.load)
        status = task->config.source.load(task->config.source.context, task->config.resume);
    if (status == CS_OK && task->opened)
        status = task->config.method->load(task, task->config.resume, state);
    if (status != CS_OK)
        return cs_fail(err, CS_EFORMAT, "the checkpoint cannot be read: %s",
                       cs_status_text(status));
    return CS_OK;
}
