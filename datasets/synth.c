#include "datasets/synth.h"

#include "cosearch/rng.h"
#include "datasets/source.h"
#include <math.h>
#include <stdlib.h>

enum { SIDE = 32, RECORD = 1 + CS_SYNTH_PIXELS, N_TRAIN = 4000, N_TEST = 1000 };

/* Everything random about one image but its pixel noise. */
typedef struct scene {
    uint32_t shape, filling;
    float cx, cy, scale;         /* centre, 1 / radius in pixels                      */
    float ca, sa;                /* direction of the shape's axis                     */
    float tc, ts, pitch, phase;  /* direction, 1 / period and phase of the filling    */
    float back[3], fore[3];      /* colours, 0..255                                   */
    float slope_x, slope_y;      /* background gradient per pixel                     */
    float bx, by, bscale, blend; /* distractor: a faint disc elsewhere                */
} scene;

static float uniform(cs_rng *rng, double from, double to)
{
    return (float)(from + (to - from) * cs_rng_uniform(rng));
}

/* Direction of the vector (x, y), turned by up to about 15 degrees either way. No sin and cos,
 * whose last bits depend on the C library: sqrt is exact. */
static void jittered(cs_rng *rng, double x, double y, float *c, float *s)
{
    const double t = 0.27 * (2 * cs_rng_uniform(rng) - 1);
    const double u = x - t * y, v = y + t * x, norm = sqrt(u * u + v * v);
    *c = (float)(u / norm);
    *s = (float)(v / norm);
}

static float sign(cs_rng *rng)
{
    return cs_rng_below(rng, 2) ? 1.0f : -1.0f;
}

static void draw_scene(cs_rng *rng, uint32_t class, scene *sc)
{
    sc->shape = class / 5;
    sc->filling = class % 5;
    sc->cx = uniform(rng, 11, 20);
    sc->cy = uniform(rng, 11, 20);
    sc->scale = 1 / uniform(rng, 9, 14);
    jittered(rng, 1, uniform(rng, -1, 1), &sc->ca, &sc->sa);
    /* Stripes along x, along y and along a diagonal (either: a flip keeps the class). */
    const double x = sc->filling == 1 ? 0 : 1;
    const double y = sc->filling == 0 ? 0 : sc->filling == 2 ? (double)sign(rng) : sc->filling == 1;
    jittered(rng, x, y, &sc->tc, &sc->ts);
    sc->pitch = 1 / uniform(rng, 5, 8);
    sc->phase = uniform(rng, 0, 1);
    const float polarity = cs_rng_uniform(rng) < 0.85 ? 1.0f : -1.0f;
    for (int c = 0; c < 3; c++) {
        sc->back[c] = uniform(rng, 75, 150);
        sc->fore[c] = sc->back[c] + polarity * uniform(rng, 5, 85);
    }
    sc->slope_x = uniform(rng, -1.2, 1.2);
    sc->slope_y = uniform(rng, -1.2, 1.2);
    sc->bx = uniform(rng, 0, 31);
    sc->by = uniform(rng, 0, 31);
    sc->bscale = 1 / uniform(rng, 3, 7);
    sc->blend = uniform(rng, -25, 25);
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Signed depth of (u, v) inside a shape of radius about 1: positive inside. */
static float depth(uint32_t shape, float u, float v)
{
    if (shape == 0) /* disc, drawn as an octagon */
        return 0.85f - larger(larger(fabsf(u), fabsf(v)), 0.7f * (fabsf(u) + fabsf(v)));
    return 0.27f - fabsf(sqrtf(u * u + v * v) - 0.73f); /* ring */
}

/* Triangle wave of period 1 between -1 and 1. */
static float wave(float t)
{
    t -= (float)(int32_t)t; /* -1 .. 1; floorf would be a call */
    if (t < 0)
        t += 1;
    return 4 * fabsf(t - 0.5f) - 1;
}

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Filling at a point, -1..1: 0 to 2 stripes, 3 chequered, 4 plain. */
static float fill(const scene *sc, float x, float y)
{
    if (sc->filling == 4)
        return 0;
    const float p = wave((sc->tc * x + sc->ts * y) * sc->pitch + sc->phase);
    if (sc->filling < 3)
        return clamp(1.5f * p, -1, 1);
    const float q = wave((sc->tc * y - sc->ts * x) * sc->pitch + sc->phase);
    return clamp(3 * p * q, -1, 1);
}

void cs_synth_image(uint64_t seed, uint32_t class, uint32_t index, uint8_t planes[CS_SYNTH_PIXELS])
{
    cs_rng rng;
    cs_rng_seed(&rng, cs_rng_derive_index(cs_rng_derive_index(seed, class), index));
    scene sc;
    draw_scene(&rng, class, &sc);
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const float dx = (float)x - sc.cx, dy = (float)y - sc.cy;
            const float u = (sc.ca * dx + sc.sa * dy) * sc.scale;
            const float v = (sc.ca * dy - sc.sa * dx) * sc.scale;
            /* about one pixel of soft edge */
            const float inside = clamp(0.5f + depth(sc.shape, u, v) / sc.scale, 0, 1);
            const float ink = inside > 0 ? inside * (0.5f + 0.5f * fill(&sc, dx, dy)) : 0;
            const float ex = ((float)x - sc.bx) * sc.bscale, ey = ((float)y - sc.by) * sc.bscale;
            const float ground = sc.slope_x * ((float)x - 15.5f) + sc.slope_y * ((float)y - 15.5f) +
                                 sc.blend * clamp(1.5f - (ex * ex + ey * ey), 0, 1);
            uint64_t bits = cs_rng_next(&rng);
            for (int c = 0; c < 3; c++, bits >>= 21) {
                /* sum of three uniform numbers of 7 bits: bell-shaped, deviation 64 */
                const float noise =
                    (float)((bits & 127) + (bits >> 7 & 127) + (bits >> 14 & 127)) - 190.5f;
                const float value =
                    sc.back[c] + ground + ink * (sc.fore[c] - sc.back[c]) + 0.50f * noise;
                planes[(c * SIDE + y) * SIDE + x] = (uint8_t)(clamp(value, 0, 255) + 0.5f);
            }
        }
    }
}

