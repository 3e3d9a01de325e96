/* Depthwise convolutions of this engine and of oneDNN side by side, NHWC, one thread: the program
 * of compare_onednn.sh. CPU time of the thread, the two in turns on the same input; printed are
 * the medians of both, the median of the ratios of the pairs, and the minima. */
#define _GNU_SOURCE
#include "cosearch/rng.h"
#include "nn/convop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>

#define BATCH 64
#define TURN 4
#define PAIRS_MAX 1001

static void must(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) {
        fprintf(stderr, "oneDNN: %s: status %d\n", what, (int)status);
        exit(4);
    }
}

/* ---- oneDNN -----------------------------------------------------------------------------------
 */

typedef enum pass { FORWARD, BACK_DATA, BACK_WEIGHT, PASSES } pass;

typedef struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t run[PASSES];
    dnnl_memory_t src, dst, diff_src, weights[PASSES];
} onednn;

static const dnnl_memory_desc_t *queried(dnnl_primitive_desc_t p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p, what, 0);
}

static dnnl_memory_t memory_of(const onednn *o, const dnnl_memory_desc_t *desc, void *at)
{
    dnnl_memory_t memory;
    must(dnnl_memory_create(&memory, desc, o->engine, at), "memory");
    return memory;
}

/* The weights are laid out as the library likes best, outside the time measured. */
static dnnl_memory_t weights_of(const onednn *o, const dnnl_memory_desc_t *plain,
                                const dnnl_memory_desc_t *wanted, float *values)
{
    dnnl_memory_t from = memory_of(o, plain, values),
                  to = memory_of(o, wanted, DNNL_MEMORY_ALLOCATE);
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    must(dnnl_reorder_primitive_desc_create(&desc, plain, o->engine, wanted, o->engine, NULL),
         "reorder");
    must(dnnl_primitive_create(&reorder, desc), "reorder");
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    must(dnnl_primitive_execute(reorder, o->stream, 2, args), "reorder");
    must(dnnl_stream_wait(o->stream), "reorder");
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(desc);
    dnnl_memory_destroy(from);
    return to;
}

static void onednn_new(onednn *o, const cs_convop *c, float *x, float *w, float *y, float *gin)
{
    const dnnl_dims_t in = {BATCH, c->cin, c->h, c->w}, out = {BATCH, c->cout, c->oh, c->ow};
    const dnnl_dims_t kernel = {c->cin, 1, 1, c->k, c->k};
    const dnnl_dims_t stride = {c->s, c->s}, pad = {c->k / 2, c->k / 2};
    const dnnl_dims_t pad_end = {(c->oh - 1) * c->s + c->k - c->h - c->k / 2,
                                 (c->ow - 1) * c->s + c->k - c->w - c->k / 2};
    dnnl_memory_desc_t src, dst, any, plain;
    must(dnnl_engine_create(&o->engine, dnnl_cpu, 0), "engine");
    must(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags), "stream");
    must(dnnl_memory_desc_init_by_tag(&src, 4, in, dnnl_f32, dnnl_nhwc), "source");
    must(dnnl_memory_desc_init_by_tag(&dst, 4, out, dnnl_f32, dnnl_nhwc), "destination");
    must(dnnl_memory_desc_init_by_tag(&any, 5, kernel, dnnl_f32, dnnl_format_tag_any), "weights");
    must(dnnl_memory_desc_init_by_tag(&plain, 5, kernel, dnnl_f32, dnnl_goihw), "weights");
    dnnl_convolution_desc_t conv[PASSES];
    must(dnnl_convolution_forward_desc_init(&conv[FORWARD], dnnl_forward_training,
                                            dnnl_convolution_direct, &src, &any, NULL, &dst, stride,
                                            pad, pad_end),
         "forward");
    must(dnnl_convolution_backward_data_desc_init(&conv[BACK_DATA], dnnl_convolution_direct, &src,
                                                  &any, &dst, stride, pad, pad_end),
         "backward-data");
    must(dnnl_convolution_backward_weights_desc_init(&conv[BACK_WEIGHT], dnnl_convolution_direct,
                                                     &src, &any, NULL, &dst, stride, pad, pad_end),
         "backward-weight");
    dnnl_primitive_desc_t desc[PASSES];
    o->src = memory_of(o, &src, x);
    o->diff_src = memory_of(o, &src, gin);
    o->dst = memory_of(o, &dst, y);
    for (int p = 0; p < PASSES; p++) {
        must(dnnl_primitive_desc_create(&desc[p], &conv[p], NULL, o->engine, p ? desc[0] : NULL),
             "descriptor");
        must(dnnl_primitive_create(&o->run[p], desc[p]), "primitive");
        o->weights[p] = weights_of(
            o, &plain,
            queried(desc[p], p == BACK_WEIGHT ? dnnl_query_diff_weights_md : dnnl_query_weights_md),
            w);
    }
    for (int p = 0; p < PASSES; p++)
        dnnl_primitive_desc_destroy(desc[p]);
}

