/* Hardware/software co-exploration (HS-Co-Opt, Jiang et al. 2020): an RNN controller proposes a
 * network, its bitwidths and an accelerator. Fast exploration redraws the accelerator until the
 * specification holds and prunes children that cannot meet it without training them; slow
 * exploration trains the others and rewards accuracy and utilisation. One step is one episode. */
#include "hsco.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Plain values only: saved and loaded as it is. */
typedef struct hsco_progress {
    double best_acc; /* negative before the first offer */
    cs_hw_metrics best_hw;
    uint64_t episodes, pruned, trained, repeated, in_a_row;
} hsco_progress;

typedef struct hsco_state {
    hsco_settings settings;
    cs_space_mask mask;
    cs_controller *controller;
    cs_reinforce *slow, *fast; /* fast: accelerator decisions only; NULL unless fast_update */
    cs_memo *memo;
    hsco_progress at;
} hsco_state;

static void hsco_close(void *state)
{
    hsco_state *s = state;
    if (!s)
        return;
    cs_reinforce_free(s->slow);
    cs_reinforce_free(s->fast);
    cs_controller_free(s->controller);
    cs_memo_free(s->memo);
    free(s);
}

static cs_status build(cs_task *task, hsco_state *s)
{
    const cs_space *space = cs_task_space(task);
    uint16_t n_choices[CS_DECISIONS_MAX];
    s->settings = hsco_settings_read(task);
    s->at.best_acc = -1.0;
    cs_space_mask_init(&s->mask, space);
    const size_t n = cs_space_size(space);
    for (size_t i = 0; i < n; i++)
        n_choices[i] = cs_space_decision(space, i)->n_choices;
    const cs_controller_shape shape = {n_choices, n, s->settings.hidden, s->settings.embedding};
    CS_TRY(cs_memo_new(space, &s->memo));
    CS_TRY(cs_controller_new(cs_task_engine(task), &shape, cs_task_rng(task, "controller"),
                             &s->controller));
    CS_TRY(cs_reinforce_new(s->controller, &s->settings.policy, &s->slow));
    if (s->settings.fast_update)
        CS_TRY(cs_reinforce_new(s->controller, &s->settings.policy, &s->fast));
    return CS_OK;
}

static cs_status hsco_open(cs_task *task, void **state)
{
    if (!cs_task_engine(task)) {
        cs_note(task, "hsco needs the task's engine for its controller");
        return CS_EUSAGE;
    }
    hsco_state *s = calloc(1, sizeof *s);
    if (!s)
        return CS_ENOMEM;
    const cs_status status = build(task, s);
    if (status == CS_OK)
        *state = s;
    else
        hsco_close(s);
    return status;
}

static cs_status measure(cs_task *task, const hsco_state *s, const cs_design *design,
                         cs_hw_metrics *hw, double *excess)
{
    CS_TRY(cs_hw_query(task, design, hw));
    *excess = hsco_excess(&s->settings, cs_task_limits(task), hw);
    if (hw->violated && *excess <= 0.0)
        *excess = 1e-12; /* the harness's word counts, rounding or not */
    return CS_OK;
}

/* Level 1's update of the accelerator's decisions, the network's given. */
static cs_status learn_hardware(hsco_state *s, const cs_design *design, const cs_hw_metrics *hw,
                                double excess)
{
    const cs_mask mask = cs_space_mask_of(&s->mask);
    if (!s->fast)
        return CS_OK;
    return cs_reinforce_episode(s->fast, &mask, design->choice, s->mask.first_accelerator,
                                hsco_reward_fast(excess, hw));
}

/* Level 1: the child as drawn, then its accelerator alone redrawn under the same network. */
static cs_status fast_exploration(cs_task *task, hsco_state *s, cs_design *design,
                                  cs_hw_metrics *hw, double *excess)
{
    const cs_mask mask = cs_space_mask_of(&s->mask);
    const size_t hardware = s->mask.first_accelerator;
    cs_rng *rng = cs_task_rng(task, "policy");
    design->n = (uint16_t)cs_space_size(s->mask.space);
    CS_TRY(cs_controller_sample(s->controller, &mask, rng, 0, design->choice, NULL));
    CS_TRY(measure(task, s, design, hw, excess));
    for (uint32_t k = 0; *excess > 0.0 && k < s->settings.resamples; k++) {
        CS_TRY(learn_hardware(s, design, hw, *excess));
        CS_TRY(cs_controller_sample(s->controller, &mask, rng, hardware, design->choice, NULL));
        CS_TRY(measure(task, s, design, hw, excess));
    }
    return learn_hardware(s, design, hw, *excess);
}

