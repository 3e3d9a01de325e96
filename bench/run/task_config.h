/* One run as the harness sees it: implementation side of cosearch/task.h.
 *
 * A task is built from a configuration that names everything it may touch, so that a test can run
 * a method in-process with a cheap accuracy source and no clock. Nothing here opens files, reads a
 * clock or prints; the worker passes those in. */
#ifndef CS_BENCH_TASK_CONFIG_H
#define CS_BENCH_TASK_CONFIG_H

#include "cosearch/method.h"

/* Where a validation accuracy comes from: "train", "table", "supernet", "surrogate". */
typedef struct cs_accuracy_source {
    const char *name;
    void *context;
    /* True if the MACs of `evaluate` are counted by the engine as they happen ("train"); false if
     * the task charges `price` itself (a look-up that stands for a training). */
    bool metered;
    /* Does the profile price this fidelity? */
    bool (*offers)(const void *context, cs_fidelity fidelity);
    /* MACs of one evaluation. */
    double (*price)(const void *context, const cs_net *net, cs_fidelity fidelity);
    /* Accuracy 0..1 on search-val. `seed` depends on the network and the run's eval root only.
     * A metered source calls `tick` after every training step and validation batch and returns
     * its status if it is not CS_OK. */
    cs_status (*evaluate)(void *context, const cs_design *design, const cs_net *net,
                          cs_fidelity fidelity, uint64_t seed, cs_train_hook tick,
                          void *tick_context, double *acc_val, cs_error *err);
    /* NULL, or a bounded piece of work that has to be done before the search: CS_OK, there is more;
     * CS_DONE. It is charged to the search, but a method counts its budget from after it. */
    cs_status (*prepare)(void *context, cs_train_hook tick, void *tick_context, cs_error *err);
    /* What was prepared, into and out of a checkpoint; NULL if there is no prepare. */
    cs_status (*save)(const void *context, cs_sink *sink);
    cs_status (*load)(void *context, cs_source *source);
} cs_accuracy_source;

/* What the task tells its owner as things happen. Values that do not apply are NaN, hash 0. */
typedef enum cs_event_kind {
    CS_EVENT_EVAL,      /* an evaluation ended                          */
    CS_EVENT_OFFER,     /* a design was offered                         */
    CS_EVENT_IMPROVE,   /* an offer raised the best feasible accuracy   */
    CS_EVENT_OBSERVE,   /* a method recorded a value                    */
    CS_EVENT_HEARTBEAT, /* time passed: written by the worker           */
    CS_EVENT_STOP,      /* the search ended                             */
    CS_EVENT_COUNT
} cs_event_kind;

typedef struct cs_event {
    cs_event_kind kind;
    uint64_t seq; /* 0, 1, ... over all but heartbeats                          */
    uint64_t search_mac, evals, hw_queries, samples;
    uint64_t design_hash;
    int fidelity;              /* cs_fidelity of an eval; -1 otherwise                       */
    double claim_acc, acc_val; /* of an offer; measured by the harness for this design       */
    cs_hw_metrics hw;          /* re-derived by the harness                                  */
    bool has_hw;
    double best_feasible_acc; /* highest acc_val (else claim) among feasible offers so far  */
    const char *name;         /* of an observed value, else NULL; lives as long as the call  */
    double value;             /* of an observe; NaN otherwise                                */
    double hypervolume;       /* of (acc_val, fps) of feasible evaluations, reference (0,0) */
} cs_event;

typedef struct cs_task_config {
    const cs_space *space; /* borrowed, as all pointers here                             */
    cs_limits limits;
    cs_dataset_info dataset;
    const cs_method *method; /* whose parameters may be asked for                          */
    const double *param;     /* values in the order of method->params; NULL: the defaults  */
    cs_accuracy_source source;
    cs_feed feed[2];               /* by cs_split; next == NULL: no batches (CS_EUSAGE)          */
    cs_engine *engine;             /* NULL: cs_task_engine is not available                      */
    double budget[CS_METER_COUNT]; /* limit per meter; +Inf: none; see cs_task_config_init    */
    cs_meter primary;
    uint64_t finish_hw_queries; /* allowance of cost-model queries inside finish()            */
    uint64_t method_root, eval_root; /* seed roots                                            */
    uint32_t keep_offers; /* distinct feasible offers kept for the answer, >= 1         */

    cs_source *resume; /* checkpoint to go on from instead of open(); NULL: none */

    void *context; /* of the callbacks below, each of which may be NULL          */
    void (*on_event)(void *context, const cs_event *event);
    void (*on_note)(void *context, const char *line);
    double (*wall_s)(void *context); /* monotonic seconds; NULL: times read 0                 */
    /* Called between pieces of work: true ends the search (a signal came). */
    bool (*interrupted)(void *context);
    /* Called after each step that is not the last: the moment for cs_task_checkpoint. */
    void (*on_step)(void *context);
} cs_task_config;

/* No limits, no budgets, primary MACs, 1000 finish queries, one offer kept. */
void cs_task_config_init(cs_task_config *config);

cs_status cs_task_new(const cs_task_config *config, cs_task **out, cs_error *err);
void cs_task_free(cs_task *task); /* NULL is fine */

/* The whole search: open, step until a budget is spent or the method is done, finish, close.
 * CS_OK if it ended in an orderly way (see cs_task_stop_reason), CS_EMETHOD and a sentence if the
 * method broke its contract or returned an error. */
cs_status cs_task_run(cs_task *task, cs_error *err);

/* Why the search ended: "budget", "cap hw_queries", "converged", "terminated", "method error";
 * "" while it runs. */
const char *cs_task_stop_reason(const cs_task *task);

typedef struct cs_offer_record {
    cs_design design; /* canonical                                  */
    uint64_t hash;
    double claim_acc;
    double acc_val; /* NaN if the harness never evaluated it      */
    cs_hw_metrics hw;
} cs_offer_record;

/* What a run leaves behind. */
typedef struct cs_task_summary {
    uint64_t steps, evals[CS_FID_COUNT], hw_queries, samples, search_mac;
    uint64_t offers, offers_feasible;
    double first_feasible_mac; /* NaN: no feasible offer                                 */
    double eval_wall_s, hw_wall_s, search_wall_s;
    double budget_used; /* of the primary meter                                   */
    bool exhausted[CS_METER_COUNT];
} cs_task_summary;
void cs_task_summary_get(const cs_task *task, cs_task_summary *out);

/* Feasible offers kept, most recent first: 0 is the last one. NULL past the end. An offer made
 * again moves to the front. */
const cs_offer_record *cs_task_offer_at(const cs_task *task, size_t i);
/* The feasible offer with the highest claim (first one wins ties), or NULL. */
const cs_offer_record *cs_task_offer_best_claim(const cs_task *task);

/* Appends what is needed to go on from here (only inside on_step). CS_DONE: the method keeps no
 * checkpoints, or drew batches from a feed that cannot seek. */
cs_status cs_task_checkpoint(const cs_task *task, cs_sink *sink);

/* Checkpoint bytes in memory, for cs_method.save and load. */
cs_status cs_sink_new(cs_sink **out);
const void *cs_sink_bytes(const cs_sink *sink, size_t *n);
void cs_sink_free(cs_sink *sink);
cs_status cs_source_new(const void *bytes, size_t n, cs_source **out); /* copies */
void cs_source_free(cs_source *source);

#endif
