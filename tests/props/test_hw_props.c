/* Properties that every cost model must have, on random layers, chunks and designs. */
#include "hw/fpga_chunk.h"
#include "hw/fpga_parts.h"
#include "tests/unit/hw_designs.h"

#include <stdlib.h>

typedef struct formulas {
    const char *name;
    void (*cost)(fpga_chunk *, const fpga_layer *, double *cycles, double *dram_bits);
    fpga_resources (*resources)(const fpga_chunk *);
} formulas;

static const formulas models[] = {
    {"published", fpga_published_cost, fpga_published_resources},
    {"corrected", fpga_corrected_cost, fpga_corrected_resources},
};

static void set_size(fpga_layer *l, uint16_t in_size)
{
    l->in_size = in_size;
    l->out_size = (uint16_t)((in_size + l->stride - 1) / l->stride);
}

static void set_pixels(fpga_layer *l)
{
    l->pixels_out = (double)l->out_size * l->out_size * l->cout;
    l->pixels_in_out = l->pixels_out * l->cin;
}

static fpga_layer random_layer(cs_rng *rng, bool depthwise)
{
    fpga_layer l = {.kernel = (uint8_t)(1 + 2 * cs_rng_below(rng, 3)),
                    .stride = (uint8_t)(1 + cs_rng_below(rng, 2)),
                    .depthwise = depthwise,
                    .cin = depthwise ? 1 : (uint16_t)(1 + cs_rng_below(rng, 200)),
                    .cout = (uint16_t)(1 + cs_rng_below(rng, 400)),
                    .count = 1.0};
    set_size(&l, (uint16_t)(1 + cs_rng_below(rng, 60)));
    set_pixels(&l);
    return l;
}

/* A chunk with power-of-two tiles and units not larger than they are. */
static fpga_chunk random_chunk(cs_rng *rng)
{
    fpga_chunk c = {.bits = (int32_t)(1 + cs_rng_below(rng, 16)),
                    .depthwise = cs_rng_below(rng, 2) == 1};
    static const uint32_t log2_max[4] = {4, 4, 5, 5};
    c.v[CHUNK_MODE] = (int32_t)cs_rng_below(rng, c.depthwise ? 2 : 3);
    for (size_t p = 0; p < 4; p++) {
        const uint32_t tile = c.depthwise && p == 3 ? 0 : cs_rng_below(rng, log2_max[p] + 1);
        c.v[CHUNK_TR + p] = 1 << tile;
        c.v[CHUNK_R + p] = 1 << cs_rng_below(rng, tile + 1);
    }
    return c;
}

typedef struct measured {
    double cycles, dram_bits, dsp, bram;
} measured;

static measured measure(const formulas *f, fpga_chunk c, const fpga_layer *l)
{
    double cycles, dram_bits;
    f->cost(&c, l, &cycles, &dram_bits);
    c.windows = fpga_window_bit(l->kernel, l->stride);
    const fpga_resources need = f->resources(&c);
    return (measured){cycles, isnan(dram_bits) ? 0 : dram_bits, need.dsp, need.bram};
}

/* Growing one dimension of a layer, on one accelerator, never makes anything smaller. */
Test(hw_props, growing_a_layer_never_helps)
{
    static const char *const what[] = {"bits", "input channels", "output channels", "size",
                                       "kernel"};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int i = 0; i < 60000; i++) {
        const formulas *f = &models[i % 2];
        fpga_chunk c = random_chunk(&rng), d = c;
        fpga_layer l = random_layer(&rng, c.depthwise), m = l;
        const uint32_t grow = cs_rng_below(&rng, 5);
        switch (grow) {
        case 0: d.bits += d.bits < 16; break;
        case 1: m.cin = (uint16_t)(c.depthwise ? 1 : m.cin + 1 + cs_rng_below(&rng, 9)); break;
        case 2: m.cout = (uint16_t)(m.cout + 1 + cs_rng_below(&rng, 9)); break;
        case 3: set_size(&m, (uint16_t)(m.in_size + 1 + cs_rng_below(&rng, 9))); break;
        default: m.kernel = (uint8_t)(m.kernel < 5 ? m.kernel + 2 : 5); break;
        }
        set_pixels(&m);
        const measured a = measure(f, c, &l), b = measure(f, d, &m);
        const double slack = 1 - 1e-12;
        cr_assert(b.cycles >= a.cycles * slack && b.dram_bits >= a.dram_bits && b.dsp >= a.dsp &&
                      b.bram >= a.bram,
                  "%s, more %s: cycles %g -> %g, dram %g -> %g, dsp %g -> %g, bram %g -> %g",
                  f->name, what[grow], a.cycles, b.cycles, a.dram_bits, b.dram_bits, a.dsp, b.dsp,
                  a.bram, b.bram);
    }
}

