/* Epoch loop and evaluation. */
#include "nn/loss.h"
#include "nn/model.h"

#include <math.h>

static cs_status check_batch(const cs_model *m, const cs_batch *b)
{
    const cs_net_spec *s = &m->spec;
    if (b->n == 0 || b->n > m->max_batch || b->h != s->input_size || b->w != s->input_size ||
        b->c != s->input_channels)
        return CS_EUSAGE;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->y[i] < 0 || b->y[i] >= s->classes)
            return CS_EUSAGE;
    return CS_OK;
}

static bool recipe_sane(const cs_recipe *r)
{
    return r->batch > 0 && r->lr >= 0.0 && r->lr_end >= 0.0 && r->warmup_epochs >= 0.0 &&
           r->momentum >= 0.0 && r->momentum < 1.0 && r->weight_decay >= 0.0 &&
           r->clip_norm >= 0.0 && r->label_smoothing >= 0.0 && r->label_smoothing < 1.0;
}

cs_status cs_model_train(cs_model *m, const cs_recipe *recipe, const cs_feed *feed,
                         cs_train_hook hook, void *hook_context)
{
    if (!recipe_sane(recipe) || recipe->batch > m->max_batch)
        return CS_EUSAGE;
    const uint64_t per_epoch = feed->epoch_images / recipe->batch;
    const uint64_t steps = per_epoch * recipe->epochs;
    const uint64_t warmup = (uint64_t)(recipe->warmup_epochs * (double)per_epoch + 0.5);
    uint64_t done = 0;
    for (uint32_t epoch = 0; epoch < recipe->epochs; epoch++) {
        cs_batch batch;
        cs_status status;
        for (uint32_t step = 0; (status = feed->next(feed->context, &batch)) == CS_OK; step++) {
            CS_TRY(check_batch(m, &batch));
            const double lr = cs_lr_at(recipe->lr, recipe->lr_end, done++, steps, warmup);
            const double loss = cs_model_step(m, &batch, recipe, lr);
            if (!isfinite(loss))
                return CS_ENUMERIC;
            if (hook)
                CS_TRY(hook(hook_context, epoch, step, loss));
        }
        if (status != CS_DONE)
            return status;
    }
    return CS_OK;
}

cs_status cs_model_accuracy(cs_model *m, const cs_feed *feed, cs_train_hook hook,
                            void *hook_context, double *acc)
{
    size_t seen = 0, correct = 0;
    cs_batch batch;
    cs_status status;
    for (uint32_t step = 0; (status = feed->next(feed->context, &batch)) == CS_OK; step++) {
        CS_TRY(check_batch(m, &batch));
        cs_model_forward(m, batch.x, batch.n, false);
        const double loss =
            cs_cross_entropy(batch.n, m->spec.classes, m->classes_p, m->logits, batch.y, 0.0, NULL);
        seen += batch.n;
        correct += cs_count_correct(batch.n, m->spec.classes, m->classes_p, m->logits, batch.y);
        if (hook)
            CS_TRY(hook(hook_context, 0, step, loss));
    }
    if (status != CS_DONE)
        return status;
    if (seen == 0)
        return CS_EUSAGE;
    *acc = (double)correct / (double)seen;
    return CS_OK;
}
