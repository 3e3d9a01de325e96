/* The list of cost models and what all of them share. */
#include "cosearch/hw.h"
#include <string.h>

#define CS_HW_MODEL(id) extern const cs_hw_model cs_hw_model_##id;
#include "models.def"
#undef CS_HW_MODEL

const cs_hw_model *const cs_hw_models[] = {
#define CS_HW_MODEL(id) &cs_hw_model_##id,
#include "models.def"
#undef CS_HW_MODEL
    NULL};

const cs_hw_model *cs_hw_model_find(const char *name)
{
    for (const cs_hw_model *const *m = cs_hw_models; *m; m++)
        if (strcmp((*m)->name, name) == 0)
            return *m;
    return NULL;
}

const char *const cs_hw_level_names[CS_HW_LEVELS] = {"mac", "rf", "array", "glb", "dram", "static"};

void cs_hw_no_energy(cs_hw_layer_cost *layer)
{
    for (int i = 0; i < CS_HW_LEVELS; i++)
        layer->energy_j[i] = (double)NAN;
}

const char *const cs_violated_names[CS_VIOLATES_COUNT] = {
    "dsp_max",      "bram_max", "fps_min",   "edp_max_js", "latency_max_s", "energy_max_j",
    "area_max_mm2", "buffer",   "registers", "pes",        "ports"};

/* Negated comparisons, so that a NaN breaks a limit that is set. */
uint32_t cs_limits_violated(const cs_limits *limits, const cs_hw_metrics *m)
{
    const struct {
        double value, max;
        uint32_t bit;
    } upper[] = {{m->dsp, limits->dsp_max, CS_VIOLATES_DSP},
                 {m->bram, limits->bram_max, CS_VIOLATES_BRAM},
                 {m->edp_js, limits->edp_max_js, CS_VIOLATES_EDP},
                 {m->latency_s, limits->latency_max_s, CS_VIOLATES_LATENCY},
                 {m->energy_j, limits->energy_max_j, CS_VIOLATES_ENERGY},
                 {m->area_mm2, limits->area_max_mm2, CS_VIOLATES_AREA}};
    uint32_t violated = 0;
    for (size_t i = 0; i < sizeof upper / sizeof *upper; i++)
        if (isfinite(upper[i].max) && !(upper[i].value <= upper[i].max))
            violated |= upper[i].bit;
    if (limits->fps_min > 0.0 && !(m->fps >= limits->fps_min))
        violated |= CS_VIOLATES_FPS;
    return violated;
}
