/* Inside of a task; shared by task.c (what a method sees) and search.c (what the worker sees). */
#ifndef CS_BENCH_TASK_STATE_H
#define CS_BENCH_TASK_STATE_H

#include "run/meter.h"
#include "run/task_config.h"

#define STREAMS_MAX 32

typedef struct named_stream {
    char name[32];
    cs_rng rng;
} named_stream;

/* The most trustworthy accuracy measured so far for a network. */
typedef struct known_acc {
    uint64_t net_hash;
    cs_fidelity fidelity;
    double acc;
} known_acc;

typedef struct front_point {
    double acc, fps;
} front_point;

/* How often a name was observed. */
typedef struct observed {
    char name[CS_OBSERVE_NAME + 1];
    uint64_t n;
} observed;

struct cs_task {
    cs_task_config config;
    cs_meters meters;
    uint64_t engine_start, charged_mac;
    bool stopped, finishing;
    bool ready, opened;  /* the accuracy source is prepared; the method has a state */
    double prepared_mac; /* what that took                  */
    char reason[32];
    void *method_state;    /* for checkpoints; owned by cs_task_run */
    cs_error method_error; /* sentence of the last call a method got refused */

    named_stream stream[STREAMS_MAX];
    size_t n_streams;

    uint64_t seq, steps, evals[CS_FID_COUNT], hw_queries, finish_used;
    uint64_t offers, offers_feasible;
    double first_feasible_mac, best_feasible_acc, hypervolume;
    double eval_wall_s, hw_wall_s, search_wall_s;

    cs_offer_record *kept; /* [keep_offers] feasible, most recent first */
    size_t n_kept;
    cs_offer_record best_claim;
    bool has_best;

    known_acc *known;
    size_t n_known, cap_known;
    front_point *front; /* not dominated, rising acc, falling fps */
    size_t n_front, cap_front;

    observed *observed; /* in the order of their first observation */
    size_t n_observed, cap_observed, next_observed;
    uint64_t feed_calls[2]; /* of config.feed[i].next */

    cs_hw_report report; /* scratch: too large for the stack of a caller's caller */
};

/* Task and method out of config.resume, instead of open(); *state stays as it is if the checkpoint
 * was taken before the method was opened. */
cs_status cs_task_restore(cs_task *task, void **state, cs_error *err);

double cs_task_now(const cs_task *task);
cs_status cs_task_account(cs_task *task);
void cs_task_emit(cs_task *task, cs_event *event);

/* Grows an array of a task so that it has room for item n. */
bool cs_task_room(void **items, size_t *cap, size_t n, size_t size);

/* Identity of a network with its bitwidths, whatever the accelerator. */
uint64_t cs_net_hash(const cs_net *net);

/* Best known accuracy of a network (highest fidelity, latest), NaN if none. */
double cs_task_recall(const cs_task *task, uint64_t net_hash);
cs_status cs_task_remember(cs_task *task, uint64_t net_hash, cs_fidelity fidelity, double acc);
cs_status cs_task_add_to_front(cs_task *task, double acc, double fps);

#endif
