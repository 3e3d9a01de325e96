/* Representation of a joint space, shared by the files of lib/space only. */
#ifndef CS_SPACE_INTERNAL_H
#define CS_SPACE_INTERNAL_H

#include "cosearch/space.h"

struct cs_space {
    const cs_net_space *net_space;
    const cs_hw_model *hw;
    cs_hw_context context;
    cs_net skeleton;                  /* everything about the network but operators and bits */
    size_t first[CS_GROUP_COUNT + 1]; /* group g holds decisions first[g]..first[g + 1] - 1    */
    cs_decision decision[CS_DECISIONS_MAX];
};

/* Value of a choice: operator id, bits, tile size. */
static inline int32_t space_value(const cs_space *s, size_t i, uint16_t choice)
{
    return s->decision[i].value[choice];
}

/* Decodes operators and bits that are known to be in range. An identity gets the lowest bits, so
 * that every vector that means the same design decodes to the same network. */
void space_decode(const cs_space *space, const cs_design *design, cs_net *out);

#endif