/* Work cannot be done faster than all multipliers together allow. */
Test(hw_props, cycles_cover_the_work)
{
    cs_rng rng;
    cs_rng_seed(&rng, 2);
    for (int i = 0; i < 40000; i++) {
        const formulas *f = &models[i % 2];
        const fpga_chunk c = random_chunk(&rng);
        const fpga_layer l = random_layer(&rng, c.depthwise);
        const measured a = measure(f, c, &l);
        const int32_t *v = c.v;
        const double units = v[CHUNK_MODE] == (c.depthwise ? 1 : 2) ? v[CHUNK_R]
                             : c.depthwise || v[CHUNK_MODE] == 0    ? v[CHUNK_M]
                                                                 : (double)v[CHUNK_M] * v[CHUNK_N];
        const double macs = l.pixels_in_out * l.kernel * l.kernel;
        cr_assert_geq(a.cycles * (1 + 1e-12), macs / units, "%s", f->name);
        if (f == &models[1]) { /* every weight, input read and output at least once */
            const double words = (double)l.cin * l.cout * l.kernel * l.kernel + l.pixels_out;
            cr_assert_geq(a.dram_bits, words * c.bits);
            cr_assert_geq(a.dsp * fpga_products_per_dsp(c.bits), units);
        }
    }
}

/* Slices are a property of the accelerator, not of what runs on it. */
Test(hw_props, slices_do_not_depend_on_the_layer)
{
    cs_rng rng;
    cs_rng_seed(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        const formulas *f = &models[i % 2];
        const fpga_chunk c = random_chunk(&rng);
        fpga_layer l = random_layer(&rng, c.depthwise), m = random_layer(&rng, c.depthwise);
        m.kernel = l.kernel;
        m.stride = l.stride;
        const measured a = measure(f, c, &l), b = measure(f, c, &m);
        cr_assert_eq(a.dsp, b.dsp);
        cr_assert_eq(a.bram, b.bram);
    }
}

/* Units that the exact solver does not enumerate: fixing them as it does is never worse. */
Test(hw_props, units_fixed_by_the_solver_are_never_worse)
{
    cs_rng rng;
    int faster = 0;
    cs_rng_seed(&rng, 8);
    for (int i = 0; i < 60000; i++) {
        const formulas *f = &models[i % 2];
        const fpga_chunk c = random_chunk(&rng);
        const fpga_layer l = random_layer(&rng, c.depthwise);
        const bool rows = c.v[CHUNK_MODE] == (c.depthwise ? 1 : 2);
        fpga_chunk d = c;
        d.v[CHUNK_C] = 1;
        if (!rows)
            d.v[CHUNK_R] = 1;
        if (rows) {
            d.v[CHUNK_M] = c.depthwise ? c.v[CHUNK_TM] : 1;
            d.v[CHUNK_N] = 1;
        }
        const measured a = measure(f, c, &l), b = measure(f, d, &l);
        cr_assert(b.cycles <= a.cycles && b.dram_bits <= a.dram_bits && b.dsp <= a.dsp &&
                  b.bram <= a.bram);
        faster += b.cycles < a.cycles;
        if (rows)
            continue;
        d.v[CHUNK_TR] = c.v[CHUNK_TC]; /* square maps: rows and columns are interchangeable */
        d.v[CHUNK_TC] = c.v[CHUNK_TR];
        const measured e = measure(f, d, &l);
        cr_assert(e.cycles == b.cycles && e.dram_bits == b.dram_bits && e.dsp == b.dsp &&
                  e.bram == b.bram);
    }
    cr_assert_gt(faster, 100);
}

/* Where no defect of the published model can act, the two models agree: stride 1, whole tiles,
 * whole words, slices packed full, one block per bank. Only the corrected one has a pipeline to
 * fill. */
