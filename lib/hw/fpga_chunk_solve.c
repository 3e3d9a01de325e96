/* The provably fastest accelerator of a network on the multi-chunk FPGA: enumerates the designs of
 * every used chunk and leaves the choice among them to exact.c. */
#include "exact.h"
#include "fpga_chunk.h"

#include <stdlib.h>
#include <string.h>

/* Three bits per parameter: a list has at most eight options. */
static uint32_t pack_choice(const uint16_t choice[CHUNK_PARAMS])
{
    uint32_t id = 0;
    for (size_t p = 0; p < CHUNK_PARAMS; p++)
        id |= (uint32_t)choice[p] << (3 * p);
    return id;
}

/* A chunk with the layers it runs, merged as far as its costs allow. */
typedef struct workload {
    size_t chunk, n;
    uint32_t windows;
    fpga_layer layer[CS_HW_LAYERS_MAX];
} workload;

/* The designs enumerated so far. */
typedef struct harvest {
    const fpga_model *model;
    const fpga_layout *layout;
    const cs_limits *limits;
    const workload *work;
    exact_option *option;
    size_t n, cap;
    uint64_t enumerated;
} harvest;

static bool add_option(harvest *h, const exact_option *o)
{
    if (h->n == h->cap) {
        const size_t cap = h->cap ? 2 * h->cap : 4096;
        exact_option *grown = realloc(h->option, cap * sizeof *grown);
        if (!grown)
            return false;
        h->option = grown;
        h->cap = cap;
    }
    h->option[h->n++] = *o;
    return true;
}

/* Costs one chunk design; designs that break a limit alone are dropped. */
static bool cost_design(harvest *h, const uint16_t choice[CHUNK_PARAMS])
{
    const workload *w = h->work;
    const chunk_list *list = h->layout->list[w->chunk % CHUNK_KINDS];
    fpga_chunk chunk;
    fpga_chunk_init(h->layout, w->chunk, &chunk);
    chunk.windows = w->windows;
    for (size_t p = 0; p < CHUNK_PARAMS; p++)
        chunk.v[p] = list[p].value[choice[p]];
    h->enumerated++;
    const fpga_resources need = h->model->resources(&chunk);
    if (h->limits && (need.dsp > h->limits->dsp_max || need.bram > h->limits->bram_max))
        return true;
    exact_option o = {.dsp = need.dsp, .bram = need.bram, .id = pack_choice(choice)};
    for (size_t i = 0; i < w->n; i++) {
        double cycles, dram_bits;
        h->model->cost(&chunk, &w->layer[i], &cycles, &dram_bits);
        o.cycles += cycles;
        o.traffic += dram_bits;
    }
    if (!isfinite(h->model->dram_bits_per_cycle))
        o.traffic = 0.0;
    return add_option(h, &o);
}

/* Which unit factors are worth enumerating. The others change a design for the worse or not at
 * all, in cycles, slices, block RAM and traffic:
 *   r, c where rows are not unrolled: they only widen the published input window (Tri, Tci);
 *   c always; m, n where rows are unrolled: m only widens the port that loads depthwise inputs, so
 *   there the largest m is best.
 * tests/unit/test_fpga_solve.c holds this against full enumeration. */
enum freedom { ALL, SMALLEST, LARGEST };

static enum freedom unit_freedom(size_t unit, int32_t mode, bool depthwise)
{
    const bool rows = mode == (depthwise ? 1 : 2);
    switch (unit) {
    case CHUNK_R: return rows ? ALL : SMALLEST;
    case CHUNK_M: return !rows ? ALL : depthwise ? LARGEST : SMALLEST;
    case CHUNK_N: return rows ? SMALLEST : ALL;
    default: return SMALLEST;
    }
}

static bool enumerate_units(harvest *h, uint16_t choice[CHUNK_PARAMS], size_t unit, int32_t mode)
{
    if (unit == CHUNK_PARAMS)
        return cost_design(h, choice);
    const size_t kind = h->work->chunk % CHUNK_KINDS;
    const bool depthwise = kind == CHUNK_DWA0 || kind == CHUNK_DWA1;
    const enum freedom freedom = unit_freedom(unit, mode, depthwise);
    /* Tile and unit lists are the same, so the first allowed unit is the tile's own index. */
    uint16_t first = choice[unit - CHUNK_R + CHUNK_TR];
    uint16_t last = (uint16_t)(h->layout->list[kind][unit].n - 1);
    if (freedom == SMALLEST)
        first = last;
    else if (freedom == LARGEST)
        last = first;
    for (uint16_t c = first; c <= last; c++) {
        choice[unit] = c;
        if (!enumerate_units(h, choice, unit + 1, mode))
            return false;
    }
    return true;
}

static bool enumerate_tiles(harvest *h, uint16_t choice[CHUNK_PARAMS], size_t tile, int32_t mode)
{
    if (tile == CHUNK_R)
        return enumerate_units(h, choice, CHUNK_R, mode);
    const size_t kind = h->work->chunk % CHUNK_KINDS;
    const bool rows = mode == (kind == CHUNK_DWA0 || kind == CHUNK_DWA1 ? 1 : 2);
    /* Maps are square: without unrolled rows, swapping Tr and Tc changes nothing. */
    const uint16_t first = tile == CHUNK_TC && !rows ? choice[CHUNK_TR] : 0;
    for (uint16_t c = first; c < h->layout->list[kind][tile].n; c++) {
        choice[tile] = c;
        if (!enumerate_tiles(h, choice, tile + 1, mode))
            return false;
    }
    return true;
}

