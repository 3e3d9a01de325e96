/* How many words a loop nest moves. The closed form is exact: a buffer holds the tile of the
 * current iteration and, when the next one begins, loads what the two tiles do not share. With the
 * loops outside a buffer numbered from the innermost, loop i of bound b_i moves the tile by
 * s_i - back_i along an axis, back_i being how far the inner loops had carried it, so that
 *
 *     M_0 = V,   M_i = b_i M_(i-1) - (b_i - 1) overlap_i
 *
 * counts the words of all iterations of loops 0..i. */
#include "hw/loopnest_words.h"

#include <string.h>

#define BIT(d) (1u << (d))

const uint8_t loopnest_relevant[CS_TENSORS] = {
    BIT(CS_DIM_G) | BIT(CS_DIM_K) | BIT(CS_DIM_C) | BIT(CS_DIM_R) | BIT(CS_DIM_S),
    BIT(CS_DIM_N) | BIT(CS_DIM_G) | BIT(CS_DIM_C) | BIT(CS_DIM_P) | BIT(CS_DIM_Q) | BIT(CS_DIM_R) |
        BIT(CS_DIM_S),
    BIT(CS_DIM_N) | BIT(CS_DIM_G) | BIT(CS_DIM_K) | BIT(CS_DIM_P) | BIT(CS_DIM_Q)};

/* Dimensions along which input tiles slide; two of them share an axis. */
#define SLIDING (BIT(CS_DIM_P) | BIT(CS_DIM_Q) | BIT(CS_DIM_R) | BIT(CS_DIM_S))

/* ---- preparation ---- */

/* How far a loop carries its dimension; see loopnest_loop. */
typedef struct extension {
    double bound, trips;
} extension;

static inline extension extend(uint32_t *reached, uint32_t extent, uint32_t bound)
{
    const uint32_t before = *reached, after = before * bound;
    if (before >= extent)
        return (extension){1.0, 1.0};
    *reached = after;
    if (extent % after == 0)
        return (extension){(double)bound, (double)bound};
    const double turns = (double)((extent + before - 1) / before);
    if (after > extent)
        return (extension){(double)extent / (double)before, turns};
    return (extension){(double)bound, turns / (double)((extent + after - 1) / after)};
}

/* Joins a spatial loop to the row of its dimension: contiguous loops make one longer row. */
static void add_row(loopnest_fan *fan, int dim, double bound, uint32_t step)
{
    loopnest_row *row = &fan->row[dim - CS_DIM_P];
    if (!(bound > 1.0))
        return;
    fan->sliding = true;
    if (!(row->bound > 1.0)) {
        row->bound = bound;
        row->step = step;
    } else if ((double)step == (double)row->step * row->bound) {
        row->bound *= bound;
    } else {
        fan->crowded = true;
    }
}

static inline void add_turn(loopnest *nest, int dim, uint32_t step, uint16_t given, int loop,
                            int level)
{
    const int16_t at = (int16_t)nest->n_turns++;
    nest->turn[at] = (loopnest_turn){step, given, -1, (int16_t)loop, (uint8_t)level};
    if (nest->innermost[dim] < 0)
        nest->innermost[dim] = at;
    else
        nest->turn[nest->outermost[dim]].outer = at;
    nest->outermost[dim] = at;
}

static bool spread(loopnest *nest, int level, uint32_t *reached)
{
    const cs_nest_map_level *map = &nest->mapping->level[level];
    loopnest_fan *fan = &nest->fan[level];
    *fan = (loopnest_fan){.active = 1.0,
                          .copies = {1.0, 1.0, 1.0},
                          .distinct = {1.0, 1.0, 1.0},
                          .row = {{1.0, 1}, {1.0, 1}, {1.0, 1}, {1.0, 1}}};
    for (int i = map->n_spatial - 1; i >= 0; i--) {
        const cs_nest_loop *l = &map->spatial[i];
        if (l->dim >= CS_NEST_DIMS || l->bound == 0)
            return false;
        const uint32_t step = reached[l->dim];
        const extension e = extend(&reached[l->dim], nest->layer->extent[l->dim], l->bound);
        const bool slides = SLIDING & BIT(l->dim);
        fan->active *= e.bound;
        for (int t = 0; t < CS_TENSORS; t++) {
            const bool relevant = loopnest_relevant[t] & BIT(l->dim);
            fan->copies[t] *= relevant ? e.bound : e.trips;
            if (relevant && !(t == CS_TENSOR_I && slides))
                fan->distinct[t] *= e.bound;
        }
        if (slides)
            add_row(fan, l->dim, e.bound, step);
        if (e.bound > 1.0)
            add_turn(nest, l->dim, step, l->bound, -1, level);
    }
    return true;
}