static void onednn_run(const onednn *o, pass p)
{
    const dnnl_exec_arg_t args[PASSES][3] = {
        {{DNNL_ARG_SRC, o->src}, {DNNL_ARG_WEIGHTS, o->weights[p]}, {DNNL_ARG_DST, o->dst}},
        {{DNNL_ARG_DIFF_DST, o->dst},
         {DNNL_ARG_WEIGHTS, o->weights[p]},
         {DNNL_ARG_DIFF_SRC, o->diff_src}},
        {{DNNL_ARG_SRC, o->src},
         {DNNL_ARG_DIFF_DST, o->dst},
         {DNNL_ARG_DIFF_WEIGHTS, o->weights[p]}}};
    must(dnnl_primitive_execute(o->run[p], o->stream, 3, args[p]), "run");
    must(dnnl_stream_wait(o->stream), "wait");
}

static void onednn_free(onednn *o)
{
    for (int p = 0; p < PASSES; p++) {
        dnnl_primitive_destroy(o->run[p]);
        dnnl_memory_destroy(o->weights[p]);
    }
    dnnl_memory_destroy(o->src);
    dnnl_memory_destroy(o->diff_src);
    dnnl_memory_destroy(o->dst);
    dnnl_stream_destroy(o->stream);
    dnnl_engine_destroy(o->engine);
}

/* ---- this engine ------------------------------------------------------------------------------
 */

typedef struct ours {
    cs_convop conv;
    cs_worker worker;
    cs_weights weights;
    cs_finish finish;
    cs_stats stats;
    float *x, *y, *z, *gin, *w, *dw, *coef;
    float *their_y, *their_gin; /* streaming stores to a tensor slow down whoever writes it next */
    double *sums;
} ours;

/* On huge pages, as the engine's own memory is. */
static float *floats(size_t n, float scale, cs_rng *rng)
{
    const size_t huge = (size_t)1 << 21, bytes = (n * sizeof(float) + huge - 1) / huge * huge;
    float *x = aligned_alloc(huge, bytes);
    if (!x) {
        fprintf(stderr, "out of memory\n");
        exit(4);
    }
    madvise(x, bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < n; i++)
        x[i] = scale * ((float)cs_rng_uniform(rng) - 0.5f);
    return x;
}

static void ours_new(ours *o, const cs_kernels *kernels, int channels, int k, int s, int side)
{
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    cs_convop *c = &o->conv;
    cs_convop_shape(c, channels, channels, k, s, channels, side, side, 0, false);
    const size_t in = BATCH * cs_convop_in_size(c), out = BATCH * cs_convop_out_size(c);
    const size_t cp = (size_t)c->in_p;
    o->x = floats(in, 2.0f, &rng);
    o->gin = floats(in, 2.0f, &rng);
    o->y = floats(out, 2.0f, &rng);
    o->z = floats(out, 2.0f, &rng);
    o->their_y = floats(out, 2.0f, &rng);
    o->their_gin = floats(in, 2.0f, &rng);
    o->w = floats(cs_convop_weights(c), 0.5f, &rng);
    o->dw = floats(cs_convop_weights(c), 0.0f, &rng);
    o->coef = floats(7 * cp, 1.0f, &rng);
    o->worker = (cs_worker){kernels, floats(cs_convop_scratch(c), 0.0f, &rng), 0};
    o->sums = calloc(2 * cp, sizeof *o->sums);
    o->weights = (cs_weights){.q = o->w};
    o->finish = (cs_finish){.s = o->coef, .t = o->coef + cp, .hi = INFINITY, .step = 1.0f};
    o->stats = (cs_stats){o->sums, o->sums + cp, o->coef + 5 * cp, o->coef + 6 * cp};
}

