/* Training engine: operators and whole training steps. */
#include "micro.h"

#include "cosearch/rng.h"
#include "nn/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define ROUND_S 0.15

/* ---- single convolutions --------------------------------------------------------------------- */

typedef enum pass { FORWARD, BACKWARD, PASS_COUNT } pass;

typedef struct op_bench {
    cs_convop conv;
    size_t n;
    pass pass;
    cs_worker worker;
    cs_weights weights;
    cs_finish finish;
    cs_stats stats;
    cs_dz dz;
    float *x, *y, *g, *gin, *w, *dw;
} op_bench;

static double op_run(void *context)
{
    op_bench *b = context;
    if (b->pass == FORWARD)
        cs_convop_forward(&b->worker, &b->conv, b->n, b->x, &b->finish, b->weights.q, b->y,
                          &b->stats);
    else {
        const cs_input_gradient to = {.to = b->gin, .stats = &b->stats};
        cs_convop_back(&b->worker, &b->conv, b->n, &b->dz, b->x, &b->finish, &b->weights, b->dw,
                       &to);
    }
    return 1.0;
}

static float *random_floats(size_t n, float scale, cs_rng *rng)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++)
        x[i] = scale * ((float)cs_rng_uniform(rng) - 0.5f);
    return x;
}

/* The operator as the graph runs it: input finished (BN, ReLU) on loading, statistics taken. */
static void bench_op(const cs_engine *engine, const char *name, int cin, int cout, int k, int s,
                     int side)
{
    const bool depthwise = k > 1;
    op_bench b = {.n = 64, .worker = {.kernels = engine->kernels}};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    cs_convop_shape(&b.conv, cin, cout, k, s, depthwise ? cin : 1, side, side, 0, false);
    const cs_convop *c = &b.conv;
    const size_t in = b.n * cs_convop_in_size(c), out = b.n * cs_convop_out_size(c);
    const int wide = c->in_p > c->out_p ? c->in_p : c->out_p;
    float *coef = random_floats((size_t)wide * 7, 1.0f, &rng);
    double *sums = calloc((size_t)wide * 2, sizeof *sums);
    b.x = random_floats(in, 2.0f, &rng);
    b.y = random_floats(out, 2.0f, &rng);
    b.g = random_floats(out, 2.0f, &rng);
    b.gin = random_floats(in, 2.0f, &rng);
    b.w = random_floats(cs_convop_weights(c), 0.1f, &rng);
    b.dw = random_floats(cs_convop_weights(c), 0.0f, &rng);
    b.weights.q = random_floats(cs_convop_weights(c), 0.1f, &rng);
    b.weights.t = random_floats((size_t)(c->out_p * c->rows_p), 0.1f, &rng);
    b.worker.scratch = random_floats(cs_convop_scratch(c), 1.0f, &rng);
    if (coef && sums && b.x && b.y && b.g && b.gin && b.w && b.dw && b.weights.q && b.weights.t &&
        b.worker.scratch) {
        b.finish = (cs_finish){.s = coef, .t = coef + wide, .lo = 0.0f, .hi = 1e30f};
        b.stats = (cs_stats){sums, sums + wide, coef + 5 * wide, coef + 6 * wide};
        b.dz = (cs_dz){b.g, b.y, coef + 2 * wide, coef + 3 * wide, coef + 4 * wide};
        cs_convop_prepare(c, b.w, CS_BITS_FLOAT, &b.weights);
        for (b.pass = FORWARD; b.pass < PASS_COUNT; b.pass++) {
            char title[96], note[64];
            const double gflop = 2e-9 * (double)c->macs * (double)b.n * (b.pass == FORWARD ? 1 : 2);
            snprintf(title, sizeof title, "%s_%dto%d_k%d_s%d_h%d_%s_ms", name, cin, cout, k, s,
                     side, b.pass == FORWARD ? "forward" : "backward");
            op_run(&b); /* warm */
            const double start = micro_now();
            int calls = 0;
            double now;
            do {
                op_run(&b);
                calls++;
                now = micro_now();
            } while (now - start < ROUND_S / 2);
            snprintf(note, sizeof note, "%.1f GFLOP/s, batch 64, %s", gflop * calls / (now - start),
                     cs_isa_text(cs_engine_isa(engine)));
            const micro_case row = {"nn", title, 1, "ms", note};
            micro_measure(&row, op_run, &b, ROUNDS, ROUND_S / 3);
        }
    }
    free(coef);
    free(sums);
    free(b.x);
    free(b.y);
    free(b.g);
    free(b.gin);
    free(b.w);
    free(b.dw);
    free(b.weights.q);
    free(b.weights.t);
    free(b.worker.scratch);
}

/* ---- whole steps ------------------------------------------------------------------------------
 */

/* The reference stack: 32x32 images, stem of 16 channels, nine blocks of expansion 6, head 352. */
static cs_net_spec stack_spec(int kernel, int bits)
{
    static const int channels[] = {16, 24, 24, 32, 32, 64, 64, 112, 112};
    static const int stride[] = {1, 2, 1, 2, 1, 2, 1, 1, 1};
    cs_net_spec s = {.input_size = 32, .input_channels = 3, .padded_input = true, .classes = 10};
    const uint8_t b = (uint8_t)bits;
    int cin = 16;
    s.stage[s.n_stages++] =
        (cs_stage_spec){.conv = {{.cin = 3, .cout = 16, .k = 3, .s = 1, .groups = 1, .bits = b}},
                        .n_convs = 1,
                        .relu = true};
    for (int i = 0; i < 9; i++) {
        const uint16_t wide = (uint16_t)(cin * 6), cout = (uint16_t)channels[i];
        s.stage[s.n_stages++] = (cs_stage_spec){
            .conv = {{.cin = (uint16_t)cin, .cout = wide, .k = 1, .s = 1, .groups = 1, .bits = b},
                     {.cin = wide,
                      .cout = wide,
                      .k = (uint8_t)kernel,
                      .s = (uint8_t)stride[i],
                      .groups = wide,
                      .bits = b},
                     {.cin = wide, .cout = cout, .k = 1, .s = 1, .groups = 1, .bits = b}},
            .n_convs = 3,
            .residual = stride[i] == 1 && cin == cout};
        cin = cout;
    }
    s.stage[s.n_stages++] = (cs_stage_spec){
        .conv = {{.cin = (uint16_t)cin, .cout = 352, .k = 1, .s = 1, .groups = 1, .bits = b}},
        .n_convs = 1,
        .relu = true};
    return s;
}

