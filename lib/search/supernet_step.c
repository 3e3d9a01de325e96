/* What a supernet does for its user: steps, recalibration, accuracy, prices, bytes on disk. */
#include "search/supernet_internal.h"

#include "core/hash.h"
#include "cosearch/nn.h"
#include "nn/loss.h"

#include <math.h>
#include <string.h>

/* ---- steps ------------------------------------------------------------------------------------
 */

static double loss_of(const cs_supernet *net, const cs_batch *batch, double smoothing,
                      cs_supernet_result *out)
{
    const cs_classifier *c = &net->classifier;
    const size_t correct =
        cs_count_correct(batch->n, c->classes, c->classes_p, c->logits, batch->y);
    const double loss = cs_cross_entropy(batch->n, c->classes, c->classes_p, c->logits, batch->y,
                                         smoothing, c->dlogits);
    if (isfinite(loss))
        *out = (cs_supernet_result){loss, (double)correct / (double)batch->n};
    return loss;
}

static void descend(cs_supernet *net, const cs_supernet_sgd *sgd)
{
    float *grad = net->team.part[0].grad;
    const int parts = net->team.n;
    cs_clip_norm(grad, net->n_grad, sgd->clip_norm);
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            const cs_super_op *op = cs_super_active(&net->stage[s], i);
            for (int j = 0; op->kept && j < op->n_layers; j++) {
                const cs_layer *layer = &op->layer[j];
                cs_sgd_step(net->params + layer->w, grad + layer->grad, net->velocity + layer->w,
                            cs_super_params(layer), sgd->lr, sgd->momentum, sgd->weight_decay);
            }
        }
    cs_sgd_step(net->params + net->fc_w, grad + net->fc_grad, net->velocity + net->fc_w,
                net->n_grad - net->fc_grad, sgd->lr, sgd->momentum, sgd->weight_decay);
}

cs_status cs_supernet_step(cs_supernet *net, const cs_batch *batch, const cs_path *path,
                           const cs_supernet_sgd *sgd, cs_supernet_result *out)
{
    CS_TRY(cs_super_check_batch(net, batch));
    CS_TRY(cs_super_activate(net, path, CS_SUPER_WEIGHTS));
    net->recalibrated = false;
    cs_super_forward(net, batch->x, batch->n, CS_BN_MOMENTUM);
    if (!isfinite(loss_of(net, batch, sgd->label_smoothing, out)))
        return CS_ENUMERIC;
    cs_super_back(net, batch->x, batch->n, CS_STE_IDENTITY, NULL);
    descend(net, sgd);
    return CS_OK;
}

cs_status cs_supernet_arch(cs_supernet *net, const cs_batch *batch, const cs_path *path,
                           bool update_bn, cs_path_grad *grad, cs_supernet_result *out)
{
    CS_TRY(cs_super_check_batch(net, batch));
    CS_TRY(cs_super_activate(net, path, CS_SUPER_ARCH));
    if (update_bn)
        net->recalibrated = false;
    cs_super_forward(net, batch->x, batch->n, update_bn ? CS_BN_MOMENTUM : 0.0);
    if (!isfinite(loss_of(net, batch, 0.0, out)))
        return CS_ENUMERIC;
    cs_super_back(net, batch->x, batch->n, CS_STE_CLAMP, grad);
    return CS_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------
 */

static bool same_path(const cs_path *a, const cs_path *b)
{
    if (a->n_blocks != b->n_blocks)
        return false;
    for (size_t i = 0; i < a->n_blocks; i++) {
        if (a->block[i].n_ops != b->block[i].n_ops)
            return false;
        for (int k = 0; k < a->block[i].n_ops; k++) {
            const cs_path_op *p = &a->block[i].op[k], *q = &b->block[i].op[k];
            if (p->op != q->op || p->n_bits != q->n_bits || p->coef != q->coef ||
                memcmp(p->bits, q->bits, p->n_bits) != 0)
                return false;
            for (int j = 0; j < p->n_bits; j++)
                if (p->bits_coef[j] != q->bits_coef[j])
                    return false;
        }
    }
    return true;
}

/* The next batch, over the end of an epoch if need be. */
static cs_status next_batch(const cs_supernet *net, const cs_feed *feed, cs_batch *batch)
{
    cs_status status = feed->next(feed->context, batch);
    if (status == CS_DONE)
        status = feed->next(feed->context, batch);
    if (status == CS_DONE)
        return CS_EUSAGE; /* a feed without images */
    CS_TRY(status);
    return cs_super_check_batch(net, batch);
}

static void forget_other(cs_supernet *net)
{
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            cs_super_op *op = &net->ops[k];
            const size_t bytes = (size_t)op->layer[j].conv.out_p * sizeof(float);
            memset(op->other_mean[j], 0, bytes);
            memset(op->other_var[j], 0, bytes);
            op->other_range[j] = (cs_range){0};
        }
}

