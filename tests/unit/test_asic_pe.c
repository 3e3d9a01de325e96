/* DNA's accelerator space and its published model. */
#include "cosearch/search.h"
#include "hw/asic_pe.h"
#include "hw_designs.h"

#include <math.h>
#include <stdlib.h>

static const pe_platform budget_144 = {.pes = 144,
                                       .buffer_bits = 2 * 1024 * 1024,
                                       .register_bits = 8000,
                                       .chip_hz = 200e6,
                                       .dram_hz = 200e6};
static const pe_platform budget_900 = {.pes = 900,
                                       .buffer_bits = 20.0 * 1024 * 1024 * 8,
                                       .register_bits = 8000,
                                       .chip_hz = 200e6,
                                       .dram_hz = 200e6};
static const pe_platform budget_asic = {.pes = 144,
                                        .buffer_bits = 2 * 1024 * 1024,
                                        .register_bits = 512,
                                        .chip_hz = 250e6,
                                        .dram_hz = 90e6};

/* Loop orders of the golden vectors, innermost first. */
static const uint8_t golden_gb[] = {PE_CH_OUT, PE_CH_IN,   PE_COL_KERNEL, PE_ROW_OUT,
                                    PE_BATCH,  PE_COL_OUT, PE_ROW_KERNEL};
static const uint8_t golden_dram[] = {PE_COL_OUT, PE_CH_OUT,     PE_BATCH,     PE_CH_IN,
                                      PE_ROW_OUT, PE_COL_KERNEL, PE_ROW_KERNEL};
static const uint8_t golden_gb_dw[] = {PE_CH_OUT, PE_COL_KERNEL, PE_ROW_OUT,
                                       PE_BATCH,  PE_COL_OUT,    PE_ROW_KERNEL};
static const uint8_t golden_dram_dw[] = {PE_COL_OUT, PE_CH_OUT,     PE_BATCH,
                                         PE_ROW_OUT, PE_COL_KERNEL, PE_ROW_KERNEL};

static pe_layer golden_layer(bool depthwise, int32_t stride)
{
    pe_layer l = {
        .depthwise = depthwise,
        .n_loops = depthwise ? 6 : 7,
        .order = {depthwise ? golden_gb_dw : golden_gb, depthwise ? golden_dram_dw : golden_dram},
        .stride = stride,
        .bits = 16};
    for (size_t i = 0; i < PE_LOOPS; i++)
        l.bounds.spatial[i] = l.bounds.loop[PE_BUFFER][i] = l.bounds.loop[PE_DRAM][i] = 1;
    int32_t *gb = l.bounds.loop[PE_BUFFER], *dram = l.bounds.loop[PE_DRAM];
    l.bounds.spatial[PE_ROW_OUT] = l.bounds.spatial[PE_COL_OUT] = 4;
    l.bounds.spatial[PE_CH_OUT] = 8;
    gb[PE_CH_OUT] = dram[PE_CH_OUT] = dram[PE_COL_OUT] = dram[PE_ROW_OUT] = 2;
    gb[PE_COL_KERNEL] = gb[PE_ROW_KERNEL] = 3;
    gb[PE_CH_IN] = depthwise ? 1 : 4;
    dram[PE_CH_IN] = depthwise ? 1 : 2;
    return l;
}

/* To all printed digits: the values of the authors' simulator. */
Test(asic_pe, published_golden_layers)
{
    static const struct {
        bool depthwise;
        int32_t stride;
        double energy, seconds, buffer_bits;
    } golden[] = {{false, 1, 4737146.88, 0.000700224, 15616},
                  {false, 2, 5384997.12, 0.000759264, 18496},
                  {true, 1, 1993198.08, 0.000148008, 15616}};
    for (size_t i = 0; i < 3; i++) {
        const pe_layer l = golden_layer(golden[i].depthwise, golden[i].stride);
        pe_cost c;
        asic_pe_published_cost(&budget_144, &l, &c);
        cr_expect_lt(fabs(c.energy - golden[i].energy), 0.005, "%.6f", c.energy);
        cr_expect_lt(fabs(c.seconds - golden[i].seconds), 5e-10, "%.12f", c.seconds);
        cr_expect_eq(c.pes, 128);
        cr_expect_eq(c.register_bits, 48);
        cr_expect_eq(c.buffer_bits, golden[i].buffer_bits);
    }
    const pe_layer l = golden_layer(false, 1);
    pe_cost c;
    asic_pe_published_cost(&budget_144, &l, &c);
    cr_expect_lt(fabs(c.level[CS_HW_DRAM] / c.energy - 0.551), 0.0005);
    cr_expect_lt(fabs(c.level[CS_HW_GLB] / c.energy - 0.191), 0.0005);
    cr_expect_lt(fabs(c.level[CS_HW_ARRAY] / c.energy - 0.111), 0.0005);
    cr_expect_lt(fabs(c.level[CS_HW_RF] / c.energy - 0.097), 0.0005);
    cr_expect_eq(c.level[CS_HW_STATIC], 0);
}