static void ours_free(ours *o)
{
    void *const all[] = {o->x, o->gin, o->y,    o->z,    o->their_y,       o->their_gin,
                         o->w, o->dw,  o->coef, o->sums, o->worker.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* What is timed against what: this engine's raw passes against the library's, and the fused ones
 * (batch norm, ReLU, statistics inside) against the library's convolutions alone. */
typedef enum row { RAW, RAW_DATA, RAW_WEIGHT, RAW_BOTH, FUSED, FUSED_BOTH, ROWS } row;
static const char *const row_text[ROWS] = {"forward",       "backward-data", "backward-weight",
                                           "backward both", "fused forward", "fused backward"};

static void ours_run(ours *o, row r)
{
    const size_t cp = (size_t)o->conv.in_p;
    const bool fused = r >= FUSED;
    const cs_finish *finish = fused ? &o->finish : NULL;
    const cs_stats *stats = fused ? &o->stats : NULL;
    if (r == RAW || r == FUSED) {
        cs_convop_forward(&o->worker, &o->conv, BATCH, o->x, finish, o->w, o->y, stats);
        return;
    }
    const cs_dz dz = {o->y, fused ? o->z : NULL, o->coef + 2 * cp, o->coef + 3 * cp,
                      o->coef + 4 * cp};
    const cs_input_gradient to = {.to = r == RAW_WEIGHT ? NULL : o->gin, .stats = stats};
    cs_convop_back(&o->worker, &o->conv, BATCH, &dz, o->x, finish, &o->weights,
                   r == RAW_DATA ? NULL : o->dw, &to);
}

/* The same results? Largest difference over largest value. */
static double difference(const float *a, const float *b, size_t n)
{
    double most = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return most / size;
}

/* ---- timing -----------------------------------------------------------------------------------
 */

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return v[n / 2];
}

static void theirs_run(const onednn *o, row r)
{
    if (r == RAW || r == FUSED)
        onednn_run(o, FORWARD);
    if (r == RAW_DATA || r == RAW_BOTH || r == FUSED_BOTH)
        onednn_run(o, BACK_DATA);
    if (r == RAW_WEIGHT || r == RAW_BOTH || r == FUSED_BOTH)
        onednn_run(o, BACK_WEIGHT);
}

/* A turn: once to bring the caches into the state this side leaves them in, then TURN times. */
static double turn_ms(ours *o, const onednn *d, row r)
{
    double start = 0.0;
    for (int i = 0; i <= TURN; i++) {
        if (i == 1)
            start = cpu_ms();
        if (o)
            ours_run(o, r);
        else
            theirs_run(d, r);
    }
    return (cpu_ms() - start) / TURN;
}

static void compare(const cs_kernels *kernels, int channels, int k, int s, int side, int pairs)
{
    static double mine[PAIRS_MAX], theirs[PAIRS_MAX], ratio[PAIRS_MAX];
    ours o;
    onednn d;
    ours_new(&o, kernels, channels, k, s, side);
    /* weights as [c][1][1][k][k] */
    float *w = malloc(cs_convop_weights(&o.conv) * sizeof *w);
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < k * k; i++)
            w[c * k * k + i] = o.w[i * channels + c];
    onednn_new(&d, &o.conv, o.x, w, o.their_y, o.their_gin);
    const size_t out = BATCH * cs_convop_out_size(&o.conv);
    ours_run(&o, RAW);
    onednn_run(&d, FORWARD);
    const double apart = difference(o.y, o.their_y, out);
    if (!(apart < 1e-5)) {
        fprintf(stderr, "the two differ by %g: nothing to compare\n", apart);
        exit(4);
    }
    for (int r = 0; r < ROWS; r++) {
        for (int i = -1; i < pairs; i++) {
            const double m = turn_ms(&o, NULL, (row)r), t = turn_ms(NULL, &d, (row)r);
            if (i < 0)
                continue;
            mine[i] = m;
            theirs[i] = t;
            ratio[i] = m / t;
        }
        const double m = median(mine, pairs), t = median(theirs, pairs);
        printf("%dx%d s%d %4d ch %2dx%-2d  %-16s %7.3f %7.3f %6.2f %7.3f %7.3f %6.2f\n", k, k, s,
               channels, side, side, row_text[r], m, t, median(ratio, pairs), mine[0], theirs[0],
               mine[0] / theirs[0]);
        fflush(stdout);
    }
    free(w);
    onednn_free(&d);
    ours_free(&o);
}

int main(int argc, char **argv)
{
    static const struct {
        int channels, k, s, side;
    } shape[] = {{96, 3, 1, 32}, {96, 3, 2, 32}, {192, 3, 1, 16}, {192, 3, 2, 16}, {672, 3, 1, 4},
                 {96, 5, 1, 32}, {96, 5, 2, 32}, {192, 5, 1, 16}, {192, 5, 2, 16}, {672, 5, 1, 4}};
    static const cs_kernels *const kernels[] = {&cs_kernels_portable, &cs_kernels_avx2,
                                                &cs_kernels_avx512};
    int pairs = argc > 1 ? atoi(argv[1]) : 51;
    pairs = pairs < 1 ? 1 : pairs > PAIRS_MAX ? PAIRS_MAX : pairs;
    const cs_isa isa = cs_isa_detect();
    printf(
        "CPU ms by %s, batch %d, %d pairs: medians and median ratio, then minima and their ratio\n"
        "%-23s %-16s %7s %7s %6s %7s %7s %6s\n",
        cs_isa_text(isa), BATCH, pairs, "shape", "pass", "engine", "oneDNN", "ratio", "engine",
        "oneDNN", "ratio");
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (argc <= 2 || atoi(argv[2]) == (int)i)
            compare(kernels[isa], shape[i].channels, shape[i].k, shape[i].s, shape[i].side, pairs);
    return 0;
}
#else
int main(void)
{
    fprintf(stderr, "built without oneDNN's headers (Debian: libdnnl-dev)\n");
    return 4;
}
#endif