static bool iterate(const cs_nest_map_level *map, uint32_t *reached, loopnest *nest)
{
    for (int i = map->n_temporal - 1; i >= 0; i--) {
        const cs_nest_loop *l = &map->temporal[i];
        if (l->dim >= CS_NEST_DIMS || l->bound == 0)
            return false;
        if (l->bound == 1)
            continue;
        const uint32_t step = reached[l->dim];
        const extension e = extend(&reached[l->dim], nest->layer->extent[l->dim], l->bound);
        nest->padded *= (double)l->bound;
        if (e.bound > 1.0) {
            add_turn(nest, l->dim, step, l->bound, nest->n_loops, 0);
            nest->loop[nest->n_loops++] = (loopnest_loop){e.bound, e.trips, step, l->bound, l->dim};
        }
    }
    return true;
}

static void keep_tile(const cs_nest_layer *layer, const uint32_t *reached, uint32_t *tile)
{
    for (int d = 0; d < CS_NEST_DIMS; d++)
        tile[d] = reached[d] < layer->extent[d] ? reached[d] : layer->extent[d];
}

cs_nest_verdict loopnest_prepare(const cs_nest_layer *layer, int n_levels,
                                 const cs_nest_mapping *mapping, loopnest *nest, uint8_t *dim)
{
    uint32_t reached[CS_NEST_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    nest->layer = layer;
    nest->mapping = mapping;
    nest->n_levels = n_levels;
    nest->n_loops = nest->n_turns = 0;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        nest->innermost[d] = nest->outermost[d] = -1;
    nest->perfect = true;
    nest->padded = 1.0;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (layer->extent[d] == 0 || layer->extent[d] > CS_NEST_EXTENT_MAX) {
            *dim = (uint8_t)d;
            return CS_NEST_MALFORMED;
        }
    if (layer->stride == 0 || layer->stride > CS_NEST_EXTENT_MAX ||
        mapping->level[0].keep != CS_KEEP_ALL)
        return CS_NEST_MALFORMED;
    nest->outside[n_levels] = 0;
    keep_tile(layer, reached, nest->tile[n_levels]);
    for (int l = n_levels - 1; l >= 0; l--) {
        const cs_nest_map_level *map = &mapping->level[l];
        if (map->n_temporal > CS_NEST_DIMS || map->n_spatial > CS_NEST_DIMS ||
            !spread(nest, l, reached) || !iterate(map, reached, nest))
            return CS_NEST_MALFORMED;
        nest->outside[l] = nest->n_loops;
        keep_tile(layer, reached, nest->tile[l]);
    }
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        nest->perfect = nest->perfect && reached[d] == layer->extent[d];
        if (reached[d] < layer->extent[d]) {
            *dim = (uint8_t)d;
            return CS_NEST_COVER;
        }
    }
    for (int t = 0; t < CS_TENSORS; t++) {
        double product = nest->suffix[t][nest->n_loops] = 1.0;
        for (int i = nest->n_loops - 1; i >= 0; i--) {
            const loopnest_loop *l = &nest->loop[i];
            product *= loopnest_relevant[t] & BIT(l->dim) ? l->bound : l->trips;
            nest->suffix[t][i] = product;
        }
    }
    return CS_NEST_FITS;
}

/* ---- words moved ---- */

static inline double rows(const cs_nest_layer *layer, const uint32_t *tile)
{
    return (double)(layer->stride * (tile[CS_DIM_P] - 1) + tile[CS_DIM_R]);
}

