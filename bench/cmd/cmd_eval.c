/* cosearch eval: cost, provably best accelerator and accuracy of any design text. */
#include "cli.h"
#include "cmd/eval_design.h"
#include "cmd/eval_nest.h"
#include "cmd/limit_args.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of --design FILE, '-' for standard input, or the argument itself. Caller frees. */
static cs_status read_texts(const cs_args *args, char **out, cs_error *err)
{
    const char *file = cs_args_get(args, "design"), *text = cs_args_at(args, 0);
    if ((file != NULL) == (text != NULL))
        return cs_fail(err, CS_EUSAGE,
                       "expected one design: 'cosearch eval --design FILE', '--design -' for "
                       "standard input, or the design text itself in quotes");
    if (file)
        return cs_text_read_file(strcmp(file, "-") == 0 ? "/dev/stdin" : file, out, NULL, err);
    *out = strdup(text);
    return *out ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory for a design text");
}

/* CSV of several tables cannot share a stream. */
static cs_status check_tables(const cs_args *args, cs_error *err)
{
    if (cs_args_has(args, "csv") && cs_args_has(args, "layers") && cs_args_has(args, "chunks"))
        return cs_fail(err, CS_EUSAGE, "--csv prints one table: choose --layers or --chunks");
    return CS_OK;
}

/* Every line of `texts` that is not empty or a comment. */
static cs_status eval_lines(const eval_request *request, char *texts, eval_output *out,
                            bool *feasible, cs_error *err)
{
    char *at;
    size_t n = 0;
    for (char *line = strtok_r(texts, "\n", &at); line; line = strtok_r(NULL, "\n", &at)) {
        eval_result result;
        line += strspn(line, " \t\r");
        if (*line == '\0' || *line == '#')
            continue;
        n++;
        cs_status status = eval_design(request, line, &result, err);
        if (status == CS_OK)
            status = eval_output_add(out, &result, err);
        *feasible = *feasible && result.report.total.violated == 0;
        eval_result_free(&result);
        CS_TRY(status);
    }
    if (n == 0)
        return cs_fail(err, CS_EFORMAT, "no design text found: every line is empty or a comment");
    return eval_output_end(out, err);
}

static cs_status read_request(const cs_args *args, eval_request *request, cs_error *err)
{
    uint64_t classes = 0, seed = 0;
    const char *level = cs_args_get(args, "acc");
    *request = (eval_request){.hw = cs_args_get(args, "hw"),
                              .limits = CS_LIMITS_NONE,
                              .solve = cs_args_has(args, "solve")};
    CS_TRY(check_tables(args, err));
    CS_TRY(cs_args_u64(args, "classes", 1, 65535, &classes, err));
    CS_TRY(cs_args_u64(args, "seed", 0, UINT32_MAX, &seed, err));
    CS_TRY(cs_limits_parse(cs_args_get(args, "limits"), &request->limits, err));
    request->classes = (uint16_t)classes;
    if (!level)
        return CS_OK;
    return eval_trainer_new(args, level, cs_args_get(args, "profile"), cs_args_get(args, "dataset"),
                            seed, &request->trainer, err);
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    eval_request request;
    eval_output *out = NULL;
    char *texts = NULL;
    bool feasible = true;
    if (eval_nest_wanted(args))
        return eval_nest_run(args, err);
    CS_TRY(read_request(args, &request, err));
    cs_status status = read_texts(args, &texts, err);
    if (status == CS_OK)
        status = eval_output_new(args, &request.limits, &out, err);
    if (status == CS_OK)
        status = eval_lines(&request, texts, out, &feasible, err);
    eval_output_free(out);
    eval_trainer_free(request.trainer);
    free(texts);
    if (!feasible)
        *exit_code = CS_EXIT_VIOLATED;
    return status;
}

static const char *const acc_levels[] = {"proxy", "short", "full", "test", NULL};

static const cs_option options[] = {
    {"design", 0, "FILE", "file of design texts, one per line; - for standard input", NULL},
    {"hw", 0, "MODEL", "platform instead of the one in the text", NULL},
    {"classes", 0, "N", "classes of the classifier (default 10; 1000 for 224-pixel spaces)", NULL},
    {"limits", 0, "LIST", "such as dsp_max=450,bram_max=700,fps_min=30 (default none)", NULL},
    {"solve", 0, NULL, "replace the accelerator by the provably best one under the limits", NULL},
    {"acc", 0, "LEVEL", "train the network and report its accuracy: proxy, short, full or test",
     acc_levels},
    {"dataset", 0, "NAME", "data set of --acc (default that of --profile)", NULL},
    {"profile", 0, "FILE", "recipes of --acc (default: short 2, full and test 10 epochs)", NULL},
    {"seed", 0, "N", "seed of --acc, as the seed of a run (default 0)", NULL},
    {"layers", 0, NULL, "cost of every layer; with LAYERS.csv, of the layers of that file", NULL},
    {"chunks", 0, NULL, "cost of every sub-accelerator", NULL},
    {"breakdown", 0, NULL, "energy by level, every sub-accelerator and layer", NULL},
    {"csv", 0, NULL, "comma-separated values: one row per design, layer or chunk", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_eval = {
    .name = "eval",
    .summary = "cost of any design text, its provably best accelerator, its accuracy",
    .synopsis = "[DESIGN | LAYERS.csv]",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .details =
        "A design is one line: space|platform|operators|bitwidths|accelerator, as in design.txt "
        "of\n"
        "a run. With --solve the accelerator may be empty. Limits: dsp_max, bram_max, fps_min,\n"
        "edp_max_js, latency_max_s, energy_max_j, area_max_mm2. Exit code 1 if a design breaks\n"
        "one, 3 if --solve finds that no accelerator can keep them. --acc test retrains on all\n"
        "training images by the profile's [recipe] and measures on the test set.\n\n"
        "'cosearch eval --hw eyeriss --layers LAYERS.csv' maps layers onto a known accelerator\n"
        "(eyeriss, shidiannao, nvdla) and prints cycles and energy; --breakdown adds words moved\n"
        "by level and tensor, and the mappings. Columns, all optional: layer (name), N, G, K, C,\n"
        "P, Q, R, S (default 1; K and C of one group, P and Q of the output), stride (1),\n"
        "weight_bits (8), input_bits (8), sum_bits (32), output_bits (input_bits).\n",
    .run = run};
