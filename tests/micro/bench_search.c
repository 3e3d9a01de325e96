/* Rates of the shared search pieces, on the controller's sequence of the 22-block space: what one
 * cost-model query of hsco costs beside the query itself. */
#include "bench_accel.h"
#include "bench_gp.h"
#include "micro.h"

#include "cosearch/search.h"
#include <stdio.h>

typedef struct search_state {
    cs_space *space;
    cs_engine *engine;
    cs_controller *controller;
    cs_reinforce *trainer;
    cs_space_mask mask;
    cs_rng rng;
    cs_design design;
    cs_status status;
} search_state;

static double sample(void *context)
{
    search_state *s = context;
    const cs_mask mask = cs_space_mask_of(&s->mask);
    s->status = cs_controller_sample(s->controller, &mask, &s->rng, 0, s->design.choice, NULL);
    return 1.0;
}

static double episode(void *context)
{
    search_state *s = context;
    const cs_mask mask = cs_space_mask_of(&s->mask);
    sample(s);
    if (s->status == CS_OK)
        s->status =
            cs_reinforce_episode(s->trainer, &mask, s->design.choice, 0, cs_rng_uniform(&s->rng));
    return 1.0;
}

static cs_status set_up(search_state *s)
{
    static const cs_reinforce_options options = {CS_POLICY_ADAM, .lr = 1e-5,      .lr_decay = 1.0,
                                                 .lr_steps = 1,  .baseline = 0.8, .gamma = 1.0,
                                                 .batch = 1};
    uint16_t n_choices[CS_DECISIONS_MAX];
    cs_rng_seed(&s->rng, 1);
    CS_TRY(cs_space_new("fbnet:cifar", "fpga-chunk", 10, &s->space, NULL));
    CS_TRY(cs_engine_new(1, &s->engine));
    const size_t n = cs_space_size(s->space);
    for (size_t i = 0; i < n; i++)
        n_choices[i] = cs_space_decision(s->space, i)->n_choices;
    const cs_controller_shape shape = {n_choices, n, 35, 35};
    CS_TRY(cs_controller_new(s->engine, &shape, &s->rng, &s->controller));
    cs_space_mask_init(&s->mask, s->space);
    s->design.n = (uint16_t)n;
    return cs_reinforce_new(s->controller, &options, &s->trainer);
}

void bench_search(void)
{
    bench_accel_rows();
    bench_gp_rows();
    search_state s = {.status = CS_OK};
    s.status = set_up(&s);
    if (s.status == CS_OK) {
        const micro_case samples = {.group = "search",
                                    .name = "controller_samples_per_s",
                                    .threads = 1,
                                    .unit = "samples_per_s",
                                    .note = "LSTM 35, 152 decisions"};
        micro_measure(&samples, sample, &s, 5, 0.1);
        const micro_case episodes = {.group = "search",
                                     .name = "reinforce_episodes_per_s",
                                     .threads = 1,
                                     .unit = "episodes_per_s",
                                     .note = "sample, gradient, Adam step"};
        micro_measure(&episodes, episode, &s, 5, 0.1);
    }
    if (s.status != CS_OK)
        fprintf(stderr, "bench search: %s\n", cs_status_text(s.status));
    cs_reinforce_free(s.trainer);
    cs_controller_free(s.controller);
    cs_engine_free(s.engine);
    cs_space_free(s.space);
}
