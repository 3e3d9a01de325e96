/* The exact accelerator of a network: known optima, full enumeration, random designs. */
#include "hw/exact.h"
#include "hw_designs.h"

#include <math.h>
#include <stdlib.h>

static cs_limits board(double dsp, double bram)
{
    cs_limits limits = CS_LIMITS_NONE;
    limits.dsp_max = dsp;
    limits.bram_max = bram;
    return limits;
}

/* Solves a network and checks that the design is what the solution says it is. */
static cs_solution solve(const char *space_name, const char *hw, const char *ops, const char *bits,
                         const cs_limits *limits, cs_hw_metrics *total)
{
    cs_space *space = test_space(space_name, hw);
    cs_design d = {0};
    cs_solution s;
    cs_hw_report r;
    cs_error err = {""};
    test_set_network(space, &d, ops, bits);
    cr_assert_eq(cs_space_solve(space, limits, &d, &s, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_space_check(space, &d, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_space_cost(space, &d, limits, &r), CS_OK);
    cr_assert_eq(r.total.violated, 0);
    cr_assert_eq(r.total.fps, s.fps);
    cr_assert(s.proven);
    cr_assert_eq(s.bound_fps, s.fps);
    cr_assert_gt(s.designs, 0);
    if (total)
        *total = r.total;
    cs_space_free(space);
    return s;
}

/* Optima found by an independent exhaustive program on the authors' predictor. */
Test(fpga_solve, golden_optima)
{
    const cs_limits limits = board(900, 700);
    cs_hw_metrics total;
    cr_assert_float_eq(
        solve("fbnet:cifar", "fpga-chunk-published", EXAMPLE_OPS, EXAMPLE_BITS, &limits, &total)
            .fps,
        176.80, 0.005);
    cr_assert_leq(total.dsp, 75);
    cr_assert_leq(total.bram, 195);
    cr_assert_float_eq(
        solve("fbnet:imagenet", "fpga-chunk-published", EXAMPLE_OPS, EXAMPLE_BITS, &limits, NULL)
            .fps,
        100.66, 0.005);
    cr_assert_float_eq(
        solve("fbnet:cifar", "fpga-chunk-published:free", EXAMPLE_OPS, EXAMPLE_BITS, &limits, NULL)
            .fps,
        407.36, 0.005);
}

/* 75 slices suffice, so the published limits 450, 512 and 900 give the same optimum. */
Test(fpga_solve, published_limits_do_not_bind)
{
    static const double dsp[] = {75, 450, 512, 900};
    for (size_t i = 0; i < 4; i++) {
        const cs_limits limits = board(dsp[i], 700);
        cr_assert_float_eq(
            solve("fbnet:cifar", "fpga-chunk-published", EXAMPLE_OPS, EXAMPLE_BITS, &limits, NULL)
                .fps,
            176.80, 0.005);
    }
}

Test(fpga_solve, uniform_networks)
{
    static const struct {
        const char *op, *bits;
        double cifar, imagenet;
    } golden[] = {{"k3_e1", "4", 1515.3, 396.2}, {"k3_e1", "8", 1179.8, 324.3},
                  {"k3_e3", "4", 509.6, 142.7},  {"k3_e3", "8", 407.4, 123.1},
                  {"k3_e6", "4", 254.8, 72.8},   {"k3_e6", "8", 205.6, 63.8},
                  {"k5_e6", "4", 95.6, 54.5},    {"k5_e6", "8", 92.7, 52.8}};
    const cs_limits limits = board(900, 700);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        cr_expect_float_eq(solve("fbnet:cifar", "fpga-chunk-published", golden[i].op,
                                 golden[i].bits, &limits, NULL)
                               .fps,
                           golden[i].cifar, 0.0501, "%s q%s", golden[i].op, golden[i].bits);
        cr_expect_float_eq(solve("fbnet:imagenet", "fpga-chunk-published", golden[i].op,
                                 golden[i].bits, &limits, NULL)
                               .fps,
                           golden[i].imagenet, 0.0501, "%s q%s", golden[i].op, golden[i].bits);
    }
}

/* ---- full enumeration ---- */

#define FRONT_MAX 4096

typedef struct front {
    exact_option o[FRONT_MAX];
    size_t n;
} front;

/* Adds a point unless one equals or beats it, and removes those it beats: no sorting, nothing
 * shared with the solver. */
static void front_add(front *f, exact_option x)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->o[i].cycles <= x.cycles && f->o[i].dsp <= x.dsp && f->o[i].bram <= x.bram &&
            f->o[i].traffic <= x.traffic)
            return;
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++)
        if (!(x.cycles <= f->o[i].cycles && x.dsp <= f->o[i].dsp && x.bram <= f->o[i].bram &&
              x.traffic <= f->o[i].traffic))
            f->o[kept++] = f->o[i];
    cr_assert_lt(kept, FRONT_MAX);
    f->o[kept] = x;
    f->n = kept + 1;
}

