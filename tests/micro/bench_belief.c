/* How far can accuracies by shared weights be believed? Networks of fbnet:micro, drawn uniformly,
 * by shared weights and trained one by one: Kendall's rank correlation, and what each way costs.
 * Takes minutes, so it runs only when named: `make bench GROUP=belief`. */
#include "micro.h"

#include "run/supernet_source.h"
#include "run/task_state.h"
#include "run/train_source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NETWORKS 24
#define SUPERNET_MACS 2.5e11 /* of a training */
#define BATCH 32

typedef struct belief {
    cs_dataset *set;
    cs_space *space;
    cs_engine *engine;
    cs_design design[NETWORKS];
    double trained[NETWORKS], shared[NETWORKS];
} belief;

/* tau-b: pairs in the same order less pairs in the opposite one; ties count half. */
static double kendall(const double *a, const double *b, int n)
{
    double sum = 0.0, in_a = 0.0, in_b = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            const int x = (a[i] > a[j]) - (a[i] < a[j]), y = (b[i] > b[j]) - (b[i] < b[j]);
            sum += x * y;
            in_a += x != 0;
            in_b += y != 0;
        }
    return in_a > 0.0 && in_b > 0.0 ? sum / sqrt(in_a * in_b) : NAN;
}

/* Two epochs of 4,000 images each, as in cifar10-micro.ini; MACs of all trainings. */
static double train_all(belief *b)
{
    const cs_training training = {.on = true,
                                  .recipe = {.epochs = 2,
                                             .batch = BATCH,
                                             .lr = 0.1,
                                             .warmup_epochs = 0.2,
                                             .momentum = 0.9,
                                             .weight_decay = 5e-4},
                                  .subset = 4000,
                                  .val_subset = 1.0};
    const cs_data_split val = CS_SPLIT_SEARCH_VAL;
    const uint64_t before = cs_engine_macs(b->engine);
    for (int i = 0; i < NETWORKS; i++) {
        cs_net net;
        if (cs_space_network(b->space, &b->design[i], &net) != CS_OK ||
            cs_train_and_measure(b->engine, b->set, &net, &training, CS_SPLIT_SEARCH_TRAIN, &val, 1,
                                 cs_rng_derive_index(1, cs_net_hash(&net)), NULL, NULL,
                                 &b->trained[i], NULL) != CS_OK)
            return -1.0;
    }
    return (double)(cs_engine_macs(b->engine) - before);
}

static cs_status no_tick(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)context, (void)epoch, (void)step, (void)loss;
    return CS_OK;
}

static double share_all(belief *b, double warmup)
{
    const cs_supernet_plan plan = {.share = 1.0,
                                   .warmup = warmup,
                                   .recipe = {.batch = BATCH,
                                              .lr = 0.05,
                                              .momentum = 0.9,
                                              .weight_decay = 5e-4,
                                              .clip_norm = 5.0,
                                              .augment = true},
                                   .recalibrate = 4,
                                   .subset = 1.0,
                                   .val_subset = 1.0};
    cs_supernet_source *made;
    const uint64_t before = cs_engine_macs(b->engine);
    if (cs_supernet_source_new(b->engine, b->set, b->space, &plan, SUPERNET_MACS, 1, &made, NULL) !=
        CS_OK)
        return -1.0;
    const cs_accuracy_source source = cs_supernet_source_view(made);
    cs_status status = CS_OK;
    while (status == CS_OK)
        status = source.prepare(source.context, no_tick, NULL, NULL);
    for (int i = 0; status == CS_DONE && i < NETWORKS; i++) {
        cs_net net;
        if (cs_space_network(b->space, &b->design[i], &net) != CS_OK ||
            source.evaluate(source.context, &b->design[i], &net, CS_FID_PROXY, 0, no_tick, NULL,
                            &b->shared[i], NULL) != CS_OK)
            status = CS_EIO;
    }
    cs_supernet_source_free(made);
    return status == CS_DONE ? (double)(cs_engine_macs(b->engine) - before) : -1.0;
}

static void report(const belief *b, const char *set, double warmup, double shared, double trained)
{
    char name[64], note[128];
    double mean = 0.0;
    for (int i = 0; i < NETWORKS; i++)
        mean += b->shared[i] / NETWORKS;
    const double tau = kendall(b->shared, b->trained, NETWORKS);
    snprintf(name, sizeof name, "%s_warmup_%.1f", set, warmup);
    snprintf(note, sizeof note,
             "%d networks, mean accuracy %.3f; %.3g MAC against %.3g for trainings", NETWORKS, mean,
             shared, trained);
    const micro_case row = {"belief", name, 1, "kendall_tau", note};
    micro_row(&row, tau, tau, tau);
}

static void run(belief *b, const char *set)
{
    cs_rng rng;
    cs_rng_seed(&rng, 17);
    for (int i = 0; i < NETWORKS; i++)
        cs_space_sample(b->space, &rng, &b->design[i]);
    const double trained = train_all(b);
    for (int warm = 0; trained > 0.0 && warm < 2; warm++) {
        const double shared = share_all(b, 0.5 * warm);
        if (shared > 0.0)
            report(b, set, 0.5 * warm, shared, trained);
    }
}

void bench_belief(void)
{
    static const char *const sets[] = {"synth", "cifar10"};
    const char *dir = getenv("COSEARCH_DATA");
    if (!micro_named("belief"))
        return;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        belief b = {0};
        cs_error err = {""};
        if (cs_dataset_open(sets[i], dir && *dir ? dir : "../shared/data", 0, 0.2, false, &b.set,
                            &err) != CS_OK)
            fprintf(stderr, "bench belief: %s\n", err.text);
        else if (cs_space_new("fbnet:micro", "fpga-chunk", 10, &b.space, &err) == CS_OK &&
                 cs_engine_new(1, &b.engine) == CS_OK)
            run(&b, sets[i]);
        cs_engine_free(b.engine);
        cs_space_free(b.space);
        cs_dataset_close(b.set);
    }
}
