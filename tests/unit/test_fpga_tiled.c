/* The published tiled engines against golden vectors of the authors' code, the corrected ones
 * against a slow walk over their tiles, the exact solver against samples and neighbours. */
#include "hw/fpga_parts.h"
#include "hw/fpga_tiled.h"
#include "hw_designs.h"

#include <stdlib.h>

/* ---- golden vectors of HotNAS ---- */

typedef struct shape {
    uint16_t m, n, r;
    uint8_t k, s, pad;
} shape;

static tiled_layer layer_of(const shape *s, bool depthwise)
{
    return (tiled_layer){.kernel = s->k,
                         .stride = s->s,
                         .bits = 16,
                         .depthwise = depthwise,
                         .groups = 1,
                         .cin = s->n,
                         .cout = s->m,
                         .in_size = (uint16_t)(s->r * s->s),
                         .out_size = s->r,
                         .count = 1.0};
}

static double cycles_of(const tiled_accelerator *a, const shape *s, bool depthwise)
{
    const tiled_layer l = layer_of(s, depthwise);
    tiled_cost cost;
    fpga_tiled_published_layer(a, &l, s->pad, &cost);
    return cost.cycles;
}

Test(fpga_tiled, published_alexnet)
{
    static const tiled_accelerator a = {
        .tm = 70, .tn = 36, .tr = 64, .tc = 32, .w = 18, .i = 6, .o = 2};
    static const shape net[] = {{64, 3, 55, 11, 4, 2},
                                {192, 64, 27, 5, 1, 2},
                                {384, 192, 13, 3, 1, 1},
                                {256, 384, 13, 3, 1, 1},
                                {256, 256, 13, 3, 1, 1}};
    double sum = 0.0;
    for (size_t i = 0; i < sizeof net / sizeof *net; i++)
        sum += cycles_of(&a, &net[i], false);
    cr_assert_eq(sum, 404830.0, "%.17g", sum);
}

/* Shapes as the authors' walk over the modules finds them: shortcuts shrink the map again. */
Test(fpga_tiled, published_resnet18_layer_by_layer)
{
    static const tiled_accelerator a = {
        .tm = 70, .tn = 36, .tr = 64, .tc = 64, .w = 18, .i = 6, .o = 6};
    static const struct {
        shape s;
        double cycles;
    } net[] = {{{64, 3, 112, 7, 2, 3}, 200704},  {{64, 64, 56, 3, 1, 1}, 60552},
               {{64, 64, 56, 3, 1, 1}, 60552},   {{64, 64, 56, 3, 1, 1}, 60552},
               {{64, 64, 56, 3, 1, 1}, 60552},   {{128, 64, 28, 3, 2, 1}, 18816},
               {{128, 128, 28, 3, 1, 1}, 64800}, {{128, 64, 14, 1, 2, 0}, 4704},
               {{128, 128, 14, 3, 1, 1}, 18432}, {{128, 128, 14, 3, 1, 1}, 18432},
               {{256, 128, 7, 3, 2, 1}, 20160},  {{256, 256, 7, 3, 1, 1}, 40320},
               {{256, 128, 4, 1, 2, 0}, 2240},   {{256, 256, 4, 3, 1, 1}, 40320},
               {{256, 256, 4, 3, 1, 1}, 40320},  {{512, 256, 2, 3, 2, 1}, 80640},
               {{512, 512, 2, 3, 1, 1}, 151200}, {{512, 256, 1, 1, 2, 0}, 8960},
               {{512, 512, 1, 3, 1, 1}, 151200}, {{512, 512, 1, 3, 1, 1}, 151200}};
    double sum = 0.0;
    for (size_t i = 0; i < sizeof net / sizeof *net; i++) {
        const double cycles = cycles_of(&a, &net[i].s, false);
        cr_expect_eq(cycles, net[i].cycles, "layer %zu: %g, expected %g", i, cycles, net[i].cycles);
        sum += cycles;
    }
    cr_expect_eq(sum, 1254656.0, "%.17g", sum);
}

