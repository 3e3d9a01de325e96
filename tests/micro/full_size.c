/* `microbench --supernet SPACE SOURCE STEPS BATCH THREADS`: does the supernet of a whole
 * macro-architecture run on real images, how fast and with how much memory. A step is one of
 * coefficients and one of weights over a random path, as Auto-NBA does them: two operators a block,
 * one of them counted; two bitwidths, one of them counted, and all of them mixed.
 *
 * SOURCE is the name of a data set in $COSEARCH_DATA, or `-`: standard input holds images, each a
 * line with its label and a binary PPM of at least the space's size; the middle is taken. */
#include "micro.h"

#include "cosearch/supernet.h"
#include "datasets/dataset_access.h"
#include "run/env.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ACTIVE 2
#define STREAM_CLASSES 1000
#define SIDE_MAX 4096

typedef struct full_size {
    cs_engine *engine;
    cs_space *space;
    cs_supernet *net;
    cs_dataset *set; /* or a stream: */
    cs_loader *loader;
    float *x;
    int32_t *y;
    uint8_t *row;
    uint32_t side, batch;
} full_size;

static int fail(const char *text)
{
    fprintf(stderr, "microbench --supernet: %s\n", text);
    return 4;
}

/* ---- images -------------------------------------------------------------------------------------
 */

/* The middle side x side pixels of a PPM on standard input, normalised as ImageNet is. */
static const char *read_image(full_size *f, float *x, int32_t *label)
{
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, std[3] = {0.229f, 0.224f, 0.225f};
    unsigned wide, high, top, read_label;
    char blank;
    if (scanf("%u P6 %u %u %u%c", &read_label, &wide, &high, &top, &blank) != 5)
        return "the stream of images ends or holds no label with a PPM after it";
    if (wide < f->side || high < f->side || wide > SIDE_MAX || high > SIDE_MAX || top != 255 ||
        read_label >= STREAM_CLASSES)
        return "an image is too small or too large for the space, or not of 8 bits, or its label "
               "is above 999";
    *label = (int32_t)read_label;
    const uint32_t left = (wide - f->side) / 2, above = (high - f->side) / 2;
    for (uint32_t r = 0; r < high; r++) {
        if (fread(f->row, 3, wide, stdin) != wide)
            return "an image is cut off";
        if (r < above || r >= above + f->side)
            continue;
        float *to = x + (size_t)(r - above) * f->side * 3;
        for (uint32_t i = 0; i < f->side * 3; i++)
            to[i] = ((float)f->row[left * 3 + i] / 255.0f - mean[i % 3]) / std[i % 3];
    }
    return NULL;
}

static const char *next_batch(full_size *f, cs_batch *out)
{
    if (f->loader) {
        cs_status status = cs_loader_next(f->loader, out);
        if (status == CS_DONE)
            status = cs_loader_next(f->loader, out);
        return status == CS_OK ? NULL : "the data set gives no batch";
    }
    for (uint32_t i = 0; i < f->batch; i++) {
        const char *why = read_image(f, f->x + (size_t)i * f->side * f->side * 3, &f->y[i]);
        if (why)
            return why;
    }
    *out = (cs_batch){.x = f->x, .y = f->y, .n = f->batch, .h = f->side, .w = f->side, .c = 3};
    return NULL;
}

/* ---- steps --------------------------------------------------------------------------------------
 */

/* A random path; mixed: all bitwidths by equal parts, else two of them, the first one counted. */
static void draw(const cs_net_space *space, cs_rng *rng, bool mixed, cs_path *path)
{
    for (size_t b = 0; b < path->n_blocks; b++) {
        uint32_t op[CS_OPS_COUNT], bits[CS_PATH_BITS_MAX];
        const uint32_t n_bits = mixed || space->n_bits < ACTIVE ? (uint32_t)space->n_bits : ACTIVE;
        for (uint32_t i = 0; i < space->n_ops; i++)
            op[i] = i;
        cs_rng_shuffle(rng, op, space->n_ops);
        path->block[b].n_ops = ACTIVE;
        for (uint32_t i = 0; i < ACTIVE; i++) {
            cs_path_op *o = &path->block[b].op[i];
            *o = (cs_path_op){
                .op = (uint8_t)op[i], .n_bits = (uint8_t)n_bits, .coef = i ? 0.0f : 1.0f};
            for (uint32_t j = 0; j < space->n_bits; j++)
                bits[j] = j;
            cs_rng_shuffle(rng, bits, space->n_bits);
            for (uint32_t j = 0; j < n_bits; j++) {
                o->bits[j] = (uint8_t)bits[j];
                o->bits_coef[j] = mixed ? 1.0f / (float)n_bits : j ? 0.0f : 1.0f;
            }
        }
    }
}

