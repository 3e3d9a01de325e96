/* Accuracy of a network by training it, as a worker would: same recipe, splits, seeds and kernels.
 */
#ifndef CS_EVAL_ACCURACY_H
#define CS_EVAL_ACCURACY_H

#include "cli.h"
#include "cosearch/net.h"

/* Data set, engine and training of one command. */
typedef struct eval_trainer eval_trainer;

typedef struct eval_accuracy {
    double acc;    /* 0..1: on search-val, or for level "test" on the test set */
    uint64_t macs; /* spent, forward and backward                              */
    double wall_s;
} eval_accuracy;

/* level: proxy, short, full or test; profile: file or NULL for the default recipe; dataset: name or
 * NULL for the profile's. Pins the BLAS kernel, which may start the program again. CS_EUSAGE for
 * unknown names and a level the profile does not price, CS_EDATA for missing data. */
cs_status eval_trainer_new(const cs_args *args, const char *level, const char *profile,
                           const char *dataset, uint64_t seed, eval_trainer **out, cs_error *err);
void eval_trainer_free(eval_trainer *trainer);

uint16_t eval_trainer_classes(const eval_trainer *trainer);
/* "short training on cifar10-...: validation accuracy", for people. */
const char *eval_trainer_label(const eval_trainer *trainer);

cs_status eval_train(eval_trainer *trainer, const cs_net *net, eval_accuracy *out, cs_error *err);

#endif
