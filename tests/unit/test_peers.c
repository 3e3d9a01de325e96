/* The platforms of HS-Co-Opt and BSW against their published or measured numbers. */
#include "hw/boards.h"
#include "hw/chaidnn.h"

#include "hw_designs.h"
#include <stdlib.h>

/* ---- HS-Co-Opt: three boards ---- */

typedef struct triple {
    uint8_t kernel;
    uint16_t filters;
    uint8_t stride;
} triple;

/* The dumped winners for CIFAR-10: FixedStride/OptHW and PredictableStride/OptSW. */
static const triple opt_hw[] = {{5, 24, 1}, {1, 64, 1}, {5, 48, 1}, {7, 24, 1}, {5, 36, 1},
                                {1, 24, 1}, {5, 48, 1}, {3, 24, 1}, {7, 24, 1}, {3, 36, 1}};
static const triple opt_sw[] = {{1, 24, 1}, {7, 64, 1}, {1, 64, 1}, {5, 48, 2}, {5, 48, 1},
                                {7, 24, 1}, {7, 64, 1}, {5, 24, 2}, {1, 48, 1}, {5, 36, 1},
                                {1, 48, 1}, {7, 24, 2}, {1, 64, 1}, {7, 36, 1}};

static size_t chain(const triple *t, size_t n, cs_conv *out, double *macs)
{
    uint16_t channels = 3, size = 32;
    *macs = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = (cs_conv){.kernel = t[i].kernel,
                           .stride = t[i].stride,
                           .bits = 16,
                           .groups = 1,
                           .cin = channels,
                           .cout = t[i].filters,
                           .in_size = size,
                           .out_size = (uint16_t)((size + t[i].stride - 1) / t[i].stride)};
        channels = t[i].filters;
        size = out[i].out_size;
        *macs += (double)cs_conv_macs(&out[i]);
    }
    return n;
}

static double pipeline_fps(const cs_conv *conv, size_t n, boards_accelerator a, double *efficiency,
                           boards_pipeline *p)
{
    double cycles[CS_CONVS_MAX];
    for (size_t i = 0; i < n; i++) {
        int32_t tm = 0, tn = 0;
        cycles[i] = boards_layer_best(&a, &conv[i], &tm, &tn);
        cr_assert_leq(tm * tn * (a.bits == 32 ? 5 : 1), BOARDS_DSP);
        cr_assert_eq(cycles[i], boards_layer_cycles(&a, &conv[i], tm, tn));
    }
    boards_split(cycles, n, (size_t)a.boards, p);
    *efficiency = p->efficiency;
    return BOARDS_CLOCK_HZ / p->slowest;
}

Test(peers, hs_co_opt_pipelines)
{
    static const struct {
        const triple *net;
        size_t n;
        int32_t boards, bits;
        double mmacs, fps, efficiency; /* efficiency 0: not given */
    } row[] = {{opt_hw, 10, 3, 32, 239.8, 35.7, 0.986},
               {opt_hw, 10, 3, 16, 239.8, 160.9, 0},
               {opt_sw, 14, 2, 32, 157.6, 36.0, 0.972},
               {opt_sw, 14, 3, 32, 157.6, 38.1, 0.686}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cs_conv conv[CS_CONVS_MAX];
        double macs, efficiency;
        boards_pipeline p;
        const size_t n = chain(row[i].net, row[i].n, conv, &macs);
        const double fps = pipeline_fps(
            conv, n, (boards_accelerator){row[i].boards, 32, 32, row[i].bits}, &efficiency, &p);
        cr_expect_lt(test_relative(macs, 1e6 * row[i].mmacs), 0.001, "%g MACs", macs);
        cr_expect_lt(test_relative(fps, row[i].fps), 0.01, "row %zu: %.2f FPS", i, fps);
        cr_expect(row[i].efficiency == 0 || test_relative(efficiency, row[i].efficiency) < 0.01,
                  "row %zu: efficiency %.4f", i, efficiency);
        if (i == 0) /* the cuts after layers 3 and 5 */
            cr_expect(p.first[1] == 3 && p.first[2] == 5);
    }
}

