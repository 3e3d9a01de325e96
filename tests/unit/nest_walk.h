/* A loop nest walked step by step: every iteration, every instance, every tile as a set of words.
 */
#ifndef CS_TEST_NEST_WALK_H
#define CS_TEST_NEST_WALK_H

#include "cosearch/loopnest.h"

/* Totals over all instances. */
typedef struct nest_walk {
    double reads[CS_NEST_LEVELS][CS_TENSORS];
    double fills[CS_NEST_LEVELS][CS_TENSORS];
    double updates[CS_NEST_LEVELS][CS_TENSORS];
    double joined[CS_NEST_LEVELS]; /* inputs read if all children of an instance were one buffer */
    double macs, steps;            /* real multiplications; temporal iterations, padding too */
} nest_walk;

/* What an iteration that lies in the padding does to a buffer. */
typedef enum nest_padding {
    NEST_PADDING_KEEPS,  /* nothing: the tile before stays                */
    NEST_PADDING_EMPTIES /* the tile is gone and has to be loaded again   */
} nest_padding;

/* Tensors of at most NEST_WALK_WORDS words, at most NEST_WALK_UNITS instances of a level. */
enum { NEST_WALK_WORDS = 1 << 14, NEST_WALK_UNITS = 512 };
void nest_walk_run(const cs_nest_layer *layer, int n_levels, const cs_nest_mapping *mapping,
                   nest_padding padding, nest_walk *out);

#endif