typedef struct step_bench {
    cs_engine *engine;
    cs_model *model;
    cs_batch batch;
    float *x;
    int32_t *y;
} step_bench;

static double step_run(void *context)
{
    static const cs_recipe recipe = {.momentum = 0.9, .weight_decay = 5e-4};
    step_bench *b = context;
    cs_model_step(b->model, &b->batch, &recipe, 0.05);
    return 1.0;
}

/* Engine, model and a random batch; false if there is no memory for them. */
static bool step_open(step_bench *b, int threads, int kernel, int bits, int batch)
{
    *b = (step_bench){.model = NULL};
    if (cs_engine_new(threads, &b->engine) != CS_OK)
        return false;
    const cs_net_spec spec = stack_spec(kernel, bits);
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    b->x = random_floats((size_t)batch * 32 * 32 * CS_LANES, 2.0f, &rng);
    b->y = calloc((size_t)batch, sizeof *b->y);
    if (!b->x || !b->y ||
        cs_model_build(b->engine, &spec, (uint32_t)batch, &b->model, NULL) != CS_OK)
        return false;
    cs_model_init(b->model, 1);
    for (int i = 0; i < batch; i++)
        b->y[i] = (int32_t)cs_rng_below(&rng, 10);
    b->batch = (cs_batch){.x = b->x, .y = b->y, .n = (uint32_t)batch, .h = 32, .w = 32, .c = 3};
    return true;
}

static void step_close(step_bench *b)
{
    cs_model_free(b->model);
    cs_engine_free(b->engine);
    free(b->x);
    free(b->y);
}

static void bench_step(const char *name, int threads, int kernel, int bits, int batch)
{
    step_bench b;
    if (step_open(&b, threads, kernel, bits, batch)) {
        step_run(&b);
        const uint64_t before = cs_engine_macs(b.engine);
        const double start = micro_now();
        step_run(&b);
        char note[96];
        snprintf(note, sizeof note, "%.1f GFLOP/s, arena %zu KiB, %s",
                 2e-9 * (double)(cs_engine_macs(b.engine) - before) / (micro_now() - start),
                 cs_engine_peak_bytes(b.engine) / 1024, cs_isa_text(cs_engine_isa(b.engine)));
        const micro_case row = {"nn", name, threads, "ms", note};
        micro_measure(&row, step_run, &b, ROUNDS, ROUND_S);
    }
    step_close(&b);
}

/* Peak resident memory of a process that does nothing but three steps. */
static void bench_peak(const char *name, int threads, int bits)
{
    int ends[2];
    if (pipe(ends) != 0)
        return;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        step_bench b;
        struct rusage usage = {.ru_maxrss = 0};
        if (step_open(&b, threads, 3, bits, 64)) {
            for (int i = 0; i < 3; i++)
                step_run(&b);
            getrusage(RUSAGE_SELF, &usage);
        }
        const long kib = usage.ru_maxrss;
        const bool sent = write(ends[1], &kib, sizeof kib) == (ssize_t)sizeof kib;
        _exit(sent ? 0 : 1);
    }
    close(ends[1]);
    long kib = 0;
    if (child > 0 && read(ends[0], &kib, sizeof kib) == (ssize_t)sizeof kib && kib > 0) {
        const micro_case row = {"nn", name, threads, "kib", "resident, batch 64"};
        micro_row(&row, (double)kib, (double)kib, (double)kib);
    }
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
}

void bench_nn(void)
{
    bench_peak("mbconv_stack_fp32_peak_kib", 1, CS_BITS_FLOAT);
    bench_peak("mbconv_stack_q8_peak_kib", 1, 8);
    cs_engine *engine;
    if (cs_engine_new(1, &engine) != CS_OK)
        return;
    bench_op(engine, "pointwise", 16, 96, 1, 1, 32);
    bench_op(engine, "pointwise", 96, 24, 1, 1, 16);
    bench_op(engine, "pointwise", 32, 192, 1, 1, 8);
    bench_op(engine, "pointwise", 112, 672, 1, 1, 4);
    bench_op(engine, "depthwise", 96, 96, 3, 1, 32);
    bench_op(engine, "depthwise", 192, 192, 3, 1, 16);
    bench_op(engine, "depthwise", 192, 192, 3, 2, 16);
    bench_op(engine, "depthwise", 192, 192, 5, 1, 16);
    bench_op(engine, "depthwise", 192, 192, 5, 2, 16);
    bench_op(engine, "depthwise", 672, 672, 3, 1, 4);
    cs_engine_free(engine);
    for (int threads = 1; threads <= 2; threads++) {
        bench_step("mbconv_stack_fp32_step_ms", threads, 3, CS_BITS_FLOAT, 64);
        bench_step("mbconv_stack_q8_step_ms", threads, 3, 8, 64);
        bench_step("mbconv_stack_k5_fp32_step_ms", threads, 5, CS_BITS_FLOAT, 64);
        bench_step("mbconv_stack_k5_q8_step_ms", threads, 5, 8, 64);
    }
}
