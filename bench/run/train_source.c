#include "run/train_source.h"

#include <math.h>

uint32_t cs_subset_images(double subset, uint32_t all)
{
    const double images = subset <= 1.0 ? round(subset * all) : subset;
    return images >= all ? all : images < 1.0 ? 1u : (uint32_t)images;
}

static bool offers(const void *context, cs_fidelity fidelity)
{
    const cs_train_source *source = context;
    return source->training[fidelity].on;
}

static double price(const void *context, const cs_net *net, cs_fidelity fidelity)
{
    const cs_train_source *source = context;
    const cs_training *t = &source->training[fidelity];
    const cs_dataset_info *info = cs_dataset_info_get(source->dataset);
    const uint32_t images = cs_subset_images(t->subset, info->n_search_train);
    const uint32_t whole = images / t->recipe.batch * t->recipe.batch;
    const uint32_t val = cs_subset_images(t->val_subset, info->n_search_val);
    return (double)whole * t->recipe.epochs * (double)cs_train_macs_per_image(net) +
           (double)val * (double)cs_forward_macs_per_image(net);
}

static cs_status evaluate(void *context, const cs_design *design, const cs_net *net,
                          cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                          void *tick_context, double *acc_val, cs_error *err)
{
    const cs_train_source *source = context;
    static const cs_data_split search_val = CS_SPLIT_SEARCH_VAL;
    (void)design;
    return cs_train_and_measure(source->engine, source->dataset, net, &source->training[fidelity],
                                CS_SPLIT_SEARCH_TRAIN, &search_val, 1, seed, tick, tick_context,
                                acc_val, err);
}

cs_accuracy_source cs_train_source_view(cs_train_source *source)
{
    return (cs_accuracy_source){.name = "train",
                                .context = source,
                                .metered = true,
                                .offers = offers,
                                .price = price,
                                .evaluate = evaluate};
}

/* Accuracy on one split, in its order. */
static cs_status measure_one(cs_model *model, const cs_dataset *dataset,
                             const cs_training *training, cs_data_split split, cs_train_hook tick,
                             void *tick_context, double *acc, cs_error *err)
{
    uint32_t images;
    cs_dataset_split(dataset, split, &images);
    const cs_loader_options options = {
        .batch = training->recipe.batch,
        .subset = split == CS_SPLIT_TEST ? 0 : cs_subset_images(training->val_subset, images)};
    cs_loader *loader;
    CS_TRY(cs_loader_new(dataset, split, &options, &loader, err));
    const cs_feed feed = cs_loader_feed(loader);
    const cs_status status = cs_model_accuracy(model, &feed, tick, tick_context, acc);
    cs_loader_free(loader);
    return status;
}

cs_status cs_train_and_measure(cs_engine *engine, const cs_dataset *dataset, const cs_net *net,
                               const cs_training *training, cs_data_split train_split,
                               const cs_data_split *measure, size_t n, uint64_t seed,
                               cs_train_hook tick, void *tick_context, double *acc, cs_error *err)
{
    uint32_t images;
    cs_dataset_split(dataset, train_split, &images);
    cs_recipe recipe = training->recipe;
    recipe.subset = cs_subset_images(training->subset, images);
    const cs_loader_options options = {.batch = recipe.batch,
                                       .subset = recipe.subset,
                                       .seed = cs_rng_derive(seed, "data"),
                                       .shuffle = true,
                                       .augment = recipe.augment,
                                       .drop_rest = true};
    cs_loader *train = NULL;
    cs_model *model = NULL;
    cs_status status = cs_loader_new(dataset, train_split, &options, &train, err);
    if (status == CS_OK)
        status = cs_model_new(engine, net, recipe.batch, cs_rng_derive(seed, "init"), &model, err);
    if (status == CS_OK) {
        const cs_feed feed = cs_loader_feed(train);
        status = cs_model_train(model, &recipe, &feed, tick, tick_context);
    }
    for (size_t i = 0; i < n && status == CS_OK; i++)
        status =
            measure_one(model, dataset, training, measure[i], tick, tick_context, &acc[i], err);
    if (status == CS_ENUMERIC) { /* diverged: its weights are of no use on any split */
        for (size_t i = 0; i < n; i++)
            acc[i] = 1.0 / net->classes;
        status = CS_OK;
    }
    cs_model_free(model);
    cs_loader_free(train);
    return status;
}