/* Every design of the chunk whose decisions begin at `first`, through the public evaluate. */
static void enumerate_chunk(const cs_space *space, const cs_net *net, size_t first, front *out)
{
    const cs_hw_model *hw = cs_space_hw_model(space);
    size_t accelerator, last;
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    cs_space_group(space, CS_GROUP_ACCELERATOR, &accelerator, &last);
    cs_design d = {.n = (uint16_t)cs_space_size(space)};
    char unit[12] = "";
    snprintf(unit, sizeof unit, "%.*s", (int)strcspn(cs_space_decision(space, first)->name, "."),
             cs_space_decision(space, first)->name);
    size_t designs = 0;
    out->n = 0;
    for (;;) {
        designs++;
        cr_assert_eq(hw->evaluate(cs_space_hw_context(space), net, &d.choice[accelerator], NULL, r),
                     CS_OK);
        size_t k = 0;
        while (strcmp(r->chunk[k].name, unit) != 0)
            k++;
        const cs_hw_chunk_cost *c = &r->chunk[k];
        front_add(out, (exact_option){c->cycles, c->dsp, c->bram,
                                      isnan(c->dram_bits) ? 0 : c->dram_bits, 0});
        size_t p = 9; /* next vector, the last decision fastest */
        while (p-- > 0) {
            const size_t i = first + p;
            if (++d.choice[i] < cs_space_decision(space, i)->n_choices)
                break;
            d.choice[i] = 0;
        }
        if (p == SIZE_MAX)
            break;
        for (p++; p < 9; p++) /* from the changed one on, the first allowed */
            d.choice[first + p] = cs_space_first(space, &d, first + p);
    }
    /* (tile, unit) pairs: 15 per side and 10 per channel count of large maps, 6 and 21 of small. */
    const size_t side = strchr(unit, '0') ? 15 : 6, channels = strchr(unit, '0') ? 10 : 21;
    const size_t modes = cs_space_decision(space, first)->n_choices;
    cr_assert_eq(designs, modes * side * side * channels * (unit[0] == 'd' ? 1 : channels));
    free(r);
}

/* Fastest choice of one point per front. Plain recursion; cut only where it is too slow anyway. */
static void combine(const front *fronts, size_t n, size_t stage, const cs_limits *limits,
                    double bits_per_cycle, exact_option sum, double *best)
{
    if (sum.cycles >= *best || sum.traffic / bits_per_cycle >= *best || sum.dsp > limits->dsp_max ||
        sum.bram > limits->bram_max)
        return;
    if (stage == n) {
        *best = fmax(sum.cycles, sum.traffic / bits_per_cycle);
        return;
    }
    for (size_t i = 0; i < fronts[stage].n; i++) {
        const exact_option *o = &fronts[stage].o[i];
        combine(fronts, n, stage + 1, limits, bits_per_cycle,
                (exact_option){fmax(sum.cycles, o->cycles), sum.dsp + o->dsp, sum.bram + o->bram,
                               sum.traffic + o->traffic, 0},
                best);
    }
}

/* One searchable block and an 8-bit edge, so that three or four chunks are in use. */
static cs_net small_net(const cs_space *space, cs_rng *rng)
{
    cs_design d;
    cs_net net;
    do {
        cs_space_sample(space, rng, &d);
        cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
        net.n_blocks = 1;
        net.block[0].bits = cs_rng_below(rng, 2) ? 8 : 4;
        net.block[0].cin = net.stem_channels;
    } while (net.block[0].skip);
    return net;
}

