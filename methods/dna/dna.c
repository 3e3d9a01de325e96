/* DNA: Differentiable Network-Accelerator Co-Search (Zhang et al. 2020). One step is one network of
 * a cost table, one derivation, one step of the shared network, or one candidate. */
#include "dna.h"

#include <math.h>
#include <stdlib.h>

#define ALPHA_START 1e-3f /* published */

static void dna_close(void *state)
{
    dna_state *s = state;
    if (!s)
        return;
    cs_supernet_free(s->net);
    cs_logits_free(s->alpha);
    cs_accel_free(s->accel);
    cs_memo_free(s->memo);
    free(s);
}

/* The nearest bitwidth on offer; of two as near the wider one. */
static uint16_t nearest_bits(const cs_net_space *net, double wanted)
{
    size_t best = 0;
    for (size_t i = 1; i < net->n_bits; i++)
        if (fabs(net->bits[i] - wanted) <= fabs(net->bits[best] - wanted))
            best = i;
    return (uint16_t)best;
}

static cs_status build(cs_task *task, dna_state *s)
{
    const cs_space *space = cs_task_space(task);
    const cs_net_space *net = cs_space_net_space(space);
    uint16_t n_ops[CS_BLOCKS_MAX];
    size_t first, last;
    s->settings = dna_settings_read(task);
    s->space = space;
    s->n_blocks = net->n_blocks;
    s->n_ops = net->n_ops;
    cs_space_group(space, CS_GROUP_BITWIDTH, &s->first_bits, &last);
    cs_space_group(space, CS_GROUP_ACCELERATOR, &s->first_accelerator, &last);
    cs_space_group(space, CS_GROUP_NETWORK, &first, &last);
    if (first != 0 || last != s->n_blocks) {
        cs_note(task, "dna needs a space with one operator decision per block");
        return CS_EUSAGE;
    }
    s->bits = nearest_bits(net, s->settings.bits);
    s->at.mu = s->settings.mu;
    s->at.share = s->settings.share;
    s->at.cost = DNA_COST_AUTO;
    s->at.best_acc = s->at.first_alpha = -1.0;
    s->at.loss_train = s->at.loss_val = s->at.acc_train = s->at.acc_val = NAN;
    s->at.derived_hw = s->at.best_hw =
        (cs_hw_metrics){.latency_s = NAN, .edp_js = NAN, .fps = NAN, .energy_j = NAN};
    s->at.next_mu = s->settings.frozen + 1.0;
    for (size_t b = 0; b < s->n_blocks; b++)
        n_ops[b] = (uint16_t)s->n_ops;
    CS_TRY(cs_memo_new(space, &s->memo));
    return cs_logits_new(n_ops, s->n_blocks, ALPHA_START, &s->alpha);
}

static cs_status dna_open(cs_task *task, void **state)
{
    if (!cs_task_engine(task)) {
        cs_note(task, "dna needs the task's engine for its shared network");
        return CS_EUSAGE;
    }
    dna_state *s = calloc(1, sizeof *s);
    if (!s)
        return CS_ENOMEM;
    const cs_status status = build(task, s);
    if (status == CS_OK)
        *state = s;
    else
        dna_close(s);
    return status;
}

/* The shared network's turn: a table or a derivation if one is due, else a training step. */
static cs_status search(cs_task *task, dna_state *s)
{
    const double progress = dna_progress_made(task, s), epoch = progress * s->settings.epochs;
    if (!s->accel)
        return dna_look(task, s);
    if (progress >= 1.0) {
        s->at.phase = DNA_CANDIDATES;
        dna_observe(task, s, 1.0);
        return CS_OK;
    }
    if (!s->at.tabled || s->at.table_nets > 0 || epoch >= s->at.next_refresh)
        return dna_refresh(task, s, progress);
    if (epoch >= s->at.next_mu) {
        s->at.next_mu = floor(epoch) + 1.0;
        dna_observe(task, s, progress);
        return dna_queries_free(task, s) >= 1.0 ? dna_derive(task, s) : CS_OK;
    }
    if (s->at.weight_steps > 0 && !s->at.asked_evaluations)
        return dna_ask_evaluations(task, s);
    const cs_status status = dna_learn(task, s, progress);
    if (status == CS_ENUMERIC) {
        cs_note(task, "dna: the shared network diverged; alpha stays as it is");
        s->at.phase = DNA_CANDIDATES;
        return CS_OK;
    }
    return status;
}

static cs_status dna_step(cs_task *task, void *state)
{
    dna_state *s = state;
    return s->at.phase == DNA_SEARCH ? search(task, s) : dna_candidate(task, s);
}

static cs_status dna_save(const void *state, cs_sink *sink)
{
    const dna_state *s = state;
    CS_TRY(cs_sink_write(sink, &s->at, sizeof s->at));
    CS_TRY(cs_logits_save(s->alpha, sink));
    CS_TRY(cs_memo_save(s->memo, sink));
    if (s->accel)
        CS_TRY(cs_accel_save(s->accel, sink));
    return s->net ? cs_supernet_save(s->net, sink) : CS_OK;
}

static cs_status read_state(cs_task *task, dna_state *s, cs_source *source)
{
    dna_progress at;
    CS_TRY(cs_source_read(source, &at, sizeof at));
    CS_TRY(cs_logits_load(s->alpha, source));
    CS_TRY(cs_memo_load(s->memo, source));
    if (at.cost != DNA_COST_AUTO) {
        CS_TRY(dna_make_accel(task, s, at.cost));
        CS_TRY(cs_accel_load(s->accel, source));
    }
    if (at.batch > 0) {
        CS_TRY(dna_make_net(task, s, at.batch, 0));
        CS_TRY(cs_supernet_load(s->net, source));
    }
    s->at = at;
    return CS_OK;
}

static cs_status dna_load(cs_task *task, cs_source *source, void **state)
{
    void *opened;
    CS_TRY(dna_open(task, &opened));
    const cs_status status = read_state(task, opened, source);
    if (status == CS_OK)
        *state = opened;
    else
        dna_close(opened);
    return status;
}

const cs_method cs_method_dna = {
    .abi = CS_METHOD_ABI,
    .version = 1,
    .traits = CS_TRAIT_ANYTIME | CS_TRAIT_BUDGETED | CS_TRAIT_SUPERNET | CS_TRAIT_RESUMABLE,
    .name = "dna",
    .cite = "zhang2020dna",
    .summary = "soft mixture of operators, expected cost on searched accelerators (DNA)",
    .params = dna_params,
    .open = dna_open,
    .step = dna_step,
    .finish = dna_finish,
    .close = dna_close,
    .save = dna_save,
    .load = dna_load};