static inline double columns(const cs_nest_layer *layer, const uint32_t *tile)
{
    return (double)(layer->stride * (tile[CS_DIM_Q] - 1) + tile[CS_DIM_S]);
}

double loopnest_tile_words(const loopnest *nest, int level, int tensor)
{
    const uint32_t *t = nest->tile[level];
    if (tensor == CS_TENSOR_W)
        return (double)t[CS_DIM_G] * t[CS_DIM_K] * t[CS_DIM_C] * t[CS_DIM_R] * t[CS_DIM_S];
    if (tensor == CS_TENSOR_O)
        return (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_K] * t[CS_DIM_P] * t[CS_DIM_Q];
    return (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_C] * rows(nest->layer, t) *
           columns(nest->layer, t);
}

static inline double shared(double extent, double shift)
{
    const double left = extent - fabs(shift);
    return left > 0.0 ? left : 0.0;
}

/* Words of an input tile of `depth` x h x w carried over all loops outside a level. */
static double moved_inputs(const loopnest *nest, int level, double depth, double h, double w,
                           bool timeloop_halo)
{
    double moved = depth * h * w, back_h = 0.0, back_w = 0.0;
    for (int i = nest->outside[level]; i < nest->n_loops; i++) {
        const loopnest_loop *l = &nest->loop[i];
        double step_h = 0.0, step_w = 0.0, turns = l->bound;
        switch (l->dim) {
        case CS_DIM_K: turns = l->trips; break;
        case CS_DIM_P: step_h = (double)(l->step * nest->layer->stride); break;
        case CS_DIM_R: step_h = (double)l->step; break;
        case CS_DIM_Q: step_w = (double)(l->step * nest->layer->stride); break;
        case CS_DIM_S: step_w = (double)l->step; break;
        default:
            return moved *
                   nest->suffix[CS_TENSOR_I][i]; /* another tile altogether, now and from here on */
        }
        double overlap = 0.0;
        if (!timeloop_halo || (back_h == 0.0 && back_w == 0.0))
            overlap = depth * shared(h, step_h - back_h) * shared(w, step_w - back_w);
        moved = turns * moved - (turns - 1.0) * overlap;
        back_h += (l->bound - 1.0) * step_h;
        back_w += (l->bound - 1.0) * step_w;
    }
    return moved;
}

/* First loop outside a level that moves the tensor's tile. */
static inline int first_relevant(const loopnest *nest, int level, int tensor)
{
    int i = nest->outside[level];
    while (i < nest->n_loops && !(loopnest_relevant[tensor] & BIT(nest->loop[i].dim)))
        i++;
    return i;
}

double loopnest_moved(const loopnest *nest, int level, int tensor, bool timeloop_halo)
{
    const uint32_t *t = nest->tile[level];
    if (level == nest->n_levels)
        return nest->suffix[tensor][0];
    if (tensor == CS_TENSOR_I)
        return moved_inputs(nest, level, (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_C],
                            rows(nest->layer, t), columns(nest->layer, t), timeloop_halo);
    /* Tiles of weights and outputs are the same or disjoint: everything is loaded again in every
     * iteration from the innermost loop that moves the tile outwards. */
    return loopnest_tile_words(nest, level, tensor) *
           nest->suffix[tensor][first_relevant(nest, level, tensor)];
}

/* ---- padded nests ---- */

/* Iterations with work of some loops of a dimension, all other loops of it at 0: temporal ones from
 * `first` on, spatial ones above `level`. From the outermost in: every iteration but the last that
 * has work runs all inner loops in full. */