cs_status cs_supernet_recalibrate(cs_supernet *net, const cs_path *path, const cs_feed *feed,
                                  uint32_t batches)
{
    if (batches == 0)
        return CS_EUSAGE;
    CS_TRY(cs_super_activate(net, path, CS_SUPER_STATS));
    net->recalibrated = false;
    forget_other(net);
    cs_super_swap(net);
    cs_status status = CS_OK;
    for (uint32_t k = 1; k <= batches && status == CS_OK; k++) {
        cs_batch batch;
        status = next_batch(net, feed, &batch);
        if (status == CS_OK) /* running averages with momentum 1/k are plain ones */
            cs_super_forward(net, batch.x, batch.n, 1.0 / (double)k);
    }
    cs_super_swap(net);
    CS_TRY(status);
    net->recalibrated = true;
    net->recalibrated_path = *path;
    return CS_OK;
}

static cs_status accuracy(cs_supernet *net, const cs_feed *feed, cs_train_hook hook,
                          void *hook_context, double *acc)
{
    const cs_classifier *c = &net->classifier;
    size_t seen = 0, correct = 0;
    cs_batch batch;
    cs_status status;
    status = feed->next(feed->context, &batch);
    if (status == CS_DONE) /* it was left at the end of an epoch */
        status = feed->next(feed->context, &batch);
    for (uint32_t step = 0; status == CS_OK; step++) {
        CS_TRY(cs_super_check_batch(net, &batch));
        cs_super_forward(net, batch.x, batch.n, 0.0);
        seen += batch.n;
        correct += cs_count_correct(batch.n, c->classes, c->classes_p, c->logits, batch.y);
        const double loss =
            cs_cross_entropy(batch.n, c->classes, c->classes_p, c->logits, batch.y, 0.0, NULL);
        if (hook)
            CS_TRY(hook(hook_context, 0, step, loss));
        status = feed->next(feed->context, &batch);
    }
    if (status != CS_DONE)
        return status;
    if (seen == 0)
        return CS_EUSAGE;
    *acc = (double)correct / (double)seen;
    return CS_OK;
}

cs_status cs_supernet_accuracy(cs_supernet *net, const cs_path *path, const cs_feed *feed,
                               cs_train_hook hook, void *hook_context, double *acc)
{
    CS_TRY(cs_super_activate(net, path, CS_SUPER_EVAL));
    const bool other = net->recalibrated && same_path(path, &net->recalibrated_path);
    if (other)
        cs_super_swap(net);
    const cs_status status = accuracy(net, feed, hook, hook_context, acc);
    if (other)
        cs_super_swap(net);
    return status;
}

/* ---- prices -----------------------------------------------------------------------------------
 */

/* MACs of one image in the operator's layers, and in the first of them. */
static uint64_t op_macs(const cs_super_op *op, uint64_t *first)
{
    uint64_t sum = 0;
    *first = op->n_layers ? op->layer[0].conv.macs : 0;
    for (int j = 0; j < op->n_layers; j++)
        sum += op->layer[j].conv.macs;
    return sum;
}

static uint64_t path_op_macs(const cs_supernet *net, size_t block, const cs_path_op *from,
                             cs_super_use use)
{
    uint64_t first;
    const uint64_t all = op_macs(&net->stage[block + 1].op[from->op], &first);
    const bool kept = from->coef > 0.0f;
    if (use == CS_SUPER_EVAL)
        return kept ? all : 0;
    if (!kept)
        return all;
    if (use == CS_SUPER_WEIGHTS)
        return 3 * all;
    /* to the coefficients: with several bitwidths as far as a step of the weights; with one only
     * towards the coefficients of earlier blocks, of which the first block has none */
    if (from->n_bits > 1)
        return 3 * all;
    return block > 0 ? 2 * all : all;
}

