/* The supernet at full width: a step of one path beside the same network's own, several and all
 * operators, and what several bitwidths cost in memory with both ways to keep them. */
#include "bench_nn.h"

#include "nn/model.h"
#include "run/env.h"
#include "search/supernet_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS_MOST 5
#define MEMORY_BATCH 16
#define PAIRS 5

static const int32_t five_bits[BITS_MOST] = {4, 5, 6, 7, 8};

typedef struct super_bench {
    cs_engine *engine;
    cs_space *space;
    cs_net_space bits; /* the space with five bitwidths */
    cs_net plain;
    cs_supernet *net;
    float *x;
    int32_t *y;
    cs_batch batch;
    cs_path path;
} super_bench;

static void close_bench(super_bench *b)
{
    cs_supernet_free(b->net);
    cs_engine_free(b->engine);
    cs_space_free(b->space);
    free(b->x);
    free(b->y);
}

static bool open_bench(super_bench *b, const char *space, int threads, uint32_t batch,
                       cs_bits_storage storage)
{
    cs_error err = {""};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    *b = (super_bench){.engine = NULL};
    bool ok = cs_env_engine("auto", threads, &b->engine, &err) == CS_OK &&
              cs_space_new(space, "fpga-chunk", 10, &b->space, &err) == CS_OK;
    if (ok) {
        cs_design design = {.n = (uint16_t)cs_space_size(b->space)};
        cs_space_repair(b->space, &design);
        b->bits = *cs_space_net_space(b->space);
        b->bits.bits = five_bits;
        b->bits.n_bits = BITS_MOST;
        ok =
            cs_space_network(b->space, &design, &b->plain) == CS_OK &&
            cs_super_new(b->engine, &b->bits, &b->plain, batch, storage, 1, &b->net, &err) == CS_OK;
    }
    if (ok) {
        const uint32_t size = b->plain.input_size;
        b->x = bench_nn_floats((size_t)batch * size * size * 3, 2.0f, &rng);
        b->y = calloc(batch, sizeof *b->y);
        ok = b->x && b->y;
        for (uint32_t i = 0; ok && i < batch; i++)
            b->y[i] = (int32_t)cs_rng_below(&rng, 10);
        b->batch = (cs_batch){.x = b->x, .y = b->y, .n = batch, .h = size, .w = size, .c = 3};
    }
    if (!ok) {
        fprintf(stderr, "bench supernet: %s\n", *err.text ? err.text : "out of memory");
        close_bench(b);
    }
    return ok;
}

/* ops[i] with factor coef[i] in every block, each with the first n_bits bitwidths mixed evenly (of
 * one: the last, 8 bits). */
static void set_path(super_bench *b, int n_ops, const uint8_t *ops, const float *coef, int n_bits)
{
    b->path = (cs_path){.n_blocks = b->plain.n_blocks};
    for (size_t k = 0; k < b->path.n_blocks; k++) {
        cs_path_block *block = &b->path.block[k];
        block->n_ops = (uint8_t)n_ops;
        for (int i = 0; i < n_ops; i++) {
            cs_path_op *o = &block->op[i];
            *o = (cs_path_op){.op = ops[i], .n_bits = (uint8_t)n_bits, .coef = coef[i]};
            for (int j = 0; j < n_bits; j++) {
                o->bits[j] = (uint8_t)(n_bits == 1 ? BITS_MOST - 1 : j);
                o->bits_coef[j] = 1.0f / (float)n_bits;
            }
        }
    }
}

static double weight_step(void *context)
{
    static const cs_supernet_sgd sgd = {.lr = 0.01, .momentum = 0.9, .weight_decay = 4e-5};
    super_bench *b = context;
    cs_supernet_result result;
    if (cs_supernet_step(b->net, &b->batch, &b->path, &sgd, &result) != CS_OK)
        fputs("bench supernet: a step failed\n", stderr);
    return 1.0;
}

static double arch_step(void *context)
{
    super_bench *b = context;
    cs_supernet_result result;
    static cs_path_grad grad;
    if (cs_supernet_arch(b->net, &b->batch, &b->path, true, &grad, &result) != CS_OK)
        fputs("bench supernet: a step failed\n", stderr);
    return 1.0;
}

