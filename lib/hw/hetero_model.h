/* NASAIC's heterogeneous accelerator: up to two (variant: four) sub-accelerators, each a dataflow
 * template with a number of PEs and a share of 64 GB/s. Shared by the published cost model and the
 * one through loop nests; docs/hw-models.md has every formula.
 * Source: yang2020nasaic; MAESTRO of February 2020 (commit 7ca29c8) for the published costs. */
#ifndef CS_HW_HETERO_MODEL_H
#define CS_HW_HETERO_MODEL_H

#include "cosearch/hetero.h"
#include "cosearch/loopnest.h"

#define HETERO_CLOCK_HZ 1e9 /* MAESTRO counts GB/s as bytes per cycle */
#define HETERO_PES_MAX 4096
#define HETERO_GBS_MAX 64

enum { HETERO_DLA, HETERO_SHI, HETERO_RS, HETERO_DATAFLOWS };

typedef struct hetero_unit {
    uint8_t slot;     /* 0..3: the unit is "s0".."s3" */
    uint8_t dataflow; /* HETERO_* */
    int32_t pes, gbs; /* PEs; GB/s, which are bytes per cycle */
} hetero_unit;

/* A unit ready to cost layers. */
typedef struct hetero_engine {
    hetero_unit unit;
    double area_mm2, static_w;
    cs_nest_arch
        arch; /* of the loop-nest model; the tiles are sized for operands of `widest` bits */
    uint8_t widest;
} hetero_engine;

/* One layer on one unit. The static share of the energy is 0: it depends on all units. */
typedef struct hetero_cost {
    double cycles, dram_bits;
    double energy_j[CS_HW_LEVELS];
} hetero_cost;

typedef struct hetero_model {
    size_t units; /* at most */
    double dram_bits_per_cycle;
    /* widest: bits of the widest operands of the space. */
    void (*build)(const hetero_unit *, uint8_t widest, hetero_engine *);
    void (*cost)(const hetero_engine *, const cs_conv *, hetero_cost *);
} hetero_model;

/* "s0-dla"; static storage. */
const char *hetero_unit_name(const hetero_unit *unit);
size_t hetero_decision_count(const hetero_model *);
cs_status hetero_decisions(const hetero_model *, cs_decision *list, size_t cap, size_t *n);
/* The units that a vector of choices describes; returns how many, 1..model->units. */
size_t hetero_decode(const hetero_model *, const uint16_t *choice, hetero_unit *unit);
/* Choices of two-unit accelerators, for the solver: PEs and GB/s of both, 0 PEs for no first one.
 */
void hetero_encode(const hetero_unit *first, const hetero_unit *last, uint16_t *choice);
/* Bits of the widest operands of a space. */
uint8_t hetero_widest(const cs_hw_context *ctx);

cs_status hetero_evaluate(const hetero_model *, const cs_hw_context *, const cs_net *,
                          const uint16_t *choice, const cs_limits *, cs_hw_report *);
cs_status hetero_solve(const hetero_model *, const cs_hw_context *, const cs_net *,
                       const cs_limits *, uint16_t *choice, cs_solution *, cs_error *);

/* Layers of a network, equal ones once. */
typedef struct hetero_work {
    size_t n_layers, n_kinds;
    cs_conv layer[CS_CONVS_MAX];
    uint8_t kind[CS_CONVS_MAX];   /* of a layer */
    uint8_t first[CS_CONVS_MAX];  /* layer that stands for a kind */
    uint16_t count[CS_CONVS_MAX]; /* layers of a kind */
} hetero_work;

/* CS_EOUTSIDE if a layer is wider than `widest`. */
cs_status hetero_work_init(const cs_net *net, uint8_t widest, hetero_work *out);

/* Latency (cycles) and energy (J, with the static power of all units) of every kind on every unit.
 */
typedef struct hetero_table {
    size_t n_units;
    double cycles[CS_CONVS_MAX][CS_HETERO_UNITS_MAX], energy_j[CS_CONVS_MAX][CS_HETERO_UNITS_MAX];
} hetero_table;

/* What a mapping of one network must keep. */
typedef struct hetero_goal {
    double cycles_max, energy_max_j;
} hetero_goal;
hetero_goal hetero_goal_of(const cs_limits *limits); /* NULL: none */

/* Layers of every kind on every unit: of the mappings on the lower convex hull of latency and
 * energy, and between its corners one layer at a time, the one of least energy-delay product among
 * those that keep the goal; without any, among all. Unconstrained this is the least EDP of any
 * mapping: a product of two sums is least at a corner of their hull. */
typedef struct hetero_mapping {
    double cycles, energy_j;
    bool feasible; /* keeps the goal */
    uint16_t on[CS_CONVS_MAX][CS_HETERO_UNITS_MAX];
} hetero_mapping;
void hetero_map(const hetero_work *, const hetero_table *, const hetero_goal *, hetero_mapping *);

extern const hetero_model hetero_published, hetero_published_4, hetero_nest, hetero_nest_4;

void hetero_published_build(const hetero_unit *, uint8_t widest, hetero_engine *);
void hetero_published_cost(const hetero_engine *, const cs_conv *, hetero_cost *);
void hetero_nest_build(const hetero_unit *, uint8_t widest, hetero_engine *);
void hetero_nest_cost(const hetero_engine *, const cs_conv *, hetero_cost *);

/* The schedule of a layer on a template, by a fixed rule (docs/hw-models.md). */
void hetero_nest_layer(const cs_conv *conv, cs_nest_layer *out);
void hetero_nest_mapping(const hetero_engine *, const cs_nest_layer *, cs_nest_mapping *out);

#endif
