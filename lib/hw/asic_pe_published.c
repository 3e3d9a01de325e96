/* DNA's analytical model, digit for digit (simulator_eyeriss_scaletoli_debug.py of the released
 * code): energy and time of one group of a convolution on a PE array with registers, buffer and
 * off-chip memory, no overlap of any two transfers. */
#include "asic_pe.h"

/* Energy, 1 = a 16-bit multiply-accumulate at 65 nm. A 16-bit operation is made of 4-bit units. */
#define ADD_4 (1.6 / 68.0)
#define MUL_4X4 (1.6 / 17.0)
#define DRAM_BIT (200.0 / 16.0)
#define BUFFER_BIT (3.78 / 16.0)
#define NETWORK_BIT (0.89 / 8.0 * 2.0 / 3.0)
#define REGISTER_BIT (0.89 / 16.0)

/* An addition takes one cycle of the multipliers' clock, a multiplication two. */
#define CYCLES_PER_MAC 3.0

/* Widths of the buses in bits. */
#define BUS_BITS 64
#define REGISTER_BUS_BITS 16
#define WORD_BITS 16.0 /* of the words that the buffer is sized by */

/* What one pass over everything inside the loops walked so far costs. */
typedef struct walk_sum {
    double energy[CS_HW_DRAM + 1];
    double seconds;
    double dram_bits;
} walk_sum;

static void add_times(walk_sum *to, double n, const walk_sum *from)
{
    for (size_t i = 0; i <= CS_HW_DRAM; i++)
        to->energy[i] += n * from->energy[i];
    to->seconds += n * from->seconds;
    to->dram_bits += n * from->dram_bits;
}

static double transfers(double bits, double width)
{
    return ceil(bits / width);
}

/* Words of a tensor covered by extents e of the loops; extents of the array count if `array`. */
static double words(const pe_layer *l, size_t x, const double *e, bool array)
{
    const int32_t *s = l->bounds.spatial;
    double v[PE_LOOPS];
    for (size_t i = 0; i < PE_LOOPS; i++)
        v[i] = array ? e[i] * s[i] : e[i];
    if (x == PE_OUT)
        return v[PE_CH_OUT] * v[PE_COL_OUT] * v[PE_ROW_OUT];
    if (x == PE_WEIGHT)
        return v[PE_CH_OUT] * v[PE_CH_IN] * v[PE_COL_KERNEL] * v[PE_ROW_KERNEL];
    return (v[PE_ROW_KERNEL] + l->stride * (v[PE_ROW_OUT] - 1.0)) *
           (v[PE_COL_KERNEL] + l->stride * (v[PE_COL_OUT] - 1.0)) *
           v[l->depthwise ? PE_CH_OUT : PE_CH_IN];
}

/* Loops whose steps need other words of a tensor. The batch among a weight's is the code's. */
static unsigned relevant(const pe_layer *l, size_t x)
{
    static const unsigned out = PE_BIT(PE_CH_OUT) | PE_BIT(PE_COL_OUT) | PE_BIT(PE_ROW_OUT);
    static const unsigned kernel = PE_BIT(PE_COL_KERNEL) | PE_BIT(PE_ROW_KERNEL);
    if (x == PE_OUT)
        return out | PE_BIT(PE_BATCH);
    if (x == PE_WEIGHT)
        return PE_BIT(PE_CH_OUT) | PE_BIT(PE_CH_IN) | kernel | PE_BIT(PE_BATCH);
    return PE_BIT(PE_COL_OUT) | PE_BIT(PE_ROW_OUT) | kernel | PE_BIT(PE_BATCH) |
           PE_BIT(l->depthwise ? PE_CH_OUT : PE_CH_IN);
}

/* The nest without the array: positions 0..n-1 are buffer loops, n..2n-1 DRAM loops, innermost
 * first. A refresh at position p happens once per iteration of loop p, before the loops inside. */
typedef struct nest {
    size_t n; /* loops per level */
    uint8_t loop[2 * PE_LOOPS];
    int32_t trips[2 * PE_LOOPS];
    size_t register_at[PE_TENSORS], buffer_at[PE_TENSORS];
} nest;