/* Every way to cut a chain, on random cycles. */
Test(peers, split_is_optimal)
{
    cs_rng rng;
    cs_rng_seed(&rng, 5);
    for (int i = 0; i < 500; i++) {
        double cycles[12], best = INFINITY, sum = 0;
        const size_t n = 1 + cs_rng_below(&rng, 12), boards = 1 + cs_rng_below(&rng, 3);
        boards_pipeline p;
        for (size_t k = 0; k < n; k++)
            cycles[k] = exp(cs_rng_normal(&rng));
        for (size_t a = 0; a <= n; a++)
            for (size_t b = a; b <= n; b++) {
                double stage[3] = {0};
                for (size_t k = 0; k < n; k++)
                    stage[k < a ? 0 : k < b ? 1 : 2] += cycles[k];
                if ((boards < 3 && stage[2] > 0) || (boards < 2 && stage[1] > 0))
                    continue;
                best = fmin(best, fmax(stage[0], fmax(stage[1], stage[2])));
            }
        boards_split(cycles, n, boards, &p);
        cr_assert_lt(test_relative(p.slowest, best), 1e-12);
        for (size_t s = 0; s < boards; s++)
            sum += p.stage[s];
        cr_assert_lt(test_relative(p.efficiency, sum / ((double)boards * best)), 1e-12);
        cr_assert(p.first[0] == 0 && p.first[boards] == n);
    }
}

/* ---- BSW: CHaiDNN ---- */

Test(peers, bsw_space_and_ratios)
{
    /* image per second and cm2 of the four designs of the results, from latency and area */
    static const struct {
        double latency_ms, area_mm2, ratio;
    } row[] = {{42.0, 186, 12.8}, {41.8, 132, 18.1}, {19.3, 132, 39.3}, {18.5, 133, 40.6}};
    cs_space *space = test_space("fbnet:micro", "fpga-chaidnn");
    cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_ACCELERATOR), log10(8640.0), 1e-9);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        cr_expect_lt(fabs(1e3 / row[i].latency_ms / (row[i].area_mm2 / 100) - row[i].ratio), 0.1);
    cs_space_free(space);
}

/* The ZU9EG as a whole, and CHaiDNN's largest build with pooling, 166 mm2. */
Test(peers, bsw_area)
{
    const chaidnn_accelerator largest = {16, 32, 8192, 2048, 2048, 256, 1, 100};
    chaidnn_resources r;
    cr_expect_lt(fabs(chaidnn_area_mm2(34260, 912, 2520) - 285.7), 0.05);
    cr_expect_lt(fabs(chaidnn_area_mm2(161983 / 8.0, 676, 1352) - 166), 0.5);
    chaidnn_resources_of(&largest, &r);
    cr_expect_lt(test_relative(r.dsp, 1352), 0.015, "%g slices", r.dsp);
    cr_expect_leq(fabs(r.bram36 - 676), 3, "%g block RAMs", r.bram36);
    cr_expect_lt(test_relative(r.lut, 161983), 0.025, "%g look-up tables", r.lut);
    cr_expect_lt(fabs(r.area_mm2 - 166), 2, "%g mm2", r.area_mm2);
}

/* The resource tables of CHaiDNN on the ZU9, with pooling: DSP, LUT, BRAM36 by compute DSPs. */
Test(peers, chaidnn_tables)
{
    static const struct {
        int32_t pixels;
        double dsp, lut, bram;
    } row[] = {{4, 442, 105811, 618},
               {8, 574, 114317, 626},
               {16, 838, 127949, 642},
               {32, 1352, 161983, 676}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const chaidnn_accelerator a = {16, row[i].pixels, 8192, 2048, 2048, 256, 1, 100};
        chaidnn_resources r;
        chaidnn_resources_of(&a, &r);
        cr_expect_lt(test_relative(r.dsp, row[i].dsp), 0.015);
        cr_expect_lt(test_relative(r.lut, row[i].lut), 0.025);
        cr_expect_leq(fabs(r.bram36 - row[i].bram), 3);
    }
}