static bool enumerate_chunk(harvest *h, exact_stage *stage)
{
    const chunk_list *modes = &h->layout->list[h->work->chunk % CHUNK_KINDS][CHUNK_MODE];
    uint16_t choice[CHUNK_PARAMS];
    h->n = 0;
    for (uint16_t c = 0; c < modes->n; c++) {
        choice[CHUNK_MODE] = c;
        if (!enumerate_tiles(h, choice, CHUNK_TR, modes->value[c]))
            return false;
    }
    *stage = (exact_stage){.option = h->option, .n = h->n};
    exact_pareto(stage);
    stage->option = NULL;
    if (stage->n > 0) {
        stage->option = malloc(stage->n * sizeof *stage->option);
        if (!stage->option)
            return false;
        memcpy(stage->option, h->option, stage->n * sizeof *stage->option);
    }
    return true;
}

static void collect(const fpga_model *model, const fpga_layer *layer, size_t n, size_t chunk,
                    workload *w)
{
    w->chunk = chunk;
    w->n = 0;
    w->windows = 0;
    for (size_t i = 0; i < n; i++) {
        if (layer[i].chunk != chunk)
            continue;
        w->windows |= fpga_window_bit(layer[i].kernel, layer[i].stride);
        size_t j = 0;
        while (j < w->n && !model->merge(&w->layer[j], &layer[i]))
            j++;
        if (j == w->n)
            w->layer[w->n++] = layer[i];
    }
}

/* Pareto sets of all used chunks; chunk_of[s] is the chunk of stage s. */
static cs_status build_problem(const fpga_model *model, const fpga_layout *layout,
                               const cs_net *net, const cs_limits *limits, exact_problem *problem,
                               size_t *chunk_of, uint64_t *enumerated)
{
    fpga_layer layer[CS_HW_LAYERS_MAX];
    size_t n;
    CS_TRY(model->lower(layout, net, layer, &n));
    workload *work = malloc(sizeof *work);
    if (!work)
        return CS_ENOMEM;
    harvest h = {.model = model, .layout = layout, .limits = limits, .work = work};
    cs_status status = CS_OK;
    for (size_t c = 0; status == CS_OK && c < layout->n_bits * CHUNK_KINDS; c++) {
        collect(model, layer, n, c, work);
        if (work->n == 0)
            continue;
        chunk_of[problem->n_stages] = c;
        if (!enumerate_chunk(&h, &problem->stage[problem->n_stages++]))
            status = CS_ENOMEM;
    }
    *enumerated = h.enumerated;
    free(h.option);
    free(work);
    return status;
}

static cs_status finish(const fpga_model *model, const cs_hw_context *ctx, const cs_net *net,
                        const fpga_layout *layout, const exact_problem *problem,
                        const size_t *chunk_of, const exact_result *result, uint16_t *choice,
                        cs_solution *out, cs_error *err)
{
    uint16_t best[CS_HW_CHUNKS_MAX * CHUNK_PARAMS] = {0};
    for (size_t s = 0; s < problem->n_stages; s++) {
        const uint32_t id = problem->stage[s].option[result->pick[s]].id;
        for (size_t p = 0; p < CHUNK_PARAMS; p++)
            best[chunk_of[s] * CHUNK_PARAMS + p] = (uint16_t)((id >> (3 * p)) & 7u);
    }
    cs_hw_report *report = malloc(sizeof *report);
    if (!report)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    const cs_status status = fpga_evaluate(model, ctx, net, best, NULL, report);
    if (status == CS_OK) {
        memcpy(choice, best, layout->n_bits * CHUNK_KINDS * CHUNK_PARAMS * sizeof *choice);
        out->objective = CS_MOST_FPS;
        out->fps = report->total.fps;
        out->edp_js = out->bound_edp_js = (double)NAN;
        out->bound_fps = fmax(out->fps, FPGA_CLOCK_HZ / fmax(result->bound, 1.0));
        out->proven = result->proven && out->bound_fps <= out->fps * (1.0 + 1e-12);
        if (out->proven)
            out->bound_fps = out->fps;
    }
    free(report);
    return status;
}

cs_status fpga_solve(const fpga_model *model, const cs_hw_context *ctx, const cs_net *net,
                     const cs_limits *limits, uint16_t *choice, cs_solution *out, cs_error *err)
{
    fpga_layout layout;
    size_t chunk_of[CS_HW_CHUNKS_MAX];
    exact_problem problem = {.dsp_max = limits ? limits->dsp_max : INFINITY,
                             .bram_max = limits ? limits->bram_max : INFINITY,
                             .traffic_per_cycle = model->dram_bits_per_cycle};
    exact_result result;
    cs_solution solution = {0};
    cs_status status = fpga_layout_init(model, ctx, &layout);
    if (status != CS_OK)
        return cs_fail(err, status, "exact solver: the space has bitwidths without chunks");
    status = build_problem(model, &layout, net, limits, &problem, chunk_of, &solution.designs);
    if (status != CS_OK)
        status = cs_fail(err, status, "exact solver: %s", cs_status_text(status));
    if (status == CS_OK)
        status = exact_solve(&problem, &result, err);
    if (status == CS_OK)
        status =
            finish(model, ctx, net, &layout, &problem, chunk_of, &result, choice, &solution, err);
    if (status == CS_OK)
        *out = solution;
    for (size_t s = 0; s < problem.n_stages; s++)
        free(problem.stage[s].option);
    return status;
}

_Static_assert(EXACT_STAGES_MAX >= CS_HW_CHUNKS_MAX, "a stage per chunk");
