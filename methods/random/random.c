/* Random search: designs drawn uniformly until one respects every limit, which is then evaluated.
 * The control that every other method has to beat, and the smallest complete method. */
#include "cosearch/method.h"

#include <stdlib.h>

typedef struct random_state {
    double best; /* claim of the last offer; negative before the first */
} random_state;

static cs_status random_open(cs_task *task, void **state)
{
    (void)task;
    random_state *s = malloc(sizeof *s);
    if (!s)
        return CS_ENOMEM;
    s->best = -1.0;
    *state = s;
    return CS_OK;
}

static cs_status random_step(cs_task *task, void *state)
{
    random_state *s = state;
    cs_design design;
    cs_hw_metrics hw;
    double acc;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &design);
    CS_TRY(cs_hw_query(task, &design, &hw));
    if (hw.violated)
        return CS_OK;
    CS_TRY(cs_eval(task, &design, cs_task_fidelity(task), &acc));
    if (acc <= s->best)
        return CS_OK;
    s->best = acc;
    return cs_offer(task, &design, acc);
}

static void random_close(void *state)
{
    free(state);
}

static cs_status random_save(const void *state, cs_sink *sink)
{
    return cs_sink_write(sink, state, sizeof(random_state));
}

static cs_status random_load(cs_task *task, cs_source *source, void **state)
{
    void *s;
    CS_TRY(random_open(task, &s));
    const cs_status status = cs_source_read(source, s, sizeof(random_state));
    if (status == CS_OK)
        *state = s;
    else
        free(s);
    return status;
}

static const cs_param random_params[] = {{.name = NULL}};

const cs_method cs_method_random = {.abi = CS_METHOD_ABI,
                                    .version = 1,
                                    .traits = CS_TRAIT_ANYTIME | CS_TRAIT_RESUMABLE,
                                    .name = "random",
                                    .cite = "li2020random",
                                    .summary = "uniform sampling, infeasible designs skipped",
                                    .params = random_params,
                                    .open = random_open,
                                    .step = random_step,
                                    .close = random_close,
                                    .save = random_save,
                                    .load = random_load};
