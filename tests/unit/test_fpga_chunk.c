/* The published predictor against golden vectors of the authors' code, the corrected model against
 * a slow walk over its tiles. */
#include "hw/fpga_chunk.h"
#include "hw/fpga_parts.h"
#include "hw_designs.h"

#include <stdlib.h>

/* ---- golden vectors of the published model ---- */

typedef struct layer_cost {
    double cycles, dram_bits;
} layer_cost;

static fpga_chunk chunk_of(const int32_t v[CHUNK_PARAMS], int32_t bits, bool depthwise)
{
    fpga_chunk c = {.bits = bits, .depthwise = depthwise};
    memcpy(c.v, v, sizeof c.v);
    return c;
}

Test(fpga_chunk, published_single_layers)
{
    static const struct {
        uint16_t cin, cout, size, kernel;
        bool depthwise;
        int32_t bits, v[CHUNK_PARAMS];
        double cycles, dsp, bram;
    } golden[] = {
        {32, 96, 16, 1, false, 6, {1, 8, 8, 8, 4, 2, 2, 4, 2}, 104064, 3.0, 8},
        {64, 384, 8, 3, false, 4, {1, 4, 4, 16, 8, 2, 2, 8, 8}, 278784, 16.0, 24},
        {24, 144, 32, 5, false, 8, {2, 8, 4, 4, 4, 4, 2, 2, 2}, 22431744, 2.0, 25},
        {1, 96, 16, 5, true, 6, {1, 8, 8, 8, 1, 4, 4, 4, 1}, 158928, 1.5, 25},
        {1, 384, 8, 3, true, 4, {0, 4, 4, 16, 1, 2, 2, 8, 1}, 30816, 2.0, 24},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        fpga_chunk c = chunk_of(golden[i].v, golden[i].bits, golden[i].depthwise);
        const double pixels = (double)golden[i].size * golden[i].size * golden[i].cout;
        const fpga_layer l = {.kernel = (uint8_t)golden[i].kernel,
                              .stride = 1,
                              .depthwise = golden[i].depthwise,
                              .pixels_out = pixels,
                              .pixels_in_out = pixels * golden[i].cin};
        layer_cost cost;
        fpga_published_cost(&c, &l, &cost.cycles, &cost.dram_bits);
        c.windows = fpga_window_bit(golden[i].kernel, 1);
        const fpga_resources need = fpga_published_resources(&c);
        cr_expect_eq(cost.cycles, golden[i].cycles, "layer %zu: %g", i, cost.cycles);
        cr_expect_eq(need.dsp, golden[i].dsp, "layer %zu: %g", i, need.dsp);
        cr_expect_eq(need.bram, golden[i].bram, "layer %zu: %g", i, need.bram);
        cr_expect(isnan(cost.dram_bits));
    }
}

typedef struct golden_case {
    const char *a0, *a1, *dwa0, *dwa1, *bottleneck;
    double cycles, fps, dsp, bram;
} golden_case;

static const golden_case golden_cases[] = {
    {"1,16,16,8,8,1,1,8,8", "1,4,4,32,32,1,1,16,16", "1,16,16,8,1,8,1,8,1", "1,4,4,32,1,4,1,16,1",
     "dwa1q6", 1131204, 176.803, 308.5, 353},
    {"0,8,8,8,4,2,2,4,2", "1,4,4,16,8,2,2,8,8", "0,8,8,8,1,4,4,4,1", "1,4,4,16,1,2,2,8,1", "a0q6",
     3032448, 65.953, 66.75, 146},
    {"2,16,8,4,4,8,8,4,4", "2,4,4,8,8,4,4,8,8", "1,8,8,4,1,8,4,4,1", "0,4,4,16,1,2,2,16,1", "a1q6",
     14564928, 13.732, 35.5, 356},
};