/* Inverted residuals (expansion, channels, repeats, stride) of MobileNetV2 at 224 pixels. */
Test(fpga_tiled, published_mobilenetv2)
{
    static const tiled_accelerator a = {
        .tm = 160, .tn = 12, .td = 576, .tr = 32, .tc = 32, .w = 10, .i = 10, .o = 10};
    static const uint16_t block[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                        {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    shape s = {32, 3, 112, 3, 2, 1};
    double sum = cycles_of(&a, &s, false);
    uint16_t size = 112, in = 32;
    for (size_t b = 0; b < sizeof block / sizeof *block; b++)
        for (uint16_t i = 0; i < block[b][2]; i++) {
            const uint16_t wide = (uint16_t)(in * block[b][0]);
            const uint8_t stride = i ? 1 : (uint8_t)block[b][3];
            if (wide != in) {
                s = (shape){wide, in, size, 1, 1, 0};
                sum += cycles_of(&a, &s, false);
            }
            size = (uint16_t)(size / stride);
            s = (shape){wide, wide, size, 3, stride, 1};
            sum += cycles_of(&a, &s, true);
            in = block[b][1];
            s = (shape){in, wide, size, 1, 1, 0};
            sum += cycles_of(&a, &s, false);
        }
    s = (shape){1280, in, size, 1, 1, 0};
    sum += cycles_of(&a, &s, false);
    cr_assert_float_eq(sum, 1258579.2, 1e-6, "%.17g", sum);
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

/* Input positions of the map that outputs [from, to) read. */
static int64_t span(const tiled_layer *l, int64_t from, int64_t to)
{
    int64_t low = INT64_MAX, high = -1;
    for (int64_t y = from; y < to; y++)
        for (int64_t k = 0; k < l->kernel; k++) {
            const int64_t at = y * l->stride + k - l->kernel / 2;
            if (at < 0 || at >= l->in_size)
                continue;
            low = smaller(low, at);
            high = at > high ? at : high;
        }
    return high - low + 1;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static tiled_cost walk(const tiled_accelerator *a, const tiled_layer *l)
{
    const int64_t pack = l->bits <= 4 ? 4 : l->bits <= 8 ? 2 : 1;
    const int64_t k = l->kernel, q = l->bits, size = l->out_size;
    const int64_t shares = up(l->cout, l->depthwise ? a->td : a->tm * pack);
    const int64_t tm = up(l->cout, shares);
    const int64_t tn = l->depthwise ? tm : smaller(a->tn, l->cin);
    const int64_t tr = smaller(a->tr, size), tc = smaller(a->tc, size);
    const int64_t ih = (tr - 1) * l->stride + k, iw = (tc - 1) * l->stride + k;
    const int64_t load_in = up(tn * ih * iw * q, 16 * a->i);
    const int64_t load_w = up(tm * (l->depthwise ? 1 : tn) * k * k * q, 16 * a->w);
    const int64_t store = up(tm * tr * tc * q, 16 * a->o);
    int64_t cycles = larger(load_in, load_w) + store, words = 0;
    for (int64_t y = 0; y < size; y += tr)
        for (int64_t x = 0; x < size; x += tc)
            for (int64_t o = 0; o < l->cout; o += tm) {
                const int64_t outs = smaller(tm, l->cout - o);
                const int64_t h = span(l, y, smaller(y + tr, size));
                const int64_t w = span(l, x, smaller(x + tc, size));
                int64_t tile = 0;
                for (int64_t i = 0; i < (l->depthwise ? 1 : l->cin); i += tn) {
                    const int64_t ins = l->depthwise ? 1 : smaller(tn, l->cin - i);
                    int64_t steps = 20;
                    for (int64_t p = 0; p < tr * tc * k * k; p++)
                        steps++;
                    tile += larger(larger(load_in, load_w), steps);
                    words += h * w * (l->depthwise ? outs : ins) + outs * ins * k * k;
                }
                cycles += larger(tile, store);
                words += outs * smaller(tr, size - y) * smaller(tc, size - x);
            }
    return (tiled_cost){.cycles = l->count * (double)cycles,
                        .dram_bits = l->count * (double)(words * q)};
}

Test(fpga_tiled, corrected_equals_a_walk_over_tiles)
{
    static const int32_t port[] = {1, 2, 4, 6, 8, 10}, side[] = {4, 7, 8, 14, 16, 32};
    cs_rng rng;
    cs_rng_seed(&rng, 12);
    for (int i = 0; i < 20000; i++) {
        const tiled_accelerator a = {.tm = (int32_t)(2 + cs_rng_below(&rng, 30)),
                                     .tn = (int32_t)(1 + cs_rng_below(&rng, 30)),
                                     .td = (int32_t)(2 + cs_rng_below(&rng, 30)),
                                     .tr = side[cs_rng_below(&rng, 6)],
                                     .tc = side[cs_rng_below(&rng, 6)],
                                     .w = port[cs_rng_below(&rng, 6)],
                                     .i = port[cs_rng_below(&rng, 6)],
                                     .o = port[cs_rng_below(&rng, 6)]};
        tiled_layer l = {.kernel = (uint8_t)(1 + 2 * cs_rng_below(&rng, 3)),
                         .stride = (uint8_t)(1 + cs_rng_below(&rng, 2)),
                         .bits = (uint8_t)(2 + cs_rng_below(&rng, 15)),
                         .depthwise = cs_rng_below(&rng, 2) == 0,
                         .cin = (uint16_t)(1 + cs_rng_below(&rng, 60)),
                         .in_size = (uint16_t)(1 + cs_rng_below(&rng, 40)),
                         .count = 1.0 + cs_rng_below(&rng, 2)};
        l.cout = l.depthwise ? l.cin : (uint16_t)(1 + cs_rng_below(&rng, 90));
        l.out_size = (uint16_t)((l.in_size + l.stride - 1) / l.stride);
        tiled_cost fast;
        fpga_tiled_corrected_cost(&a, &l, &fast);
        const tiled_cost slow = walk(&a, &l);
        cr_assert_eq(fast.cycles, slow.cycles, "draw %d: %g, walk %g", i, fast.cycles, slow.cycles);
        cr_assert_eq(fast.dram_bits, slow.dram_bits, "draw %d: %g, walk %g", i, fast.dram_bits,
                     slow.dram_bits);
    }
}

/* Worked by hand: a network with 3x3 stem and 5x5 depthwise layers, stride 2, 4 and 8 bits. */
Test(fpga_tiled, corrected_resources_by_hand)
{
    const tiled_accelerator a = {.tm = 8, .tn = 4, .td = 16, .tr = 16, .tc = 8};
    const tiled_layer largest[TILED_ENGINES] = {
        [TILED_STANDARD] = {.kernel = 3, .stride = 2, .bits = 8, .count = 4},
        [TILED_DEPTHWISE] = {.kernel = 5, .stride = 2, .bits = 8, .count = 4}};
    double dsp, bram;
    fpga_tiled_corrected_needs(&a, largest, &dsp, &bram);
    cr_assert_eq(dsp, 8 * 4 + 16);
    /* inputs: 16 lanes, window 35 x 19 = 665 words in one 2Kx9; outputs: 8 x 4 lanes at 4 bits, 128
     * words; both double. Weight banks of 25 words are LUT RAM. */
    cr_assert_eq(bram, 2 * 16 + 2 * 32);
}

/* ---- whole designs ---- */

Test(fpga_tiled, exact_solver_beats_samples_and_neighbours)
{
    static const char *const model[] = {"fpga-tiled", "fpga-tiled-published"};
    cs_hw_report *report = malloc(sizeof *report);
    cs_rng rng;
    cs_rng_seed(&rng, 5);
    for (int i = 0; i < 6; i++) {
        cs_space *space = test_space(i < 4 ? "fbnet:micro" : "fbnet:cifar", model[i % 2]);
        cs_limits limits = CS_LIMITS_NONE;
        cs_solution solution;
        cs_design best, d;
        cs_error err;
        limits.dsp_max = i % 2 ? 900 : 220;
        limits.bram_max = i % 2 ? INFINITY : 500;
        cs_space_sample(space, &rng, &best);
        cr_assert_eq(cs_space_solve(space, &limits, &best, &solution, &err), CS_OK, "%s", err.text);
        cr_assert(solution.proven);
        cr_assert_eq(cs_space_cost(space, &best, &limits, report), CS_OK);
        cr_assert_eq(report->total.violated, 0);
        cr_assert_float_eq(report->total.fps, solution.fps, 1e-9 * solution.fps);
        size_t first, end, feasible = 0;
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &end);
        for (int k = 0; k < 3000; k++) {
            d = best;
            if (k < 1000)
                cs_space_mutate(space, &rng, CS_GROUP_ACCELERATOR, &d);
            else
                cs_space_sample_group(space, &rng, CS_GROUP_ACCELERATOR, &d);
            cs_space_cost(space, &d, &limits, report);
            if (report->total.violated)
                continue;
            feasible++;
            cr_assert_leq(report->total.fps, solution.fps * (1 + 1e-12));
        }
        cr_assert_gt(feasible, 20);
        cs_space_free(space);
    }
    free(report);
}

Test(fpga_tiled, too_wide_ports_are_named)
{
    cs_space *space = test_space("fbnet:micro", "fpga-tiled");
    cs_hw_report *report = malloc(sizeof *report);
    cs_rng rng;
    size_t wide = 0;
    cs_rng_seed(&rng, 8);
    for (int i = 0; i < 500; i++) {
        cs_design d;
        size_t first, end;
        int32_t sum = 0;
        cs_space_sample(space, &rng, &d);
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &end);
        for (size_t p = end - 3; p < end; p++)
            sum += cs_space_decision(space, p)->value[d.choice[p]];
        cr_assert_eq(cs_space_cost(space, &d, NULL, report), CS_OK);
        cr_assert_eq(report->total.violated, sum > 16 ? CS_VIOLATES_PORTS : 0);
        wide += sum > 16;
    }
    cr_assert(wide > 50 && wide < 450);
    free(report);
    cs_space_free(space);
}
