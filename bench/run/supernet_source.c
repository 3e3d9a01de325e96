#include "run/supernet_source.h"

#include "cosearch/nn.h"
#include "cosearch/supernet.h"
#include "run/train_source.h"
#include <math.h>
#include <stdlib.h>

#define STEPS_PER_PIECE 25u /* between two moments at which a checkpoint may be taken */

struct cs_supernet_source {
    const cs_space *space;
    const cs_dataset *dataset;
    cs_supernet_plan plan;
    cs_supernet *net;
    cs_loader *train, *recalibration, *validation;
    uint64_t path_root;
    uint64_t step, steps; /* done; in all           */
    uint64_t calls;       /* of the training loader */
};

/* Adds to each block of a single path every other operator with probability `keep` (1: no random
 * numbers are drawn); the block's output is the mean of those that are there. */
static void widen(const cs_supernet_source *s, double keep, cs_rng *rng, cs_path *path)
{
    const size_t n_ops = cs_space_net_space(s->space)->n_ops;
    for (size_t b = 0; b < path->n_blocks; b++) {
        cs_path_block *block = &path->block[b];
        const cs_path_op drawn = block->op[0];
        block->n_ops = 0;
        for (size_t o = 0; o < n_ops; o++)
            if (o == drawn.op || keep >= 1.0 || cs_rng_uniform(rng) < keep) {
                block->op[block->n_ops] = drawn;
                block->op[block->n_ops++].op = (uint8_t)o;
            }
        for (size_t i = 0; i < block->n_ops; i++)
            block->op[i].coef = 1.0f / (float)block->n_ops;
    }
}

/* MACs per image of a weight step, mean over the training. The blocks' shares add up, so the mean
 * over the designs that repeat one operator is the mean over all single paths; of the operators
 * beside the drawn one half are there in the mean over the warm-up. */
static double mean_step_macs(const cs_supernet_source *s)
{
    const cs_net_space *space = cs_space_net_space(s->space);
    cs_design design = {.n = (uint16_t)cs_space_size(s->space)};
    cs_path path;
    double single = 0.0;
    size_t first, last;
    cs_space_group(s->space, CS_GROUP_NETWORK, &first, &last);
    for (size_t op = 0; op < space->n_ops; op++) {
        for (size_t i = first; i < last; i++)
            design.choice[i] = (uint16_t)op;
        cs_path_of_design(s->space, &design, &path);
        single += (double)cs_supernet_step_macs(s->net, &path) / (double)space->n_ops;
    }
    widen(s, 1.0, NULL, &path);
    const double all = (double)cs_supernet_step_macs(s->net, &path);
    return single + 0.5 * s->plan.warmup * (all - single);
}

static cs_status open_loaders(cs_supernet_source *s, uint64_t seed, cs_error *err)
{
    const cs_dataset_info *info = cs_dataset_info_get(s->dataset);
    const cs_recipe *recipe = &s->plan.recipe;
    const uint32_t images = cs_subset_images(s->plan.subset, info->n_search_train);
    const uint32_t whole = images / recipe->batch * recipe->batch;
    const cs_loader_options train = {.batch = recipe->batch,
                                     .subset = images,
                                     .seed = cs_rng_derive(seed, "data"),
                                     .shuffle = true,
                                     .augment = recipe->augment,
                                     .drop_rest = true};
    const uint64_t wanted = (uint64_t)s->plan.recalibrate * recipe->batch;
    const cs_loader_options recalibration = {
        .batch = recipe->batch,
        .subset = wanted < whole && wanted > 0 ? (uint32_t)wanted : whole,
        .drop_rest = true};
    const cs_loader_options validation = {
        .batch = recipe->batch, .subset = cs_subset_images(s->plan.val_subset, info->n_search_val)};
    CS_TRY(cs_loader_new(s->dataset, CS_SPLIT_SEARCH_TRAIN, &train, &s->train, err));
    CS_TRY(
        cs_loader_new(s->dataset, CS_SPLIT_SEARCH_TRAIN, &recalibration, &s->recalibration, err));
    return cs_loader_new(s->dataset, CS_SPLIT_SEARCH_VAL, &validation, &s->validation, err);
}

cs_status cs_supernet_source_new(cs_engine *engine, const cs_dataset *dataset,
                                 const cs_space *space, const cs_supernet_plan *plan,
                                 double mac_limit, uint64_t eval_root, cs_supernet_source **out,
                                 cs_error *err)
{
    const uint64_t seed = cs_rng_derive(eval_root, "supernet");
    cs_supernet_source *s = calloc(1, sizeof *s);
    if (!s)
        return cs_fail(err, CS_ENOMEM, "out of memory for the shared network");
    s->space = space;
    s->dataset = dataset;
    s->plan = *plan;
    s->path_root = cs_rng_derive(seed, "path");
    cs_status status = open_loaders(s, seed, err);
    if (status == CS_OK)
        status = cs_supernet_new(engine, space, plan->recipe.batch, CS_BITS_MIXED,
                                 cs_rng_derive(seed, "init"), &s->net, err);
    if (status != CS_OK) {
        cs_supernet_source_free(s);
        return status;
    }
    s->steps = (uint64_t)(plan->share * mac_limit / (plan->recipe.batch * mean_step_macs(s)));
    *out = s;
    return CS_OK;
}

