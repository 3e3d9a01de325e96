/* Training engine: whole steps (forward, loss, backward, SGD), and the memory of one. */
#define _GNU_SOURCE /* wait4 */
#include "bench_nn.h"

#include "nn/model.h"
#include "run/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 5
#define ROUND_S 0.15
#define STACK_BATCH 64
#define RESNET_BATCH 128

float *bench_nn_floats(size_t n, float scale, cs_rng *rng)
{
    float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    for (size_t i = 0; x && i < n; i++)
        x[i] = scale * ((float)cs_rng_uniform(rng) - 0.5f);
    return x;
}

/* ---- networks ---------------------------------------------------------------------------------
 */

static cs_conv_spec conv(int cin, int cout, int k, int s, int groups, int bits)
{
    return (cs_conv_spec){.cin = (uint16_t)cin,
                          .cout = (uint16_t)cout,
                          .k = (uint8_t)k,
                          .s = (uint8_t)s,
                          .groups = (uint16_t)groups,
                          .bits = (uint8_t)bits};
}

/* The reference stack: 32x32 images, stem of 16 channels, nine blocks of expansion 6, head 352. */
static cs_net_spec stack_spec(int kernel, int bits)
{
    static const int channels[] = {16, 24, 24, 32, 32, 64, 64, 112, 112};
    static const int stride[] = {1, 2, 1, 2, 1, 2, 1, 1, 1};
    cs_net_spec s = {.input_size = 32, .input_channels = 3, .padded_input = true, .classes = 10};
    int cin = 16;
    s.stage[s.n_stages++] =
        (cs_stage_spec){.conv = {conv(3, 16, 3, 1, 1, bits)}, .n_convs = 1, .relu = true};
    for (int i = 0; i < 9; i++) {
        const int wide = cin * 6, cout = channels[i];
        s.stage[s.n_stages++] =
            (cs_stage_spec){.conv = {conv(cin, wide, 1, 1, 1, bits),
                                     conv(wide, wide, kernel, stride[i], wide, bits),
                                     conv(wide, cout, 1, 1, 1, bits)},
                            .n_convs = 3,
                            .residual = stride[i] == 1 && cin == cout};
        cin = cout;
    }
    s.stage[s.n_stages++] =
        (cs_stage_spec){.conv = {conv(cin, 352, 1, 1, 1, bits)}, .n_convs = 1, .relu = true};
    return s;
}

/* ResNet-20 for CIFAR-10 (He et al. 2016, section 4.2) with the parameter-free shortcuts. */
static cs_net_spec resnet20_spec(int bits)
{
    static const int channels[] = {16, 16, 16, 32, 32, 32, 64, 64, 64};
    cs_net_spec s = {.input_size = 32, .input_channels = 3, .padded_input = true, .classes = 10};
    int cin = 16;
    s.stage[s.n_stages++] =
        (cs_stage_spec){.conv = {conv(3, 16, 3, 1, 1, bits)}, .n_convs = 1, .relu = true};
    for (int i = 0; i < 9; i++) {
        const int cout = channels[i];
        s.stage[s.n_stages++] = (cs_stage_spec){
            .conv = {conv(cin, cout, 3, cout / cin, 1, bits), conv(cout, cout, 3, 1, 1, bits)},
            .n_convs = 2,
            .relu = true,
            .residual = true};
        cin = cout;
    }
    return s;
}

/* ---- a step -----------------------------------------------------------------------------------
 */

typedef struct step_bench {
    cs_engine *engine;
    cs_model *model;
    float *x;
    int32_t *y;
    cs_batch batch;
} step_bench;

static double step_run(void *context)
{
    static const cs_recipe recipe = {.momentum = 0.9, .weight_decay = 4e-5};
    step_bench *b = context;
    cs_model_step(b->model, &b->batch, &recipe, 0.01);
    return 1.0;
}

static void step_free(step_bench *b)
{
    cs_model_free(b->model);
    cs_engine_free(b->engine);
    free(b->x);
    free(b->y);
}

static bool step_new(step_bench *b, const cs_net_spec *spec, int threads, int batch)
{
    cs_error err = {""};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    *b = (step_bench){.engine = NULL};
    const size_t channels = spec->padded_input ? CS_LANES : spec->input_channels;
    const size_t pixels = (size_t)spec->input_size * spec->input_size;
    b->x = bench_nn_floats((size_t)batch * pixels * channels, 2.0f, &rng);
    b->y = calloc((size_t)batch, sizeof *b->y);
    if (!b->x || !b->y || cs_env_engine("auto", threads, &b->engine, &err) != CS_OK ||
        cs_model_build(b->engine, spec, (uint32_t)batch, &b->model, &err) != CS_OK) {
        fprintf(stderr, "bench nn: %s\n", *err.text ? err.text : "out of memory");
        step_free(b);
        return false;
    }
    cs_model_init(b->model, 1);
    for (int i = 0; i < batch; i++)
        b->y[i] = (int32_t)cs_rng_below(&rng, 10);
    b->batch = (cs_batch){.x = b->x,
                          .y = b->y,
                          .n = (uint32_t)batch,
                          .h = spec->input_size,
                          .w = spec->input_size,
                          .c = spec->input_channels};
    return true;
}

