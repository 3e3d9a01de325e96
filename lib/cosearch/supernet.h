/* A weight-sharing network over a network space: every candidate operator of every block has its
 * weights and batch norm; bitwidths share them. What of it runs is said by a path.
 *
 * Sources: Auto-NBA (heterogeneous sampling, K-path backward, mixed-tensor quantisation), DNA (soft
 * mixture), Guo et al. 2020 (single path, recalibrated batch norm). */
#ifndef CS_SUPERNET_H
#define CS_SUPERNET_H

#include "cosearch/space.h"
#include "cosearch/task.h"
#include "cosearch/train.h"

#define CS_PATH_OPS_MAX CS_OPS_COUNT
#define CS_PATH_BITS_MAX 8

/* One active operator of a block. */
typedef struct cs_path_op {
    uint8_t op;     /* index into the space's operator list                              */
    uint8_t n_bits; /* active bitwidths, >= 1; 0 with bits unused: floating point        */
    float coef;     /* >= 0, factor of its output in the forward pass; 0: computed in steps
                       (its batch norm sees the batch and its coefficient's gradient is
                       taken) but not added, and left out of evaluation                  */
    uint8_t bits[CS_PATH_BITS_MAX];    /* indices into the space's bitwidth list        */
    float bits_coef[CS_PATH_BITS_MAX]; /* mixture weights: t = sum_j bits_coef[j] * Q_j(t) */
} cs_path_op;

typedef struct cs_path_block {
    uint8_t n_ops; /* >= 1, all different, one at least with a factor above 0 */
    cs_path_op op[CS_PATH_OPS_MAX];
} cs_path_block;

/* Which part of the supernet runs. Stem, head and classifier always do, in floating point (as the
 * released code trains them). */
typedef struct cs_path {
    size_t n_blocks;
    cs_path_block block[CS_BLOCKS_MAX];
} cs_path;

/* The single path of a design: one operator, one bitwidth, factors 1. */
void cs_path_of_design(const cs_space *space, const cs_design *design, cs_path *out);

/* dLoss / d(coefficient), the shape of the path it came with. bits is 0 where only one bitwidth is
 * active (its factor has nothing to be weighed against) and where the operator's factor is 0. */
typedef struct cs_path_grad {
    double coef[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    double bits[CS_BLOCKS_MAX][CS_PATH_OPS_MAX][CS_PATH_BITS_MAX];
} cs_path_grad;

typedef enum cs_bits_storage {
    CS_BITS_MIXED,   /* only the mixed tensor (or what it is recomputed from) is kept: memory does
                        not grow with the number of bitwidths                                    */
    CS_BITS_PER_COPY /* every quantised copy of weights and activations is kept for the backward
                        pass, as an autograd framework does                                      */
} cs_bits_storage;

typedef struct cs_supernet cs_supernet;

/* Kaiming normal fan-out convolutions, BN 1 and 0, classifier normal 0.001 (specs 2.2). max_batch
 * bounds every later batch. Memory for activations is taken for the widest path met so far and
 * never given back before the end. engine and space are borrowed. Errors of all that follows:
 * CS_EUSAGE for a path that is none of the space or a batch of another shape, CS_ENOMEM. */
cs_status cs_supernet_new(cs_engine *engine, const cs_space *space, uint32_t max_batch,
                          cs_bits_storage storage, uint64_t init_seed, cs_supernet **out,
                          cs_error *err);
void cs_supernet_free(cs_supernet *net); /* NULL is fine */

typedef struct cs_supernet_sgd {
    double lr, momentum, weight_decay, clip_norm, label_smoothing;
} cs_supernet_sgd;

typedef struct cs_supernet_result {
    double loss; /* mean cross entropy of the batch */
    double acc;  /* top-1 of the batch, 0..1 */
} cs_supernet_result;

/* Weight step: forward in training mode, backward with IDENTITY straight-through quantisers, SGD
 * with momentum on every weight that got a gradient (operators outside the path and with
 * coefficient 0 are not touched, not even by weight decay; stem, head, classifier always are). The
 * norm clipped is that of these weights alone (specs 8.3 item 8b). CS_ENUMERIC: loss not finite. */
cs_status cs_supernet_step(cs_supernet *net, const cs_batch *batch, const cs_path *path,
                           const cs_supernet_sgd *sgd, cs_supernet_result *out);
/* Architecture step: forward in training mode, backward with CLAMP straight-through quantisers to
 * the coefficients; weights are not changed. update_bn: do running statistics see the batch. */
cs_status cs_supernet_arch(cs_supernet *net, const cs_batch *batch, const cs_path *path,
                           bool update_bn, cs_path_grad *grad, cs_supernet_result *out);

/* Running BN statistics and quantiser ranges of this path made anew from `batches` batches of the
 * feed (plain averages), kept beside the shared ones until the next call of recalibrate or a
 * training step; not part of what is saved. */
cs_status cs_supernet_recalibrate(cs_supernet *net, const cs_path *path, const cs_feed *feed,
                                  uint32_t batches);
/* Top-1 accuracy of a path over one pass of the feed, which stands at the beginning or end of an
 * epoch, with the recalibrated statistics if there are
 * any for it, else with the running ones. */
cs_status cs_supernet_accuracy(cs_supernet *net, const cs_path *path, const cs_feed *feed,
                               cs_train_hook hook, void *hook_context, double *acc);

/* MACs per image that a forward pass and that a weight step of the path counts on the meter. */
uint64_t cs_supernet_forward_macs(const cs_supernet *net, const cs_path *path);
uint64_t cs_supernet_step_macs(const cs_supernet *net, const cs_path *path);
uint64_t cs_supernet_arch_macs(const cs_supernet *net, const cs_path *path);

/* Bytes held: parameters with optimiser state, and tensors of forward and backward at their peak.
 */
size_t cs_supernet_parameter_bytes(const cs_supernet *net);
size_t cs_supernet_tensor_bytes(const cs_supernet *net);

/* Everything a step depends on, and the peak of tensors; load: of the same space and shape, else
 * CS_EFORMAT. */
cs_status cs_supernet_save(const cs_supernet *net, cs_sink *sink);
cs_status cs_supernet_load(cs_supernet *net, cs_source *source);

#endif
