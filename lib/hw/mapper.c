/* Search for mappings: the interface, random sampling and descent. */
#include "cosearch/mapper.h"

#include "hw/mapper_space.h"
#include <string.h>

#define DEFAULT_EVALUATIONS 200000
#define START_TRIES 64 /* random points for a start that fits, before the fallback */

double cs_map_value(cs_map_objective objective, const cs_nest_cost *cost)
{
    if (objective == CS_MAP_ENERGY)
        return cost->energy_pj;
    return objective == CS_MAP_LATENCY ? cost->cycles : cost->energy_pj * cost->cycles;
}

void cs_map_space_full(const cs_nest_arch *arch, cs_map_space *out)
{
    memset(out, 0, sizeof *out);
    for (int l = 0; l < arch->n_levels; l++) {
        out->temporal[l] = out->axis_x[l] = out->axis_y[l] = UINT8_MAX;
        out->keep[l] = l == 0 ? CS_KEEP_ALL : arch->level[l].may_keep;
    }
}

/* ---- random points ---- */

static void draw(const mapper *m, cs_rng *rng, bool any_order, mapper_point *out)
{
    for (int d = 0; d < CS_NEST_DIMS; d++)
        out->split[d] = cs_rng_below(rng, (uint32_t)m->splits[d].n);
    for (int l = 0; l < m->arch->n_levels; l++) {
        mapper_block_order((int)cs_rng_below(rng, MAPPER_ORDERS), out->order[l]);
        for (uint32_t i = CS_NEST_DIMS; any_order && i > 1; i--) {
            const uint32_t k = cs_rng_below(rng, i);
            const uint8_t swap = out->order[l][i - 1];
            out->order[l][i - 1] = out->order[l][k];
            out->order[l][k] = swap;
        }
    }
}

void mapper_random(mapper *m, cs_rng *rng)
{
    mapper_point point;
    while (!mapper_spent(m)) {
        draw(m, rng, true, &point);
        mapper_try(m, &point);
    }
}

/* ---- descent ---- */

/* Every loop as far out as it may be, nothing unrolled: fits if anything does. */
static void smallest_tiles(const mapper *m, mapper_point *out)
{
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        double best = (double)INFINITY;
        out->split[d] = 0;
        for (size_t i = 0; i < m->splits[d].n; i++) {
            const mapper_split *s = &m->splits[d].split[i];
            double inside = 0.0, reached = 1.0;
            for (int l = m->arch->n_levels - 1; l > 0; l--) {
                for (int kind = 0; kind < MAPPER_KINDS; kind++)
                    reached *= (double)s->bound[kind][l];
                inside += reached;
            }
            if (inside < best) {
                best = inside;
                out->split[d] = i;
            }
        }
    }
}

static double start(mapper *m, cs_rng *rng, mapper_point *out)
{
    double value = (double)INFINITY;
    for (int i = 0; i < START_TRIES && !isfinite(value) && !mapper_spent(m); i++) {
        draw(m, rng, false, out);
        value = mapper_try(m, out);
    }
    if (!isfinite(value)) {
        smallest_tiles(m, out);
        value = mapper_try(m, out);
    }
    return value;
}

/* The best split of one dimension, the rest as it is; true if it is better. */
static bool improve_split(mapper *m, int dim, mapper_point *point, double *value)
{
    size_t best = point->split[dim];
    const double before = *value;
    for (size_t i = 0; i < m->splits[dim].n && !mapper_spent(m); i++) {
        point->split[dim] = i;
        const double v = mapper_try(m, point);
        if (v < *value) {
            *value = v;
            best = i;
        }
    }
    point->split[dim] = best;
    return *value < before;
}

static bool improve_order(mapper *m, int level, mapper_point *point, double *value)
{
    mapper_point trial = *point;
    bool better = false;
    for (int i = 0; i < MAPPER_ORDERS + CS_NEST_DIMS - 1 && !mapper_spent(m); i++) {
        if (i < MAPPER_ORDERS) {
            mapper_block_order(i, trial.order[level]);
        } else { /* neighbours change places */
            const int at = i - MAPPER_ORDERS;
            memcpy(trial.order[level], point->order[level], sizeof trial.order[level]);
            trial.order[level][at] = point->order[level][at + 1];
            trial.order[level][at + 1] = point->order[level][at];
        }
        const double v = mapper_try(m, &trial);
        if (v < *value) {
            *value = v;
            memcpy(point->order[level], trial.order[level], sizeof trial.order[level]);
            better = true;
        }
    }
    return better;
}

void mapper_descent(mapper *m, cs_rng *rng)
{
    while (!mapper_spent(m)) {
        mapper_point point;
        double value = start(m, rng, &point);
        bool better = true;
        while (better && !mapper_spent(m)) {
            better = false;
            for (int l = 0; l < m->arch->n_levels - 1; l++)
                better = improve_order(m, l, &point, &value) || better;
            for (int d = 0; d < CS_NEST_DIMS; d++)
                if (m->splits[d].n > 1)
                    better = improve_split(m, d, &point, &value) || better;
        }
    }
}

/* ---- interface ---- */

static void search(mapper *m)
{
    cs_rng rng;
    cs_rng_seed(&rng, cs_rng_derive(m->config->seed, "mapper"));
    switch (m->config->method) {
    case CS_MAP_EXHAUSTIVE: m->best->complete = mapper_enumerate(m, true); break;
    case CS_MAP_PRUNED: m->best->complete = mapper_enumerate(m, false); break;
    case CS_MAP_RANDOM: mapper_random(m, &rng); break;
    case CS_MAP_DESCENT: mapper_descent(m, &rng); break;
    }
}

cs_status cs_map_search(const cs_nest_layer *layer, const cs_nest_arch *arch,
                        const cs_map_space *space, const cs_map_config *config, cs_map_result *out,
                        cs_error *err)
{
    const bool enumerates = config->method == CS_MAP_EXHAUSTIVE || config->method == CS_MAP_PRUNED;
    mapper m = {.layer = layer,
                .arch = arch,
                .space = space,
                .config = config,
                .evaluations_max = config->evaluations_max,
                .best = out};
    if (m.evaluations_max == 0)
        m.evaluations_max = enumerates ? UINT64_MAX : DEFAULT_EVALUATIONS;
    CS_TRY(cs_nest_arch_check(arch, err));
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (layer->extent[d] < 1 || layer->extent[d] > CS_NEST_EXTENT_MAX)
            return cs_fail(err, CS_EUSAGE, "extent of %c is %u, expected 1 to %d",
                           cs_nest_dim_letter(d), (unsigned)layer->extent[d], CS_NEST_EXTENT_MAX);
    if (space->keep[0] != CS_KEEP_ALL || layer->stride < 1 || layer->stride > CS_NEST_EXTENT_MAX)
        return cs_fail(err, CS_EUSAGE,
                       "the outermost level must keep all tensors and the stride be 1 to %d",
                       CS_NEST_EXTENT_MAX);
    memset(out, 0, sizeof *out);
    out->value = (double)INFINITY;
    cs_status status = mapper_list_splits(&m, err);
    if (status == CS_OK)
        search(&m);
    mapper_free_splits(&m);
    out->evaluations = m.evaluations;
    if (status == CS_OK && !isfinite(out->value))
        return cs_fail(err, CS_EINFEASIBLE, "no mapping of the layer fits the accelerator");
    return status;
}