static cs_status offer_if_better(cs_task *task, hsco_state *s, const cs_design *design, double acc,
                                 const cs_hw_metrics *hw)
{
    if (acc <= s->at.best_acc)
        return CS_OK;
    CS_TRY(cs_offer(task, design, acc));
    s->at.best_acc = acc;
    s->at.best_hw = *hw;
    return CS_OK;
}

static cs_status hsco_step(cs_task *task, void *state)
{
    hsco_state *s = state;
    const cs_mask mask = cs_space_mask_of(&s->mask);
    cs_design design;
    cs_hw_metrics hw;
    double excess, acc, reward;
    CS_TRY(fast_exploration(task, s, &design, &hw, &excess));
    s->at.episodes++;
    if (excess > 0.0) {
        s->at.pruned++;
        return cs_reinforce_episode(s->slow, &mask, design.choice, 0,
                                    hsco_reward_pruned(&s->settings, excess));
    }
    const bool known = cs_memo_get(s->memo, &design, &acc);
    if (known) {
        s->at.repeated++;
        if (++s->at.in_a_row >= s->settings.patience)
            return CS_DONE;
    } else {
        CS_TRY(cs_eval(task, &design, cs_task_fidelity(task), &acc));
        CS_TRY(cs_memo_put(s->memo, &design, acc));
        s->at.trained++;
        s->at.in_a_row = 0;
        CS_TRY(offer_if_better(task, s, &design, acc, &hw));
    }
    reward = hsco_reward_trained(&s->settings, acc, &hw);
    if (known) /* FNAS: a repeated child meets a raised baseline */
        reward -= (s->settings.repeat_factor - 1.0) * fabs(cs_reinforce_baseline(s->slow));
    return cs_reinforce_episode(s->slow, &mask, design.choice, 0, reward);
}

/* The policy's mode; offered if its network was trained and is at least as good as the answer so
 * far on a faster accelerator. (A network never trained has no accuracy to claim.) */
static cs_status hsco_finish(cs_task *task, void *state)
{
    hsco_state *s = state;
    const cs_mask mask = cs_space_mask_of(&s->mask);
    cs_design design = {.n = (uint16_t)cs_space_size(s->mask.space)};
    cs_hw_metrics hw;
    double acc, excess;
    cs_note(task, "hsco: %llu episodes, %llu pruned, %llu trained, %llu repeated",
            (unsigned long long)s->at.episodes, (unsigned long long)s->at.pruned,
            (unsigned long long)s->at.trained, (unsigned long long)s->at.repeated);
    CS_TRY(cs_controller_greedy(s->controller, &mask, 0, design.choice, NULL));
    if (!cs_memo_get(s->memo, &design, &acc))
        return CS_OK;
    CS_TRY(measure(task, s, &design, &hw, &excess));
    const bool better =
        acc > s->at.best_acc || (acc >= s->at.best_acc && hw.fps > s->at.best_hw.fps);
    return excess <= 0.0 && better ? cs_offer(task, &design, acc) : CS_OK;
}

static cs_status hsco_save(const void *state, cs_sink *sink)
{
    const hsco_state *s = state;
    CS_TRY(cs_sink_write(sink, &s->at, sizeof s->at));
    CS_TRY(cs_controller_save(s->controller, sink));
    CS_TRY(cs_reinforce_save(s->slow, sink));
    if (s->fast)
        CS_TRY(cs_reinforce_save(s->fast, sink));
    return cs_memo_save(s->memo, sink);
}

static cs_status read_state(hsco_state *s, cs_source *source)
{
    CS_TRY(cs_source_read(source, &s->at, sizeof s->at));
    CS_TRY(cs_controller_load(s->controller, source));
    CS_TRY(cs_reinforce_load(s->slow, source));
    if (s->fast)
        CS_TRY(cs_reinforce_load(s->fast, source));
    return cs_memo_load(s->memo, source);
}

static cs_status hsco_load(cs_task *task, cs_source *source, void **state)
{
    void *opened;
    CS_TRY(hsco_open(task, &opened));
    const cs_status status = read_state(opened, source);
    if (status == CS_OK)
        *state = opened;
    else
        hsco_close(opened);
    return status;
}

const cs_method cs_method_hsco = {
    .abi = CS_METHOD_ABI,
    .version = 1,
    .traits = CS_TRAIT_ANYTIME | CS_TRAIT_RESUMABLE,
    .name = "hsco",
    .cite = "jiang2020hsco",
    .summary = "RNN controller by REINFORCE, fast and slow exploration (HS-Co-Opt)",
    .params = hsco_params,
    .open = hsco_open,
    .step = hsco_step,
    .finish = hsco_finish,
    .close = hsco_close,
    .save = hsco_save,
    .load = hsco_load};