static const uint8_t two_ops[] = {3, 7}, all_ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
static const float first_only[] = {1.0f, 0.0f};
static const float even[] = {1.0f / 9, 1.0f / 9, 1.0f / 9, 1.0f / 9, 1.0f / 9,
                             1.0f / 9, 1.0f / 9, 1.0f / 9, 1.0f / 9};

/* ---- time
 * ----------------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double once(micro_work work, void *context)
{
    const double start = micro_now();
    work(context);
    return 1e3 * (micro_now() - start);
}

typedef struct model_step {
    cs_model *model;
    const cs_batch *batch;
} model_step;

static double model_work(void *context)
{
    static const cs_recipe recipe = {.momentum = 0.9, .weight_decay = 4e-5};
    const model_step *s = context;
    cs_model_step(s->model, s->batch, &recipe, 0.01);
    return 1.0;
}

/* One path of the supernet and the model of the same network, in turns. */
static void bench_single_path(int threads, uint32_t batch)
{
    super_bench b;
    cs_error err = {""};
    if (!open_bench(&b, "fbnet:cifar", threads, batch, CS_BITS_MIXED))
        return;
    cs_net plain = b.plain;
    for (int i = 0; i < plain.n_blocks; i++) {
        plain.block[i].kernel = 3;
        plain.block[i].expansion = 6;
        plain.block[i].groups = 1;
        plain.block[i].skip = false;
        plain.block[i].bits = 8;
    }
    model_step m = {.batch = &b.batch};
    if (cs_model_new(b.engine, &plain, batch, 1, &m.model, &err) != CS_OK) {
        fprintf(stderr, "bench supernet: %s\n", err.text);
        close_bench(&b);
        return;
    }
    double own[PAIRS], other[PAIRS], ratio[PAIRS];
    set_path(&b, 1, two_ops, first_only, 1);
    weight_step(&b);
    model_work(&m);
    for (int i = 0; i < PAIRS; i++) {
        own[i] = once(weight_step, &b);
        other[i] = once(model_work, &m);
        ratio[i] = own[i] / other[i];
    }
    qsort(own, PAIRS, sizeof *own, by_value);
    qsort(other, PAIRS, sizeof *other, by_value);
    qsort(ratio, PAIRS, sizeof *ratio, by_value);
    char note[160];
    snprintf(note, sizeof note,
             "one path of fbnet:cifar: k3_e6 and 8 bits in all 22 blocks, batch %u; the same "
             "network as a model %.0f ms",
             (unsigned)batch, other[PAIRS / 2]);
    const micro_case row = {"nn", "supernet_cifar_step_ms", threads, "ms", note};
    micro_row(&row, own[PAIRS / 2], own[0], own[PAIRS - 1]);
    const micro_case share = {"supernet", "single_path_over_model", threads, "ratio",
                              "pairs in turns"};
    micro_row(&share, ratio[PAIRS / 2], ratio[0], ratio[PAIRS - 1]);
    cs_model_free(m.model);
    close_bench(&b);
}

static double timed_row(super_bench *b, const char *name, micro_work work, const char *what)
{
    char note[160];
    const uint64_t before = cs_engine_macs(b->engine);
    work(b);
    const double gmac = 1e-9 * (double)(cs_engine_macs(b->engine) - before);
    double ms[PAIRS];
    for (int i = 0; i < PAIRS; i++)
        ms[i] = once(work, b);
    qsort(ms, PAIRS, sizeof *ms, by_value);
    snprintf(note, sizeof note, "%s, batch %u, %.1f GMAC, tensors %zu KiB", what,
             (unsigned)b->batch.n, gmac, cs_supernet_tensor_bytes(b->net) / 1024);
    const micro_case row = {"supernet", name, cs_engine_threads(b->engine), "ms", note};
    micro_row(&row, ms[PAIRS / 2], ms[0], ms[PAIRS - 1]);
    return ms[PAIRS / 2];
}

/* What Auto-NBA does (two operators, bits mixed or two of them hard) and DNA (all operators mixed,
 * 8 bits); each net of its own, since tensors are those of the widest path met. */