/* ---- the golden network: a CIFAR MobileNetV2 of the released code, 54 layers, 16 bits ---- */

#define GOLDEN_CONVS 54

static cs_conv conv_of(uint16_t cin, uint16_t cout, uint16_t in, uint8_t kernel, uint8_t stride,
                       bool depthwise)
{
    return (cs_conv){.kernel = kernel,
                     .stride = stride,
                     .bits = 16,
                     .depthwise = depthwise,
                     .groups = depthwise ? cin : 1,
                     .cin = cin,
                     .cout = cout,
                     .in_size = in,
                     .out_size = (uint16_t)(in / stride)};
}

static size_t golden_network(cs_conv conv[GOLDEN_CONVS])
{
    static const uint16_t block[17][4] = {
        /* expanded, out, input size, stride */
        {32, 16, 32, 1},  {96, 24, 32, 1},  {144, 24, 32, 1}, {144, 32, 32, 2}, {192, 32, 16, 1},
        {192, 32, 16, 1}, {192, 64, 16, 2}, {384, 64, 8, 1},  {384, 64, 8, 1},  {384, 64, 8, 1},
        {384, 96, 8, 1},  {564, 96, 8, 1},  {564, 96, 8, 1},  {564, 160, 8, 2}, {960, 160, 4, 1},
        {960, 160, 4, 1}, {960, 320, 4, 1}};
    size_t n = 0;
    uint16_t channels = 32;
    conv[n++] = conv_of(3, 32, 32, 3, 1, false);
    for (size_t i = 0; i < 17; i++) {
        const uint16_t *b = block[i], out = (uint16_t)(b[2] / b[3]);
        conv[n++] = conv_of(channels, b[0], b[2], 1, 1, false);
        conv[n++] = conv_of(b[0], b[0], b[2], 3, (uint8_t)b[3], true);
        conv[n++] = conv_of(b[0], b[1], out, 1, 1, false);
        channels = b[1];
    }
    conv[n++] = conv_of(channels, 1280, 4, 1, 1, false);
    conv[n++] = conv_of(1280, 100, 1, 1, 1, false);
    return n;
}

/* Choices that decode to an order; `place` has n - 1 entries. The inverse of the insertion code. */
static void encode_order(const uint8_t *order, size_t n, bool depthwise, uint16_t *place)
{
    size_t k = 0;
    for (uint8_t loop = 0; loop < PE_LOOPS; loop++) {
        uint16_t inside = 0;
        if (depthwise && loop == PE_CH_IN)
            continue;
        for (size_t i = 0; i < n && order[i] != loop; i++)
            inside = (uint16_t)(inside + (order[i] < loop));
        if (k++ > 0)
            *place++ = inside;
        else
            cr_assert_eq(inside, 0);
    }
}

/* Template 3, NoC ratios (4,4,6), buffer ratios (3,5,2,2,1,1) and (5,2,2,1,1), golden orders. */
static void golden_choices(uint16_t choice[42])
{
    static const uint16_t standard[] = {3, 3, 3, 5, 0, 2, 4, 1, 1, 0, 0};
    static const uint16_t depthwise[] = {3, 3, 3, 5, 4, 1, 1, 0, 0};
    memcpy(choice, standard, sizeof standard);
    encode_order(golden_gb, 7, false, &choice[11]);
    encode_order(golden_dram, 7, false, &choice[17]);
    memcpy(&choice[23], depthwise, sizeof depthwise);
    encode_order(golden_gb_dw, 6, true, &choice[32]);
    encode_order(golden_dram_dw, 6, true, &choice[37]);
}