static size_t first_relevant(const nest *t, unsigned loops, size_t from, size_t to, size_t none)
{
    for (size_t p = from; p < to; p++)
        if (t->trips[p] != 1 && (loops & PE_BIT(t->loop[p])))
            return p;
    return none;
}

/* Refreshes as far out as reuse allows. Registers: without a relevant loop just inside the
 * outermost refresh of the buffer, which the code takes for the end of the buffer's loops. */
static void place_refreshes(const pe_layer *l, nest *t)
{
    size_t outermost = 0;
    for (size_t x = 0; x < PE_TENSORS; x++) {
        t->buffer_at[x] = first_relevant(t, relevant(l, x), t->n, 2 * t->n, 2 * t->n - 1);
        if (t->buffer_at[x] > outermost)
            outermost = t->buffer_at[x];
    }
    for (size_t x = 0; x < PE_TENSORS; x++)
        t->register_at[x] =
            first_relevant(t, relevant(l, x), 0, l->depthwise ? t->n : 2 * t->n, outermost);
}

static void build(const pe_layer *l, nest *t)
{
    t->n = l->n_loops;
    for (size_t level = 0; level < PE_LEVELS; level++)
        for (size_t i = 0; i < t->n; i++) {
            const uint8_t loop = l->order[level][i];
            t->loop[level * t->n + i] = loop;
            t->trips[level * t->n + i] = l->bounds.loop[level][loop];
        }
    place_refreshes(l, t);
}

/* Partial sums are not read back in the first pass (`first`), in all others they are (`other`). */
static void multiply(const pe_platform *p, const pe_layer *l, double pes, walk_sum *first,
                     walk_sum *other)
{
    const double units = (l->bits + 3) / 4;
    const double access = transfers(l->bits, REGISTER_BUS_BITS) / p->chip_hz;
    *first = (walk_sum){.seconds = CYCLES_PER_MAC / PE_CLOCK_HZ + 3.0 * access};
    first->energy[CS_HW_MAC] = pes * (units * ADD_4 + units * units * MUL_4X4);
    first->energy[CS_HW_RF] = pes * (3.0 * l->bits * REGISTER_BIT);
    *other = *first;
    other->energy[CS_HW_RF] += pes * l->bits * REGISTER_BIT;
    other->seconds += access;
}

static walk_sum register_refresh(const pe_platform *p, const pe_layer *l, size_t x, const double *e,
                                 pe_cost *need)
{
    const double per_pe = words(l, x, e, false) * l->bits, all = words(l, x, e, true) * l->bits;
    walk_sum s = {.seconds = 2.0 * transfers(per_pe, x == PE_IN ? REGISTER_BUS_BITS : BUS_BITS) /
                                 p->chip_hz +
                             2.0 * transfers(all, BUS_BITS) / p->chip_hz};
    s.energy[CS_HW_ARRAY] = need->pes * per_pe * NETWORK_BIT;
    s.energy[CS_HW_GLB] = all * BUFFER_BIT;
    need->register_bits += per_pe;
    return s;
}

static walk_sum buffer_refresh(const pe_platform *p, const pe_layer *l, size_t x, const double *e,
                               pe_cost *need)
{
    const double all = words(l, x, e, true) * l->bits, n = transfers(all, BUS_BITS);
    walk_sum s = {.seconds = n / p->dram_hz + n / p->chip_hz, .dram_bits = all};
    s.energy[CS_HW_DRAM] = all * DRAM_BIT;
    need->buffer_bits += all;
    return s;
}

void asic_pe_published_cost(const pe_platform *p, const pe_layer *l, pe_cost *out)
{
    nest t;
    walk_sum first, other;
    double e[PE_LOOPS];
    *out = (pe_cost){.pes = 1.0};
    for (size_t i = 0; i < PE_LOOPS; i++) {
        out->pes *= l->bounds.spatial[i];
        e[i] = 1.0;
    }
    build(l, &t);
    multiply(p, l, out->pes, &first, &other);
    for (size_t at = 0; at < 2 * t.n; at++) {
        for (size_t x = 0; x < PE_TENSORS; x++) {
            const double again = x == PE_OUT ? 2.0 : 1.0; /* written, and read back */
            if (t.register_at[x] == at) {
                const walk_sum s = register_refresh(p, l, x, e, out);
                add_times(&first, 1.0, &s);
                add_times(&other, again, &s);
            }
            if (t.buffer_at[x] == at) {
                const walk_sum s = buffer_refresh(p, l, x, e, out);
                add_times(&first, 1.0, &s);
                add_times(&other, again, &s);
            }
        }
        add_times(&first, t.trips[at] - 1.0, &other);
        other = first;
        e[t.loop[at]] *= t.trips[at];
    }
    for (size_t i = 0; i <= CS_HW_DRAM; i++) {
        out->level[i] = first.energy[i];
        out->energy += first.energy[i];
    }
    out->seconds = first.seconds;
    out->dram_bits = first.dram_bits;
}