/* Seeds of the two parts; changing one changes the data set and its id. */
static uint64_t part_seed(bool test)
{
    return cs_rng_derive(1, test ? "synth-test" : "synth-train");
}

static cs_status load(const cs_data_source *source, const char *data_dir, bool test,
                      cs_images *images, cs_error *err)
{
    (void)data_dir;
    const uint32_t n = test ? N_TEST : N_TRAIN;
    uint8_t *bytes = malloc((size_t)n * RECORD);
    if (!bytes)
        return cs_fail(err, CS_ENOMEM, "out of memory for the images of %s", source->name);
    cs_images_add_block(images, bytes, (size_t)n * RECORD, false);
    const uint64_t seed = part_seed(test);
#pragma omp parallel for schedule(static)
    for (uint32_t i = 0; i < n; i++) {
        bytes[(size_t)i * RECORD] = (uint8_t)(i % CS_SYNTH_CLASSES);
        cs_synth_image(seed, i % CS_SYNTH_CLASSES, i / CS_SYNTH_CLASSES,
                       bytes + (size_t)i * RECORD + 1);
    }
    const cs_status status = cs_images_index(images, RECORD, 1, 0);
    if (status != CS_OK) {
        cs_images_free(images);
        return cs_fail(err, status, "out of memory for the index of %s", source->name);
    }
    return CS_OK;
}

static cs_status count_test(const cs_data_source *source, const char *data_dir, uint32_t *n,
                            cs_error *err)
{
    (void)source, (void)data_dir, (void)err;
    *n = N_TEST;
    return CS_OK;
}

static cs_status verify(const cs_data_source *source, const char *data_dir, uint32_t *compared,
                        cs_error *err)
{
    (void)source, (void)data_dir, (void)err;
    *compared = 0; /* made in memory: nothing can be damaged */
    return CS_OK;
}

extern const cs_data_source cs_source_synth;

const cs_data_source cs_source_synth = {
    .name = "synth",
    .title = "procedural 32x32 shapes in 10 classes, made in memory (not photographs)",
    .classes = CS_SYNTH_CLASSES,
    .size = SIDE,
    .channels = 3,
    .mean = {0.462f, 0.462f, 0.462f},
    .std = {0.167f, 0.167f, 0.167f},
    .load = load,
    .count_test = count_test,
    .verify = verify,
};
