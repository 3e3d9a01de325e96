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
    (void)design;
    return cs_train_and_measure(source->engine, source->dataset, net, &source->training[fidelity],
                                CS_SPLIT_SEARCH_TRAIN, CS_SPLIT_SEARCH_VAL, seed, tick,
                                tick_context, acc_val, err);
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

static cs_status train_and_measure(cs_model *model, const cs_recipe *recipe, cs_loader *train,
                                   cs_loader *measure, cs_train_hook tick, void *tick_context,
                                   double chance, double *acc)
{
    const cs_feed train_feed = cs_loader_feed(train), measure_feed = cs_loader_feed(measure);
    cs_status status = cs_model_train(model, recipe, &train_feed, tick, tick_context);
    if (status == CS_OK)
        status = cs_model_accuracy(model, &measure_feed, tick, tick_context, acc);
    if (status == CS_ENUMERIC) {
        *acc = chance;
        status = CS_OK;
    }
    return status;
}

cs_status cs_train_and_measure(cs_engine *engine, const cs_dataset *dataset, const cs_net *net,
                               const cs_training *training, cs_data_split train_split,
                               cs_data_split measure_split, uint64_t seed, cs_train_hook tick,
                               void *tick_context, double *acc, cs_error *err)
{
    uint32_t n_train, n_measure;
    cs_dataset_split(dataset, train_split, &n_train);
    cs_dataset_split(dataset, measure_split, &n_measure);
    cs_recipe recipe = training->recipe;
    recipe.subset = cs_subset_images(training->subset, n_train);
    const cs_loader_options options = {.batch = recipe.batch,
                                       .subset = recipe.subset,
                                       .seed = cs_rng_derive(seed, "data"),
                                       .shuffle = true,
                                       .augment = recipe.augment,
                                       .drop_rest = true};
    const cs_loader_options whole = {
        .batch = recipe.batch,
        .subset =
            measure_split == CS_SPLIT_TEST ? 0 : cs_subset_images(training->val_subset, n_measure)};
    cs_loader *train = NULL, *measure = NULL;
    cs_model *model = NULL;
    cs_status status = cs_loader_new(dataset, train_split, &options, &train, err);
    if (status == CS_OK)
        status = cs_loader_new(dataset, measure_split, &whole, &measure, err);
    if (status == CS_OK)
        status = cs_model_new(engine, net, recipe.batch, cs_rng_derive(seed, "init"), &model, err);
    double result = NAN;
    if (status == CS_OK)
        status = train_and_measure(model, &recipe, train, measure, tick, tick_context,
                                   1.0 / net->classes, &result);
    cs_model_free(model);
    cs_loader_free(measure);
    cs_loader_free(train);
    if (status == CS_OK)
        *acc = result;
    return status;
}
