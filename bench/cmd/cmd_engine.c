/* cosearch engine: the accelerator search engines side by side on one network. */
#include "cli.h"
#include "cmd/limit_args.h"
#include "core/csvio.h"
#include "cosearch/relax.h"
#include "registry.h"
#include "report/accel_convergence.h"
#include "report/figure.h"
#include "run/durable.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The example network of the authors' model file. */
#define EXAMPLE                                                                                    \
    "fbnet:cifar|-|"                                                                               \
    "k5_e6 k5_e6 k3_e1 k5_e3 k5_e3 k5_e6 k5_e1_g2 k5_e1 k5_e6 k5_e6 k5_e3 k5_e6 k5_e1_g2 k3_e6 "   \
    "k5_e6 k3_e3 k5_e6 k5_e6 k5_e3 k5_e6 k5_e3 k5_e6|"                                             \
    "6 8 6 6 4 8 6 6 6 8 6 8 8 8 6 6 6 6 6 6 6 6|"
#define LIMITS "dsp_max=900,bram_max=700"
#define POINTS_PER_DECADE 16

typedef struct engine_plan {
    const char *network, *out;
    cs_limits limits;
    uint64_t samples, seeds;
} engine_plan;

/* One search, as it is watched. */
typedef struct engine_run {
    const engine_plan *plan;
    const cs_space *space;
    const char *engine;
    uint64_t seed, next; /* sample at which the next row is due */
    cs_text *rows;
} engine_run;

static cs_status query(void *context, const cs_design *design, cs_hw_report *report)
{
    const engine_run *run = context;
    return cs_space_cost(run->space, design, &run->plan->limits, report);
}

static void add_row(const engine_run *run, uint64_t sample, double interval)
{
    cs_csv_add_text(run->rows, cs_space_hw_model(run->space)->name);
    cs_csv_add_double(run->rows, run->plan->limits.dsp_max, 9);
    cs_csv_add_double(run->rows, run->plan->limits.bram_max, 9);
    cs_csv_add_text(run->rows, run->engine);
    cs_csv_add_u64(run->rows, run->seed);
    cs_csv_add_u64(run->rows, sample);
    cs_csv_add_double(run->rows, isfinite(interval) ? 1.0 / interval : NAN, 9);
    cs_csv_end_row(run->rows);
}

/* Rows at samples 1, 2, ..., evenly spaced by their logarithm, and at the last one. */
static void watch(void *context, uint64_t sample, double cost, double best)
{
    engine_run *run = context;
    (void)cost;
    if (sample < run->next && sample != run->plan->samples)
        return;
    add_row(run, sample, best);
    while (run->next <= sample)
        run->next = (uint64_t)ceil((double)run->next * pow(10.0, 1.0 / POINTS_PER_DECADE));
}

static cs_status search(engine_run *run, cs_accel_kind kind, const cs_design *network, double *fps)
{
    const cs_accel_options options = cs_accel_defaults(kind, CS_ACCEL_INTERVAL);
    cs_accel *engine;
    cs_accel_result result;
    cs_design design = *network;
    cs_rng rng;
    run->next = 1;
    cs_rng_seed(&rng, cs_rng_derive(run->seed, "engine"));
    CS_TRY(cs_accel_new(run->space, &run->plan->limits, &options, &engine));
    const cs_status status = cs_accel_search(engine, &design, false, run->plan->samples, &rng,
                                             query, run, watch, run, &result);
    cs_accel_free(engine);
    *fps = status == CS_OK && result.feasible ? result.hw.fps : NAN;
    return status;
}

/* Median and extremes of an engine's seeds, for the terminal. */
static void print_line(const char *platform, const char *engine, double *fps, size_t n)
{
    double q[3];
    cs_quartiles(fps, n, q);
    printf("%-28s %-9s %10.2f %10.2f %10.2f\n", platform, engine, q[0], q[1], q[2]);
}

static cs_status compare_on(const engine_plan *plan, const char *hw, cs_text *rows, cs_error *err)
{
    enum { SEEDS_MAX = 1000 };
    static const char *const names[] = {"gradient", "released", "random", "exact"};
    const cs_hw_model *model;
    char space_name[64], text_hw[64];
    double fps[SEEDS_MAX];
    cs_space *space;
    cs_design network;
    CS_TRY(cs_hw_model_named(hw, &model, err));
    CS_TRY(cs_design_names(plan->network, space_name, text_hw, err));
    CS_TRY(cs_space_new(space_name, hw, 10, &space, err));
    cs_status status = cs_design_parse_network(space, plan->network, &network, err);
    for (int kind = CS_ACCEL_GRADIENT; status == CS_OK && kind <= CS_ACCEL_EXACT; kind++) {
        const bool exact = kind == CS_ACCEL_EXACT;
        uint64_t n = exact ? 1 : plan->seeds;
        if (exact && (!model->solve || model->objective != CS_MOST_FPS))
            continue;
        engine_run run = {plan, space, names[kind], 0, 1, rows};
        for (; run.seed < n && status == CS_OK; run.seed++)
            status = search(&run, (cs_accel_kind)kind, &network, &fps[run.seed]);
        if (status == CS_OK)
            print_line(hw, names[kind], fps, n);
        else
            cs_fail(err, status, "platform %s: the %s engine failed: %s", hw, names[kind],
                    cs_status_text(status));
    }
    cs_space_free(space);
    return status;
}

