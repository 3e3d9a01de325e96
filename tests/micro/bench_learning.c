/* Does speed change learning? A network of fbnet:micro on CIFAR-10, trained by the engine and by
 * the op-by-op reference in double precision on the same batches. Takes minutes, so it runs only
 * when named: `make bench GROUP=learning`. */
#include "micro.h"

#include "datasets/dataset_access.h"
#include "run/env.h"
#include "run/rates.h"
#include "tests/nn_learn.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS 80
#define EVERY 20
#define BATCH 32
#define EVAL_BATCHES 8

typedef struct images {
    cs_loader *train, *held_out;
    const char *what;
} images;

static bool next(void *context, bool train, cs_batch *out)
{
    images *i = context;
    cs_loader *loader = train ? i->train : i->held_out;
    cs_status status = cs_loader_next(loader, out);
    if (status == CS_DONE) /* another epoch */
        status = cs_loader_next(loader, out);
    return status == CS_OK;
}

static void point(void *context, const learn_point *p)
{
    static const char *const path[2] = {"engine", "reference"};
    const images *i = context;
    for (int k = 0; k < 2; k++) {
        char name[64], note[64];
        snprintf(name, sizeof name, "%s_step%03u_%s", i->what, (unsigned)p->step, path[k]);
        snprintf(note, sizeof note, "held-out accuracy; training loss %.4f", p->loss[k]);
        const micro_case row = {"learning", name, 1, "accuracy", note};
        micro_row(&row, p->accuracy[k], p->accuracy[k], p->accuracy[k]);
    }
}

static void run(images *i, const cs_dataset *set, cs_net *net, int bits)
{
    const cs_loader_options train = {.batch = BATCH, .seed = 1, .shuffle = true, .drop_rest = true};
    const cs_loader_options held_out = {
        .batch = BATCH, .seed = 1, .drop_rest = true, .subset = BATCH * EVAL_BATCHES};
    learner l = {.net = net,
                 .recipe = {.batch = BATCH,
                            .lr = 0.1,
                            .lr_end = 0.001,
                            .momentum = 0.9,
                            .weight_decay = 4e-5,
                            .label_smoothing = 0.1},
                 .steps = STEPS,
                 .every = EVERY,
                 .eval_batches = EVAL_BATCHES,
                 .next = next,
                 .context = i};
    cs_error err = {""};
    for (int b = 0; b < net->n_blocks; b++)
        net->block[b].bits = (uint8_t)bits;
    i->train = i->held_out = NULL;
    if (cs_env_engine("auto", 1, &l.engine, &err) != CS_OK ||
        cs_loader_new(set, CS_SPLIT_SEARCH_TRAIN, &train, &i->train, &err) != CS_OK ||
        cs_loader_new(set, CS_SPLIT_SEARCH_VAL, &held_out, &i->held_out, &err) != CS_OK ||
        !learn_both(&l, point, i))
        fprintf(stderr, "bench learning: %s\n", *err.text ? err.text : "out of memory");
    cs_loader_free(i->train);
    cs_loader_free(i->held_out);
    cs_engine_free(l.engine);
}

void bench_learning(void)
{
    const char *dir = getenv("COSEARCH_DATA");
    cs_dataset *set = NULL;
    cs_error err = {""};
    cs_net net;
    if (!micro_named("learning"))
        return;
    if (cs_dataset_open("cifar10", dir && *dir ? dir : "../shared/data", 1, 0.2, false, &set,
                        &err) != CS_OK ||
        cs_rates_net("fbnet:micro", "fpga-chunk", 10, &net, &err) != CS_OK) {
        fprintf(stderr, "bench learning: %s\n", err.text);
        cs_dataset_close(set);
        return;
    }
    images i = {.what = "cifar10_fp32"};
    run(&i, set, &net, CS_BITS_FLOAT);
    i.what = "cifar10_q8";
    run(&i, set, &net, 8);
    cs_dataset_close(set);
}