static void cost_golden(const golden_case *g, cs_hw_report *report)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk-published:free");
    cs_design d = {0};
    test_set_network(space, &d, EXAMPLE_OPS, EXAMPLE_BITS);
    test_set_chunks(space, &d, "a0", g->a0);
    test_set_chunks(space, &d, "a1", g->a1);
    test_set_chunks(space, &d, "dwa0", g->dwa0);
    test_set_chunks(space, &d, "dwa1", g->dwa1);
    cr_assert_eq(cs_space_cost(space, &d, NULL, report), CS_OK);
    cs_space_free(space);
}

Test(fpga_chunk, published_networks)
{
    for (size_t i = 0; i < 3; i++) {
        const golden_case *g = &golden_cases[i];
        cs_hw_report r;
        cost_golden(g, &r);
        size_t depthwise = 0;
        double sum = 0, busy = 0;
        for (size_t k = 0; k < r.n_layers; k++)
            depthwise += r.layer[k].depthwise;
        for (size_t k = 0; k < r.n_chunks; k++) {
            sum += r.chunk[k].cycles;
            busy += r.chunk[k].cycles / r.interval_cycles / (double)r.n_chunks;
        }
        cr_expect_eq(r.n_layers, 70);
        cr_expect_eq(depthwise, 22);
        cr_expect_eq(r.interval_cycles, g->cycles);
        cr_expect_str_eq(r.bottleneck, g->bottleneck);
        cr_expect_float_eq(r.total.fps, g->fps, 5e-4);
        cr_expect_eq(r.total.dsp, g->dsp);
        cr_expect_eq(r.total.bram, g->bram);
        cr_expect_lt(test_relative(r.total.latency_s, sum / 200e6), 1e-12);
        cr_expect_lt(test_relative(r.total.utilization, busy), 1e-12);
        cr_expect(isnan(r.total.energy_j) && isnan(r.total.edp_js) && isnan(r.total.area_mm2));
        cr_expect_eq(r.total.violated, 0);
    }
}

Test(fpga_chunk, published_chunk_and_block_cycles)
{
    static const struct {
        const char *name;
        double cycles;
    } chunk[] = {{"a0q4", 65376},     {"a0q6", 238176},   {"a0q8", 128112},   {"a1q6", 545520},
                 {"a1q8", 117728},    {"dwa0q4", 237672}, {"dwa0q6", 808760}, {"dwa0q8", 449064},
                 {"dwa1q6", 1131204}, {"dwa1q8", 336384}};
    static const double block[] = {388176, 412992, 56988, 311724, 303048};
    cs_hw_report r;
    cost_golden(&golden_cases[0], &r);
    cr_assert_eq(r.n_chunks, 10);
    for (size_t i = 0; i < 10; i++) {
        size_t k = 0;
        while (k < r.n_chunks && strcmp(r.chunk[k].name, chunk[i].name) != 0)
            k++;
        cr_assert_lt(k, r.n_chunks, "%s is missing", chunk[i].name);
        cr_expect_eq(r.chunk[k].cycles, chunk[i].cycles, "%s", chunk[i].name);
    }
    double sum[5] = {0};
    for (size_t i = 0; i < r.n_layers; i++)
        if (r.layer[i].block < 5)
            sum[r.layer[i].block] += r.layer[i].cycles;
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(sum[i], block[i], "block %zu", i);
}

/* ---- the report ---- */

