/* Training and evaluating one network, from scratch, quantised as its blocks say. Implemented in
 * lib/nn; data comes through a callback, so the engine knows no files. */
#ifndef CS_TRAIN_H
#define CS_TRAIN_H

#include "cosearch/dataset.h"
#include "cosearch/net.h"
#include "cosearch/status.h"

/* Version of the engine's numbers: raised when the same training may end elsewhere than before by
 * more than rounding. Tables of accuracies carry it. */
#define CS_ENGINE_VERSION 1u

/* Engine context: threads, memory arena, MAC meter. One per worker. */
typedef struct cs_engine cs_engine;
cs_status cs_engine_new(int threads, cs_engine **out); /* threads >= 1 */
void cs_engine_free(cs_engine *engine);
/* Multiply-accumulates done so far, forward and backward, counted where they are done. */
uint64_t cs_engine_macs(const cs_engine *engine);
/* High-water mark of the engine's arena in bytes. */
size_t cs_engine_peak_bytes(const cs_engine *engine);

/* How a network is trained. Learning rate: linear warm-up over warmup_epochs, then cosine from lr
 * to lr_end over the remaining steps. */
typedef struct cs_recipe {
    char id[32];
    uint32_t epochs, batch;
    double lr, lr_end, warmup_epochs;
    double momentum, weight_decay; /* SGD, weight decay on every parameter */
    double clip_norm;              /* gradient norm clip; 0 = none */
    double label_smoothing;        /* 0..1 */
    uint32_t subset;               /* training images used; 0 = all */
    bool augment;                  /* random crop (pad 4) and flip */
} cs_recipe;

/* Source of batches. `epoch_images` is how many images one epoch yields. next() delivers exactly
 * `batch` images (a short rest is dropped for training, delivered for evaluation); CS_DONE at the
 * end of an epoch, after which the next call starts another. `seek` (NULL: the feed cannot) puts
 * the feed where a new one is after `calls` calls of next(). */
typedef struct cs_feed {
    void *context;
    uint32_t epoch_images;
    cs_status (*next)(void *context, cs_batch *out);
    void (*seek)(void *context, uint64_t calls);
} cs_feed;

typedef struct cs_model cs_model; /* a network with weights and optimiser state */

/* Builds and initialises (Kaiming normal fan-out convolutions, BN 1 and 0, linear normal 0.001).
 * max_batch bounds every later batch. */
cs_status cs_model_new(cs_engine *engine, const cs_net *net, uint32_t max_batch, uint64_t init_seed,
                       cs_model **out, cs_error *err);
void cs_model_free(cs_model *model);

/* Called after every step; anything but CS_OK stops the training with that status. */
typedef cs_status (*cs_train_hook)(void *context, uint32_t epoch, uint32_t step, double loss);

/* All epochs of a recipe. CS_ENUMERIC if the loss is not finite. hook may be NULL. */
cs_status cs_model_train(cs_model *model, const cs_recipe *recipe, const cs_feed *feed,
                         cs_train_hook hook, void *hook_context);
/* One pass over the feed with running BN and range statistics; top-1 accuracy 0..1. hook is called
 * per batch. */
cs_status cs_model_accuracy(cs_model *model, const cs_feed *feed, cs_train_hook hook,
                            void *hook_context, double *acc);

/* Price list: MACs per image of a training step (forward + backward) and of a forward pass; equal
 * to what the meter counts. */
uint64_t cs_train_macs_per_image(const cs_net *net);
uint64_t cs_forward_macs_per_image(const cs_net *net);

#endif
