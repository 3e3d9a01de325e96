/* A task of its own for tests of the harness: micro space, accuracies that cost nothing. */
#ifndef CS_TASK_BED_H
#define CS_TASK_BED_H

#include "run/task_config.h"

typedef struct task_bed {
    cs_space *space;
    cs_task_config config; /* change it before a task is made */
    uint64_t last_seed;    /* of an evaluation */
    unsigned events[CS_EVENT_COUNT];
    cs_event last;
} task_bed;

/* fbnet:micro on fpga-chunk, no limits, no budgets; an evaluation is 1e6 MACs, its accuracy set by
 * the first operator. The caller frees f->space. */
void task_bed_new(task_bed *f, const cs_method *method);
/* A whole run; reason: why it ended. */
cs_status task_bed_run(task_bed *f, cs_task_summary *sum, char reason[64], cs_error *err);

/* Parts of a method: no state, and a step that queries the cost of a uniform design. */
cs_method task_bed_method(cs_status (*step)(cs_task *, void *));
cs_status task_bed_no_open(cs_task *task, void **state);
cs_status task_bed_query(cs_task *task, void *state);

#endif