static uint64_t path_macs(const cs_supernet *net, const cs_path *path, cs_super_use use)
{
    static const unsigned stem_passes[] = {
        [CS_SUPER_EVAL] = 1, [CS_SUPER_WEIGHTS] = 2, [CS_SUPER_ARCH] = 1};
    static const unsigned head_passes[] = {
        [CS_SUPER_EVAL] = 1, [CS_SUPER_WEIGHTS] = 3, [CS_SUPER_ARCH] = 2};
    if (cs_super_check_path(net, path) != CS_OK)
        return 0;
    uint64_t first;
    uint64_t sum = stem_passes[use] * op_macs(net->stage[0].op, &first);
    sum += head_passes[use] * op_macs(net->stage[net->n_stages - 1].op, &first);
    sum += head_passes[use] * (uint64_t)net->classifier.features * net->classes;
    for (size_t b = 0; b < path->n_blocks; b++)
        for (int i = 0; i < path->block[b].n_ops; i++)
            sum += path_op_macs(net, b, &path->block[b].op[i], use);
    return sum;
}

uint64_t cs_supernet_forward_macs(const cs_supernet *net, const cs_path *path)
{
    return path_macs(net, path, CS_SUPER_EVAL);
}

uint64_t cs_supernet_step_macs(const cs_supernet *net, const cs_path *path)
{
    return path_macs(net, path, CS_SUPER_WEIGHTS);
}

uint64_t cs_supernet_arch_macs(const cs_supernet *net, const cs_path *path)
{
    return path_macs(net, path, CS_SUPER_ARCH);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

typedef cs_status (*transfer)(void *stream, void *bytes, size_t n);

static cs_status put(void *sink, void *bytes, size_t n)
{
    return cs_sink_write(sink, bytes, n);
}

static cs_status get(void *source, void *bytes, size_t n)
{
    return cs_source_read(source, bytes, n);
}

/* Everything that training changes, in a fixed order. */
static cs_status each_state(const cs_supernet *net, transfer move, void *stream)
{
    CS_TRY(move(stream, net->params, net->n_params * sizeof *net->params));
    CS_TRY(move(stream, net->velocity, net->n_params * sizeof *net->velocity));
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            cs_layer *layer = &net->ops[k].layer[j];
            const size_t bytes = (size_t)layer->conv.out_p * sizeof(float);
            float range[3] = {layer->range.min, layer->range.max, layer->range.seen ? 1.0f : 0.0f};
            CS_TRY(move(stream, layer->bn.run_mean, bytes));
            CS_TRY(move(stream, layer->bn.run_var, bytes));
            CS_TRY(move(stream, range, sizeof range));
            layer->range = (cs_range){range[0], range[1], range[2] != 0.0f};
        }
    return CS_OK;
}

/* Format, then what a supernet must share with the one that was saved: every shape, in order. */
static void stamp(const cs_supernet *net, uint64_t out[2])
{
    out[0] = 0x3154454e52455053; /* "SPERNET1" */
    out[1] = cs_hash_bytes(&net->n_params, sizeof net->n_params, net->classes);
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            const cs_convop *c = &net->ops[k].layer[j].conv;
            const int shape[] = {c->cin, c->cout, c->k, c->s, c->groups, c->h, c->w};
            out[1] = cs_hash_bytes(shape, sizeof shape, out[1]);
        }
}

cs_status cs_supernet_save(const cs_supernet *net, cs_sink *sink)
{
    uint64_t head[2];
    const uint64_t peak = net->tensor_bytes; /* what a search reports goes on, too */
    stamp(net, head);
    CS_TRY(cs_sink_write(sink, head, sizeof head));
    CS_TRY(cs_sink_write(sink, &peak, sizeof peak));
    return each_state(net, put, sink);
}

cs_status cs_supernet_load(cs_supernet *net, cs_source *source)
{
    uint64_t head[2], mine[2];
    stamp(net, mine);
    CS_TRY(cs_source_read(source, head, sizeof head));
    if (memcmp(head, mine, sizeof head) != 0)
        return CS_EFORMAT;
    uint64_t peak;
    CS_TRY(cs_source_read(source, &peak, sizeof peak));
    net->tensor_bytes = peak > net->tensor_bytes ? (size_t)peak : net->tensor_bytes;
    net->recalibrated = false;
    return each_state(net, get, source);
}