/* Layers and chunks add up to the totals, whatever the model and design. */
Test(fpga_chunk, report_adds_up)
{
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    for (size_t s = 0; cs_net_spaces[s]; s++)
        for (size_t m = 0; cs_hw_models[m]; m++) {
            if (!test_is_fpga_chunk(cs_hw_models[m]))
                continue;
            cs_space *space = test_space(cs_net_spaces[s]->name, cs_hw_models[m]->name);
            const bool published = strstr(cs_hw_models[m]->name, "published") != NULL;
            cs_rng rng;
            cs_rng_seed(&rng, 77);
            for (int i = 0; i < 200; i++) {
                cs_design d;
                cs_net net;
                double dsp = 0, bram = 0, cycles[CS_HW_CHUNKS_MAX] = {0}, dram = 0, slowest = 1;
                uint16_t layers[CS_HW_CHUNKS_MAX] = {0};
                uint64_t macs = 0;
                cs_space_sample(space, &rng, &d);
                cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
                cr_assert_eq(cs_space_cost(space, &d, NULL, r), CS_OK);
                for (size_t k = 0; k < r->n_layers; k++) {
                    const cs_hw_layer_cost *l = &r->layer[k];
                    cr_assert_lt(l->chunk, r->n_chunks);
                    cr_assert_gt(l->cycles, 0);
                    cr_assert_eq(isnan(l->dram_bits), published);
                    cr_assert_eq(strncmp(r->chunk[l->chunk].name, l->depthwise ? "dwa" : "a",
                                         l->depthwise ? 3 : 1),
                                 0);
                    cycles[l->chunk] += l->cycles;
                    layers[l->chunk]++;
                    dram += l->dram_bits;
                    macs += l->macs;
                }
                for (size_t k = 0; k < r->n_chunks; k++) {
                    cr_assert_lt(test_relative(cycles[k], r->chunk[k].cycles), 1e-12);
                    cr_assert_eq(layers[k], r->chunk[k].layers);
                    dsp += r->chunk[k].dsp;
                    bram += r->chunk[k].bram;
                    slowest = fmax(slowest, cycles[k]);
                }
                cr_assert_eq(dsp, r->total.dsp);
                cr_assert_eq(bram, r->total.bram);
                if (published) {
                    cr_assert_eq(r->interval_cycles, slowest);
                } else {
                    cr_assert_eq(macs, cs_net_macs(&net), "the whole network is counted");
                    cr_assert_eq(dsp, floor(dsp));
                    const double interval = fmax(slowest, dram / (4.2e9 * 8 / 200e6));
                    cr_assert_lt(test_relative(r->interval_cycles, interval), 1e-12);
                    cr_assert_eq(strcmp(r->bottleneck, "dram") == 0, r->interval_cycles > slowest);
                }
                cr_assert_lt(test_relative(r->total.fps, 200e6 / r->interval_cycles), 1e-12);
                cr_assert(r->total.utilization >= 0 && r->total.utilization <= 1);
                cr_assert_geq(r->total.latency_s * r->total.fps, 1.0 - 1e-12);
            }
            cs_space_free(space);
        }
    free(r);
}

/* A network in which the predictor counts no layer is finite: one cycle, no chunk. */
Test(fpga_chunk, published_network_without_layers)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk-published");
    cs_design d = {0};
    cs_hw_report r;
    cs_solution solution;
    test_set_network(space, &d, "skip", "8");
    cr_assert_eq(cs_space_cost(space, &d, NULL, &r), CS_OK);
    cr_assert_eq(r.n_chunks, 0);
    cr_assert_eq(r.total.fps, 200e6);
    cr_assert_eq(r.total.latency_s, 1.0 / 200e6);
    cr_assert_eq(r.total.dsp, 0);
    cr_assert_eq(cs_space_solve(space, NULL, &d, &solution, NULL), CS_OK);
    cr_assert(solution.proven && solution.fps == 200e6);
    cs_space_free(space);
}

Test(fpga_chunk, limits)
{
    cs_hw_report r;
    cost_golden(&golden_cases[0], &r);
    cs_limits limits = CS_LIMITS_NONE;
    cr_assert_eq(cs_limits_violated(&limits, &r.total), 0);
    limits.dsp_max = 308.5;
    limits.bram_max = 353;
    limits.fps_min = 176.8;
    cr_assert_eq(cs_limits_violated(&limits, &r.total), 0);
    limits.dsp_max = 308;
    cr_assert_eq(cs_limits_violated(&limits, &r.total), CS_VIOLATES_DSP);
    limits.bram_max = 352;
    limits.fps_min = 177;
    cr_assert_eq(cs_limits_violated(&limits, &r.total),
                 CS_VIOLATES_DSP | CS_VIOLATES_BRAM | CS_VIOLATES_FPS);
    limits = CS_LIMITS_NONE;
    limits.energy_max_j = 1.0; /* the model has no energy: a limit on it cannot be met */
    limits.edp_max_js = 1.0;
    limits.area_max_mm2 = 1.0;
    limits.latency_max_s = 1.0;
    cr_assert_eq(cs_limits_violated(&limits, &r.total),
                 CS_VIOLATES_ENERGY | CS_VIOLATES_EDP | CS_VIOLATES_AREA);
    limits.latency_max_s = 1e-6;
    cr_assert(cs_limits_violated(&limits, &r.total) & CS_VIOLATES_LATENCY);
}

