#include "run/chosen_source.h"

#include <string.h>

cs_status cs_source_choose(const cs_profile *profile, const cs_dataset *dataset,
                           cs_task_config *config, cs_chosen_source *out, cs_error *err)
{
    *out = (cs_chosen_source){.train = {.engine = config->engine, .dataset = dataset}};
    memcpy(out->train.training, profile->fidelity, sizeof out->train.training);
    config->source = cs_train_source_view(&out->train);
    if (strcmp(profile->source, "supernet") != 0)
        return CS_OK;
    CS_TRY(cs_supernet_source_new(config->engine, dataset, config->space, &profile->supernet,
                                  config->budget[CS_METER_MACS], config->eval_root, &out->supernet,
                                  err));
    config->source = cs_supernet_source_view(out->supernet);
    return CS_OK;
}

void cs_source_clear(cs_chosen_source *source)
{
    cs_supernet_source_free(source->supernet);
    source->supernet = NULL;
}