/* ---- a network ---- */

/* The code costs energy in units of a 16-bit multiply-accumulate at 65 nm; its authors' predictor
 * puts that at 1 pJ (DNN-Chip-Predictor, eyeriss/hardware.yaml). */
#define UNIT_J 1e-12

void asic_pe_published_units(const pe_platform *p, const cs_conv *conv, size_t n,
                             const uint16_t *choice, pe_unit unit[PE_PARTS])
{
    double macs[PE_PARTS] = {0.0}, volume[PE_PARTS] = {0.0};
    for (size_t i = 0; i < n; i++) {
        macs[conv[i].depthwise] += (double)cs_conv_macs(&conv[i]);
        volume[conv[i].depthwise] += asic_pe_conv_volume(&conv[i]);
    }
    for (size_t part = 0; part < PE_PARTS; part++) {
        pe_unit *u = &unit[part];
        if (macs[part] <= 0.0) {
            *u = (pe_unit){.depthwise = part == PE_DEPTHWISE};
            continue;
        }
        asic_pe_unit_decode(part, choice, u);
        u->pes = ceil(p->pes * macs[part] / (macs[PE_STANDARD] + macs[PE_DEPTHWISE]));
        u->buffer_bits =
            ceil(p->buffer_bits * volume[part] / (volume[PE_STANDARD] + volume[PE_DEPTHWISE]));
        asic_pe_set_array(u, true);
        asic_pe_set_tile(u, u->buffer_bits / WORD_BITS);
    }
}

/* Groups run one after another; what does not fit is recorded in the totals. */
static void cost_layer(const pe_platform *p, const pe_unit *unit, const cs_conv *c,
                       cs_hw_layer_cost *out, cs_hw_metrics *total)
{
    const double runs = c->depthwise ? 1.0 : c->groups;
    int32_t extent[PE_LOOPS];
    pe_layer layer = {.depthwise = unit->depthwise,
                      .n_loops = unit->n_loops,
                      .order = {unit->order[PE_BUFFER], unit->order[PE_DRAM]},
                      .stride = c->stride,
                      .bits = c->bits};
    pe_cost cost;
    asic_pe_extents(c, extent);
    asic_pe_bounds_set(unit, extent, &layer.bounds);
    asic_pe_published_cost(p, &layer, &cost);
    out->cycles = runs * cost.seconds * PE_CLOCK_HZ;
    out->dram_bits = runs * cost.dram_bits;
    for (size_t i = 0; i < CS_HW_LEVELS; i++)
        out->energy_j[i] = runs * cost.level[i] * UNIT_J;
    asic_pe_need(total, cost.pes, unit->pes, CS_VIOLATES_PES);
    asic_pe_need(total, cost.buffer_bits, unit->buffer_bits, CS_VIOLATES_BUFFER);
    asic_pe_need(total, cost.register_bits, p->register_bits, CS_VIOLATES_REGISTERS);
}

void asic_pe_published_report(const pe_platform *p, const cs_conv *conv, size_t n,
                              const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    pe_unit unit[PE_PARTS];
    asic_pe_published_units(p, conv, n, choice, unit);
    asic_pe_report_begin(unit, CYCLES_PER_MAC, INFINITY, report);
    for (size_t i = 0; i < n; i++) {
        asic_pe_report_layer(&conv[i], &report->layer[i]);
        cost_layer(p, &unit[conv[i].depthwise], &conv[i], &report->layer[i], &report->total);
    }
    report->n_layers = n;
    asic_pe_report_end(0.0, false, limits, report);
}