static void against_full_enumeration(const char *hw, bool published)
{
    cs_space *space = test_space("fbnet:micro", hw);
    const double bits_per_cycle = published ? INFINITY : 4.2e9 * 8 / 200e6;
    front *fronts = malloc(8 * sizeof *fronts);
    cs_rng rng;
    cr_assert_not_null(fronts);
    cs_rng_seed(&rng, 20 + published);
    for (int i = 0; i < 2; i++) {
        const cs_net net = small_net(space, &rng);
        bool active[CS_DECISIONS_MAX];
        size_t first, last, n = 0;
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
        cs_space_hw_model(space)->active(cs_space_hw_context(space), &net, active);
        for (size_t k = first; k < last; k += 9)
            if (active[k - first])
                enumerate_chunk(space, &net, k, &fronts[n++]);
        int feasible = 0;
        for (int trial = 0; trial < 12; trial++) {
            const cs_limits limits = board(1 + cs_rng_below(&rng, 60), 8 + cs_rng_below(&rng, 90));
            double best = INFINITY;
            uint16_t choice[CS_DECISIONS_MAX];
            cs_solution s;
            combine(fronts, n, 0, &limits, bits_per_cycle, (exact_option){0}, &best);
            const cs_status status = cs_space_hw_model(space)->solve(
                cs_space_hw_context(space), &net, &limits, choice, &s, NULL);
            cr_assert_eq(status, isfinite(best) ? CS_OK : CS_EINFEASIBLE);
            if (status != CS_OK)
                continue;
            feasible++;
            cr_assert(s.proven);
            cr_assert_lt(test_relative(s.fps, 200e6 / best), 1e-12, "%s: %.17g, enumerated %.17g",
                         hw, s.fps, 200e6 / best);
        }
        cr_assert_gt(feasible, 3);
    }
    free(fronts);
    cs_space_free(space);
}

Test(fpga_solve, equals_full_enumeration_published)
{
    against_full_enumeration("fpga-chunk-published", true);
}

Test(fpga_solve, equals_full_enumeration_published_free)
{
    against_full_enumeration("fpga-chunk-published:free", true);
}

Test(fpga_solve, equals_full_enumeration_corrected)
{
    against_full_enumeration("fpga-chunk", false);
}

Test(fpga_solve, equals_full_enumeration_corrected_free)
{
    against_full_enumeration("fpga-chunk:free", false);
}

/* ---- properties ---- */

static void never_beaten(const char *space_name, const char *hw, uint64_t seed)
{
    cs_space *space = test_space(space_name, hw);
    cs_hw_report *r = malloc(sizeof *r);
    cs_rng rng;
    cr_assert_not_null(r);
    cs_rng_seed(&rng, seed);
    for (int net = 0; net < 10; net++) {
        cs_design d, best;
        cs_solution s;
        const cs_limits limits = board(cs_rng_below(&rng, 2) ? INFINITY : 200, 700);
        cs_space_sample(space, &rng, &d);
        best = d;
        cr_assert_eq(cs_space_solve(space, &limits, &best, &s, NULL), CS_OK);
        cr_assert(s.proven);
        cs_design walk = best;
        for (int i = 0; i < 2500; i++) {
            if (i % 2) { /* afresh, and a random walk from the optimum */
                cs_space_sample_group(space, &rng, CS_GROUP_ACCELERATOR, &d);
            } else {
                walk = i % 50 ? walk : best;
                cs_space_mutate(space, &rng, CS_GROUP_ACCELERATOR, &walk);
            }
            cr_assert_eq(cs_space_cost(space, i % 2 ? &d : &walk, &limits, r), CS_OK);
            if (r->total.violated == 0)
                cr_assert_leq(r->total.fps, s.fps * (1 + 1e-12));
        }
    }
    free(r);
    cs_space_free(space);
}

/* 100,000 random accelerators over four models and random networks. */
Test(fpga_solve, never_beaten_published)
{
    never_beaten("fbnet:cifar", "fpga-chunk-published", 1);
}

