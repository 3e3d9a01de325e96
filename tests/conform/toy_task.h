/* A run of a method in this process on the micro space and the real cost model, with an accuracy
 * that is computed instead of trained. */
#ifndef TOY_TASK_H
#define TOY_TASK_H

#include "run/task_config.h"

/* A batch of TOY_BATCH images, made when asked for: ten blotchy patterns under noise. */
#define TOY_BATCH 2

typedef struct toy_feed {
    uint64_t calls;
    float x[TOY_BATCH * 32 * 32 * 3];
    int32_t y[TOY_BATCH];
} toy_feed;

typedef struct toy {
    cs_space *space;
    cs_engine *engine;
    toy_feed *feed[2];     /* by cs_split; 8 batches an epoch, the same ones every epoch */
    cs_task_config config; /* change it before toy_run */
} toy;

/* fbnet:micro on fpga-chunk, DSP <= 64 and FPS >= 2000 (one uniform design in 27), 20,000
 * cost-model queries, no other budget, seed 1. Engine and space are new; toy_free frees them. */
toy toy_new(const cs_method *method);
void toy_seed(toy *t, uint64_t seed);
void toy_free(toy *t);

/* Accuracy 0..1 of a network: rises with kernels, expansions and bits at a falling rate, plus a
 * little per-network scatter. */
double toy_accuracy(const cs_net *net);

/* MACs that an evaluation of an average network is charged: fewer for methods that train a shared
 * network, whose MACs are really done, so that tests stay quick. */
double toy_price(const cs_method *method);

typedef struct toy_result {
    cs_status status;
    cs_error error;
    char reason[64];
    uint64_t trace; /* hash of every event and of the answer */
    uint64_t evals; /* all fidelities */
    cs_task_summary summary;
    bool answered;
    cs_offer_record answer;
    double best_claim_gap; /* largest claim minus measured accuracy over all offers */
} toy_result;

/* Runs the method to its end. */
toy_result toy_run(toy *t);

#endif
