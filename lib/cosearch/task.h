/* Everything a search method is allowed to see and do.
 *
 * A task is one run: space, limits, budget, seed. It is implemented by the harness, which meters
 * every call; a method has no clock, no file, no other random numbers. */
#ifndef CS_TASK_H
#define CS_TASK_H

#include "cosearch/dataset.h"
#include "cosearch/space.h"
#include "cosearch/train.h"

typedef struct cs_task cs_task;
typedef struct cs_sink cs_sink;     /* checkpoint bytes out */
typedef struct cs_source cs_source; /* and in */

/* Content and price are set by the profile. */
typedef enum cs_fidelity { CS_FID_PROXY, CS_FID_SHORT, CS_FID_FULL, CS_FID_COUNT } cs_fidelity;

/* Budgets on the SEARCH. */
typedef enum cs_meter {
    CS_METER_EVALS,
    CS_METER_HW_QUERIES,
    CS_METER_SAMPLES,
    CS_METER_MACS,
    CS_METER_CPU_S,
    CS_METER_WALL_S,
    CS_METER_COUNT
} cs_meter;

typedef enum cs_split { CS_SEARCH_TRAIN, CS_SEARCH_VAL } cs_split; /* no test split exists here */

const cs_space *cs_task_space(const cs_task *task);
const cs_limits *cs_task_limits(const cs_task *task);
const cs_dataset_info *cs_task_dataset(const cs_task *task);
/* Value of a declared parameter of the running method. Asking for an undeclared name is a
 * programmer error (assertion). */
double cs_task_param(const cs_task *task, const char *name);
/* Highest fidelity that the profile prices: what `short` evaluations fall back to is its affair. */
cs_fidelity cs_task_fidelity(const cs_task *task);

/* Stream `name` of the run's `method` root; the same pointer for the same name. */
cs_rng *cs_task_rng(cs_task *task, const char *stream);

/* The run's engine. Products a method does through it (a controller, a supernet) are counted by the
 * same MAC meter and charged to the search like training is. Owned by the task. */
cs_engine *cs_task_engine(cs_task *task);

/* Metered; each returns CS_STOP once a budget is spent, and keeps doing so. */
cs_status cs_hw_query(cs_task *task, const cs_design *design, cs_hw_metrics *out);
/* The same price, with the whole breakdown. */
cs_status cs_hw_detail(cs_task *task, const cs_design *design, cs_hw_report *out);
/* Validation accuracy, 0..1, of the design's network trained at a fidelity. Training that runs
 * into the budget is cut and returns CS_STOP without a result. Initialisation depends on the
 * design and the `eval` root only, so a design scores the same for every method. */
cs_status cs_eval(cs_task *task, const cs_design *design, cs_fidelity fidelity, double *acc_val);
cs_status cs_batch_next(cs_task *task, cs_split split, cs_batch *out);

/* Free of charge: price of an evaluation in MACs, and the fraction of a budget left, 1 to 0
 * (1 where the profile sets no such budget). cs_budget_left(task, CS_METER_COUNT) is the smallest
 * over all budgets. */
double cs_eval_price(const cs_task *task, const cs_design *design, cs_fidelity fidelity);
double cs_budget_left(const cs_task *task, cs_meter meter);

/* Offers a design as an answer. Cost is re-derived by the harness; the claim (validation accuracy,
 * 0..1) is only logged and compared with the truth later. CS_EOUTSIDE if not in the space. */
cs_status cs_offer(cs_task *task, const cs_design *design, double claimed_acc);

/* The only way to print: one line into the run's log. */
void cs_note(cs_task *task, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Records a value of the search's inside (an entropy, a trade-off weight, a loss) as an `observe`
 * row of the trace, with the meters as they stand. Free of charge. name: 1 to CS_OBSERVE_NAME
 * characters of a-z 0-9 . _ (otherwise an assertion). A value that is not finite is an empty cell.
 * To bound the trace, the first 256 values of a name are written, of its next 256 every second one,
 * of the next 512 every fourth, and so on: about 128 rows each time their number doubles. Names
 * past the CS_OBSERVE_NAMES first are not written. */
#define CS_OBSERVE_NAME 31
#define CS_OBSERVE_NAMES 1024
void cs_observe(cs_task *task, const char *name, double value);

cs_status cs_sink_write(cs_sink *sink, const void *bytes, size_t n);
cs_status cs_source_read(cs_source *source, void *bytes, size_t n);

#endif
