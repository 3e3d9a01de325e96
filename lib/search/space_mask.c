#include "cosearch/search.h"

#include <string.h>

/* Activity is read again where a group begins: bitwidths depend on the operators, accelerator
 * decisions on both (hw.h: `active` sees the network only). */
static void allowed(void *context, const uint16_t *choice, size_t i, uint16_t *first, uint16_t *end)
{
    cs_space_mask *mask = context;
    cs_design design = {.n = (uint16_t)cs_space_size(mask->space)};
    memcpy(design.choice, choice, i * sizeof design.choice[0]);
    if (i == 0 || i == mask->first_bits || i == mask->first_accelerator)
        cs_space_active(mask->space, &design, mask->active);
    if (i >= mask->first_bits && (!mask->active[i] || !cs_space_needed(mask->space, &design, i))) {
        *first = 0;
        *end = 1;
        return;
    }
    *first = cs_space_first(mask->space, &design, i);
    *end = cs_space_decision(mask->space, i)->n_choices;
}

void cs_space_mask_init(cs_space_mask *mask, const cs_space *space)
{
    size_t last;
    *mask = (cs_space_mask){.space = space};
    cs_space_group(space, CS_GROUP_BITWIDTH, &mask->first_bits, &last);
    cs_space_group(space, CS_GROUP_ACCELERATOR, &mask->first_accelerator, &last);
}

cs_mask cs_space_mask_of(cs_space_mask *mask)
{
    return (cs_mask){mask, allowed};
}