static double turns(const loopnest *nest, int dim, int first, int level)
{
    const loopnest_turn *chosen[2 * CS_NEST_LEVELS * CS_NEST_DIMS];
    double inside[2 * CS_NEST_LEVELS * CS_NEST_DIMS], all = 1.0, count = 1.0;
    int n = 0;
    for (int i = nest->innermost[dim]; i >= 0; i = nest->turn[i].outer) {
        const loopnest_turn *t = &nest->turn[i];
        if (t->loop < 0 ? t->level >= level : t->loop < first)
            continue;
        chosen[n] = t;
        inside[n++] = all;
        all *= (double)t->given;
    }
    uint32_t rest = nest->layer->extent[dim];
    while (n-- > 0) {
        const uint32_t step = chosen[n]->step, given = chosen[n]->given;
        const uint32_t reached = (rest + step - 1) / step;
        const uint32_t with_work = reached < given ? reached : given;
        count += (double)(with_work - 1) * inside[n];
        rest -= (with_work - 1) * step;
    }
    return count;
}

static double total_from(const loopnest *nest, int first, int source, int tensor)
{
    double total = cs_nest_words(nest->layer, tensor);
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (!(loopnest_relevant[tensor] & BIT(d)) && nest->innermost[d] >= 0)
            total *= turns(nest, d, first, source);
    return total;
}

double loopnest_total(const loopnest *nest, int level, int source, int tensor)
{
    const int first = level == nest->n_levels ? 0 : first_relevant(nest, level, tensor);
    return total_from(nest, first, source, tensor);
}

double loopnest_first(const loopnest *nest, int level)
{
    return total_from(nest, nest->n_loops, level, CS_TENSOR_O);
}

/* ---- spatial offsets ---- */

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Number of values of step_a i + step_b j, i < a, j < b: with the steps divided by their common
 * divisor, (i, j) and (i - step_b, j + step_a) coincide. */
static double distinct_pair(loopnest_row a, loopnest_row b)
{
    if (!(b.bound > 1.0))
        return a.bound;
    if (!(a.bound > 1.0))
        return b.bound;
    const uint32_t g = common_divisor(a.step, b.step);
    const double again_a = a.bound - (double)(b.step / g), again_b = b.bound - (double)(a.step / g);
    return a.bound * b.bound - (again_a > 0.0 && again_b > 0.0 ? again_a * again_b : 0.0);
}

/* Any number of rows, by marking the offsets that occur. Beyond MARKS offsets (divided by what all
 * steps share) they count as different. */
enum { MARKS = 1 << 16 };

static double distinct_rows(const loopnest_row *row, int n)
{
    uint64_t marks[MARKS / 64] = {1}, next[MARKS / 64];
    uint32_t g = row[0].step;
    for (int i = 1; i < n; i++)
        g = common_divisor(g, row[i].step);
    double all = 1.0;
    uint32_t top = 0; /* highest offset marked */
    for (int i = 0; i < n; i++) {
        const uint32_t bound = (uint32_t)ceil(row[i].bound), step = row[i].step / g;
        all *= row[i].bound;
        if ((double)top + (double)step * (bound - 1) >= MARKS)
            return all;
        memset(next, 0, sizeof next);
        for (uint32_t at = 0; at <= top; at++)
            if (marks[at / 64] >> (at % 64) & 1u)
                for (uint32_t k = 0; k < bound; k++) {
                    const uint32_t to = at + k * step;
                    next[to / 64] |= (uint64_t)1 << (to % 64);
                }
        top += step * (bound - 1);
        memcpy(marks, next, sizeof marks);
    }
    double count = 0.0;
    for (uint32_t at = 0; at <= top; at++)
        count += (double)(marks[at / 64] >> (at % 64) & 1u);
    return count < all ? count : all;
}

/* Every spatial loop of two dimensions below levels first..last, with its step on their axis. */
static int collect_rows(const loopnest *nest, int first, int last, int pixel, int kernel,
                        loopnest_row *row)
{
    int n = 0;
    uint32_t reached[CS_NEST_DIMS];
    for (int l = last; l >= first; l--) {
        const cs_nest_map_level *map = &nest->mapping->level[l];
        memcpy(reached, nest->tile[l + 1], sizeof reached);
        for (int i = map->n_spatial - 1; i >= 0; i--) {
            const cs_nest_loop *loop = &map->spatial[i];
            const uint32_t step = reached[loop->dim];
            const double bound =
                extend(&reached[loop->dim], nest->layer->extent[loop->dim], loop->bound).bound;
            if (bound > 1.0 && (loop->dim == pixel || loop->dim == kernel))
                row[n++] =
                    (loopnest_row){bound, loop->dim == pixel ? step * nest->layer->stride : step};
        }
    }
    return n;
}