Test(hw_props, models_agree_where_no_defect_acts)
{
    cs_rng rng;
    int pointwise = 0, depthwise = 0;
    cs_rng_seed(&rng, 4);
    for (int i = 0; i < 60000; i++) {
        fpga_chunk c = random_chunk(&rng);
        const int32_t *v = c.v;
        c.bits = cs_rng_below(&rng, 2) ? 8 : 4;
        fpga_layer l = {
            .kernel = (uint8_t)(c.depthwise ? 3 + 2 * cs_rng_below(&rng, 2) : 1),
            .stride = 1,
            .depthwise = c.depthwise,
            .cin = (uint16_t)(v[CHUNK_TN] * (c.depthwise ? 1 : 1 << cs_rng_below(&rng, 3))),
            .cout = (uint16_t)(v[CHUNK_TM] * (int32_t)(1 + cs_rng_below(&rng, 4))),
            .count = 1.0};
        const int32_t side = v[CHUNK_TR] > v[CHUNK_TC] ? v[CHUNK_TR] : v[CHUNK_TC];
        set_size(&l, (uint16_t)(side * (int32_t)(1 + cs_rng_below(&rng, 4))));
        set_pixels(&l);
        if (c.depthwise) { /* the published window has its full halo only with r = Tr, c = Tc */
            c.v[CHUNK_R] = v[CHUNK_TR];
            c.v[CHUNK_C] = v[CHUNK_TC];
        }
        /* whole 16-bit words on every port: the published model rounds before scaling by q/16 */
        const int32_t k = l.kernel, q = c.bits;
        const bool rows = v[CHUNK_MODE] == (c.depthwise ? 1 : 2);
        const int32_t out = v[CHUNK_TM] * v[CHUNK_TR] * v[CHUNK_TC];
        const int32_t in = (c.depthwise ? v[CHUNK_TM] : v[CHUNK_TN]) * (v[CHUNK_TR] + k - 1) *
                           (v[CHUNK_TC] + k - 1);
        const int32_t weights = v[CHUNK_TM] * v[CHUNK_TN] * k * (rows ? 1 : k);
        if (in * q % 64 || weights * q % 64 || out * q % (64 * (rows ? v[CHUNK_R] : v[CHUNK_M])))
            continue;
        const measured a = measure(&models[0], c, &l), b = measure(&models[1], c, &l);
        /* the fill of a pass is hidden only behind loading its inputs, at least 2 words a cycle */
        const double passes = (double)(l.out_size / v[CHUNK_TR] * (l.out_size / v[CHUNK_TC])) *
                              (l.cout / v[CHUNK_TM]) * (c.depthwise ? 1 : l.cin / v[CHUNK_TN]);
        const double compute =
            (double)out * (c.depthwise ? 1 : v[CHUNK_TN]) * k * k / fpga_multipliers(&c);
        const double fill = b.cycles - a.cycles;
        cr_assert(fill >= 0 && fill <= 20 * passes, "published %.17g, corrected %.17g", a.cycles,
                  b.cycles);
        if (compute >= in * q / 32.0)
            cr_assert_eq(fill, 20 * passes);
        cr_assert_eq(ceil(a.dsp), b.dsp);
        *(c.depthwise ? &depthwise : &pointwise) += 1;
    }
    cr_assert_gt(pointwise, 1000);
    cr_assert_gt(depthwise, 500);
}

/* With one set of chunk parameters for all bitwidths, more bits in a block never shorten the way of
 * an image through the accelerator, and never cut off-chip traffic. */