static void bench_step(const char *name, const cs_net_spec *spec, int threads, int batch,
                       const char *what)
{
    step_bench b;
    if (!step_new(&b, spec, threads, batch))
        return;
    step_run(&b);
    const uint64_t before = cs_engine_macs(b.engine);
    step_run(&b);
    const double gflop = 2e-9 * (double)(cs_engine_macs(b.engine) - before);
    const micro_times t = micro_time(0, step_run, &b, ROUNDS, ROUND_S);
    char note[224];
    snprintf(note, sizeof note, "%s, batch %d, %.1f GFLOP/s, %.0f images/s, arena %zu KiB, %s",
             what, batch, 1e3 * gflop / t.median, 1e3 * batch / t.median,
             cs_engine_peak_bytes(b.engine) / 1024, cs_isa_text(cs_engine_isa(b.engine)));
    const micro_case row = {"nn", name, threads, "ms", note};
    micro_row(&row, t.median, t.min, t.max);
    step_free(&b);
}

int micro_step(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: %s --step KERNEL|resnet20 BITS THREADS REPEATS\n", argv[0]);
        return 2;
    }
    const bool resnet = strcmp(argv[2], "resnet20") == 0;
    const cs_net_spec spec =
        resnet ? resnet20_spec(atoi(argv[3])) : stack_spec(atoi(argv[2]), atoi(argv[3]));
    step_bench b;
    if (!step_new(&b, &spec, atoi(argv[4]), resnet ? RESNET_BATCH : STACK_BATCH))
        return 4;
    const micro_times t = micro_time(0, step_run, &b, atoi(argv[5]), 0.0);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    step_run(&b);
    getrusage(RUSAGE_SELF, &after);
    printf("%.3f %.3f %.3f %ld %ld\n", t.median, t.min, t.max, after.ru_maxrss,
           after.ru_minflt - before.ru_minflt);
    step_free(&b);
    return 0;
}

/* Peak resident memory of a process that does nothing but steps of the stack. It is forked off
 * while this one is small: the kernel counts what a process had before it became another program.
 */
static void bench_peak(const char *name, int threads, int bits)
{
    char thread[8], bit[8], step[] = "--step", kernel[] = "3", repeats[] = "2",
                            self[] = "microbench";
    char *const args[] = {self, step, kernel, bit, thread, repeats, NULL};
    snprintf(thread, sizeof thread, "%d", threads);
    snprintf(bit, sizeof bit, "%d", bits);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout))
            execv("/proc/self/exe", args);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
        fprintf(stderr, "bench nn: %s could not be measured\n", name);
        return;
    }
    const double kib = (double)usage.ru_maxrss;
    const micro_case row = {"nn", name, threads, "kib",
                            "high-water mark of a process of its own: model, batch, libraries"};
    micro_row(&row, kib, kib, kib);
}

void bench_nn(void)
{
    cs_engine *engine;
    cs_error err = {""};
    for (int threads = 1; threads <= 2; threads++) {
        bench_peak("mbconv_stack_fp32_peak_kib", threads, CS_BITS_FLOAT);
        bench_peak("mbconv_stack_q8_peak_kib", threads, 8);
    }
    if (cs_env_engine("auto", 1, &engine, &err) != CS_OK) {
        fprintf(stderr, "bench nn: %s\n", err.text);
        return;
    }
    bench_nn_ops(engine);
    cs_engine_free(engine);
    static const struct {
        const char *name;
        int kernel, bits;
    } stack[] = {{"mbconv_stack_fp32_step_ms", 3, CS_BITS_FLOAT},
                 {"mbconv_stack_q8_step_ms", 3, 8},
                 {"mbconv_stack_k5_fp32_step_ms", 5, CS_BITS_FLOAT},
                 {"mbconv_stack_k5_q8_step_ms", 5, 8}};
    const cs_net_spec resnet = resnet20_spec(CS_BITS_FLOAT);
    for (int threads = 1; threads <= 2; threads++) {
        for (size_t i = 0; i < sizeof stack / sizeof *stack; i++) {
            const cs_net_spec spec = stack_spec(stack[i].kernel, stack[i].bits);
            bench_step(stack[i].name, &spec, threads, STACK_BATCH, "MBConv stack");
        }
        bench_step("resnet20_fp32_step_ms", &resnet, threads, RESNET_BATCH,
                   "parameter-free shortcuts");
    }
}