static double distinct_axis(const loopnest *nest, int first, int last, int pixel, int kernel)
{
    if (first == last && !nest->fan[first].crowded) {
        loopnest_row p = nest->fan[first].row[pixel - CS_DIM_P];
        p.step *= nest->layer->stride;
        return distinct_pair(p, nest->fan[first].row[kernel - CS_DIM_P]);
    }
    loopnest_row row[CS_NEST_LEVELS * CS_NEST_DIMS];
    const int n = collect_rows(nest, first, last, pixel, kernel, row);
    if (n == 0)
        return 1.0;
    return n == 1 ? row[0].bound : n == 2 ? distinct_pair(row[0], row[1]) : distinct_rows(row, n);
}

double loopnest_distinct(const loopnest *nest, int first, int last, int tensor)
{
    double distinct = 1.0;
    bool sliding = false;
    while (first < last && !(nest->fan[first].active > 1.0))
        first++;
    while (first < last && !(nest->fan[last].active > 1.0))
        last--;
    for (int l = first; l <= last; l++) {
        distinct *= nest->fan[l].distinct[tensor];
        sliding = sliding || nest->fan[l].sliding;
    }
    if (tensor == CS_TENSOR_I && sliding)
        distinct *= distinct_axis(nest, first, last, CS_DIM_P, CS_DIM_R) *
                    distinct_axis(nest, first, last, CS_DIM_Q, CS_DIM_S);
    return distinct;
}

/* ---- neighbour forwarding ---- */

/* Whether a loop outside `level` steps along the axis of `pixel` and `kernel` by `step`. */
static bool steps_by(const loopnest *nest, int level, int pixel, int kernel, uint32_t step)
{
    for (int i = nest->outside[level]; i < nest->n_loops; i++) {
        const loopnest_loop *l = &nest->loop[i];
        if ((l->dim == pixel && l->step * nest->layer->stride == step) ||
            (l->dim == kernel && l->step == step))
            return true;
    }
    return false;
}

/* One axis: widens the extent to the union of all tiles and returns 1 if a temporal step equals a
 * spatial one that leaves no gap; otherwise returns the number of distinct offsets. */
static double join_axis(const loopnest *nest, int parent, int child, int pixel, int kernel,
                        double *extent, bool *joined)
{
    loopnest_row row[CS_NEST_LEVELS * CS_NEST_DIMS];
    const int n = collect_rows(nest, parent, child - 1, pixel, kernel, row);
    bool meets = false;
    double reach = *extent;
    for (int i = 0; i < n; i++) {
        meets = meets ||
                ((double)row[i].step <= reach && steps_by(nest, child, pixel, kernel, row[i].step));
        reach += (row[i].bound - 1.0) * (double)row[i].step;
    }
    if (!meets)
        return distinct_axis(nest, parent, child - 1, pixel, kernel);
    *extent = reach;
    *joined = true;
    return 1.0;
}

double loopnest_forwarded(const loopnest *nest, int parent, int child, bool timeloop_halo)
{
    const uint32_t *t = nest->tile[child];
    double h = rows(nest->layer, t), w = columns(nest->layer, t), distinct = 1.0;
    bool joined = false;
    if (child == nest->n_levels)
        return (double)NAN;
    for (int l = parent; l < child; l++)
        distinct *= nest->fan[l].distinct[CS_TENSOR_I];
    distinct *= join_axis(nest, parent, child, CS_DIM_P, CS_DIM_R, &h, &joined);
    distinct *= join_axis(nest, parent, child, CS_DIM_Q, CS_DIM_S, &w, &joined);
    if (!joined)
        return (double)NAN;
    return distinct * moved_inputs(nest, child, (double)t[CS_DIM_N] * t[CS_DIM_G] * t[CS_DIM_C], h,
                                   w, timeloop_halo);
}
