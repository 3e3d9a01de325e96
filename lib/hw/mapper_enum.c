/* The mapper's enumerations. Splits are chosen dimension by dimension; a partial choice whose tiles
 * or unrolled loops are too large already, with all other dimensions at 1, is cut. */
#include "hw/mapper_space.h"

typedef struct enumeration {
    mapper *m;
    bool all_orders;
    mapper_point point;
    double unrolled[CS_NEST_LEVELS][2]; /* product of the spatial bounds chosen so far */
    uint32_t tile[CS_NEST_LEVELS][CS_NEST_DIMS];
} enumeration;

/* ---- orders of a tiling ---- */

static void try_orders(enumeration *e, int level);

/* All orders of the loops of a level that run, by swapping each of the rest into place `at`. */
static void permute(enumeration *e, int level, uint8_t *loop, int n, int at)
{
    if (at == n) {
        try_orders(e, level + 1);
        return;
    }
    for (int i = at; i < n && !mapper_spent(e->m); i++) {
        const uint8_t other = loop[at];
        loop[at] = loop[i];
        loop[i] = other;
        permute(e, level, loop, n, at + 1);
        loop[i] = loop[at];
        loop[at] = other;
    }
}

/* Moves the loops that run to the front of the level's order; returns how many there are. */
static int running_first(enumeration *e, int level)
{
    uint8_t *order = e->point.order[level];
    int n = 0;
    for (int i = 0; i < CS_NEST_DIMS; i++) {
        const uint8_t d = order[i];
        if (e->m->splits[d].split[e->point.split[d]].bound[MAPPER_T][level] > 1) {
            order[i] = order[n];
            order[n++] = d;
        }
    }
    return n;
}

/* The order within the innermost level moves no words: nothing is kept below it. */
static void try_orders(enumeration *e, int level)
{
    if (mapper_spent(e->m))
        return;
    if (level >= e->m->arch->n_levels - 1) {
        mapper_try(e->m, &e->point);
        return;
    }
    const int n = running_first(e, level);
    if (n < 2 || e->all_orders) {
        permute(e, level, e->point.order[level], n, 0);
        return;
    }
    for (int i = 0; i < MAPPER_ORDERS && !mapper_spent(e->m); i++) {
        mapper_block_order(i, e->point.order[level]);
        try_orders(e, level + 1);
    }
}

/* ---- tilings ---- */

static double tile_words(const uint32_t *t, uint32_t stride, int tensor)
{
    if (tensor == CS_TENSOR_W)
        return (double)t[CS_DIM_G] * t[CS_DIM_K] * t[CS_DIM_C] * t[CS_DIM_R] * t[CS_DIM_S];
    if (tensor == CS_TENSOR_O)
        return (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_K] * t[CS_DIM_P] * t[CS_DIM_Q];
    return (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_C] *
           (double)(stride * (t[CS_DIM_P] - 1) + t[CS_DIM_R]) *
           (double)(stride * (t[CS_DIM_Q] - 1) + t[CS_DIM_S]);
}

static bool may_fit(const enumeration *e)
{
    const cs_nest_layer *layer = e->m->layer;
    for (int l = 0; l < e->m->arch->n_levels; l++) {
        const cs_nest_level *level = &e->m->arch->level[l];
        const double copies = level->double_buffered ? 2.0 : 1.0;
        double used = 0.0;
        if (e->unrolled[l][0] > (level->mesh_x ? level->mesh_x : 1) ||
            e->unrolled[l][1] > (level->mesh_y ? level->mesh_y : 1))
            return false;
        for (int t = 0; t < CS_TENSORS; t++) {
            uint8_t width = layer->bits[t];
            if (t == CS_TENSOR_O && layer->out_bits && layer->out_bits < width)
                width = layer->out_bits;
            const double bits = copies * tile_words(e->tile[l], layer->stride, t) * width;
            if (!(e->m->space->keep[l] >> t & 1))
                continue;
            if (level->share_bits[t] > 0.0) {
                if (bits > level->share_bits[t])
                    return false;
            } else {
                used += bits;
            }
        }
        if (used > level->capacity_bits)
            return false;
    }
    return true;
}

/* Applies a split of a dimension to the running tiles and fan-outs. */
static void place(enumeration *e, int dim, const mapper_split *split)
{
    uint32_t reached = 1;
    const uint32_t extent = e->m->layer->extent[dim];
    for (int l = e->m->arch->n_levels - 1; l >= 0; l--) {
        for (int kind = 0; kind < MAPPER_KINDS; kind++)
            reached = reached < extent ? reached * split->bound[kind][l] : reached;
        e->tile[l][dim] = reached < extent ? reached : extent;
        e->unrolled[l][0] *= (double)split->bound[MAPPER_X][l];
        e->unrolled[l][1] *= (double)split->bound[MAPPER_Y][l];
    }
}

static void take_back(enumeration *e, int dim, const mapper_split *split)
{
    for (int l = 0; l < e->m->arch->n_levels; l++) {
        e->tile[l][dim] = 1;
        e->unrolled[l][0] /= (double)split->bound[MAPPER_X][l];
        e->unrolled[l][1] /= (double)split->bound[MAPPER_Y][l];
    }
}

static void choose(enumeration *e, int dim)
{
    if (dim == CS_NEST_DIMS) {
        for (int l = 0; l < e->m->arch->n_levels; l++)
            mapper_block_order(0, e->point.order[l]);
        try_orders(e, 0);
        return;
    }
    const mapper_splits *all = &e->m->splits[dim];
    for (size_t i = 0; i < all->n && !mapper_spent(e->m); i++) {
        e->point.split[dim] = i;
        place(e, dim, &all->split[i]);
        if (may_fit(e))
            choose(e, dim + 1);
        take_back(e, dim, &all->split[i]);
    }
}

bool mapper_enumerate(mapper *m, bool all_orders)
{
    enumeration e = {.m = m, .all_orders = all_orders};
    for (int l = 0; l < CS_NEST_LEVELS; l++) {
        e.unrolled[l][0] = e.unrolled[l][1] = 1.0;
        for (int d = 0; d < CS_NEST_DIMS; d++)
            e.tile[l][d] = 1;
    }
    choose(&e, 0);
    return !mapper_spent(m);
}
