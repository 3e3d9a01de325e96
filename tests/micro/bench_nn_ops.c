/* Single operators of the training engine as the graph runs them: the input is finished (BN, ReLU,
 * quantiser) on loading, statistics of the output are taken, both backward passes are one. Notes
 * tell the rate and the share of the roofline measured on this machine. */
#include "bench_nn.h"

#include "machine_rates.h"
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 7
#define ROUND_S 0.05
#define BATCH 64

typedef enum pass { FORWARD, BACKWARD, FINISH, GATE, PASS_COUNT } pass;

typedef struct op_bench {
    cs_convop conv;
    size_t n;
    double peak; /* GFLOP/s of this core */
    pass pass;
    cs_worker worker;
    cs_weights weights;
    cs_finish finish;
    cs_stats stats;
    cs_dz dz;
    float *x, *y, *g, *gin, *w, *dw, *coef;
    double *sums;
} op_bench;

static double op_run(void *context)
{
    op_bench *b = context;
    const size_t rows = b->n * (size_t)b->conv.h * (size_t)b->conv.w;
    const cs_input_gradient to = {.to = b->gin, .stats = &b->stats};
    const cs_gate gate = {.own = &b->finish, .x = b->x};
    switch (b->pass) {
    case FORWARD:
        cs_convop_forward(&b->worker, &b->conv, b->n, b->x, &b->finish, b->weights.q, b->y,
                          &b->stats);
        break;
    case BACKWARD:
        cs_convop_back(&b->worker, &b->conv, b->n, &b->dz, b->x, &b->finish, &b->weights, b->dw,
                       &to);
        break;
    case FINISH: b->worker.kernels->finish(rows, b->conv.in_p, &b->finish, b->x, b->gin); break;
    default: b->worker.kernels->gate(rows, b->conv.in_p, &gate, b->g, b->gin, &b->stats);
    }
    return 1.0;
}

/* Tensors a pass reads and writes once. */
static size_t bytes_moved(const op_bench *b)
{
    const size_t in = cs_convop_in_size(&b->conv), out = cs_convop_out_size(&b->conv);
    const size_t floats[PASS_COUNT] = {in + out, 2 * in + 2 * out, 2 * in, 3 * in};
    return floats[b->pass] * b->n * sizeof(float);
}

static void row(op_bench *b, cs_isa isa, const char *title)
{
    const size_t bytes = bytes_moved(b);
    const double convs = b->pass == FORWARD ? 1.0 : b->pass == BACKWARD ? 2.0 : 0.0;
    const double gflop = 2e-9 * convs * (double)b->conv.macs * (double)b->n;
    const double peak = b->peak, copy = machine_copy_gbs(bytes);
    const micro_times t = micro_time(0, op_run, b, ROUNDS, ROUND_S);
    const double compute_ms = 1e3 * gflop / peak, move_ms = 1e-6 * (double)bytes / copy;
    const double bound = fmax(compute_ms, move_ms);
    char note[160], rate[32] = "";
    if (convs > 0.0)
        snprintf(rate, sizeof rate, "%.1f GFLOP/s, ", 1e3 * gflop / t.median);
    snprintf(note, sizeof note,
             "%s%.0f %% of the roofline (%s; peak %.0f GFLOP/s, copy %.1f GB/s at %.1f MB), "
             "batch %d, %s",
             rate, 100.0 * bound / t.median, compute_ms > move_ms ? "compute" : "memory", peak,
             copy, 1e-6 * (double)bytes, BATCH, cs_isa_text(isa));
    const micro_case c = {"nn", title, 1, "ms", note};
    micro_row(&c, t.median, t.min, t.max);
}

static bool op_new(op_bench *b, const cs_convop *c)
{
    const size_t in = b->n * cs_convop_in_size(c), out = b->n * cs_convop_out_size(c);
    const size_t wide = (size_t)(c->in_p > c->out_p ? c->in_p : c->out_p);
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    b->coef = bench_nn_floats(wide * 7, 1.0f, &rng);
    b->sums = calloc(wide * 2, sizeof *b->sums);
    b->x = bench_nn_floats(in, 2.0f, &rng);
    b->y = bench_nn_floats(out, 2.0f, &rng);
    b->g = bench_nn_floats(in > out ? in : out, 2.0f, &rng);
    b->gin = bench_nn_floats(in, 2.0f, &rng);
    b->w = bench_nn_floats(cs_convop_weights(c), 0.1f, &rng);
    b->dw = bench_nn_floats(cs_convop_weights(c), 0.0f, &rng);
    b->weights.q = bench_nn_floats(cs_convop_weights(c), 0.1f, &rng);
    b->weights.t = bench_nn_floats((size_t)(c->out_p * c->rows_p), 0.1f, &rng);
    b->worker.scratch = bench_nn_floats(cs_convop_scratch(c), 1.0f, &rng);
    if (!b->coef || !b->sums || !b->x || !b->y || !b->g || !b->gin || !b->w || !b->dw ||
        !b->weights.q || !b->weights.t || !b->worker.scratch)
        return false;
    b->finish =
        (cs_finish){.s = b->coef, .t = b->coef + wide, .lo = 0.0f, .hi = INFINITY, .step = 1.0f};
    b->stats = (cs_stats){b->sums, b->sums + wide, b->coef + 5 * wide, b->coef + 6 * wide};
    b->dz = (cs_dz){b->g, b->y, b->coef + 2 * wide, b->coef + 3 * wide, b->coef + 4 * wide};
    cs_convop_prepare(c, b->w, CS_BITS_FLOAT, &b->weights);
    return true;
}

