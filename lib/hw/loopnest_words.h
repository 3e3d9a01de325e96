/* Words that a loop nest moves: the prepared nest and the counts taken from it. Shared by the files
 * loopnest*.c; the public interface is cosearch/loopnest.h. */
#ifndef CS_HW_LOOPNEST_WORDS_H
#define CS_HW_LOOPNEST_WORDS_H

#include "cosearch/loopnest.h"

/* A temporal loop; all of them in one list, innermost first. Where the product of the bounds of a
 * dimension exceeds its extent, the loops run less often than they say: `bound` is how many times
 * the words inside grow, real at the loop that reaches the extent; `trips` how often the loop turns
 * with work inside, on average over the loops outside it. Both are the bound as given otherwise. */
typedef struct loopnest_loop {
    double bound, trips;
    uint32_t step;  /* of the dimension, per iteration */
    uint16_t given; /* the bound as given */
    uint8_t dim;
} loopnest_loop;

/* A loop of a dimension, temporal or spatial, as one of all loops of that dimension. */
typedef struct loopnest_turn {
    uint32_t step;
    uint16_t given;
    int16_t outer; /* the next loop of the dimension outwards, or -1 */
    int16_t loop;  /* temporal: index into loopnest.loop; -1: spatial ...  */
    uint8_t level; /* ... over the fan-out of this level                   */
} loopnest_turn;

/* Spatial offsets first, first + step, ... of one dimension below one level. */
typedef struct loopnest_row {
    double bound; /* 1: none */
    uint32_t step;
} loopnest_row;

/* The fan-out below one level. */
typedef struct loopnest_fan {
    double active;               /* instances of the next level with work, on average        */
    double copies[CS_TENSORS];   /* the same, by tensor: tiles that are cut count as a part,
                                    copies of a whole tile count whole                       */
    double distinct[CS_TENSORS]; /* offsets of the tensor that differ, without those of input
                                    rows and columns                                         */
    bool sliding;                /* some of P, Q, R, S is spatial here                */
    bool crowded;                /* one of P, Q, R, S has two loops that do not join  */
    loopnest_row row[CS_NEST_DIMS - CS_DIM_P]; /* P, Q, R, S */
} loopnest_fan;

typedef struct loopnest {
    const cs_nest_layer *layer;
    const cs_nest_mapping *mapping;
    int n_levels, n_loops, n_turns;
    bool perfect; /* every product of bounds equals its extent */
    loopnest_loop loop[CS_NEST_LEVELS * CS_NEST_DIMS];
    loopnest_turn turn[2 * CS_NEST_LEVELS * CS_NEST_DIMS];    /* innermost first */
    int16_t innermost[CS_NEST_DIMS], outermost[CS_NEST_DIMS]; /* turns, or -1 */
    int outside[CS_NEST_LEVELS + 1]; /* loops from this index on are outside the level; index
                                        n_levels is the multipliers */
    /* product from here outwards of bounds (dimension of the tensor) and trips (others) */
    double suffix[CS_TENSORS][CS_NEST_LEVELS * CS_NEST_DIMS + 1];
    uint32_t tile[CS_NEST_LEVELS + 1][CS_NEST_DIMS]; /* extents held by one instance, cut */
    loopnest_fan fan[CS_NEST_LEVELS];
    double padded; /* product of the temporal bounds as given */
} loopnest;

/* CS_NEST_FITS, or CS_NEST_COVER / CS_NEST_MALFORMED with *dim. */
cs_nest_verdict loopnest_prepare(const cs_nest_layer *layer, int n_levels,
                                 const cs_nest_mapping *mapping, loopnest *out, uint8_t *dim);

/* Words of a tensor in one instance of a level. */
double loopnest_tile_words(const loopnest *nest, int level, int tensor);

/* Words that enter (inputs, weights) or leave (outputs) one instance of `level` over the whole
 * layer; level n_levels is a multiplier, which asks anew in every iteration. Weights and outputs of
 * a nest that is not perfect: use loopnest_total. */
double loopnest_moved(const loopnest *nest, int level, int tensor, bool timeloop_halo);

/* Weights or outputs moved into (out of) all instances of `level` over the whole layer, copies for
 * the instances of all levels from `source` on made once: source == level counts every instance,
 * source == parent what the parents send. Exact for padded nests too. */
double loopnest_total(const loopnest *nest, int level, int source, int tensor);
/* Outputs that all instances of a level see for the first time. */
double loopnest_first(const loopnest *nest, int level);

/* Spatial offsets of a tensor that differ, over the fan-outs of levels first..last. */
double loopnest_distinct(const loopnest *nest, int first, int last, int tensor);

/* Inputs that enter the array below `parent` when its instances of `child` hand on to each other
 * what a neighbour needs next: the words moved for the union of their tiles. NAN if no temporal
 * step outside `child` equals a spatial step. */
double loopnest_forwarded(const loopnest *nest, int parent, int child, bool timeloop_halo);

/* Bit d: the tensor's coordinates depend on dimension d. */
extern const uint8_t loopnest_relevant[CS_TENSORS];

#endif
