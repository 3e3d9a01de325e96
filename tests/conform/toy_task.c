#include "toy_task.h"

#include "core/hash.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double toy_accuracy(const cs_net *net)
{
    double sum = 0.0;
    uint64_t key = 7;
    for (size_t i = 0; i < net->n_blocks; i++) {
        const cs_block *b = &net->block[i];
        const double size = b->skip ? 0.0 : log2(1.0 + b->expansion) / log2(7.0);
        const double kernel = b->kernel == 5 ? 0.25 : 0.0;
        const double loss = b->skip || b->bits >= 8 ? 0.0 : 0.15;
        sum += (1.0 + 0.3 * (double)i) * (size + kernel - loss);
        key = cs_rng_derive_index(key, (uint64_t)b->op * 64u + b->bits);
    }
    const double scatter = (double)(key >> 40) / (double)(1u << 24) - 0.5;
    return 0.25 + 0.65 * (1.0 - exp(-0.35 * sum)) + 0.01 * scatter;
}

static bool offers(const void *context, cs_fidelity fidelity)
{
    (void)context;
    return fidelity == CS_FID_SHORT;
}

double toy_price(const cs_method *method)
{
    return method->traits & CS_TRAIT_SUPERNET ? 1e8 : 1e9;
}

/* Of an evaluation, relative to toy_price. */
static double size(const cs_net *net)
{
    return 0.5 + 0.5 * fmin(3.0, (double)cs_net_macs(net) / 2e6);
}

static double price(const void *context, const cs_net *net, cs_fidelity fidelity)
{
    (void)context, (void)fidelity;
    return 1e9 * size(net);
}

static double price_beside_supernet(const void *context, const cs_net *net, cs_fidelity fidelity)
{
    (void)context, (void)fidelity;
    return 1e8 * size(net);
}

static cs_status evaluate(void *context, const cs_design *design, const cs_net *net,
                          cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                          void *tick_context, double *acc_val, cs_error *err)
{
    (void)context, (void)design, (void)fidelity, (void)seed, (void)err;
    *acc_val = toy_accuracy(net);
    return tick(tick_context, 0, 0, 0.0);
}

#define EPOCH_BATCHES 8u

static void draw_image(uint64_t image, float *x, int32_t *y)
{
    cs_rng noise;
    cs_rng_seed(&noise, cs_rng_derive_index(11, image));
    *y = (int32_t)cs_rng_below(&noise, 10);
    for (uint64_t i = 0; i < 32 * 32 * 3; i++) {
        const uint64_t blotch = i / (32 * 3 * 8) * 4 + i / (3 * 8) % 4; /* 8 x 8 pixels */
        const uint64_t sign = cs_rng_derive_index((uint64_t)*y, blotch * 3 + i % 3) >> 63;
        x[i] = (sign ? 1.0f : -1.0f) + 0.5f * (float)(cs_rng_uniform(&noise) - 0.5);
    }
}

static cs_status feed_next(void *context, cs_batch *out)
{
    toy_feed *f = context;
    const uint64_t at = f->calls++ % (EPOCH_BATCHES + 1);
    if (at == EPOCH_BATCHES)
        return CS_DONE;
    for (uint64_t i = 0; i < TOY_BATCH; i++)
        draw_image(at * TOY_BATCH + i, f->x + i * 32 * 32 * 3, &f->y[i]);
    *out = (cs_batch){.x = f->x, .y = f->y, .n = TOY_BATCH, .h = 32, .w = 32, .c = 3};
    return CS_OK;
}

static void feed_seek(void *context, uint64_t calls)
{
    ((toy_feed *)context)->calls = calls;
}

toy toy_new(const cs_method *method)
{
    toy t = {0};
    const bool supernet = toy_price(method) < 1e9;
    cs_error err = {""};
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 10, &t.space, &err), CS_OK, "%s",
                 err.text);
    cr_assert_eq(cs_engine_new(1, &t.engine), CS_OK);
    cs_task_config_init(&t.config);
    t.config.space = t.space;
    t.config.engine = t.engine;
    t.config.method = method;
    t.config.limits.dsp_max = 64.0;
    t.config.limits.fps_min = 1300.0;
    t.config.dataset =
        (cs_dataset_info){.name = "toy", .id = "toy", .classes = 10, .size = 32, .channels = 3};
    t.config.source = (cs_accuracy_source){.name = "toy",
                                           .offers = offers,
                                           .price = supernet ? price_beside_supernet : price,
                                           .evaluate = evaluate};
    for (int i = 0; i < 2; i++) {
        t.feed[i] = calloc(1, sizeof *t.feed[i]);
        cr_assert_not_null(t.feed[i]);
        t.config.feed[i] = (cs_feed){.context = t.feed[i],
                                     .epoch_images = EPOCH_BATCHES * TOY_BATCH,
                                     .next = feed_next,
                                     .seek = feed_seek};
    }
    t.config.budget[CS_METER_HW_QUERIES] = 20000.0;
    toy_seed(&t, 1);
    return t;
}

void toy_seed(toy *t, uint64_t seed)
{
    t->config.method_root = cs_rng_derive(seed, "method");
    t->config.eval_root = cs_rng_derive(seed, "eval");
}

void toy_free(toy *t)
{
    cs_space_free(t->space);
    cs_engine_free(t->engine);
    free(t->feed[0]);
    free(t->feed[1]);
}

static uint64_t mix(uint64_t hash, double value)
{
    return cs_hash_bytes(&value, sizeof value, hash);
}

static void on_event(void *context, const cs_event *e)
{
    toy_result *r = context;
    const uint64_t whole[] = {e->kind,       e->seq,     e->search_mac, e->evals,
                              e->hw_queries, e->samples, e->design_hash};
    r->trace = cs_hash_bytes(whole, sizeof whole, r->trace);
    if (e->has_hw)
        r->trace = mix(mix(r->trace, e->hw.fps), e->hw.dsp);
    if (e->kind == CS_EVENT_EVAL)
        r->trace = mix(r->trace, e->acc_val);
    if (e->kind == CS_EVENT_OBSERVE)
        r->trace = mix(cs_hash_bytes(e->name, strlen(e->name), r->trace), e->value);
    if (e->kind == CS_EVENT_OFFER || e->kind == CS_EVENT_IMPROVE) {
        r->trace = mix(r->trace, e->claim_acc);
        if (!isnan(e->acc_val))
            r->best_claim_gap = fmax(r->best_claim_gap, e->claim_acc - e->acc_val);
    }
}

toy_result toy_run(toy *t)
{
    toy_result r = {.best_claim_gap = -1.0};
    cs_task *task;
    t->feed[0]->calls = t->feed[1]->calls = 0;
    t->config.context = &r;
    t->config.on_event = on_event;
    cr_assert_eq(cs_task_new(&t->config, &task, &r.error), CS_OK, "%s", r.error.text);
    r.status = cs_task_run(task, &r.error);
    snprintf(r.reason, sizeof r.reason, "%s", cs_task_stop_reason(task));
    cs_task_summary_get(task, &r.summary);
    for (int f = 0; f < CS_FID_COUNT; f++)
        r.evals += r.summary.evals[f];
    const cs_offer_record *last = cs_task_offer_at(task, 0);
    if (last) {
        r.answered = true;
        r.answer = *last;
        r.trace = cs_hash_bytes(&last->hash, sizeof last->hash, r.trace);
    }
    cs_task_free(task);
    return r;
}