Test(fpga_chunk, bits_without_chunk_are_refused)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d = {0};
    cs_net net;
    cs_hw_report r;
    uint16_t choice[CS_DECISIONS_MAX] = {0};
    test_set_network(space, &d, "k3_e1", "8");
    cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
    net.block[1].bits = 5;
    for (size_t m = 0; cs_hw_models[m]; m++)
        if (test_is_fpga_chunk(cs_hw_models[m]))
            cr_assert_eq(
                cs_hw_models[m]->evaluate(cs_space_hw_context(space), &net, choice, NULL, &r),
                CS_EOUTSIDE);
    static const int32_t many[] = {2, 3, 4, 5, 6}, wide[] = {4, 32};
    cs_decision list[CS_DECISIONS_MAX];
    size_t n;
    cs_hw_context ctx = {.bits = many, .n_bits = 5, .edge_bits = 4, .input_size = 32};
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, CS_DECISIONS_MAX, &n), CS_EUSAGE);
    ctx.n_bits = 4; /* 2 3 4 5: room for all, the edge's 4 among them */
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, CS_DECISIONS_MAX, &n), CS_OK);
    cr_assert_eq(n, 144);
    ctx.edge_bits = 8; /* a fifth bitwidth */
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, CS_DECISIONS_MAX, &n), CS_EUSAGE);
    ctx.n_bits = 2; /* 2 3 8 */
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, CS_DECISIONS_MAX, &n), CS_OK);
    cr_assert_eq(n, 108);
    cr_assert_str_eq(list[72].name, "a0q8.mode");
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, 107, &n), CS_EUSAGE);
    ctx.bits = wide;
    cr_assert_eq(cs_hw_models[0]->decisions(&ctx, list, CS_DECISIONS_MAX, &n), CS_EUSAGE);
    cs_space_free(space);
}

/* ---- the corrected model against a walk over its tiles ---- */

static int64_t up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Input positions 0..in-1 between the first and last one read by outputs [from, to). */
static int64_t span(const fpga_layer *l, int64_t from, int64_t to)
{
    int64_t low = INT64_MAX, high = -1;
    for (int64_t y = from; y < to; y++)
        for (int64_t k = 0; k < l->kernel; k++) {
            const int64_t at = y * l->stride + k - l->kernel / 2;
            if (at < 0 || at >= l->in_size)
                continue;
            low = at < low ? at : low;
            high = at > high ? at : high;
        }
    return high - low + 1;
}

/* Steps of the multiplier array over one tile, counted one by one. */
static int64_t steps(const int32_t *v, bool dw, int64_t tm, int64_t tn, int64_t tr, int64_t tc,
                     int64_t k)
{
    int64_t n = 0;
    const bool rows = v[CHUNK_MODE] == (dw ? 1 : 2);
    const int64_t dm = rows ? 1 : v[CHUNK_M], dy = rows ? v[CHUNK_R] : 1;
    const int64_t dn = !dw && v[CHUNK_MODE] == 1 ? v[CHUNK_N] : 1;
    for (int64_t o = 0; o < tm; o += dm)
        for (int64_t i = 0; i < tn; i += dn)
            for (int64_t y = 0; y < tr; y += dy)
                n += tc * k * k;
    return n;
}

static int64_t words_per_cycle(int64_t banks)
{
    return banks <= 2 ? 2 : banks == 3 ? 3 : 4;
}