static void bench_steps(int threads, uint32_t batch)
{
    static const struct {
        const char *name, *what;
        bool soft;
        int bits;
        micro_work work;
    } kind[] = {
        {"k2_bits3_weight_step_ms", "k3_e6 counted, k5_e6 not, 3 bitwidths mixed", false, 3,
         weight_step},
        {"k2_arch_step_ms", "k3_e6 counted, k5_e6 not, 8 bits", false, 1, arch_step},
        {"soft_weight_step_ms", "9 operators mixed, 8 bits", true, 1, weight_step},
        {"soft_arch_step_ms", "9 operators mixed, 8 bits", true, 1, arch_step},
    };
    double ms[4] = {0.0}, kib[4] = {0.0};
    for (int i = 0; i < 4; i++) {
        super_bench b;
        if (!open_bench(&b, "fbnet:cifar", threads, batch, CS_BITS_MIXED))
            return;
        set_path(&b, kind[i].soft ? 9 : 2, kind[i].soft ? all_ops : two_ops,
                 kind[i].soft ? even : first_only, kind[i].bits);
        ms[i] = timed_row(&b, kind[i].name, kind[i].work, kind[i].what);
        kib[i] = (double)cs_supernet_tensor_bytes(b.net) / 1024.0;
        close_bench(&b);
    }
    const double time = (ms[2] + ms[3]) / (ms[0] + ms[1]);
    const double most = kib[2] > kib[3] ? kib[2] : kib[3],
                 least = kib[0] > kib[1] ? kib[0] : kib[1];
    const micro_case memory = {"supernet", "soft_over_k2_tensors", threads, "ratio",
                               "tensors of the larger step: 9 operators mixed over K = 2"};
    const micro_case spent = {"supernet", "soft_over_k2_time", threads, "ratio",
                              "a step of weights and one of coefficients: 9 operators over K = 2"};
    micro_row(&memory, most / least, most / least, most / least);
    micro_row(&spent, time, time, time);
}

/* What mixing three bitwidths costs beside one, in turns. */
static void bench_bits(int threads, uint32_t batch)
{
    super_bench b;
    double ratio[PAIRS];
    if (!open_bench(&b, "fbnet:cifar", threads, batch, CS_BITS_MIXED))
        return;
    for (int i = -1; i < PAIRS; i++) { /* the first pair takes memory and warms up */
        double ms[2];
        for (int k = 0; k < 2; k++) {
            set_path(&b, 1, two_ops, first_only, k ? 3 : 1);
            ms[k] = once(weight_step, &b);
        }
        if (i >= 0)
            ratio[i] = ms[1] / ms[0];
    }
    qsort(ratio, PAIRS, sizeof *ratio, by_value);
    const micro_case row = {"supernet", "bits3_over_bits1_weight_step", threads, "ratio",
                            "one path of fbnet:cifar, k3_e6: 3 bitwidths mixed over 8 bits"};
    micro_row(&row, ratio[PAIRS / 2], ratio[0], ratio[PAIRS - 1]);
    close_bench(&b);
}

/* ---- memory
 * --------------------------------------------------------------------------------------
 */

static void bench_memory(void)
{
    static const char *const name[] = {[CS_BITS_MIXED] = "mixed", [CS_BITS_PER_COPY] = "per_copy"};
    for (int storage = CS_BITS_MIXED; storage <= CS_BITS_PER_COPY; storage++) {
        double first = 0.0;
        for (int bits = 1; bits <= BITS_MOST; bits++) {
            super_bench b;
            char title[48], note[160];
            if (!open_bench(&b, "fbnet:cifar", 1, MEMORY_BATCH, (cs_bits_storage)storage))
                return;
            set_path(&b, 2, two_ops, first_only, bits);
            weight_step(&b);
            const double kib = (double)cs_supernet_tensor_bytes(b.net) / 1024.0;
            if (bits == 1)
                first = kib;
            snprintf(title, sizeof title, "tensors_%s_j%d_kib", name[storage], bits);
            snprintf(note, sizeof note,
                     "weight step of fbnet:cifar, k3_e6 and k5_e6, %d bitwidths mixed, batch %d: "
                     "%.4f of one bitwidth",
                     bits, MEMORY_BATCH, kib / first);
            const micro_case row = {"supernet", title, 1, "kib", note};
            micro_row(&row, kib, kib, kib);
            close_bench(&b);
        }
    }
}

void bench_supernet(void)
{
    bench_memory();
    for (int threads = 1; threads <= 2; threads++) {
        bench_single_path(threads, 64);
        bench_bits(threads, MEMORY_BATCH);
        bench_steps(threads, MEMORY_BATCH);
    }
}
