/* Accelerator search engine: its parts, shared by accel*.c and their tests. */
#ifndef CS_SEARCH_ACCEL_H
#define CS_SEARCH_ACCEL_H

#include "cosearch/relax.h"

/* What is observed of a sub-accelerator, and of the whole. */
enum {
    ACCEL_TIME,   /* log cycles; whole: log of the goal's value */
    ACCEL_ENERGY, /* log joules; whole: unused */
    ACCEL_DSP,    /* share of the limit */
    ACCEL_BRAM,
    ACCEL_TRAFFIC, /* cycles of the off-chip bus; whole: excess over limits without a price */
    ACCEL_VIEWS
};
#define ACCEL_EXCESS ACCEL_TRAFFIC
enum { ACCEL_PRICES = 2 }; /* on ACCEL_DSP and the next */

/* A sub-accelerator that decisions belong to: those named "NAME.x" or "NAME_y.x". The last unit of
 * an engine is the whole, whose decisions are those of no unit in the report. */
typedef struct accel_unit {
    char name[20];
    bool seen;                /* in the report of this sample */
    bool member;              /* and of the first one of this call */
    uint16_t layers;          /* of the first sample of this call */
    double now[ACCEL_VIEWS];  /* this sample */
    double mean[ACCEL_VIEWS]; /* moving mean over this call */
} accel_unit;

struct cs_accel {
    const cs_space *space;
    cs_limits limits;
    cs_accel_options options;
    size_t first, n;   /* accelerator decisions of the space; row r is decision first + r */
    cs_logits *logits; /* a row per decision */
    uint16_t *unit_of; /* [n] */
    accel_unit *unit;  /* [n_units + 1], the whole last */
    size_t n_units;
    uint64_t drawn;             /* samples, over all calls */
    double price[ACCEL_PRICES]; /* of one whole limit, in units of log cost */
    /* this call */
    cs_adam adam[2];   /* with their learning rates: of ordered decisions, of others */
    uint64_t observed; /* samples that the means have seen */
    bool apart;        /* do the layers of each unit depend on the network alone */
    bool active[CS_DECISIONS_MAX];
    size_t chunk_unit[CS_HW_CHUNKS_MAX]; /* where the last report's chunks were found */
    double prob[];                       /* [logits->count]: of each choice in this sample */
};

/* Draws every decision that matters; the others become 0. For the learning kinds prob gets the
 * softmax that the gradient differentiates, 0 where a cap forbids the choice: of the logits (ours),
 * of logits and noise (released). */
void accel_sample(cs_accel *engine, cs_rng *rng, cs_design *design);

/* Credit of each unit for the sample, from its report: by how much it is worse than the mean, in
 * units of log cost. credit has n_units + 1 entries. Then moves means and prices. */
void accel_credit(cs_accel *engine, const cs_hw_report *report, double *credit);

/* One Adam step of every decision that matters and had a choice. Gradient of row r, chosen k:
 *   ours:     credit[unit] * d/dlogit [ p_k / stop(p_k) ]   (an unbiased estimate)
 *   released: credit[unit] * d/dlogit [ y_k + stop(1 - y_k) ]   */
void accel_learn(cs_accel *engine, const cs_design *design, const double *credit);

#endif
