/* What methods that plan by their budget ask a task. */
#include "cosearch/relax.h"
#include "cosearch/search.h"

#include <math.h>

#define PRICE_SAMPLES 16

double cs_training_left(const cs_task *task)
{
    return fmin(cs_budget_left(task, CS_METER_MACS), cs_budget_left(task, CS_METER_SAMPLES));
}

void cs_price_sample(cs_task *task, double *mean, double *max)
{
    cs_rng *rng = cs_task_rng(task, "prices");
    cs_design design;
    *mean = *max = 0.0;
    for (int i = 0; i < PRICE_SAMPLES; i++) {
        cs_space_sample(cs_task_space(task), rng, &design);
        const double price = cs_eval_price(task, &design, cs_task_fidelity(task));
        *mean += price / PRICE_SAMPLES;
        *max = fmax(*max, price);
    }
}

void cs_observe_ops(cs_task *task, const cs_logits *alpha)
{
    const cs_net_space *net = cs_space_net_space(cs_task_space(task));
    double p[CS_OPS_COUNT];
    for (size_t b = 0; b < alpha->rows; b++) {
        char name[CS_OBSERVE_NAME + 1] = "alpha.b00.";
        name[7] = (char)('0' + b / 10 % 10);
        name[8] = (char)('0' + b % 10);
        cs_gumbel_softmax(&alpha->value[alpha->offset[b]], alpha->n[b], 1.0, NULL, p);
        for (size_t o = 0; o < alpha->n[b]; o++) {
            const char *op = cs_ops[net->ops[o]].name;
            size_t at = 10;
            for (; *op && at < CS_OBSERVE_NAME; op++)
                name[at++] = *op;
            name[at] = '\0';
            cs_observe(task, name, p[o]);
        }
    }
}
