/* The loop-nest model (cosearch/loopnest.h) for the one shape of nest that asic-pe makes: two
 * temporal levels over one array of single-word registers, all tensors kept everywhere, exact halo.
 * Three times as fast as the general code, which is its definition: asic_pe_nest_cost gives the
 * same numbers and the tests hold the two together. */
#include "asic_pe.h"

enum { W, I, O };

/* One loop of the convolution, cut into array, buffer and off-chip memory. `bound` is how many
 * times the words inside grow, `trips` how often the loop turns with work inside, on average. */
typedef struct axis {
    int32_t extent, spatial, held, outside; /* trip counts as given */
    int32_t passes;                         /* ceil(extent / spatial) */
    double spatial_bound, spatial_trips;
} axis;

typedef struct turn {
    double bound, trips;
    int32_t step;
    uint8_t loop; /* PE_*, or GROUPS */
} turn;
#define GROUPS PE_BATCH /* the batch is 1 and has no turns */

typedef struct counts {
    axis axis[PE_LOOPS];
    turn turn[2 * PE_LOOPS];                        /* temporal, innermost first */
    int32_t n_held, n;                              /* turns of the buffer; all */
    int8_t held_at[PE_LOOPS], outside_at[PE_LOOPS]; /* index of a loop's turn, or -1 */
    double suffix[2 * PE_LOOPS + 1];                /* inputs: product from here outwards */
    unsigned relevant[3];                           /* PE_BIT of loops */
    int32_t stride;
} counts;

static void add_turn(counts *k, uint8_t loop, double bound, double trips, int32_t step, int8_t *at)
{
    if (!(bound > 1.0))
        return;
    *at = (int8_t)k->n;
    k->turn[k->n++] = (turn){bound, trips, step, loop};
}

static void cut_axis(axis *a, int32_t extent, const pe_bounds *b, size_t loop)
{
    a->extent = extent;
    a->spatial = b->spatial[loop];
    a->held = b->loop[PE_BUFFER][loop];
    a->outside = b->loop[PE_DRAM][loop];
    a->passes = a->spatial == 1 ? extent : (extent + a->spatial - 1) / a->spatial;
    a->spatial_bound = a->spatial;
    a->spatial_trips =
        a->passes * a->spatial == extent ? a->spatial : (double)extent / (double)a->passes;
}

static void add_held(counts *k, uint8_t loop)
{
    const axis *a = &k->axis[loop];
    const int32_t reached = a->spatial * a->held;
    double bound = a->held, trips = a->held;
    if (a->held == 1 || a->spatial >= a->extent)
        return;
    if (reached > a->extent) {
        bound = (double)a->extent / (double)a->spatial;
        trips = a->passes;
    } else if (reached * a->outside != a->extent) {
        trips = (double)a->passes / (double)a->outside;
    }
    add_turn(k, loop, bound, trips, a->spatial, &k->held_at[loop]);
}

static void add_outside(counts *k, uint8_t loop)
{
    const axis *a = &k->axis[loop];
    const int32_t before = a->spatial * a->held;
    if (a->outside == 1 || before >= a->extent)
        return;
    add_turn(k, loop,
             before * a->outside == a->extent ? a->outside : (double)a->extent / (double)before,
             a->outside, before, &k->outside_at[loop]);
}

static void prepare(const pe_unit *unit, const cs_conv *c, const pe_bounds *b, counts *k)
{
    int32_t extent[PE_LOOPS];
    int8_t groups_at;
    const unsigned map = PE_BIT(PE_COL_OUT) | PE_BIT(PE_ROW_OUT);
    const unsigned kernel = PE_BIT(PE_COL_KERNEL) | PE_BIT(PE_ROW_KERNEL);
    const unsigned channels = PE_BIT(PE_CH_OUT) | PE_BIT(GROUPS);
    asic_pe_extents(c, extent);
    k->n = 0;
    k->stride = c->stride;
    k->relevant[W] = channels | kernel | PE_BIT(PE_CH_IN);
    k->relevant[O] = channels | map;
    k->relevant[I] = map | kernel | PE_BIT(GROUPS) | PE_BIT(c->depthwise ? PE_CH_OUT : PE_CH_IN);
    for (size_t i = 0; i < PE_LOOPS; i++) {
        cut_axis(&k->axis[i], extent[i], b, i);
        k->held_at[i] = k->outside_at[i] = -1;
    }
    for (size_t i = 0; i < unit->n_loops; i++)
        add_held(k, unit->order[PE_BUFFER][i]);
    k->n_held = k->n;
    for (size_t i = 0; i < unit->n_loops; i++)
        add_outside(k, unit->order[PE_DRAM][i]);
    if (!c->depthwise)
        add_turn(k, GROUPS, c->groups, c->groups, 1, &groups_at);
    k->suffix[k->n] = 1.0;
    for (int32_t i = k->n; i-- > 0;) {
        const turn *t = &k->turn[i];
        k->suffix[i] = k->suffix[i + 1] * (k->relevant[I] & PE_BIT(t->loop) ? t->bound : t->trips);
    }
}