void cs_supernet_source_free(cs_supernet_source *s)
{
    if (!s)
        return;
    cs_supernet_free(s->net);
    cs_loader_free(s->train);
    cs_loader_free(s->recalibration);
    cs_loader_free(s->validation);
    free(s);
}

uint64_t cs_supernet_source_steps(const cs_supernet_source *s)
{
    return s->steps;
}

/* ---- preparation ---- */

/* Probability of an operator beside the drawn one: falls from 1 to 0 over the warm-up. */
static double keep_at(const cs_supernet_source *s)
{
    const double warm = s->plan.warmup * (double)s->steps;
    return warm > 0.0 ? fmax(0.0, 1.0 - (double)s->step / warm) : 0.0;
}

/* One step on a path drawn uniformly, operators and bitwidths, widened during the warm-up. */
static cs_status train_step(cs_supernet_source *s, double *loss)
{
    const cs_recipe *recipe = &s->plan.recipe;
    cs_design design;
    cs_path path;
    cs_batch batch;
    cs_supernet_result result;
    cs_rng rng;
    cs_status status = CS_DONE;
    while (status == CS_DONE) {
        status = cs_loader_next(s->train, &batch);
        s->calls++;
    }
    CS_TRY(status);
    cs_rng_seed(&rng, cs_rng_derive_index(s->path_root, s->step));
    cs_space_sample(s->space, &rng, &design);
    cs_path_of_design(s->space, &design, &path);
    if (keep_at(s) > 0.0)
        widen(s, keep_at(s), &rng, &path);
    const cs_supernet_sgd sgd = {.lr = cs_lr_at(recipe->lr, recipe->lr_end, s->step, s->steps, 0),
                                 .momentum = recipe->momentum,
                                 .weight_decay = recipe->weight_decay,
                                 .clip_norm = recipe->clip_norm,
                                 .label_smoothing = recipe->label_smoothing};
    CS_TRY(cs_supernet_step(s->net, &batch, &path, &sgd, &result));
    *loss = result.loss;
    s->step++;
    return CS_OK;
}

static cs_status prepare(void *context, cs_train_hook tick, void *tick_context, cs_error *err)
{
    cs_supernet_source *s = context;
    double loss;
    for (uint32_t i = 0; i < STEPS_PER_PIECE && s->step < s->steps; i++) {
        const cs_status status = train_step(s, &loss);
        if (status == CS_ENUMERIC)
            return cs_fail(err, status,
                           "the shared network diverged in step %llu of %llu; choose a lower lr "
                           "in [supernet]",
                           (unsigned long long)s->step, (unsigned long long)s->steps);
        if (status != CS_OK)
            return cs_fail(err, status, "the shared network cannot be trained: %s",
                           cs_status_text(status));
        CS_TRY(tick(tick_context, 0, (uint32_t)s->step, loss));
    }
    return s->step < s->steps ? CS_OK : CS_DONE;
}

static cs_status save(const void *context, cs_sink *sink)
{
    const cs_supernet_source *s = context;
    CS_TRY(cs_sink_write(sink, &s->step, sizeof s->step));
    CS_TRY(cs_sink_write(sink, &s->calls, sizeof s->calls));
    return cs_supernet_save(s->net, sink);
}

static cs_status load(void *context, cs_source *source)
{
    cs_supernet_source *s = context;
    CS_TRY(cs_source_read(source, &s->step, sizeof s->step));
    CS_TRY(cs_source_read(source, &s->calls, sizeof s->calls));
    cs_loader_seek(s->train, s->calls);
    return cs_supernet_load(s->net, source);
}

/* ---- evaluation ---- */

static bool offers(const void *context, cs_fidelity fidelity)
{
    (void)context;
    return fidelity == CS_FID_PROXY;
}

static double price(const void *context, const cs_net *net, cs_fidelity fidelity)
{
    const cs_supernet_source *s = context;
    (void)fidelity;
    const double images = (double)s->plan.recalibrate * s->plan.recipe.batch +
                          (double)cs_loader_epoch_images(s->validation);
    return images * (double)cs_forward_macs_per_image(net);
}

static cs_status evaluate(void *context, const cs_design *design, const cs_net *net,
                          cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                          void *tick_context, double *acc_val, cs_error *err)
{
    cs_supernet_source *s = context;
    cs_path path;
    (void)net, (void)fidelity, (void)seed; /* the same weights and images for every design */
    cs_path_of_design(s->space, design, &path);
    const cs_feed images = cs_loader_feed(s->recalibration);
    const cs_feed measured = cs_loader_feed(s->validation);
    cs_loader_seek(s->recalibration, 0);
    cs_loader_seek(s->validation, 0);
    cs_status status = s->plan.recalibrate
                           ? cs_supernet_recalibrate(s->net, &path, &images, s->plan.recalibrate)
                           : CS_OK;
    if (status == CS_OK)
        status = cs_supernet_accuracy(s->net, &path, &measured, tick, tick_context, acc_val);
    if (status < 0)
        return cs_fail(err, status, "the shared network cannot be measured: %s",
                       cs_status_text(status));
    return status;
}

cs_accuracy_source cs_supernet_source_view(cs_supernet_source *source)
{
    return (cs_accuracy_source){.name = "supernet",
                                .context = source,
                                .metered = true,
                                .offers = offers,
                                .price = price,
                                .evaluate = evaluate,
                                .prepare = prepare,
                                .save = save,
                                .load = load};
}
