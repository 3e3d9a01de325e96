/* How the dimensions of a layer can be split over an accelerator, and points made of the splits. */
#include "hw/mapper_space.h"

#include <stdlib.h>
#include <string.h>

/* ---- splits of a dimension ---- */

typedef struct splitting {
    mapper *m;
    int dim;
    mapper_split split;
    bool failed;
} splitting;

static void keep_split(splitting *s)
{
    mapper_splits *all = &s->m->splits[s->dim];
    if (all->n == all->cap) {
        const size_t cap = all->cap ? 2 * all->cap : 64;
        mapper_split *more = realloc(all->split, cap * sizeof *more);
        if (!more) {
            s->failed = true;
            return;
        }
        all->split = more;
        all->cap = cap;
    }
    all->split[all->n++] = s->split;
}

/* Factors of `rest` over the temporal levels from `level` outwards; level 0 takes what is left. */
static void split_time(splitting *s, int level, uint32_t rest)
{
    const bool here = s->m->space->temporal[level] >> s->dim & 1;
    if (s->failed)
        return;
    if (level == 0) {
        if (rest > 1 && !here)
            return;
        s->split.bound[MAPPER_T][0] = (uint16_t)rest;
        keep_split(s);
        return;
    }
    for (uint32_t b = 1; b <= (here ? rest : 1); b++)
        if (rest % b == 0) {
            s->split.bound[MAPPER_T][level] = (uint16_t)b;
            split_time(s, level - 1, rest / b);
        }
}

/* Unrolls over the fan-outs, place 2 * level + (0: x, 1: y), then splits the rest in time. */
static void split_space(splitting *s, int place, uint32_t rest)
{
    const int levels = s->m->arch->n_levels;
    if (place == 2 * levels) {
        split_time(s, levels - 1, rest);
        return;
    }
    const int level = place / 2;
    const bool along_y = place % 2;
    const cs_nest_level *l = &s->m->arch->level[level];
    const uint8_t allowed = along_y ? s->m->space->axis_y[level] : s->m->space->axis_x[level];
    uint32_t most = along_y ? l->mesh_y : l->mesh_x;
    most = allowed >> s->dim & 1 && most > 1 ? most : 1;
    most = most < rest ? most : rest;
    uint32_t passes_before = 0;
    for (uint32_t b = 1; b <= most; b++) {
        const uint32_t passes = (rest + b - 1) / b;
        const bool useful = s->m->space->divisors_only ? rest % b == 0 : passes != passes_before;
        passes_before = passes;
        if (!useful)
            continue;
        s->split.bound[along_y ? MAPPER_Y : MAPPER_X][level] = (uint16_t)b;
        split_space(s, place + 1, passes);
    }
}

cs_status mapper_list_splits(mapper *m, cs_error *err)
{
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        splitting s = {.m = m, .dim = d};
        for (int kind = 0; kind < MAPPER_KINDS; kind++)
            for (int l = 0; l < CS_NEST_LEVELS; l++)
                s.split.bound[kind][l] = 1;
        split_space(&s, 0, m->layer->extent[d]);
        if (s.failed)
            return cs_fail(err, CS_ENOMEM, "out of memory for the mappings of a layer");
        if (m->splits[d].n == 0)
            return cs_fail(err, CS_EUSAGE,
                           "dimension %c of extent %u has no place in the mapping: allow it as a "
                           "temporal loop of some level",
                           cs_nest_dim_letter(d), (unsigned)m->layer->extent[d]);
    }
    return CS_OK;
}

void mapper_free_splits(mapper *m)
{
    for (int d = 0; d < CS_NEST_DIMS; d++)
        free(m->splits[d].split);
}

/* ---- points ---- */

/* Dimensions on which a tensor does not depend: as innermost loops they leave its tile in place. */
static const uint8_t stays[CS_TENSORS][3] = {
    {CS_DIM_N, CS_DIM_P, CS_DIM_Q}, {CS_DIM_K}, {CS_DIM_C, CS_DIM_R, CS_DIM_S}};
static const int stays_n[CS_TENSORS] = {3, 1, 3};

void mapper_block_order(int index, uint8_t order[CS_NEST_DIMS])
{
    static const uint8_t turn[MAPPER_ORDERS][CS_TENSORS] = {{2, 0, 1}, {2, 1, 0}, {0, 2, 1},
                                                            {0, 1, 2}, {1, 0, 2}, {1, 2, 0}};
    int at = CS_NEST_DIMS;
    for (int i = 0; i < CS_TENSORS; i++) {
        const int t = turn[index][i];
        for (int k = 0; k < stays_n[t]; k++)
            order[--at] = stays[t][k];
    }
    order[--at] = CS_DIM_G; /* every tensor changes with the group */
}

void mapper_build(const mapper *m, const mapper_point *point, cs_nest_mapping *out)
{
    const mapper_split *split[CS_NEST_DIMS];
    memset(out, 0, sizeof *out);
    for (int d = 0; d < CS_NEST_DIMS; d++)
        split[d] = &m->splits[d].split[point->split[d]];
    for (int l = 0; l < m->arch->n_levels; l++) {
        cs_nest_map_level *map = &out->level[l];
        map->keep = m->space->keep[l];
        for (int i = 0; i < CS_NEST_DIMS; i++) {
            const uint8_t d = point->order[l][i];
            const uint16_t b = split[d]->bound[MAPPER_T][l];
            if (b > 1)
                map->temporal[map->n_temporal++] = (cs_nest_loop){d, 0, b};
        }
        for (int axis = CS_AXIS_X; axis <= CS_AXIS_Y; axis++)
            for (uint8_t d = 0; d < CS_NEST_DIMS; d++) {
                const uint16_t b = split[d]->bound[axis == CS_AXIS_X ? MAPPER_X : MAPPER_Y][l];
                if (b > 1 && map->n_spatial < CS_NEST_DIMS)
                    map->spatial[map->n_spatial++] = (cs_nest_loop){d, (uint8_t)axis, b};
            }
    }
}

double mapper_try(mapper *m, const mapper_point *point)
{
    cs_nest_mapping mapping;
    cs_nest_cost cost;
    mapper_build(m, point, &mapping);
    m->evaluations++;
    if (cs_nest_evaluate(m->layer, m->arch, &mapping, &cost) != CS_OK)
        return (double)INFINITY;
    const double value = cs_map_value(m->config->objective, &cost);
    if (value < m->best->value) {
        m->best->value = value;
        m->best->mapping = mapping;
        m->best->cost = cost;
    }
    return value;
}
