/* The shared network: one step of alpha on a validation batch, one of the weights on a training
 * batch, every operator of every block in the mixture. */
#include "dna.h"

#include <math.h>

#define AVERAGE 0.95 /* decay of the recorded losses */

/* A fresh soft sample of every block: s->y. */
static void draw(dna_state *s, double tau, cs_rng *rng)
{
    for (size_t b = 0; b < s->n_blocks; b++)
        cs_gumbel_softmax(&s->alpha->value[s->alpha->offset[b]], s->n_ops, tau, rng, s->y[b]);
}

/* The mixture sum_i y_i O_i: s->path. */
static void mix(dna_state *s)
{
    s->path.n_blocks = s->n_blocks;
    for (size_t b = 0; b < s->n_blocks; b++) {
        cs_path_block *block = &s->path.block[b];
        block->n_ops = (uint8_t)s->n_ops;
        for (size_t o = 0; o < s->n_ops; o++) {
            cs_path_op *op = &block->op[o];
            *op = (cs_path_op){.op = (uint8_t)o, .coef = (float)s->y[b][o]};
            if (s->settings.quantised) {
                op->n_bits = 1;
                op->bits[0] = (uint8_t)s->bits;
                op->bits_coef[0] = 1.0f;
            }
        }
    }
}

/* Adds sum_i g_i dy_i / dalpha for every block. */
static void add_gradient(dna_state *s, double tau, double g[CS_BLOCKS_MAX][CS_PATH_OPS_MAX])
{
    for (size_t b = 0; b < s->n_blocks; b++)
        cs_gumbel_softmax_back(s->y[b], s->n_ops, tau, g[b], &s->alpha->grad[s->alpha->offset[b]]);
}

static void average(double *mean, double value)
{
    *mean = isnan(*mean) ? value : AVERAGE * *mean + (1.0 - AVERAGE) * value;
}

cs_status dna_make_net(cs_task *task, dna_state *s, uint32_t batch, uint64_t seed)
{
    cs_error err = {""};
    const cs_status status =
        cs_supernet_new(cs_task_engine(task), s->space, batch, CS_BITS_MIXED, seed, &s->net, &err);
    if (status != CS_OK)
        cs_note(task, "dna: %s", err.text);
    else
        s->at.batch = batch;
    return status;
}

/* CE of the mixture on a validation batch, plus mu times the expected cost under noise of its own,
 * relative to that of the uniform network. */
static cs_status alpha_step(cs_task *task, dna_state *s, double progress)
{
    const double tau = dna_tau(&s->settings, progress);
    cs_supernet_result result;
    cs_batch batch;
    if (s->at.first_alpha < 0.0)
        s->at.first_alpha = progress;
    cs_adam adam = s->settings.alpha;
    adam.lr = dna_alpha_lr(s, progress);
    CS_TRY(cs_batch_next(task, CS_SEARCH_VAL, &batch));
    cs_logits_zero_grad(s->alpha);
    draw(s, tau, cs_task_rng(task, "mixture"));
    mix(s);
    CS_TRY(cs_supernet_arch(s->net, &batch, &s->path, true, &s->grad, &result));
    add_gradient(s, tau, s->grad.coef);
    draw(s, tau, cs_task_rng(task, "cost"));
    dna_expected_cost(&s->at.table, s->at.cost, s->n_blocks, s->n_ops, s->y, s->dy);
    for (size_t b = 0; b < s->n_blocks; b++)
        for (size_t o = 0; o < s->n_ops; o++)
            s->dy[b][o] *= s->at.norm > 0.0 ? s->at.mu / s->at.norm : 0.0;
    add_gradient(s, tau, s->dy);
    cs_logits_adam(s->alpha, &adam);
    s->at.alpha_steps++;
    average(&s->at.loss_val, result.loss);
    average(&s->at.acc_val, result.acc);
    return CS_OK;
}

static cs_status weight_step(cs_task *task, dna_state *s, const cs_batch *batch, double progress)
{
    cs_supernet_result result;
    cs_supernet_sgd sgd = s->settings.sgd;
    sgd.lr = dna_lr(&s->settings, progress);
    draw(s, dna_tau(&s->settings, progress), cs_task_rng(task, "mixture"));
    mix(s);
    CS_TRY(cs_supernet_step(s->net, batch, &s->path, &sgd, &result));
    s->at.weight_steps++;
    average(&s->at.loss_train, result.loss);
    average(&s->at.acc_train, result.acc);
    return CS_OK;
}

cs_status dna_learn(cs_task *task, dna_state *s, double progress)
{
    const cs_engine *engine = cs_task_engine(task);
    const uint64_t before = cs_engine_macs(engine);
    cs_batch batch;
    cs_status status = CS_OK;
    if (s->net && progress * s->settings.epochs >= s->settings.frozen)
        status = alpha_step(task, s, progress);
    if (status == CS_OK)
        status = cs_batch_next(task, CS_SEARCH_TRAIN, &batch);
    if (status == CS_OK && !s->net)
        status = dna_make_net(task, s, batch.n, cs_rng_next(cs_task_rng(task, "init")));
    if (status == CS_OK)
        status = weight_step(task, s, &batch, progress);
    s->at.train_macs += cs_engine_macs(engine) - before;
    if (s->net) /* the peak of the whole run, also where it was resumed */
        s->at.tensor_bytes = fmax(s->at.tensor_bytes, (double)cs_supernet_tensor_bytes(s->net));
    return status;
}

void dna_observe(cs_task *task, const dna_state *s, double progress)
{
    cs_observe(task, "progress", progress);
    cs_observe(task, "tau", dna_tau(&s->settings, progress));
    cs_observe(task, "loss.train", s->at.loss_train);
    cs_observe(task, "loss.val", s->at.loss_val);
    cs_observe(task, "acc.train", s->at.acc_train);
    cs_observe(task, "acc.val", s->at.acc_val);
    cs_observe(task, "mu", s->at.mu);
    cs_observe(task, "alpha.entropy", cs_logits_mean_entropy(s->alpha));
    cs_observe(task, "derived.feasible", s->at.derived_feasible ? 1.0 : 0.0);
    cs_observe(task, "derived.fps", s->at.derived_hw.fps);
    cs_observe(task, "derived.edp_js", s->at.derived_hw.edp_js);
    cs_observe(task, "memory.tensors", s->at.tensor_bytes);
    cs_observe_ops(task, s->alpha);
}
