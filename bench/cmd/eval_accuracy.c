#include "cmd/eval_accuracy.h"

#include "cmd/pin_blas.h"
#include "cmd/profile_files.h"
#include "registry.h"
#include "run/clock.h"
#include "run/env.h"
#include "run/job.h"
#include "run/task_state.h"
#include "run/train_source.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_EPOCHS 2 /* without a profile; full has the epochs of the default recipe */

struct eval_trainer {
    cs_profile profile;
    cs_training training;
    bool test; /* all training images, the test set, the recipe of the final phase */
    uint64_t root;
    cs_dataset *dataset;
    cs_engine *engine;
    char label[160];
};

static cs_status choose_training(eval_trainer *t, const char *level, bool has_profile,
                                 cs_error *err)
{
    static const char *const name[CS_FID_COUNT] = {"proxy", "short", "full"};
    t->test = strcmp(level, "test") == 0;
    if (!has_profile) {
        t->profile.fidelity[CS_FID_FULL] = t->profile.fidelity[CS_FID_SHORT] = t->profile.final;
        t->profile.fidelity[CS_FID_SHORT].recipe.epochs = SHORT_EPOCHS;
    }
    if (t->test)
        t->training = t->profile.final;
    for (int f = 0; f < CS_FID_COUNT; f++)
        if (strcmp(level, name[f]) == 0)
            t->training = t->profile.fidelity[f];
    if (!t->training.on)
        return cs_fail(err, CS_EUSAGE, "--acc %s: %s does not price this level", level,
                       has_profile ? "the profile" : "the default recipe");
    return CS_OK;
}

static cs_status open_parts(eval_trainer *t, const char *level, uint64_t seed, cs_error *err)
{
    const cs_job job = {.seed = seed, .varied = t->profile.varied};
    const uint64_t split = cs_job_root(&job, &t->profile, CS_ROOT_SPLIT);
    t->root = cs_job_root(&job, &t->profile, t->test ? CS_ROOT_RETRAIN : CS_ROOT_EVAL);
    CS_TRY(cs_dataset_open(t->profile.dataset, cs_data_dir(), split, t->profile.val_fraction,
                           t->test, &t->dataset, err));
    CS_TRY(cs_env_engine(t->profile.isa, (int)t->profile.threads, &t->engine, err));
    if (t->test)
        snprintf(t->label, sizeof t->label, "test accuracy, %u epochs on all training images of %s",
                 t->training.recipe.epochs, cs_dataset_info_get(t->dataset)->id);
    else
        snprintf(t->label, sizeof t->label, "validation accuracy, %s training (%u epochs) on %s",
                 level, t->training.recipe.epochs, cs_dataset_info_get(t->dataset)->id);
    return CS_OK;
}

cs_status eval_trainer_new(const cs_args *args, const char *level, const char *profile,
                           const char *dataset, uint64_t seed, eval_trainer **out, cs_error *err)
{
    if (!profile && !dataset)
        return cs_fail(err, CS_EUSAGE, "--acc needs --dataset NAME or --profile FILE");
    char path[1200];
    eval_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cs_fail(err, CS_ENOMEM, "out of memory for a training");
    cs_profile_init(&t->profile);
    cs_status status = profile ? cs_profile_files_find(profile, path, sizeof path, err) : CS_OK;
    if (status == CS_OK && profile)
        status = cs_profile_read(path, &t->profile, err);
    if (dataset)
        snprintf(t->profile.dataset, sizeof t->profile.dataset, "%s", dataset);
    if (status == CS_OK)
        status = choose_training(t, level, profile != NULL, err);
    if (status == CS_OK)
        status = cs_pin_blas(args, t->profile.blas_core, err);
    if (status == CS_OK)
        status = open_parts(t, level, seed, err);
    if (status == CS_OK)
        *out = t;
    else
        eval_trainer_free(t);
    return status;
}

void eval_trainer_free(eval_trainer *t)
{
    if (!t)
        return;
    cs_engine_free(t->engine);
    cs_dataset_close(t->dataset);
    free(t);
}

uint16_t eval_trainer_classes(const eval_trainer *t)
{
    return cs_dataset_info_get(t->dataset)->classes;
}

const char *eval_trainer_label(const eval_trainer *t)
{
    return t->label;
}

cs_status eval_train(eval_trainer *t, const cs_net *net, eval_accuracy *out, cs_error *err)
{
    const cs_dataset_info *info = cs_dataset_info_get(t->dataset);
    if (net->input_size != info->size)
        return cs_fail(err, CS_EUSAGE, "the space takes images of %u pixels, %s has %u",
                       net->input_size, info->name, info->size);
    /* the seeds of a search's evaluation, and of the first retraining of an answer */
    const uint64_t seed = cs_rng_derive_index(t->root, t->test ? 0 : cs_net_hash(net));
    const uint64_t before = cs_engine_macs(t->engine);
    const double begin = cs_clock_s();
    const cs_data_split measure = t->test ? CS_SPLIT_TEST : CS_SPLIT_SEARCH_VAL;
    CS_TRY(cs_train_and_measure(t->engine, t->dataset, net, &t->training,
                                t->test ? CS_SPLIT_TRAIN : CS_SPLIT_SEARCH_TRAIN, &measure, 1, seed,
                                NULL, NULL, &out->acc, err));
    out->macs = cs_engine_macs(t->engine) - before;
    out->wall_s = cs_clock_s() - begin;
    return CS_OK;
}
