/* The accuracy source that a profile names. */
#ifndef CS_BENCH_CHOSEN_SOURCE_H
#define CS_BENCH_CHOSEN_SOURCE_H

#include "run/supernet_source.h"
#include "run/train_source.h"

/* Stays where it is as long as the vtable is used. */
typedef struct cs_chosen_source {
    cs_train_source train;
    cs_supernet_source *supernet; /* NULL unless it is the one named */
} cs_chosen_source;

/* Fills config->source; space, engine, budget and eval_root of the config are set. The rest is
 * borrowed. */
cs_status cs_source_choose(const cs_profile *profile, const cs_dataset *dataset,
                           cs_task_config *config, cs_chosen_source *out, cs_error *err);
void cs_source_clear(cs_chosen_source *source);

#endif