Test(asic_pe, published_golden_network)
{
    cs_conv conv[GOLDEN_CONVS];
    uint16_t choice[42];
    pe_unit unit[PE_PARTS];
    cs_hw_report r;
    const size_t n = golden_network(conv);
    cr_assert_eq(n, GOLDEN_CONVS);
    golden_choices(choice);
    asic_pe_published_units(&budget_900, conv, n, choice, unit);
    static const struct {
        double pes, buffer_bits;
        int32_t row, col, out; /* array */
        int32_t tile[PE_LOOPS];
    } golden[PE_PARTS] = {
        {841, 124420572, 8, 8, 12, {15, 38, 22, 15, 7, 7, 1}},
        {60, 43351589, 3, 3, 5, {19, 54, 1, 19, 8, 8, 1}},
    };
    for (size_t part = 0; part < PE_PARTS; part++) {
        cr_expect_eq(unit[part].pes, golden[part].pes);
        cr_expect_eq(unit[part].buffer_bits, golden[part].buffer_bits);
        cr_expect_eq(unit[part].spatial[PE_ROW_OUT], golden[part].row);
        cr_expect_eq(unit[part].spatial[PE_COL_OUT], golden[part].col);
        cr_expect_eq(unit[part].spatial[PE_CH_OUT], golden[part].out);
        for (size_t i = 0; i < PE_LOOPS; i++)
            cr_expect_eq(unit[part].tile[i], golden[part].tile[i], "part %zu loop %zu", part, i);
    }
    cr_expect_eq(memcmp(unit[0].order[PE_BUFFER], golden_gb, 7), 0);
    cr_expect_eq(memcmp(unit[0].order[PE_DRAM], golden_dram, 7), 0);
    cr_expect_eq(memcmp(unit[1].order[PE_BUFFER], golden_gb_dw, 6), 0);
    cr_expect_eq(memcmp(unit[1].order[PE_DRAM], golden_dram_dw, 6), 0);

    asic_pe_published_report(&budget_900, conv, n, choice, NULL, &r);
    double energy[PE_PARTS] = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            energy[r.layer[i].chunk] += r.layer[i].energy_j[level];
    /* as printed: energy in 1e8 multiply-accumulates of 1 pJ, time in 10 ms */
    cr_expect_lt(fabs(energy[0] * 1e4 - 31.887737), 5e-7, "%.9f", energy[0] * 1e4);
    cr_expect_lt(fabs(energy[1] * 1e4 - 7.638583), 5e-7, "%.9f", energy[1] * 1e4);
    cr_expect_lt(fabs(r.chunk[0].cycles / 250e6 * 1e2 - 55.818922), 5e-7);
    cr_expect_lt(fabs(r.chunk[1].cycles / 250e6 * 1e2 - 9.558268), 5e-7);
    cr_expect_lt(fabs(r.total.energy_j * 1e4 - 39.52632), 5e-6);
    cr_expect_lt(fabs(r.total.latency_s * 1e2 - 65.37719), 5e-6);
    cr_expect_lt(fabs(r.total.edp_js * 1e6 - 2584.12), 5e-3, "%.6f", r.total.edp_js * 1e6);
    cr_expect_eq(r.total.violated, 0);
    cr_expect_leq(r.total.overflow, 1);
}

/* ---- against a walk over an explicit list of loops and refresh marks ---- */

typedef struct entry {
    enum { GB_LOOP, DRAM_LOOP, GB_MARK, RF_MARK } kind;
    uint8_t loop, tensor;
    int32_t trips;
} entry;

typedef struct entries {
    entry at[2 * PE_LOOPS + 2 * PE_TENSORS];
    size_t n;
} entries;

static void insert(entries *list, size_t where, entry e)
{
    memmove(&list->at[where + 1], &list->at[where], (list->n - where) * sizeof e);
    list->at[where] = e;
    list->n++;
}

static bool concerns(const pe_layer *l, size_t tensor, uint8_t loop)
{
    const bool map = loop == PE_COL_OUT || loop == PE_ROW_OUT;
    const bool kernel = loop == PE_COL_KERNEL || loop == PE_ROW_KERNEL;
    switch (tensor) {
    case PE_OUT: return map || loop == PE_CH_OUT || loop == PE_BATCH;
    case PE_WEIGHT: return kernel || loop == PE_CH_OUT || loop == PE_CH_IN || loop == PE_BATCH;
    default:
        return map || kernel || loop == PE_BATCH || loop == (l->depthwise ? PE_CH_OUT : PE_CH_IN);
    }
}