Test(hw_props, more_bits_never_lower_latency)
{
    cs_hw_report *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    cr_assert(a && b);
    for (size_t m = 0; cs_hw_models[m]; m++) {
        cs_space *space = test_space("fbnet:cifar", cs_hw_models[m]->name);
        cs_rng rng;
        size_t first, last;
        cs_rng_seed(&rng, 5);
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
        for (int i = 0; i < 500; i++) {
            cs_design d, e;
            double dram[2] = {0};
            cs_space_sample(space, &rng, &d);
            for (size_t k = first + 36; k < last && test_is_fpga_chunk(cs_hw_models[m]); k++)
                d.choice[k] = d.choice[k - 36]; /* the same at every bitwidth */
            e = d;
            const size_t block = 22 + cs_rng_below(&rng, 22);
            e.choice[block] = (uint16_t)(e.choice[block] + (e.choice[block] < 2));
            cr_assert_eq(cs_space_cost(space, &d, NULL, a), CS_OK);
            cr_assert_eq(cs_space_cost(space, &e, NULL, b), CS_OK);
            cr_assert_geq(b->total.latency_s, a->total.latency_s * (1 - 1e-12));
            cr_assert(isnan(a->total.energy_j) ||
                      b->total.energy_j >= a->total.energy_j * (1 - 1e-12));
            cr_assert_eq(a->n_layers, b->n_layers);
            for (size_t k = 0; k < a->n_layers; k++) {
                cr_assert_geq(b->layer[k].cycles, a->layer[k].cycles * (1 - 1e-12),
                              "%s: layer %zu, %d to %d bits: %g, %g cycles", cs_hw_models[m]->name,
                              k, a->layer[k].bits, b->layer[k].bits, a->layer[k].cycles,
                              b->layer[k].cycles);
                dram[0] += a->layer[k].dram_bits;
                dram[1] += b->layer[k].dram_bits;
            }
            cr_assert(isnan(dram[0]) || dram[1] >= dram[0]);
        }
        cs_space_free(space);
    }
    free(a);
    free(b);
}

/* The number of classes is the only thing the data set tells a model: it must not move slices or
 * block RAM, and can only add to cycles. (Not so where PEs and buffer are split by a network's
 * work: there a larger classifier moves the split.) */
Test(hw_props, resources_do_not_depend_on_the_data_set)
{
    cs_hw_report *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    cr_assert(a && b);
    for (size_t m = 0; cs_hw_models[m]; m++) {
        cs_space *ten = NULL, *hundred = NULL;
        cs_rng rng;
        if (!test_is_fpga_chunk(cs_hw_models[m]))
            continue;
        cs_rng_seed(&rng, 6);
        cr_assert_eq(cs_space_new("fbnet:micro", cs_hw_models[m]->name, 10, &ten, NULL), CS_OK);
        cr_assert_eq(cs_space_new("fbnet:micro", cs_hw_models[m]->name, 100, &hundred, NULL),
                     CS_OK);
        for (int i = 0; i < 300; i++) {
            cs_design d;
            cs_space_sample(ten, &rng, &d);
            cr_assert_eq(cs_space_cost(ten, &d, NULL, a), CS_OK);
            cr_assert_eq(cs_space_cost(hundred, &d, NULL, b), CS_OK);
            cr_assert_eq(a->total.dsp, b->total.dsp);
            cr_assert_eq(a->total.bram, b->total.bram);
            cr_assert_leq(a->total.latency_s, b->total.latency_s);
            cr_assert_eq(cs_design_hash(ten, &d), cs_design_hash(hundred, &d));
        }
        cs_space_free(ten);
        cs_space_free(hundred);
    }
    free(a);
    free(b);
}

/* Evaluation is pure: same input, same bytes, whatever the report held before. */
Test(hw_props, evaluation_is_pure)
{
    cs_hw_report *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    cr_assert(a && b);
    for (size_t m = 0; cs_hw_models[m]; m++) {
        cs_space *space = test_space("fbnet:imagenet", cs_hw_models[m]->name);
        cs_rng rng;
        cs_rng_seed(&rng, 7);
        for (int i = 0; i < 200; i++) {
            cs_design d, other;
            cs_space_sample(space, &rng, &d);
            cs_space_sample(space, &rng, &other);
            memset(a, 0x55, sizeof *a);
            cr_assert_eq(cs_space_cost(space, &d, NULL, a), CS_OK);
            cr_assert_eq(cs_space_cost(space, &other, NULL, b), CS_OK);
            cr_assert_eq(cs_space_cost(space, &d, NULL, b), CS_OK);
            cr_assert_eq(a->interval_cycles, b->interval_cycles);
            cr_assert_eq(a->total.fps, b->total.fps);
            cr_assert_eq(a->total.latency_s, b->total.latency_s);
            cr_assert_eq(a->total.utilization, b->total.utilization);
            cr_assert_eq(a->total.violated, b->total.violated);
            cr_assert(test_same(a->total.energy_j, b->total.energy_j));
            cr_assert(test_same(a->total.edp_js, b->total.edp_js));
            cr_assert(test_same(a->total.area_mm2, b->total.area_mm2));
            cr_assert(test_same(a->total.overflow, b->total.overflow));
            cr_assert_eq(a->n_layers, b->n_layers);
            cr_assert_eq(a->n_chunks, b->n_chunks);
            for (size_t k = 0; k < a->n_layers; k++) {
                cr_assert_eq(a->layer[k].cycles, b->layer[k].cycles);
                cr_assert_eq(a->layer[k].macs, b->layer[k].macs);
                cr_assert_eq(a->layer[k].chunk, b->layer[k].chunk);
            }
        }
        cs_space_free(space);
    }
    free(a);
    free(b);
}

