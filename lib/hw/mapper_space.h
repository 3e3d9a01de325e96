/* Choices of the mapper, shared by mapper*.c. */
#ifndef CS_HW_MAPPER_SPACE_H
#define CS_HW_MAPPER_SPACE_H

#include "cosearch/mapper.h"
#include "cosearch/rng.h"

/* Where a dimension can be split: temporal loop of a level, unrolled below it along x or y. */
enum { MAPPER_T, MAPPER_X, MAPPER_Y, MAPPER_KINDS };

/* One way to split a dimension: the bound in every place. */
typedef struct mapper_split {
    uint16_t bound[MAPPER_KINDS][CS_NEST_LEVELS];
} mapper_split;

typedef struct mapper_splits {
    mapper_split *split; /* owned */
    size_t n, cap;
} mapper_splits;

#define MAPPER_ORDERS 6 /* block orders of a level */

/* A point of the space: a split per dimension and an order per level, outermost first. */
typedef struct mapper_point {
    size_t split[CS_NEST_DIMS];
    uint8_t order[CS_NEST_LEVELS][CS_NEST_DIMS];
} mapper_point;

typedef struct mapper {
    const cs_nest_layer *layer;
    const cs_nest_arch *arch;
    const cs_map_space *space;
    const cs_map_config *config;
    uint64_t evaluations_max;
    mapper_splits splits[CS_NEST_DIMS];
    cs_map_result *best; /* value Inf: none yet */
    uint64_t evaluations;
} mapper;

/* Every split of every dimension. CS_EUSAGE names a dimension without a place; CS_ENOMEM. */
cs_status mapper_list_splits(mapper *m, cs_error *err);
void mapper_free_splits(mapper *m);

/* Dimensions of a level, outermost first, so that one tensor stays longest, then a second. */
void mapper_block_order(int index, uint8_t order[CS_NEST_DIMS]);

/* Mapping of a point. */
void mapper_build(const mapper *m, const mapper_point *point, cs_nest_mapping *out);
/* Value of a point, INFINITY if it does not fit; keeps the best. */
double mapper_try(mapper *m, const mapper_point *point);
static inline bool mapper_spent(const mapper *m)
{
    return m->evaluations >= m->evaluations_max;
}

/* Enumerations; false if the budget ended them. */
bool mapper_enumerate(mapper *m, bool all_orders);
void mapper_random(mapper *m, cs_rng *rng);
void mapper_descent(mapper *m, cs_rng *rng);

#endif
