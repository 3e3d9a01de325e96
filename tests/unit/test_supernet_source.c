#include "run/supernet_source.h"
#include "run/task_state.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct bed {
    cs_engine *engine;
    cs_dataset *dataset;
    cs_space *space;
    cs_supernet_source *made;
    cs_accuracy_source source;
    unsigned ticks;
    double loss;
} bed;

static cs_status tick(void *context, uint32_t epoch, uint32_t step, double loss)
{
    bed *b = context;
    (void)epoch, (void)step;
    b->ticks++;
    b->loss = loss;
    return CS_OK;
}

static void open_bed(bed *b, double mac_limit, double warmup)
{
    const cs_supernet_plan plan = {
        .share = 0.5,
        .warmup = warmup,
        .recipe = {.batch = 8, .lr = 0.05, .momentum = 0.9, .clip_norm = 5.0, .augment = true},
        .recalibrate = 2,
        .subset = 0.25,
        .val_subset = 40};
    cs_error err = {""};
    *b = (bed){0};
    cr_assert_eq(cs_engine_new(1, &b->engine), CS_OK);
    cr_assert_eq(cs_dataset_open("synth", NULL, 2, 0.2, false, &b->dataset, &err), CS_OK, "%s",
                 err.text);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 10, &b->space, &err), CS_OK);
    cr_assert_eq(cs_supernet_source_new(b->engine, b->dataset, b->space, &plan, mac_limit, 7,
                                        &b->made, &err),
                 CS_OK, "%s", err.text);
    b->source = cs_supernet_source_view(b->made);
}

static void close_bed(bed *b)
{
    cs_supernet_source_free(b->made);
    cs_space_free(b->space);
    cs_dataset_close(b->dataset);
    cs_engine_free(b->engine);
}

static void prepare(bed *b)
{
    cs_status status = CS_OK;
    while (status == CS_OK)
        status = b->source.prepare(b->source.context, tick, b, NULL);
    cr_assert_eq(status, CS_DONE);
}

static double evaluate(bed *b, uint64_t seed, uint64_t *macs, double *price)
{
    cs_rng rng;
    cs_design design;
    cs_net net;
    double acc;
    cs_error err = {""};
    cs_rng_seed(&rng, seed);
    cs_space_sample(b->space, &rng, &design);
    cr_assert_eq(cs_space_network(b->space, &design, &net), CS_OK);
    const uint64_t before = cs_engine_macs(b->engine);
    cr_assert_eq(b->source.evaluate(b->source.context, &design, &net, CS_FID_PROXY, seed, tick, b,
                                    &acc, &err),
                 CS_OK, "%s", err.text);
    *macs = cs_engine_macs(b->engine) - before;
    *price = b->source.price(b->source.context, &net, CS_FID_PROXY);
    return acc;
}

Test(supernet_source, spends_its_share_and_prices_what_it_counts)
{
    for (int warm = 0; warm < 2; warm++) {
        bed b;
        uint64_t macs;
        double price;
        open_bed(&b, 6e9, warm ? 0.8 : 0.0);
        cr_assert(b.source.offers(b.source.context, CS_FID_PROXY));
        cr_assert_not(b.source.offers(b.source.context, CS_FID_SHORT));
        prepare(&b);
        cr_assert_eq(b.ticks, cs_supernet_source_steps(b.made));
        cr_assert_float_eq((double)cs_engine_macs(b.engine), 3e9, 0.2e9, "%.3g MACs",
                           (double)cs_engine_macs(b.engine));
        for (uint64_t seed = 1; seed < 6; seed++) {
            const double acc = evaluate(&b, seed, &macs, &price);
            cr_assert(acc >= 0.0 && acc <= 1.0);
            cr_assert_eq((double)macs, price, "counted %.9g, priced %.9g", (double)macs, price);
        }
        close_bed(&b);
    }
}

/* An accuracy belongs to the design: neither the order nor what else was asked for matters. */
Test(supernet_source, evaluations_do_not_depend_on_each_other)
{
    bed b;
    uint64_t macs;
    double price, first[4];
    open_bed(&b, 4e9, 0.5);
    prepare(&b);
    for (uint64_t i = 0; i < 4; i++)
        first[i] = evaluate(&b, 20 + i, &macs, &price);
    for (uint64_t i = 4; i-- > 0;)
        cr_assert_eq(evaluate(&b, 20 + i, &macs, &price), first[i]);
    close_bed(&b);
}

Test(supernet_source, a_saved_half_goes_on_as_the_whole)
{
    bed whole, half;
    cs_sink *sink;
    cs_source *bytes;
    uint64_t macs;
    double price;
    size_t n;
    open_bed(&whole, 8e9, 0.5);
    cr_assert_gt(cs_supernet_source_steps(whole.made), 30u, "too few for two pieces");
    prepare(&whole);
    open_bed(&half, 8e9, 0.5);
    cr_assert_eq(half.source.prepare(half.source.context, tick, &half, NULL), CS_OK);
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(half.source.save(half.source.context, sink), CS_OK);
    close_bed(&half);
    open_bed(&half, 8e9, 0.5);
    const void *data = cs_sink_bytes(sink, &n);
    cr_assert_eq(cs_source_new(data, n, &bytes), CS_OK);
    cr_assert_eq(half.source.load(half.source.context, bytes), CS_OK);
    prepare(&half);
    cr_assert_lt(half.ticks, whole.ticks);
    cr_assert_eq(half.loss, whole.loss);
    for (uint64_t seed = 30; seed < 34; seed++)
        cr_assert_eq(evaluate(&half, seed, &macs, &price), evaluate(&whole, seed, &macs, &price));
    cs_source_free(bytes);
    cs_sink_free(sink);
    close_bed(&half);
    close_bed(&whole);
}

/* A rate that no network survives is told in one sentence. */
Test(supernet_source, divergence_is_told)
{
    bed b;
    cs_error err = {""};
    open_bed(&b, 8e9, 0.0);
    cs_supernet_source_free(b.made);
    const cs_supernet_plan wild = {.share = 0.9,
                                   .recipe = {.batch = 8, .lr = 1e30},
                                   .recalibrate = 1,
                                   .subset = 1.0,
                                   .val_subset = 40};
    cr_assert_eq(cs_supernet_source_new(b.engine, b.dataset, b.space, &wild, 8e9, 7, &b.made, &err),
                 CS_OK);
    b.source = cs_supernet_source_view(b.made);
    cs_status status = CS_OK;
    while (status == CS_OK)
        status = b.source.prepare(b.source.context, tick, &b, &err);
    cr_assert_eq(status, CS_ENUMERIC);
    cr_assert(strstr(err.text, "choose a lower lr in [supernet]"), "%s", err.text);
    close_bed(&b);
}