static size_t first_concerned(const pe_layer *l, const entries *list, size_t tensor, bool gb,
                              bool dram)
{
    for (size_t i = 0; i < list->n; i++) {
        const entry *e = &list->at[i];
        if (((e->kind == GB_LOOP && gb) || (e->kind == DRAM_LOOP && dram)) && e->trips != 1 &&
            concerns(l, tensor, e->loop))
            return i;
    }
    return list->n;
}

static entries marked_list(const pe_layer *l)
{
    entries list = {.n = 0};
    for (size_t level = 0; level < PE_LEVELS; level++)
        for (size_t i = 0; i < l->n_loops; i++) {
            const uint8_t loop = l->order[level][i];
            insert(&list, list.n,
                   (entry){level == PE_BUFFER ? GB_LOOP : DRAM_LOOP, loop, 0,
                           l->bounds.loop[level][loop]});
        }
    for (uint8_t t = 0; t < PE_TENSORS; t++) {
        size_t i = first_concerned(l, &list, t, false, true);
        if (i == list.n) { /* before the last DRAM loop */
            i--;
            while (list.at[i].kind != DRAM_LOOP)
                i--;
        }
        insert(&list, i, (entry){GB_MARK, 0, t, 1});
    }
    for (uint8_t t = 0; t < PE_TENSORS; t++) {
        size_t i = first_concerned(l, &list, t, true, !l->depthwise);
        if (i == list.n) { /* before the last entry of the buffer level, its marks included */
            i--;
            while (list.at[i].kind != GB_MARK && list.at[i].kind != GB_LOOP)
                i--;
        }
        insert(&list, i, (entry){RF_MARK, 0, t, 1});
    }
    return list;
}

static double covered(const pe_layer *l, size_t tensor, const entries *list, size_t until,
                      bool array)
{
    double e[PE_LOOPS];
    for (size_t i = 0; i < PE_LOOPS; i++)
        e[i] = array ? l->bounds.spatial[i] : 1.0;
    for (size_t i = 0; i < until; i++)
        if (list->at[i].kind <= DRAM_LOOP)
            e[list->at[i].loop] *= list->at[i].trips;
    const double kernel = e[PE_COL_KERNEL] * e[PE_ROW_KERNEL];
    if (tensor == PE_OUT)
        return e[PE_CH_OUT] * e[PE_COL_OUT] * e[PE_ROW_OUT];
    if (tensor == PE_WEIGHT)
        return kernel * e[PE_CH_OUT] * e[PE_CH_IN];
    return (e[PE_ROW_KERNEL] + l->stride * (e[PE_ROW_OUT] - 1)) *
           (e[PE_COL_KERNEL] + l->stride * (e[PE_COL_OUT] - 1)) *
           (l->depthwise ? e[PE_CH_OUT] : e[PE_CH_IN]);
}

static pe_cost walked_cost(const pe_platform *p, const pe_layer *l)
{
    const entries list = marked_list(l);
    const double b = l->bits, units = ceil(b / 4);
    pe_cost c = {.pes = 1};
    for (size_t i = 0; i < PE_LOOPS; i++)
        c.pes *= l->bounds.spatial[i];
    double e1 = c.pes * (units * 1.6 / 68 + units * units * 1.6 / 17 + 3 * b * 0.055625);
    double t1 = 12e-9 + 3 * ceil(b / 16) / p->chip_hz;
    double e2 = e1 + c.pes * b * 0.055625, t2 = t1 + ceil(b / 16) / p->chip_hz;
    for (size_t i = 0; i < list.n; i++) {
        const entry *at = &list.at[i];
        if (at->kind <= DRAM_LOOP) {
            e1 += (at->trips - 1) * e2;
            t1 += (at->trips - 1) * t2;
            e2 = e1;
            t2 = t1;
            continue;
        }
        const double one = covered(l, at->tensor, &list, i, false) * b;
        const double all = covered(l, at->tensor, &list, i, true) * b;
        double de, dt;
        if (at->kind == RF_MARK) {
            de = c.pes * one * (0.89 / 8 * 2 / 3) + all * 0.23625;
            dt = 2 * ceil(one / (at->tensor == PE_IN ? 16 : 64)) / p->chip_hz +
                 2 * ceil(all / 64) / p->chip_hz;
            c.register_bits += one;
        } else {
            de = all * 12.5;
            dt = ceil(all / 64) / p->dram_hz + ceil(all / 64) / p->chip_hz;
            c.buffer_bits += all;
        }
        const double again = at->tensor == PE_OUT ? 2 : 1;
        e1 += de;
        t1 += dt;
        e2 += again * de;
        t2 += again * dt;
    }
    c.energy = e1;
    c.seconds = t1;
    return c;
}

