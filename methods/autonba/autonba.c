/* Auto-NBA (Fu et al. 2021): weights of a supernet, logits of operators and bitwidths and the
 * accelerator are searched in turns. The training derives its schedule from the task's budget; what
 * is reserved of it derives networks, fits accelerators to them and trains the best. */
#include "autonba.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void autonba_close(void *state)
{
    autonba_state *s = state;
    if (!s)
        return;
    autonba_logits_free(&s->logits);
    cs_accel_free(s->accel);
    cs_supernet_free(s->net);
    cs_memo_free(s->memo);
    free(s);
}

static cs_status build(cs_task *task, autonba_state *s)
{
    const cs_limits *limits = cs_task_limits(task);
    s->settings = autonba_settings_read(task);
    s->space = cs_task_space(task);
    s->goal = autonba_goal(limits);
    s->at.search_begin = s->at.reserved = s->at.best_acc = -1.0;
    s->at.loss_train = s->at.loss_val = NAN;
    s->at.derived_hw = (cs_hw_metrics){.fps = NAN, .edp_js = NAN};
    s->at.lambda =
        s->settings.hw_loss == AUTONBA_LOSS_SUM ? s->settings.lambda_sum : s->settings.lambda;
    cs_space_sample(s->space, cs_task_rng(task, "begin"), &s->at.accelerator);
    const cs_accel_options options = cs_accel_defaults(s->settings.hw_engine, s->goal);
    CS_TRY(autonba_logits_new(s->space, &s->logits));
    CS_TRY(cs_memo_new(s->space, &s->memo));
    return cs_accel_new(s->space, limits, &options, &s->accel);
}

static cs_status autonba_open(cs_task *task, void **state)
{
    if (!cs_task_engine(task)) {
        cs_note(task, "a supernet needs the task's engine");
        return CS_EUSAGE;
    }
    autonba_state *s = calloc(1, sizeof *s);
    if (!s)
        return CS_ENOMEM;
    const cs_status status = build(task, s);
    if (status == CS_OK)
        *state = s;
    else
        autonba_close(s);
    return status;
}

static cs_status autonba_step(cs_task *task, void *state)
{
    autonba_state *s = state;
    switch ((autonba_phase)s->at.phase) {
    case AUTONBA_TRAIN: return autonba_train_step(task, s);
    case AUTONBA_DERIVE: return autonba_derive_step(task, s);
    case AUTONBA_EVALUATE: return autonba_evaluate_step(task, s);
    }
    return CS_EMETHOD;
}

static cs_status autonba_save(const void *state, cs_sink *sink)
{
    const autonba_state *s = state;
    CS_TRY(cs_sink_write(sink, &s->at, sizeof s->at));
    CS_TRY(cs_logits_save(s->logits.alpha, sink));
    CS_TRY(cs_logits_save(s->logits.beta, sink));
    CS_TRY(cs_accel_save(s->accel, sink));
    CS_TRY(cs_memo_save(s->memo, sink));
    return s->net ? cs_supernet_save(s->net, sink) : CS_OK;
}

static cs_status read_state(cs_task *task, cs_source *source, autonba_state *s)
{
    cs_error err = {""};
    CS_TRY(cs_source_read(source, &s->at, sizeof s->at));
    if (s->at.phase > AUTONBA_EVALUATE || s->at.n_candidates > AUTONBA_CANDIDATES_MAX ||
        cs_space_check(s->space, &s->at.accelerator, NULL) != CS_OK)
        return CS_EFORMAT;
    CS_TRY(cs_logits_load(s->logits.alpha, source));
    CS_TRY(cs_logits_load(s->logits.beta, source));
    CS_TRY(cs_accel_load(s->accel, source));
    CS_TRY(cs_memo_load(s->memo, source));
    if (s->at.batch == 0)
        return CS_OK;
    CS_TRY(cs_supernet_new(cs_task_engine(task), s->space, s->at.batch, s->settings.storage, 0,
                           &s->net, &err)); /* whatever its first weights: they are loaded */
    return cs_supernet_load(s->net, source);
}

static cs_status autonba_load(cs_task *task, cs_source *source, void **state)
{
    void *opened;
    CS_TRY(autonba_open(task, &opened));
    const cs_status status = read_state(task, source, opened);
    if (status == CS_OK)
        *state = opened;
    else
        autonba_close(opened);
    return status;
}

#define TABLE(name_, cite_, summary_)                                                              \
    {                                                                                              \
        .abi = CS_METHOD_ABI, .version = 1,                                                        \
        .traits = CS_TRAIT_ANYTIME | CS_TRAIT_BUDGETED | CS_TRAIT_SUPERNET | CS_TRAIT_RESUMABLE,   \
        .name = (name_), .cite = (cite_), .summary = (summary_), .params = autonba_params,         \
        .open = autonba_open, .step = autonba_step, .finish = autonba_finish,                      \
        .close = autonba_close, .save = autonba_save, .load = autonba_load                         \
    }

const cs_method cs_method_autonba =
    TABLE("autonba", "fu2021autonba",
          "differentiable search on shared weights, one path forward, K backward");
/* Its first published form (ICLR 2021 submission); the same algorithm as far as is known. */
const cs_method cs_method_trips =
    TABLE("trips", "fu2020trips", "autonba under the name of its first form");
