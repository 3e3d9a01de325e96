#include "task_bed.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* An accuracy source without training: 1e6 MACs each, accuracy by the first operator. */
static bool toy_offers(const void *context, cs_fidelity fidelity)
{
    (void)context;
    return fidelity == CS_FID_SHORT;
}

static double toy_price(const void *context, const cs_net *net, cs_fidelity fidelity)
{
    (void)context, (void)net, (void)fidelity;
    return 1e6;
}

static cs_status toy_evaluate(void *context, const cs_design *design, const cs_net *net,
                              cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                              void *tick_context, double *acc, cs_error *err)
{
    (void)design, (void)fidelity, (void)tick, (void)tick_context, (void)err;
    *(uint64_t *)context = seed;
    *acc = 0.1 * (net->block[0].op + 1);
    return CS_OK;
}

static void on_event(void *context, const cs_event *event)
{
    task_bed *f = context;
    f->events[event->kind]++;
    f->last = *event;
}

cs_status task_bed_no_open(cs_task *task, void **state)
{
    (void)task;
    *state = NULL;
    return CS_OK;
}

static void no_close(void *state)
{
    (void)state;
}

cs_status task_bed_query(cs_task *task, void *state)
{
    cs_design d;
    cs_hw_metrics hw;
    (void)state;
    cs_space_sample(cs_task_space(task), cs_task_rng(task, "sample"), &d);
    return cs_hw_query(task, &d, &hw);
}

static const cs_param no_params[] = {{.name = NULL}};
cs_method task_bed_method(cs_status (*step)(cs_task *, void *))
{
    return (cs_method){.abi = CS_METHOD_ABI,
                       .version = 1,
                       .name = "toy",
                       .params = no_params,
                       .open = task_bed_no_open,
                       .step = step,
                       .close = no_close};
}

void task_bed_new(task_bed *f, const cs_method *method)
{
    *f = (task_bed){0};
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 10, &f->space, NULL), CS_OK);
    cs_task_config_init(&f->config);
    f->config.space = f->space;
    f->config.method = method;
    f->config.source = (cs_accuracy_source){.name = "toy",
                                            .context = &f->last_seed,
                                            .offers = toy_offers,
                                            .price = toy_price,
                                            .evaluate = toy_evaluate};
    f->config.context = f;
    f->config.on_event = on_event;
}

cs_status task_bed_run(task_bed *f, cs_task_summary *sum, char reason[64], cs_error *err)
{
    cs_task *task;
    cr_assert_eq(cs_task_new(&f->config, &task, err), CS_OK);
    const cs_status status = cs_task_run(task, err);
    cs_task_summary_get(task, sum);
    snprintf(reason, 64, "%s", cs_task_stop_reason(task));
    cs_task_free(task);
    return status;
}