/* A quantity is a finite number that is not negative, or absent in every design of the model. */
static void check_quantity(const char *model, const char *what, double value, bool absent)
{
    if (absent)
        cr_assert(isnan(value), "%s: %s is %g, but NaN in the first design", model, what, value);
    else
        cr_assert(isfinite(value) && value >= 0.0, "%s: %s is %g", model, what, value);
}

static void check_report(const char *model, const cs_hw_report *r, const cs_hw_report *first)
{
#define CHECK(field) check_quantity(model, #field, r->field, isnan(first->field))
    CHECK(total.dsp);
    CHECK(total.bram);
    CHECK(total.fps);
    CHECK(total.latency_s);
    CHECK(total.energy_j);
    CHECK(total.edp_js);
    CHECK(total.area_mm2);
    CHECK(total.utilization);
    CHECK(total.overflow);
    CHECK(interval_cycles);
#undef CHECK
    cr_assert(r->total.fps > 0 && r->total.latency_s > 0 && r->total.utilization <= 1 + 1e-12);
    for (size_t k = 0; k < r->n_layers; k++) {
        const cs_hw_layer_cost *l = &r->layer[k];
        cr_assert(isfinite(l->cycles) && l->cycles > 0 && l->chunk < r->n_chunks);
        check_quantity(model, "dram_bits", l->dram_bits, isnan(first->layer[0].dram_bits));
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            check_quantity(model, cs_hw_level_names[level], l->energy_j[level],
                           isnan(first->layer[0].energy_j[level]));
    }
}

/* Random designs of every model: numbers that are numbers, and every broken limit has its bit and
 * no other, those of the accelerator itself with and without limits. COSEARCH_DESIGNS=1000000 asks
 * for that many per model instead of a few thousand. */
Test(hw_props, random_designs_are_numbers_and_name_what_they_break)
{
    const char *asked = getenv("COSEARCH_DESIGNS");
    const long designs = asked ? strtol(asked, NULL, 10) : 1500;
    const uint32_t capacities =
        CS_VIOLATES_BUFFER | CS_VIOLATES_REGISTERS | CS_VIOLATES_PES | CS_VIOLATES_PORTS;
    cs_hw_report *r = malloc(sizeof *r), *first = malloc(sizeof *first);
    cr_assert(r && first);
    for (size_t m = 0; cs_hw_models[m]; m++) {
        const char *name = cs_hw_models[m]->name;
        for (size_t s = 0; cs_net_spaces[s]; s++) {
            cs_space *space = test_space(cs_net_spaces[s]->name, name);
            cs_rng rng;
            cs_limits limits = CS_LIMITS_NONE;
            cs_rng_seed(&rng, 31);
            for (long i = 0; i < designs / 3 + 1; i++) {
                cs_design d;
                cs_space_sample(space, &rng, &d);
                cr_assert_eq(cs_space_cost(space, &d, i ? &limits : NULL, r), CS_OK);
                if (i == 0)
                    *first = *r;
                check_report(name, r, first);
                const uint32_t broken = r->total.violated;
                cr_assert_eq((broken & capacities) != 0, r->total.overflow > 1.0);
                cr_assert_eq(broken & ~capacities, i ? cs_limits_violated(&limits, &r->total) : 0);
                /* the next design meets this one as its limits */
                limits = (cs_limits){.dsp_max = isnan(r->total.dsp) ? INFINITY : r->total.dsp,
                                     .bram_max = isnan(r->total.bram) ? INFINITY : r->total.bram,
                                     .fps_min = r->total.fps,
                                     .edp_max_js = r->total.edp_js,
                                     .latency_max_s = r->total.latency_s,
                                     .energy_max_j = r->total.energy_j,
                                     .area_max_mm2 = r->total.area_mm2};
            }
            cs_space_free(space);
        }
    }
    free(r);
    free(first);
}
