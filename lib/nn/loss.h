/* Softmax cross-entropy with label smoothing e: target (1 - e) on the label plus e / classes on
 * every class; mean over the batch. */
#ifndef CS_NN_LOSS_H
#define CS_NN_LOSS_H

#include <stddef.h>
#include <stdint.h>

/* logits and dlogits (may be NULL) are [n][stride]; columns from `classes` on are padding and get a
 * gradient of 0. Returns the mean loss; labels must be below classes. */
double cs_cross_entropy(size_t n, int classes, int stride, const float *logits,
                        const int32_t *label, double smoothing, float *dlogits);
/* How many rows have their largest logit (the first of equals) at the label. */
size_t cs_count_correct(size_t n, int classes, int stride, const float *logits,
                        const int32_t *label);

#endif