static void op_free(op_bench *b)
{
    void *const all[] = {b->coef,          b->sums, b->x,  b->y,         b->g,
                         b->gin,           b->w,    b->dw, b->weights.q, b->weights.t,
                         b->worker.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void conv_rows(const cs_engine *engine, double peak, const char *name, int cin, int cout,
                      int k, int s, int side)
{
    const cs_isa isa = cs_engine_isa(engine);
    op_bench b = {.n = BATCH, .peak = peak, .worker = {.kernels = engine->kernels}};
    cs_convop_shape(&b.conv, cin, cout, k, s, strcmp(name, "depthwise") == 0 ? cin : 1, side, side,
                    0, false);
    if (op_new(&b, &b.conv))
        for (b.pass = FORWARD; b.pass <= BACKWARD; b.pass++) {
            char title[96];
            snprintf(title, sizeof title, "%s_%dto%d_k%d_s%d_h%d_%s_ms", name, cin, cout, k, s,
                     side, b.pass == FORWARD ? "forward" : "backward");
            row(&b, isa, title);
        }
    op_free(&b);
}

/* BN, ReLU and the quantiser, and their gradient with the sums of BN's backward pass, as operators
 * of their own. The graph has them inside the convolutions. */
static void finish_rows(const cs_engine *engine, double peak, int channels, int side)
{
    op_bench b = {.n = BATCH, .peak = peak, .worker = {.kernels = engine->kernels}};
    cs_convop_shape(&b.conv, channels, channels, 3, 1, channels, side, side, 0, false);
    if (op_new(&b, &b.conv)) {
        b.finish.hi = 255.0f;
        b.finish.step = 0.01f;
        b.finish.quant = true;
        for (b.pass = FINISH; b.pass <= GATE; b.pass++) {
            char title[96];
            snprintf(title, sizeof title, "bn_relu_q8_%d_h%d_%s_ms", channels, side,
                     b.pass == FINISH ? "forward" : "backward");
            row(&b, cs_engine_isa(engine), title);
        }
    }
    op_free(&b);
}

void bench_nn_ops(cs_engine *engine)
{
    static const struct {
        const char *name;
        int cin, cout, k, s, side;
    } shape[] = {
        {"pointwise", 16, 96, 1, 1, 32},   {"pointwise", 96, 24, 1, 1, 32},
        {"pointwise", 96, 24, 1, 1, 16},   {"pointwise", 32, 192, 1, 1, 8},
        {"pointwise", 192, 64, 1, 1, 8},   {"pointwise", 112, 672, 1, 1, 4},
        {"pointwise", 672, 112, 1, 1, 4},  {"depthwise", 96, 96, 3, 1, 32},
        {"depthwise", 96, 96, 3, 2, 32},   {"depthwise", 192, 192, 3, 1, 16},
        {"depthwise", 192, 192, 3, 2, 16}, {"depthwise", 672, 672, 3, 1, 4},
        {"depthwise", 96, 96, 5, 1, 32},   {"depthwise", 96, 96, 5, 2, 32},
        {"depthwise", 192, 192, 5, 1, 16}, {"depthwise", 192, 192, 5, 2, 16},
        {"general", 16, 16, 3, 1, 32},     {"general", 32, 64, 3, 2, 16},
        {"general", 64, 64, 3, 1, 8},
    };
    const double peak = machine_peak_gflops(cs_engine_isa(engine));
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        conv_rows(engine, peak, shape[i].name, shape[i].cin, shape[i].cout, shape[i].k, shape[i].s,
                  shape[i].side);
    finish_rows(engine, peak, 96, 32);
    finish_rows(engine, peak, 192, 16);
    finish_rows(engine, peak, 672, 4);
}