Test(fpga_solve, never_beaten_published_free)
{
    never_beaten("fbnet:imagenet", "fpga-chunk-published:free", 2);
}

Test(fpga_solve, never_beaten_corrected)
{
    never_beaten("fbnet:cifar", "fpga-chunk", 3);
}

Test(fpga_solve, never_beaten_corrected_free)
{
    never_beaten("fbnet:micro", "fpga-chunk:free", 4);
}

/* A larger budget never slows the best accelerator; a free compute mode never does. */
Test(fpga_solve, grows_with_the_budget)
{
    static const double dsp[] = {12, 16, 24, 40, 80, 160, 900}, bram[] = {120, 160, 240, 400};
    static const char *const fixed[] = {"fpga-chunk", "fpga-chunk-published"};
    static const char *const freed[] = {"fpga-chunk:free", "fpga-chunk-published:free"};
    for (size_t m = 0; m < 2; m++) {
        cs_space *space = test_space("fbnet:micro", fixed[m]);
        cs_space *free_space = test_space("fbnet:micro", freed[m]);
        cs_rng rng;
        int slower = 0;
        cs_rng_seed(&rng, 6);
        for (int i = 0; i < 5; i++) {
            cs_design d;
            double fps[7][4] = {{0}};
            cs_space_sample(space, &rng, &d);
            for (size_t a = 0; a < 7; a++)
                for (size_t b = 0; b < 4; b++) {
                    const cs_limits limits = board(dsp[a], bram[b]);
                    cs_design e = d, f = d;
                    cs_solution s = {0}, t = {0};
                    const cs_status status = cs_space_solve(space, &limits, &e, &s, NULL);
                    cr_assert(status == CS_OK || status == CS_EINFEASIBLE);
                    fps[a][b] = status == CS_OK ? s.fps : 0;
                    cr_assert(a == 0 || fps[a][b] >= fps[a - 1][b]);
                    cr_assert(b == 0 || fps[a][b] >= fps[a][b - 1]);
                    if (status != CS_OK)
                        continue;
                    cr_assert(s.proven);
                    cr_assert_eq(cs_space_solve(free_space, &limits, &f, &t, NULL), CS_OK);
                    cr_assert_geq(t.fps, s.fps * (1 - 1e-12));
                }
            cr_assert_gt(fps[6][3], 0);
            slower += fps[0][0] < fps[6][3];
        }
        cr_assert_geq(slower, 3); /* the budgets tried do bind */
        cs_space_free(space);
        cs_space_free(free_space);
    }
}

Test(fpga_solve, impossible_limits)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk");
    cs_design d = {0}, before;
    cs_solution s = {.fps = -1};
    cs_error err = {""};
    test_set_network(space, &d, EXAMPLE_OPS, EXAMPLE_BITS);
    before = d;
    const cs_limits dsp = board(3, 700), bram = board(900, 20);
    cr_assert_eq(cs_space_solve(space, &dsp, &d, &s, &err), CS_EINFEASIBLE);
    cr_assert(strstr(err.text, "DSP <= 3"), "%s", err.text);
    cr_assert_eq(cs_space_solve(space, &bram, &d, &s, &err), CS_EINFEASIBLE);
    cr_assert(strstr(err.text, "BRAM <= 20"), "%s", err.text);
    cr_assert_eq(memcmp(&d, &before, sizeof d), 0, "written although infeasible");
    cr_assert_eq(s.fps, -1);
    cs_space_free(space);
}

/* Unused chunks are left at choice 0, so a solved design is canonical. */
Test(fpga_solve, answers_are_canonical)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk:free");
    cs_rng rng;
    cs_rng_seed(&rng, 2);
    for (int i = 0; i < 20; i++) {
        cs_design d, c;
        cs_solution s;
        const cs_limits limits = board(200, 700);
        cs_space_sample(space, &rng, &d);
        cs_space_canonical(space, &d, &d);
        cr_assert_eq(cs_space_solve(space, &limits, &d, &s, NULL), CS_OK);
        cs_space_canonical(space, &d, &c);
        cr_assert_eq(memcmp(&c, &d, sizeof d), 0);
    }
    cs_space_free(space);
}