static layer_cost walk(const fpga_chunk *c, const fpga_layer *l)
{
    const int32_t *v = c->v;
    const int64_t q = c->bits, k = l->kernel, side = l->out_size;
    const int64_t channels_in = c->depthwise ? 1 : l->cin;
    const int64_t tr = smaller(v[CHUNK_TR], side), tc = smaller(v[CHUNK_TC], side);
    const int64_t tm = smaller(v[CHUNK_TM], l->cout), tn = smaller(v[CHUNK_TN], channels_in);
    const bool rows = v[CHUNK_MODE] == (c->depthwise ? 1 : 2);
    const int64_t ih = (tr - 1) * l->stride + k, iw = (tc - 1) * l->stride + k;
    int64_t cycles = 0, words = 0;
    for (int64_t y = 0; y < side; y += tr)
        for (int64_t x = 0; x < side; x += tc)
            for (int64_t o = 0; o < l->cout; o += tm) {
                const int64_t outs = smaller(tm, l->cout - o);
                const int64_t height = span(l, y, smaller(y + tr, side));
                const int64_t width = span(l, x, smaller(x + tc, side));
                const int64_t writers = rows ? v[CHUNK_R] : v[CHUNK_M];
                cycles += up(tm * tr * tc * q, 16 * words_per_cycle(writers));
                cycles += up(tm * tr * tc * q, 16 * writers);
                words += outs * smaller(tr, side - y) * smaller(tc, side - x);
                for (int64_t i = 0; i < channels_in; i += tn) {
                    const int64_t ins = smaller(tn, channels_in - i);
                    const int64_t tile_in = c->depthwise ? tm : tn;
                    const int64_t readers = c->depthwise ? v[CHUNK_M] : rows ? ih : v[CHUNK_N];
                    const int64_t load = up(tile_in * ih * iw * q, 16 * words_per_cycle(readers));
                    const int64_t compute = steps(v, c->depthwise, tm, tn, tr, tc, k);
                    cycles +=
                        load > compute + 20 ? load : compute + 20; /* 20 cycles of pipeline fill */
                    cycles += rows ? up(tm * tn * k * q, 16)
                                   : up(tm * tn * k * k * q, 16 * words_per_cycle(v[CHUNK_M]));
                    words += height * width * (c->depthwise ? outs : ins) + outs * ins * k * k;
                }
            }
    return (layer_cost){.cycles = l->count * (double)cycles,
                        .dram_bits = l->count * (double)(words * q)};
}

/* A random chunk of a space's lists. */
static fpga_chunk random_chunk(cs_rng *rng, const fpga_layout *layout, size_t *kind)
{
    const size_t index = cs_rng_below(rng, (uint32_t)(layout->n_bits * CHUNK_KINDS));
    fpga_chunk c;
    fpga_chunk_init(layout, index, &c);
    *kind = index % CHUNK_KINDS;
    uint16_t choice[CHUNK_PARAMS];
    for (size_t p = 0; p < CHUNK_PARAMS; p++) {
        const chunk_list *list = &layout->list[*kind][p];
        const uint16_t first = p < CHUNK_R ? 0 : choice[p - CHUNK_R + CHUNK_TR];
        choice[p] = (uint16_t)(first + cs_rng_below(rng, (uint32_t)(list->n - first)));
        c.v[p] = list->value[choice[p]];
    }
    return c;
}

static fpga_layout layout_of(uint16_t input_size)
{
    static const int32_t bits[] = {4, 6, 8};
    const fpga_model model = {.lists = FPGA_LISTS_WIDE};
    const cs_hw_context ctx = {.bits = bits, .n_bits = 3, .edge_bits = 8, .input_size = input_size};
    fpga_layout layout;
    cr_assert_eq(fpga_layout_init(&model, &ctx, &layout), CS_OK);
    return layout;
}