static cs_status read_plan(const cs_args *args, char out[CS_PATH_MAX], engine_plan *plan,
                           cs_error *err)
{
    const char *limits = cs_args_get(args, "limits"), *text = cs_args_at(args, 0);
    *plan = (engine_plan){.network = text ? text : EXAMPLE,
                          .out = out,
                          .limits = CS_LIMITS_NONE,
                          .samples = 2000,
                          .seeds = 10};
    CS_TRY(cs_args_u64(args, "samples", 1, 10000000, &plan->samples, err));
    CS_TRY(cs_args_u64(args, "seeds", 1, 1000, &plan->seeds, err));
    CS_TRY(cs_limits_parse(limits ? limits : LIMITS, &plan->limits, err));
    if (cs_args_get(args, "out"))
        return cs_path_format(out, err, "%s", cs_args_get(args, "out"));
    return cs_path_format(out, err, "%s/engine", cs_args_globals(args)->results);
}

static cs_status write_and_draw(const engine_plan *plan, const cs_text *rows, unsigned formats,
                                cs_error *err)
{
    char path[CS_PATH_MAX];
    if (rows->failed)
        return cs_fail(err, CS_ENOMEM, "out of memory for the rows of %s", plan->out);
    CS_TRY(cs_folder_make(plan->out, err));
    CS_TRY(cs_path_format(path, err, "%s/" CS_ACCEL_CONVERGENCE_CSV, plan->out));
    CS_TRY(cs_file_write(path, rows->data, rows->len, err));
    printf("%s\n", path);
    CS_TRY(cs_figure_draw(&cs_figure_accel_convergence, plan->out, plan->out, formats, err));
    for (unsigned f = CS_FIGURE_SVG; f <= CS_FIGURE_PNG; f <<= 1)
        if (formats & f)
            printf("%s/%s.%s\n", plan->out, cs_figure_accel_convergence.name,
                   f == CS_FIGURE_SVG ? "svg" : "png");
    return CS_OK;
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    static const char *const both[] = {"fpga-chunk-published", "fpga-chunk-published:free"};
    const char *formats_text = cs_args_get(args, "format"), *hw;
    char out[CS_PATH_MAX];
    engine_plan plan;
    cs_text rows = {0};
    unsigned formats;
    size_t at = 0;
    cs_status status = CS_OK;
    (void)exit_code;
    CS_TRY(cs_figure_formats(formats_text ? formats_text : "svg,png", &formats, err));
    CS_TRY(read_plan(args, out, &plan, err));
    cs_text_addf(&rows, "%s\n", CS_ACCEL_CONVERGENCE_HEADER);
    printf("%-28s %-9s %10s %10s %10s  images/s after %llu samples, %llu seeds\n", "platform",
           "engine", "lower q.", "median", "upper q.", (unsigned long long)plan.samples,
           (unsigned long long)plan.seeds);
    while (status == CS_OK && (hw = cs_args_each(args, "hw", &at)) != NULL)
        status = compare_on(&plan, hw, &rows, err);
    for (size_t i = 0; i < 2 && status == CS_OK && !cs_args_has(args, "hw"); i++)
        status = compare_on(&plan, both[i], &rows, err);
    if (status == CS_OK)
        status = write_and_draw(&plan, &rows, formats, err);
    cs_text_free(&rows);
    return status;
}

static const cs_option options[] = {
    {"hw", 0, "MODEL", "platform; may be repeated (default fpga-chunk-published, also :free)",
     NULL},
    {"limits", 0, "LIST", "such as dsp_max=450,bram_max=700 (default " LIMITS ")", NULL},
    {"samples", 0, "N", "designs per search (default 2000)", NULL},
    {"seeds", 0, "N", "searches per engine (default 10)", NULL},
    {"format", 0, "LIST", "svg, png or svg,png (default svg,png)", NULL},
    {"out", 0, "DIR", "folder of the files (default engine in the results folder)", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_engine = {
    .name = "engine",
    .summary = "compare the accelerator search engines on one network",
    .synopsis = "[NETWORK]",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .details =
        "NETWORK is a design text; its accelerator is not used, and '-' will do as platform.\n"
        "Default: the example network of the authors of the published model. Writes\n"
        "accel-convergence.csv (best images per second so far) and draws it.\n",
    .run = run};