/* ---- words moved ---- */

static int32_t at_most(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Iterations with work of a loop's turns from index `first` on, and of the array if `array`, all
 * other turns of it at 0: every iteration but the last that has work runs those inside in full. */
static double turns(const counts *k, size_t loop, int32_t first, bool array)
{
    const axis *a = &k->axis[loop];
    const double inner = array ? a->spatial : 1.0;
    const bool held = k->held_at[loop] >= first && k->held_at[loop] >= 0;
    double count = 1.0;
    int32_t rest = a->extent;
    if (k->outside_at[loop] >= first && k->outside_at[loop] >= 0) {
        count += (a->outside - 1.0) * inner * (held ? a->held : 1.0);
        rest -= (a->outside - 1) * a->spatial * a->held;
    }
    if (held) {
        const int32_t left =
            k->outside_at[loop] >= first ? a->passes - (a->outside - 1) * a->held : a->passes;
        const int32_t with_work = at_most(left, a->held);
        count += (with_work - 1.0) * inner;
        rest -= (with_work - 1) * a->spatial;
    }
    return array ? count + at_most(rest, a->spatial) - 1.0 : count;
}

/* Words of weights or outputs that pass between levels when everything is loaded again from the
 * turn `first` outwards; with the copies made in the array if `array`. */
static double total(const counts *k, int tensor, double words, int32_t first, bool array)
{
    for (size_t loop = 0; loop < PE_BATCH; loop++)
        if (!(k->relevant[tensor] & PE_BIT(loop)) && k->axis[loop].extent > 1)
            words *= turns(k, loop, first, array);
    return words;
}

static int32_t first_relevant(const counts *k, int tensor, int32_t from)
{
    while (from < k->n && !(k->relevant[tensor] & PE_BIT(k->turn[from].loop)))
        from++;
    return from;
}

static double shared(double extent, double shift)
{
    const double left = extent - fabs(shift);
    return left > 0.0 ? left : 0.0;
}

/* Words of an input tile of depth x h x w carried over the turns from index `from` on. */
static double moved_inputs(const counts *k, int32_t from, double depth, double h, double w)
{
    double moved = depth * h * w, back_h = 0.0, back_w = 0.0;
    for (int32_t i = from; i < k->n; i++) {
        const turn *t = &k->turn[i];
        const bool reused = !(k->relevant[I] & PE_BIT(t->loop));
        const bool row = t->loop == PE_ROW_OUT || t->loop == PE_ROW_KERNEL;
        const bool col = t->loop == PE_COL_OUT || t->loop == PE_COL_KERNEL;
        if (!row && !col && !reused)
            return moved * k->suffix[i]; /* another tile altogether, now and from here on */
        const bool pixel = t->loop == PE_ROW_OUT || t->loop == PE_COL_OUT;
        const double step = (double)t->step * (pixel ? k->stride : 1);
        const double step_h = row ? step : 0.0, step_w = col ? step : 0.0;
        const double n = reused ? t->trips : t->bound;
        const double overlap = depth * shared(h, step_h - back_h) * shared(w, step_w - back_w);
        moved = n * moved - (n - 1.0) * overlap;
        back_h += (t->bound - 1.0) * step_h;
        back_w += (t->bound - 1.0) * step_w;
    }
    return moved;
}

/* ---- the array ---- */

/* Offsets that differ along an axis of the inputs: step `stride` for pixels, 1 for the kernel. */
static double distinct_offsets(double pixels, double taps, double stride)
{
    const double again = taps - stride;
    if (!(taps > 1.0) || !(pixels > 1.0))
        return taps > 1.0 ? taps : pixels;
    return pixels * taps - (again > 0.0 ? (pixels - 1.0) * again : 0.0);
}

typedef struct spread {
    double distinct[3]; /* words that differ over the array */
    double copies;      /* of inputs: tiles that are cut count as a part */
} spread;

static spread over_array(const counts *k)
{
    const axis *a = k->axis;
    const double channels = a[PE_CH_OUT].spatial_bound, depth = a[PE_CH_IN].spatial_bound;
    const double row = a[PE_ROW_OUT].spatial_bound, col = a[PE_COL_OUT].spatial_bound;
    const double kr = a[PE_ROW_KERNEL].spatial_bound, kc = a[PE_COL_KERNEL].spatial_bound;
    const bool reused = !(k->relevant[I] & PE_BIT(PE_CH_OUT));
    return (spread){
        .distinct = {[W] = channels * depth * kr * kc,
                     [O] = channels * row * col,
                     [I] = (reused ? depth : channels) * distinct_offsets(row, kr, k->stride) *
                           distinct_offsets(col, kc, k->stride)},
        .copies = row * col * kr * kc * depth * (reused ? a[PE_CH_OUT].spatial_trips : channels)};
}

/* ---- cost ---- */

/* a - b where the two are equal or differ by at least a word in 65535. */
static double excess(double a, double b)
{
    const double rest = a - b;
    return rest > 1e-9 * a ? rest : 0.0;
}

static double round_up(double x)
{
    return ceil(x * (1.0 - 1e-12));
}

static double at_least(double a, double b)
{
    return a > b ? a : b;
}

/* Cycles of a level: the busier of its two ports, or both in turn on a shared one. */
static double port_cycles(const cs_nest_level *level, double read, double written)
{
    const double reading = read / level->read_bits_per_cycle;
    const double writing = written / level->write_bits_per_cycle;
    return round_up(level->shared_port ? reading + writing : at_least(reading, writing));
}

/* Bits that pass the levels. */
typedef struct traffic {
    double read[PE_NEST_LEVELS], written[PE_NEST_LEVELS];
    double hops;                                       /* between neighbours in the array */
    double first_in[PE_NEST_RF], last_out[PE_NEST_RF]; /* tiles below a level, no overlap */
} traffic;

/* Tiles of the buffer, in words. */
typedef struct tiles {
    double depth, height, width; /* inputs */
    double weights, outputs;
} tiles;

static tiles buffer_tiles(const counts *k, bool depthwise)
{
    double e[PE_LOOPS];
    for (size_t i = 0; i < PE_LOOPS; i++)
        e[i] = at_most(k->axis[i].spatial * k->axis[i].held, k->axis[i].extent);
    return (tiles){.depth = e[depthwise ? PE_CH_OUT : PE_CH_IN],
                   .height = k->stride * (e[PE_ROW_OUT] - 1.0) + e[PE_ROW_KERNEL],
                   .width = k->stride * (e[PE_COL_OUT] - 1.0) + e[PE_COL_KERNEL],
                   .weights = e[PE_CH_OUT] * e[PE_CH_IN] * e[PE_ROW_KERNEL] * e[PE_COL_KERNEL],
                   .outputs = e[PE_CH_OUT] * e[PE_ROW_OUT] * e[PE_COL_OUT]};
}

/* Weights and inputs, all at `bits`. */
static void count_operands(const counts *k, const spread *s, const tiles *t, const cs_conv *c,
                           traffic *out)
{
    const double bits = c->bits, all = (double)cs_conv_weights(c), macs = (double)cs_conv_macs(c);
    const int32_t first = first_relevant(k, W, 0);
    const double weights_0 = total(k, W, all, first_relevant(k, W, k->n_held), false);
    const double weights_1 = total(k, W, all, first, false);
    const double weights_2 = total(k, W, all, first, true); /* with copies */
    const double inputs_0 = moved_inputs(k, k->n_held, t->depth, t->height, t->width);
    const double inputs = moved_inputs(k, 0, 1.0, 1.0, 1.0);
    const double inputs_1 = s->distinct[I] * inputs, inputs_2 = s->copies * inputs;
    out->read[PE_NEST_DRAM] = out->written[PE_NEST_GLB] = (weights_0 + inputs_0) * bits;
    out->read[PE_NEST_GLB] = (weights_1 + inputs_1) * bits;
    out->written[PE_NEST_RF] = (weights_2 + inputs_2) * bits;
    out->read[PE_NEST_RF] = (macs + s->copies * k->suffix[0]) * bits;
    out->hops = (excess(weights_2, weights_1) + excess(inputs_2, inputs_1)) * bits;
    out->first_in[PE_NEST_DRAM] = (t->weights + t->depth * t->height * t->width) * bits;
    out->first_in[PE_NEST_GLB] = (s->distinct[W] + s->distinct[I]) * bits;
}

/* Outputs. A level to which no partial sum returns holds them finished, at `bits`. */
static void count_outputs(const counts *k, const spread *s, const tiles *t, const cs_conv *c,
                          double sum_bits, traffic *out)
{
    const double all = (double)c->out_size * c->out_size * c->cout, macs = (double)cs_conv_macs(c);
    const int32_t first = first_relevant(k, O, 0);
    const double outputs_0 = total(k, O, all, first_relevant(k, O, k->n_held), false);
    const double outputs_1 = total(k, O, all, first, false);
    const double outputs_2 = total(k, O, all, first, true);
    const double seen_2 = total(k, O, all, k->n, true); /* for the first time, with copies */
    const double again_0 = excess(outputs_0, all), again_1 = excess(outputs_1, all);
    const double again_2 = excess(macs, seen_2);
    const double bits_0 = again_0 > 0.0 ? sum_bits : c->bits;
    const double bits_1 = again_1 > 0.0 ? sum_bits : c->bits;
    const double bits_2 = again_2 > 0.0 ? sum_bits : c->bits;
    out->read[PE_NEST_DRAM] += again_0 * bits_0;
    out->written[PE_NEST_DRAM] = outputs_0 * bits_0;
    out->read[PE_NEST_GLB] += (again_1 + outputs_0) * bits_1;
    out->written[PE_NEST_GLB] += (again_0 + outputs_1) * bits_1;
    out->read[PE_NEST_RF] += (again_2 + outputs_2) * bits_2;
    out->written[PE_NEST_RF] += (excess(outputs_2, seen_2) + macs) * bits_2;
    out->hops += excess(outputs_2, outputs_1) * bits_1;
    out->last_out[PE_NEST_DRAM] = t->outputs * bits_0;
    out->last_out[PE_NEST_GLB] = s->distinct[O] * bits_1;
}

static double latency(const counts *k, const cs_conv *c, const cs_nest_arch *arch, const traffic *t)
{
    const cs_nest_level *dram = &arch->level[PE_NEST_DRAM], *glb = &arch->level[PE_NEST_GLB];
    double cycles = c->depthwise ? 1.0 : c->groups;
    for (size_t i = 0; i < PE_LOOPS; i++)
        cycles *= (double)k->axis[i].held * k->axis[i].outside;
    for (size_t l = PE_NEST_DRAM; l <= PE_NEST_GLB; l++)
        cycles = at_least(cycles, port_cycles(&arch->level[l], t->read[l], t->written[l]));
    const double fill =
        t->first_in[PE_NEST_DRAM] / fmin(dram->read_bits_per_cycle, glb->write_bits_per_cycle) +
        t->first_in[PE_NEST_GLB] / glb->read_bits_per_cycle;
    const double drain =
        t->last_out[PE_NEST_DRAM] / fmin(dram->write_bits_per_cycle, glb->read_bits_per_cycle) +
        t->last_out[PE_NEST_GLB] / glb->write_bits_per_cycle;
    return cycles + round_up(fill) + round_up(drain);
}

void asic_pe_nest_fast(const pe_unit *unit, const cs_conv *c, const pe_bounds *b,
                       const cs_nest_arch *arch, pe_nest_cost *out)
{
    counts k;
    traffic t;
    const double sum_bits = asic_pe_sum_bits(c);
    prepare(unit, c, b, &k);
    const spread s = over_array(&k);
    const tiles tile = buffer_tiles(&k, c->depthwise);
    count_operands(&k, &s, &tile, c, &t);
    count_outputs(&k, &s, &tile, c, sum_bits, &t);
    out->cycles = latency(&k, c, arch, &t);
    out->dram_bits = t.read[PE_NEST_DRAM] + t.written[PE_NEST_DRAM];
    out->pj[CS_HW_MAC] =
        (double)cs_conv_macs(c) *
        (arch->mul_pj * (c->bits / 32.0) * (c->bits / 32.0) + arch->add_pj * (sum_bits / 32.0));
    out->pj[CS_HW_ARRAY] = t.hops * arch->level[PE_NEST_GLB].hop_pj_bit;
    static const uint8_t where[PE_NEST_LEVELS] = {CS_HW_DRAM, CS_HW_GLB, CS_HW_RF};
    for (size_t l = 0; l < PE_NEST_LEVELS; l++)
        out->pj[where[l]] = t.read[l] * arch->level[l].read_pj_bit[W] +
                            t.written[l] * arch->level[l].write_pj_bit[W];
    out->pj[CS_HW_STATIC] = 0.0;
}