Test(fpga_chunk, corrected_equals_a_walk_over_tiles)
{
    const fpga_layout layout[2] = {layout_of(32), layout_of(224)};
    cs_rng rng;
    cs_rng_seed(&rng, 31);
    for (int i = 0; i < 20000; i++) {
        size_t kind;
        fpga_chunk c = random_chunk(&rng, &layout[i % 2], &kind);
        fpga_layer l = {.kernel = (uint8_t)(1 + 2 * cs_rng_below(&rng, 3)),
                        .stride = (uint8_t)(1 + cs_rng_below(&rng, 2)),
                        .cin = c.depthwise ? 1 : (uint16_t)(1 + cs_rng_below(&rng, 40)),
                        .cout = (uint16_t)(1 + cs_rng_below(&rng, 70)),
                        .in_size = (uint16_t)(1 + cs_rng_below(&rng, 40)),
                        .count = 1.0 + cs_rng_below(&rng, 2)};
        l.out_size = (uint16_t)((l.in_size + l.stride - 1) / l.stride);
        layer_cost fast;
        fpga_corrected_cost(&c, &l, &fast.cycles, &fast.dram_bits);
        const layer_cost slow = walk(&c, &l);
        cr_assert_eq(fast.cycles, slow.cycles, "draw %d: %g, walk %g", i, fast.cycles, slow.cycles);
        cr_assert_eq(fast.dram_bits, slow.dram_bits, "draw %d: %g, walk %g", i, fast.dram_bits,
                     slow.dram_bits);
    }
}

/* Worked by hand: 8 -> 24 channels, 8x8, 1x1, 8 bits, mode 1, tiles 4x4x16x8, units m = 8, n = 4.
 * 2x2 spatial tiles, 2 output tiles. Compute 2*2*16 = 64 and 20 to fill, inputs 8*16*8/(16*4) = 16
 * -> 84; weights 16*8*8/(16*4) = 16; write 256*8/(16*4) + 256*8/(16*8) = 32 + 16. Total 4*2*(48 +
 * 84 + 16) = 1184. DRAM words: inputs 64*8*2, weights 4*24*8, outputs 24*64. */
Test(fpga_chunk, corrected_layer_by_hand)
{
    fpga_chunk c = chunk_of((const int32_t[]){1, 4, 4, 16, 8, 1, 1, 8, 4}, 8, false);
    const fpga_layer l = {
        .kernel = 1, .stride = 1, .cin = 8, .cout = 24, .in_size = 8, .out_size = 8, .count = 1};
    layer_cost cost;
    fpga_corrected_cost(&c, &l, &cost.cycles, &cost.dram_bits);
    cr_assert_eq(cost.cycles, 1184);
    cr_assert_eq(cost.dram_bits, 8.0 * (1024 + 768 + 1536));
    c.windows = fpga_window_bit(1, 1);
    const fpga_resources need = fpga_corrected_resources(&c);
    cr_assert_eq(need.dsp, 16);         /* 32 products, 2 per slice */
    cr_assert_eq(need.bram, 2 * 4 + 8); /* one block per bank, weight banks are LUT RAM */
}

Test(fpga_chunk, corrected_block_ram_by_hand)
{
    /* 5x5 window, stride 2, 16x16 tile: 35x35 input window. */
    fpga_chunk c = chunk_of((const int32_t[]){1, 16, 16, 8, 8, 1, 1, 2, 1}, 8, false);
    c.windows = fpga_window_bit(5, 2);
    /* inputs: 1 bank of 1225*8 = 9800 bytes -> 5 blocks of 2Kx9, doubled; outputs: 2 banks of
     * 256*4 = 1024 bytes; weights: 2 banks of 25*4*8 = 800 bytes. */
    cr_assert_eq(fpga_corrected_resources(&c).bram, 2 * 5 + 2 + 2);
    c.windows |= fpga_window_bit(3, 1); /* a smaller window changes nothing */
    cr_assert_eq(fpga_corrected_resources(&c).bram, 14);
    /* the same with 4-bit words: 4Kx4 blocks */
    c.bits = 4;
    cr_assert_eq(fpga_corrected_resources(&c).bram, 2 * 3 + 2 + 2);
    /* 6 bits: 2Kx9 as for 8; 9 bits fill it; 10 bits: 1Kx18, the weights over one block */
    static const struct {
        int32_t bits;
        double bram;
    } by_width[] = {{6, 2 * 5 + 2 + 2}, {9, 2 * 5 + 2 + 2}, {10, 2 * 10 + 2 + 2}};
    for (size_t i = 0; i < 3; i++) {
        c.bits = by_width[i].bits;
        cr_assert_eq(fpga_corrected_resources(&c).bram, by_width[i].bram, "%d bits", c.bits);
    }
    /* depthwise, a bank per row: 2 * 19 rows of (16 + 2) * 8 ... 3x3, stride 1 */
    fpga_chunk d = chunk_of((const int32_t[]){1, 16, 16, 8, 1, 4, 1, 8, 1}, 8, true);
    d.windows = fpga_window_bit(3, 1);
    /* inputs 2 * 18 rows, 144 words each; outputs 4 banks of 4*16*8 words; weights 3 banks of 24
     * words: LUT RAM. */
    cr_assert_eq(fpga_corrected_resources(&d).bram, 2 * 18 + 4);
    cr_assert_eq(fpga_corrected_resources(&d).dsp, 2); /* 4 rows, 2 per slice */
}