/* VGG-16 without its classifier on 512 compute slices: 91.2 ms measured at 8 bits. */
Test(peers, chaidnn_vgg16)
{
    static const uint16_t channels[] = {64,  64,  128, 128, 256, 256, 256,
                                        512, 512, 512, 512, 512, 512};
    static const uint16_t sizes[] = {224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14};
    const chaidnn_accelerator a = {16, 16, 8192, 2048, 2048, 256, 1, 100};
    double s = 0, s6 = 0;
    uint16_t cin = 3;
    for (size_t i = 0; i < 13; i++) {
        cs_conv c = {.kernel = 3,
                     .stride = 1,
                     .bits = 8,
                     .groups = 1,
                     .cin = cin,
                     .cout = channels[i],
                     .in_size = sizes[i],
                     .out_size = sizes[i]};
        s += chaidnn_layer_s(&a, &c);
        c.bits = 6;
        s6 += chaidnn_layer_s(&a, &c);
        cin = channels[i];
    }
    cr_expect(s > 0.078 && s < 0.105, "%.1f ms, measured 91.2", 1e3 * s);
    /* 6 bits: 20.84 images per second measured, 1.9 times as fast */
    cr_expect_lt(test_relative(s / s6, 20.84 / 10.97), 0.1, "%.2f", s / s6);
}

/* ---- both as models ---- */

Test(peers, reports_add_up)
{
    static const char *const models[] = {"fpga-boards", "fpga-chaidnn"};
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    for (size_t m = 0; m < 2; m++)
        for (size_t s = 0; cs_net_spaces[s]; s++) {
            cs_space *space = test_space(cs_net_spaces[s]->name, models[m]);
            cs_rng rng;
            cs_rng_seed(&rng, 10 + m);
            for (int i = 0; i < 40; i++) {
                cs_design d;
                cs_net net;
                uint64_t macs = 0;
                double cycles[BOARDS_MAX] = {0}, dsp = 0, bram = 0, slowest = 0, sum = 0;
                cs_space_sample(space, &rng, &d);
                cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
                cr_assert_eq(cs_space_cost(space, &d, NULL, r), CS_OK);
                for (size_t k = 0; k < r->n_layers; k++) {
                    cr_assert_lt(r->layer[k].chunk, r->n_chunks);
                    cr_assert(r->layer[k].cycles > 0 && isfinite(r->layer[k].cycles));
                    cycles[r->layer[k].chunk] += r->layer[k].cycles;
                    macs += r->layer[k].macs;
                }
                for (size_t k = 0; k < r->n_chunks; k++) {
                    cr_assert_lt(fabs(cycles[k] - r->chunk[k].cycles), 1e-9 * cycles[k] + 1e-9);
                    dsp += r->chunk[k].dsp;
                    bram += r->chunk[k].bram;
                    sum += cycles[k];
                    slowest = fmax(slowest, cycles[k]);
                }
                cr_assert_eq(macs, cs_net_macs(&net));
                cr_assert_lt(test_relative(dsp, r->total.dsp), 1e-9);
                cr_assert_lt(test_relative(bram, r->total.bram), 1e-9);
                cr_assert_lt(test_relative(r->total.latency_s, sum / r->clock_hz), 1e-9);
                cr_assert_lt(test_relative(r->interval_cycles, m == 0 ? slowest : sum), 1e-9);
                cr_assert_lt(test_relative(r->total.fps, r->clock_hz / r->interval_cycles), 1e-9);
                cr_assert(m == 1 || r->total.dsp <= BOARDS_MAX * BOARDS_DSP);
                cr_assert(r->total.utilization > 0 && r->total.utilization <= 1 + 1e-12);
            }
            cs_space_free(space);
        }
    free(r);
}

/* The fastest of all 8,640 under a limit on area. */
Test(peers, chaidnn_solver)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chaidnn");
    cs_hw_report *r = malloc(sizeof *r);
    cs_limits limits = CS_LIMITS_NONE;
    cs_rng rng;
    cs_design d, best;
    cs_solution s;
    cr_assert_not_null(r);
    cs_rng_seed(&rng, 20);
    cs_space_sample(space, &rng, &d);
    best = d;
    limits.area_max_mm2 = 120;
    cr_assert_eq(cs_space_solve(space, &limits, &best, &s, NULL), CS_OK);
    cr_assert_eq(cs_space_cost(space, &best, &limits, r), CS_OK);
    cr_assert(r->total.violated == 0 && r->total.fps == s.fps && s.designs == 8640);
    for (int i = 0; i < 3000; i++) {
        cs_space_sample_group(space, &rng, CS_GROUP_ACCELERATOR, &d);
        cr_assert_eq(cs_space_cost(space, &d, &limits, r), CS_OK);
        cr_assert(r->total.violated || r->total.fps <= s.fps);
    }
    limits.area_max_mm2 = 1;
    cr_assert_eq(cs_space_solve(space, &limits, &best, &s, NULL), CS_EINFEASIBLE);
    free(r);
    cs_space_free(space);
}
