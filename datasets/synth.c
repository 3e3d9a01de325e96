#include "datasets/synth.h"

#include "cosearch/rng.h"
#include "datasets/source.h"
#include <math.h>
#include <stdlib.h>

enum { SIDE = 32, RECORD = 1 + CS_SYNTH_PIXELS, N_TRAIN = 4000, N_TEST = 1000 };

/* Everything random about one image but its pixel noise. */
typedef struct scene {
    uint32_t shape, filling;
    float cx, cy, scale;         /* centre, 1 / radius in pixels                                */
    float ca, sa;                /* rotation of the shape                                       */
    float tc, ts, pitch, phase;  /* rotation, 1 / period and phase of the filling               */
    float back[3], fore[3];      /* colours, 0..255                                             */
    float slope_x, slope_y;      /* background gradient                                         */
    float bx, by, bscale, blend; /* distractor: a faint disc elsewhere                          */
} scene;

static float uniform(cs_rng *rng, double from, double to)
{
    return (float)(from + (to - from) * cs_rng_uniform(rng));
}

/* A direction without sin and cos, whose last bits depend on the C library: a point of the unit
 * disc, normalised (sqrt is exact). */
static void direction(cs_rng *rng, float *c, float *s)
{
    double x, y, r;
    do {
        x = 2 * cs_rng_uniform(rng) - 1;
        y = 2 * cs_rng_uniform(rng) - 1;
        r = x * x + y * y;
    } while (r > 1 || r < 0.01);
    r = sqrt(r);
    *c = (float)(x / r);
    *s = (float)(y / r);
}

static void draw_scene(cs_rng *rng, uint32_t class, scene *sc)
{
    sc->shape = class % 5;
    sc->filling = class / 5;
    sc->cx = uniform(rng, 10, 21);
    sc->cy = uniform(rng, 10, 21);
    sc->scale = 1 / uniform(rng, 7, 12);
    direction(rng, &sc->ca, &sc->sa);
    direction(rng, &sc->tc, &sc->ts);
    sc->pitch = 1 / uniform(rng, 3.5, 5.5);
    sc->phase = uniform(rng, 0, 1);
    for (int c = 0; c < 3; c++) {
        sc->back[c] = uniform(rng, 50, 205);
        const float contrast = uniform(rng, 15, 70);
        const float sign = cs_rng_below(rng, 2) ? 1.0f : -1.0f;
        sc->fore[c] = sc->back[c] + sign * contrast;
    }
    sc->slope_x = uniform(rng, -1.2, 1.2);
    sc->slope_y = uniform(rng, -1.2, 1.2);
    sc->bx = uniform(rng, 0, 31);
    sc->by = uniform(rng, 0, 31);
    sc->bscale = 1 / uniform(rng, 3, 7);
    sc->blend = uniform(rng, -35, 35);
}

/* Signed depth of (u, v) inside a shape of radius about 1: positive inside. */
static float depth(uint32_t shape, float u, float v)
{
    const float au = fabsf(u), av = fabsf(v);
    switch (shape) {
    case 0: return 0.85f - sqrtf(u * u + v * v);                                 /* disc     */
    case 1: return 0.75f - fmaxf(au, av);                                        /* square   */
    case 2: return fminf(v + 0.6f, 0.45f * (1.0f - v) - 0.894f * au);            /* triangle */
    case 3: return 0.25f - fabsf(sqrtf(u * u + v * v) - 0.7f);                   /* ring     */
    default: return 0.28f - fminf(fmaxf(au, av - 0.67f), fmaxf(av, au - 0.67f)); /* cross */
    }
}

/* Triangle wave of period 1 between -1 and 1. */
static float wave(float t)
{
    t -= floorf(t);
    return 4 * fabsf(t - 0.5f) - 1;
}

static float clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* Filling 0 is striped, 1 chequered; both have mean 0 and about the same contrast. */
static float fill(const scene *sc, float x, float y)
{
    const float p = wave((sc->tc * x + sc->ts * y) * sc->pitch + sc->phase);
    if (sc->filling == 0)
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
            const float ink = inside * (0.5f + 0.5f * fill(&sc, dx, dy));
            const float ex = ((float)x - sc.bx) * sc.bscale, ey = ((float)y - sc.by) * sc.bscale;
            const float ground = sc.slope_x * ((float)x - 15.5f) + sc.slope_y * ((float)y - 15.5f) +
                                 sc.blend * clamp(1.5f - (ex * ex + ey * ey), 0, 1);
            uint64_t bits = cs_rng_next(&rng);
            for (int c = 0; c < 3; c++, bits >>= 21) {
                /* sum of three uniform numbers of 7 bits: bell-shaped, deviation 64 */
                const float noise =
                    (float)((bits & 127) + (bits >> 7 & 127) + (bits >> 14 & 127)) - 190.5f;
                const float value =
                    sc.back[c] + ground + ink * (sc.fore[c] - sc.back[c]) + 0.30f * noise;
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

static cs_status verify(const cs_data_source *source, const char *data_dir, cs_error *err)
{
    (void)source, (void)data_dir, (void)err; /* made in memory: nothing can be damaged */
    return CS_OK;
}

extern const cs_data_source cs_source_synth;

const cs_data_source cs_source_synth = {
    .name = "synth",
    .title = "procedural 32x32 shapes in 10 classes, made in memory (not photographs)",
    .classes = CS_SYNTH_CLASSES,
    .size = SIDE,
    .channels = 3,
    .mean = {0.5f, 0.5f, 0.5f},
    .std = {0.20f, 0.20f, 0.20f},
    .load = load,
    .count_test = count_test,
    .verify = verify,
};
