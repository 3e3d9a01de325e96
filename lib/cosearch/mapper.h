/* Search for the mapping of a layer onto an accelerator: tile sizes, spatial unrolling and loop
 * orders, priced by the loop-nest model (cosearch/loopnest.h). */
#ifndef CS_MAPPER_H
#define CS_MAPPER_H

#include "cosearch/loopnest.h"

typedef enum cs_map_objective { CS_MAP_ENERGY, CS_MAP_LATENCY, CS_MAP_EDP } cs_map_objective;

typedef enum cs_map_method {
    CS_MAP_EXHAUSTIVE, /* every tiling with every order of its loops: small spaces only         */
    CS_MAP_PRUNED,     /* every tiling; of the orders those that keep one tensor, then another,
                          in place (6 per level)                                                */
    CS_MAP_RANDOM,     /* independent random tilings and orders                                 */
    CS_MAP_DESCENT     /* from random starts, the best change of one dimension or one order
                          until none helps; the default elsewhere                               */
} cs_map_method;

/* What a mapping may do. Bits 1 << CS_DIM_*. */
typedef struct cs_map_space {
    uint8_t temporal[CS_NEST_LEVELS]; /* dimensions that may have a temporal loop at the level;
                                         what no level may take is an error                    */
    uint8_t axis_x[CS_NEST_LEVELS];   /* dimensions that may be unrolled over the fan-out      */
    uint8_t axis_y[CS_NEST_LEVELS];
    uint8_t keep[CS_NEST_LEVELS]; /* CS_KEEP_*: tensors that the level keeps               */
    bool divisors_only; /* spatial bounds divide the extent; otherwise any useful bound is tried
                           and the last pass over the array is partly empty                    */
} cs_map_space;

typedef struct cs_map_config {
    cs_map_objective objective;
    cs_map_method method;
    uint64_t evaluations_max; /* stop after so many; 0: none for enumerations, 200,000 otherwise */
    uint64_t seed;            /* of random and descent */
} cs_map_config;

typedef struct cs_map_result {
    cs_nest_mapping mapping;
    cs_nest_cost cost;
    double value;         /* of the objective: pJ, cycles, or their product */
    uint64_t evaluations; /* calls of the cost model */
    bool complete;        /* the whole space of the method was enumerated: the best of it */
} cs_map_result;

/* Everything the accelerator's hardware allows: all dimensions anywhere, every level keeps what it
 * may. */
void cs_map_space_full(const cs_nest_arch *arch, cs_map_space *out);

/* CS_EINFEASIBLE: no mapping found fits; CS_EUSAGE: some dimension has no place; CS_ENOMEM. Same
 * arguments, same result. */
cs_status cs_map_search(const cs_nest_layer *layer, const cs_nest_arch *arch,
                        const cs_map_space *space, const cs_map_config *config, cs_map_result *out,
                        cs_error *err);

/* Value of an objective. */
double cs_map_value(cs_map_objective objective, const cs_nest_cost *cost);

#endif