static void shuffled(cs_rng *rng, bool depthwise, uint8_t *order)
{
    size_t n = 0;
    for (uint8_t loop = 0; loop < PE_LOOPS; loop++) {
        if (depthwise && loop == PE_CH_IN)
            continue;
        const size_t at = cs_rng_below(rng, (uint32_t)n + 1);
        memmove(&order[at + 1], &order[at], n - at);
        order[at] = loop;
        n++;
    }
}

Test(asic_pe, published_equals_a_walk_over_marks)
{
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t order[PE_LEVELS][PE_LOOPS];
        const bool depthwise = cs_rng_below(&rng, 2);
        pe_layer l = {.depthwise = depthwise,
                      .n_loops = depthwise ? 6 : 7,
                      .order = {order[0], order[1]},
                      .stride = (int32_t)(1 + cs_rng_below(&rng, 2)),
                      .bits = (int32_t)(1 + cs_rng_below(&rng, 32))};
        shuffled(&rng, depthwise, order[0]);
        shuffled(&rng, depthwise, order[1]);
        for (size_t k = 0; k < PE_LOOPS; k++) {
            const bool one = k == PE_BATCH || (k == PE_CH_IN && depthwise);
            l.bounds.spatial[k] = one ? 1 : (int32_t)(1 + cs_rng_below(&rng, 6));
            for (size_t level = 0; level < PE_LEVELS; level++)
                l.bounds.loop[level][k] =
                    one || cs_rng_below(&rng, 2) ? 1 : (int32_t)(1 + cs_rng_below(&rng, 9));
        }
        const pe_platform *p = i % 2 ? &budget_144 : &budget_asic;
        pe_cost a;
        asic_pe_published_cost(p, &l, &a);
        const pe_cost b = walked_cost(p, &l);
        cr_assert_lt(test_relative(a.energy, b.energy), 1e-12);
        cr_assert_lt(test_relative(a.seconds, b.seconds), 1e-12);
        cr_assert_eq(a.register_bits, b.register_bits);
        cr_assert_eq(a.buffer_bits, b.buffer_bits);
        cr_assert_eq(a.pes, b.pes);
    }
}

/* ---- the space ---- */

/* Every vector of places is an order, and every order comes from exactly one vector. */
Test(asic_pe, places_are_a_bijection)
{
    static bool seen[7 * 7 * 7 * 7 * 7 * 7 * 7];
    uint16_t choice[42] = {0};
    size_t orders = 0;
    for (uint32_t code = 0; code < 5040; code++) {
        uint32_t rest = code, number = 0;
        for (uint16_t k = 2; k <= 7; k++) {
            choice[11 + k - 2] = (uint16_t)(rest % k);
            rest /= k;
        }
        pe_unit unit;
        asic_pe_unit_decode(PE_STANDARD, choice, &unit);
        unsigned loops = 0;
        for (size_t i = 0; i < 7; i++) {
            loops |= PE_BIT(unit.order[PE_BUFFER][i]);
            number = number * 7 + unit.order[PE_BUFFER][i];
        }
        cr_assert_eq(loops, 127u);
        cr_assert_not(seen[number]);
        seen[number] = true;
        orders++;
        uint16_t back[6];
        encode_order(unit.order[PE_BUFFER], 7, false, back);
        cr_assert_eq(memcmp(back, &choice[11], sizeof back), 0);
    }
    cr_assert_eq(orders, 5040);
}

/* Sizes of the space as published: 7.9e17 for the standard part, 2.1e14 for the depthwise one (the
 * fourth ratio of template 3 does not exist there, which makes three of four templates ten times
 * larger). */