Test(fpga_chunk, products_per_dsp)
{
    static const int32_t expected[17] = {0, 4, 4, 4, 4, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int32_t bits = 1; bits <= 16; bits++)
        cr_assert_eq(fpga_products_per_dsp(bits), expected[bits]);
}

/* What the corrected model counts and the published one does not. */
Test(fpga_chunk, corrected_counts_the_whole_network)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d = {0};
    cs_hw_report r;
    test_set_network(space, &d, "k3_e1 skip k5_e6 k3_e3", "4 4 4 4");
    cr_assert_eq(cs_space_cost(space, &d, NULL, &r), CS_OK);
    cr_assert_eq(r.n_layers, 13);
    static const struct {
        size_t layer;
        int16_t block;
        const char *chunk;
    } expected[] = {{0, -1, "a0q8"},  {1, 0, "a0q4"},   {4, 1, "a1q4"},  {8, 3, "a1q4"},
                    {9, 3, "dwa1q4"}, {11, -2, "a1q8"}, {12, -3, "a1q8"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const cs_hw_layer_cost *l = &r.layer[expected[i].layer];
        cr_expect_eq(l->block, expected[i].block);
        cr_expect_str_eq(r.chunk[l->chunk].name, expected[i].chunk, "layer %zu", expected[i].layer);
    }
    cr_expect_eq(r.layer[8].out_size, 8, "first convolution of a strided block: input size");
    cr_expect_eq(r.layer[4].stride, 2);
    cs_space_free(space);
}

/* A two-group block runs each half after the other. */
Test(fpga_chunk, corrected_groups)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk");
    cs_design d = {0};
    cs_hw_report r;
    test_set_network(space, &d, "k5_e1_g2", "8");
    test_set_chunks(space, &d, "a0", "1,16,16,8,8,1,1,8,8");
    cr_assert_eq(cs_space_cost(space, &d, NULL, &r), CS_OK);
    const cs_hw_layer_cost *l = &r.layer[4]; /* block 2: 16 -> 16, 32x32, two groups */
    cr_assert_eq(l->block, 1);
    cr_assert_eq(l->groups, 2);
    cr_assert_eq(l->cin, 16);
    cr_assert_eq(l->cout, 16);
    cr_assert_eq(l->macs, 1024u * 16 * 8);
    fpga_chunk c = chunk_of((const int32_t[]){1, 16, 16, 8, 8, 1, 1, 8, 8}, 8, false);
    const fpga_layer half = {
        .kernel = 1, .stride = 1, .cin = 8, .cout = 8, .in_size = 32, .out_size = 32, .count = 1};
    layer_cost cost;
    fpga_corrected_cost(&c, &half, &cost.cycles, &cost.dram_bits);
    cr_assert_eq(l->cycles, 2 * cost.cycles);
    cr_assert_eq(l->dram_bits, 2 * cost.dram_bits);
    cs_space_free(space);
}