/* Runs the steps and prints a line for each. */
static const char *run(full_size *f, int steps)
{
    static const cs_supernet_sgd sgd = {
        .lr = 0.025, .momentum = 0.9, .weight_decay = 5e-4, .clip_norm = 5.0};
    static cs_path_grad grad;
    const cs_net_space *space = cs_space_net_space(f->space);
    cs_path path = {.n_blocks = space->n_blocks};
    double spent[2] = {0.0, 0.0};
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int k = 0; k < steps; k++) {
        cs_supernet_result result[2];
        double norm = 0.0;
        for (int weights = 0; weights < 2; weights++) {
            cs_batch batch;
            const char *why = next_batch(f, &batch);
            if (why)
                return why;
            draw(space, &rng, weights, &path);
            const double start = micro_now();
            const cs_status status =
                weights ? cs_supernet_step(f->net, &batch, &path, &sgd, &result[1])
                        : cs_supernet_arch(f->net, &batch, &path, true, &grad, &result[0]);
            spent[weights] += micro_now() - start;
            if (status != CS_OK)
                return cs_status_text(status);
        }
        for (size_t b = 0; b < path.n_blocks; b++)
            for (int i = 0; i < ACTIVE; i++)
                norm += grad.coef[b][i] * grad.coef[b][i];
        printf("step %2d: loss %.4f (coefficients, gradient %.3g), %.4f (weights)\n", k + 1,
               result[0].loss, sqrt(norm), result[1].loss);
        fflush(stdout);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double images = (double)steps * f->batch;
    printf("%s, %d steps of each kind, batch %u: %.2f images/s coefficients, %.2f images/s "
           "weights, %.2f GMAC an image, tensors %zu MiB, parameters and channel state %zu MiB, "
           "process %ld MiB\n",
           space->name, steps, (unsigned)f->batch, images / spent[0], images / spent[1],
           1e-9 * (double)cs_engine_macs(f->engine) / (2.0 * images),
           cs_supernet_tensor_bytes(f->net) >> 20, cs_supernet_parameter_bytes(f->net) >> 20,
           usage.ru_maxrss >> 10);
    return NULL;
}

/* ---- set-up -------------------------------------------------------------------------------------
 */

static cs_status open_source(full_size *f, const char *source, uint16_t *classes, cs_error *err)
{
    const char *dir = getenv("COSEARCH_DATA");
    const cs_loader_options options = {
        .batch = f->batch, .seed = 1, .shuffle = true, .augment = true, .drop_rest = true};
    *classes = STREAM_CLASSES;
    if (strcmp(source, "-") == 0)
        return CS_OK;
    CS_TRY(
        cs_dataset_open(source, dir && *dir ? dir : "../shared/data", 1, 0.0, false, &f->set, err));
    *classes = cs_dataset_info_get(f->set)->classes;
    return cs_loader_new(f->set, CS_SPLIT_SEARCH_TRAIN, &options, &f->loader, err);
}

static cs_status open_full(full_size *f, const char *space, const char *source, int threads,
                           cs_error *err)
{
    uint16_t classes;
    CS_TRY(open_source(f, source, &classes, err));
    CS_TRY(cs_space_new(space, "fpga-chunk", classes, &f->space, err));
    CS_TRY(cs_env_engine("auto", threads, &f->engine, err));
    f->side = cs_space_net_space(f->space)->input_size;
    f->x = malloc((size_t)f->batch * f->side * f->side * 3 * sizeof *f->x);
    f->y = malloc(f->batch * sizeof *f->y);
    f->row = malloc(3 * SIDE_MAX);
    if (!f->x || !f->y || !f->row)
        return cs_fail(err, CS_ENOMEM, "out of memory for %u images", (unsigned)f->batch);
    return cs_supernet_new(f->engine, f->space, f->batch, CS_BITS_MIXED, 1, &f->net, err);
}

int micro_supernet(int argc, char **argv)
{
    if (argc != 7 || atoi(argv[4]) < 1 || atoi(argv[5]) < 1 || atoi(argv[6]) < 1) {
        fprintf(stderr, "usage: %s --supernet SPACE SOURCE STEPS BATCH THREADS\n", argv[0]);
        return 2;
    }
    full_size f = {.batch = (uint32_t)atoi(argv[5])};
    cs_error err = {""};
    const char *why = NULL;
    if (open_full(&f, argv[2], argv[3], atoi(argv[6]), &err) != CS_OK)
        why = *err.text ? err.text : "out of memory";
    else
        why = run(&f, atoi(argv[4]));
    const int code = why ? fail(why) : 0;
    cs_supernet_free(f.net);
    cs_engine_free(f.engine);
    cs_space_free(f.space);
    cs_loader_free(f.loader);
    cs_dataset_close(f.set);
    free(f.x);
    free(f.y);
    free(f.row);
    return code;
}