Test(asic_pe, size)
{
    cs_space *space = test_space("fbnet:cifar", "asic-pe-published");
    const double standard = 4 * 1e4 * 1e6 * 5040.0 * 5040.0;
    const double depthwise = 4 * 1e3 * 1e5 * 720.0 * 720.0;
    cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_ACCELERATOR),
                       log10(standard) + log10(depthwise), 1e-9);
    cr_assert_float_eq(standard * 3.1 / 4, 7.9e17, 0.05e17);
    cr_assert_float_eq(depthwise, 2.1e14, 0.05e14);
    cs_space_free(space);
}

Test(asic_pe, array_sides)
{
    uint16_t choice[42] = {0};
    cs_rng rng;
    cs_rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        pe_unit u;
        const size_t part = cs_rng_below(&rng, 2), at = part == PE_STANDARD ? 0 : 23;
        choice[at] = (uint16_t)cs_rng_below(&rng, 4);
        for (size_t k = 1; k <= 10; k++)
            choice[at + k] = (uint16_t)cs_rng_below(&rng, part == PE_STANDARD || k < 9 ? 10 : 1);
        asic_pe_unit_decode(part, choice, &u);
        u.pes = 1 + cs_rng_below(&rng, 1000);
        for (int squared = 0; squared < 2; squared++) {
            double product = 1;
            asic_pe_set_array(&u, squared);
            for (size_t k = 0; k < PE_LOOPS; k++) {
                cr_assert_geq(u.spatial[k], 1);
                product *= u.spatial[k];
            }
            cr_assert_leq(product, u.pes);
            cr_assert_eq(u.spatial[PE_BATCH], 1);
        }
        const double words = 1 + cs_rng_below(&rng, 2000000);
        asic_pe_set_tile(&u, words);
        for (size_t k = 0; k < PE_LOOPS; k++)
            cr_assert_geq(u.tile[k], 1);
    }
}

/* Without depthwise layers that part does not exist, and the other has the whole platform. */
Test(asic_pe, network_without_depthwise_layers)
{
    cs_space *space = test_space("fbnet:micro", "asic-pe-published");
    cs_design d = {0};
    cs_hw_report r;
    bool active[CS_DECISIONS_MAX];
    char text[CS_DESIGN_TEXT_MAX];
    test_set_network(space, &d, "skip", "8");
    cs_space_active(space, &d, active);
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    for (size_t i = first; i < last; i++)
        cr_assert_eq(active[i], i < first + 23, "%s", cs_space_decision(space, i)->name);
    cr_assert_eq(cs_space_cost(space, &d, NULL, &r), CS_OK);
    cr_assert_eq(r.n_chunks, 1);
    cr_assert_str_eq(r.chunk[0].name, "std");
    cr_assert_eq(cs_design_format(space, &d, text, sizeof text), CS_OK);
    cr_assert_null(strstr(text, "dw="));
    cs_space_free(space);
}

/* What the accelerator itself has too little of is named, with and without limits of the task. */
Test(asic_pe, overflow_is_named)
{
    cs_conv conv[GOLDEN_CONVS];
    uint16_t choice[42];
    cs_hw_report r;
    const size_t n = golden_network(conv);
    golden_choices(choice);
    pe_platform few_registers = budget_900, small_buffer = budget_900;
    few_registers.register_bits = 47; /* three words of 16 bits are needed */
    small_buffer.buffer_bits = 3000;
    asic_pe_published_report(&few_registers, conv, n, choice, NULL, &r);
    cr_assert_eq(r.total.violated, CS_VIOLATES_REGISTERS);
    cr_assert_float_eq(r.total.overflow, 48.0 / 47.0, 1e-12);
    cs_limits limits = CS_LIMITS_NONE;
    limits.edp_max_js = 1e9;
    cr_assert_float_eq(cs_limits_excess(&limits, &r.total), log(48.0 / 47.0), 1e-12);
    limits.edp_max_js = 1e-12;
    asic_pe_published_report(&small_buffer, conv, n, choice, &limits, &r);
    cr_assert_eq(r.total.violated, CS_VIOLATES_BUFFER | CS_VIOLATES_EDP);
    cr_assert_str_eq(cs_violated_names[7], "buffer");
    asic_pe_published_report(&budget_900, conv, n, choice, NULL, &r);
    cr_assert_eq(r.total.violated, 0);
    cr_assert_eq(cs_limits_excess(&limits, &r.total), log(r.total.edp_js / 1e-12));
}
