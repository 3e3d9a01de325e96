/* cosearch tabulate: trains every network of a small space and writes the table of accuracies. */
#include "cli.h"
#include "cmd/pin_blas.h"
#include "cmd/profile_files.h"
#include "run/spawn.h"
#include "run/table_card.h"
#include "run/tabulate.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOISE_NETWORKS 200
#define NOISE_SEEDS 3

typedef struct request {
    cs_profile profile;
    uint64_t noise_networks, noise_seeds, verify;
    char table[CS_PATH_MAX], card[CS_PATH_MAX], work[CS_PATH_MAX];
    cs_tabulate_options options;
} request;

static cs_status read_profile(const cs_args *args, cs_profile *profile, cs_error *err)
{
    char path[CS_PATH_MAX];
    const char *assignment;
    size_t position = 0;
    CS_TRY(cs_profile_files_find(cs_args_at(args, 0), path, sizeof path, err));
    CS_TRY(cs_profile_read(path, profile, err));
    while ((assignment = cs_args_each(args, "set", &position)) != NULL)
        CS_TRY(cs_profile_set(profile, assignment, err));
    return CS_OK;
}

/* tables/NAME.csv, NAME.md and NAME.work, or beside --out. */
static cs_status choose_paths(const cs_args *args, request *r, cs_error *err)
{
    const char *out = cs_args_get(args, "out");
    const size_t length = out ? strlen(out) : 0;
    if (out && (length < 5 || strcmp(out + length - 4, ".csv") != 0))
        return cs_fail(err, CS_EUSAGE, "--out %s: expected a name that ends in .csv", out);
    if (!out) {
        char folder[CS_PATH_MAX];
        CS_TRY(cs_path_format(folder, err, "%s/tables", cs_args_globals(args)->results));
        CS_TRY(cs_folder_make(folder, err));
        CS_TRY(cs_path_format(r->table, err, "%s/%s.csv", folder, r->profile.name));
    } else {
        CS_TRY(cs_path_format(r->table, err, "%s", out));
    }
    const int stem = (int)strlen(r->table) - 4;
    CS_TRY(cs_path_format(r->card, err, "%.*s.md", stem, r->table));
    return cs_path_format(r->work, err, "%.*s.work", stem, r->table);
}

static cs_status read_request(const cs_args *args, request *r, cs_error *err)
{
    int cpus[1024];
    r->noise_networks = NOISE_NETWORKS;
    r->noise_seeds = NOISE_SEEDS;
    CS_TRY(read_profile(args, &r->profile, err));
    CS_TRY(choose_paths(args, r, err));
    CS_TRY(cs_args_u64(args, "noise", 0, CS_TABLE_NETWORKS_MAX, &r->noise_networks, err));
    CS_TRY(cs_args_u64(args, "noise-seeds", 1, 100, &r->noise_seeds, err));
    CS_TRY(cs_args_u64(args, "verify", 1, CS_TABLE_NETWORKS_MAX, &r->verify, err));
    CS_TRY(cs_args_u64(args, "jobs", 1, 1024, &r->options.jobs, err));
    CS_TRY(cs_args_u64(args, "stop-after", 1, 1000000000, &r->options.limit, err));
    if (r->options.jobs == 0) {
        const size_t n = cs_cpus_allowed(cpus, 1024) / r->profile.threads;
        r->options.jobs = n ? n : 1;
    }
    r->options.exe = "/proc/self/exe";
    r->options.work = r->work;
    r->options.quiet = cs_args_globals(args)->verbosity < 0;
    r->options.live = !r->options.quiet && isatty(STDERR_FILENO);
    return CS_OK;
}

/* The finished table and its card. */
static cs_status publish(const request *r, const cs_table_plan *plan, cs_error *err)
{
    char rows[CS_PATH_MAX];
    cs_text table = {0}, card = {0};
    CS_TRY(cs_path_format(rows, err, "%s/rows.csv", r->work));
    cs_status status = cs_table_sorted(plan, rows, &table, err);
    if (status == CS_OK)
        status = cs_file_write(r->table, table.data, table.len, err);
    if (status == CS_OK)
        status = cs_table_card(&r->profile, r->table, plan->n_networks, &card, err);
    if (status == CS_OK)
        status = cs_file_write(r->card, card.data, card.len, err);
    cs_text_free(&table);
    cs_text_free(&card);
    return status;
}

static cs_status make(const request *r, const cs_table_plan *plan, int *exit_code, cs_error *err)
{
    cs_tabulate_outcome outcome;
    CS_TRY(cs_tabulate(&r->profile, plan, &r->options, &outcome, err));
    const bool whole = outcome.done == outcome.total;
    if (outcome.done > 0)
        CS_TRY(publish(r, plan, err));
    if (!r->options.quiet)
        fprintf(stderr, "cosearch: %zu of %zu trainings, %.0f CPU seconds now%s%s\n", outcome.done,
                outcome.total, outcome.cpu_s,
                whole ? "; table and card in " : "; the same command does the rest; so far in ",
                r->table);
    if (outcome.signal)
        *exit_code = outcome.signal == SIGINT ? CS_EXIT_INTERRUPTED : CS_EXIT_TERMINATED;
    else if (!whole && !r->options.limit)
        *exit_code = CS_EXIT_INCOMPLETE;
    return CS_OK;
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    cs_table_plan *plan = NULL;
    request *r = calloc(1, sizeof *r);
    if (!r)
        return cs_fail(err, CS_ENOMEM, "out of memory for a table");
    cs_status status = read_request(args, r, err);
    if (status == CS_OK && r->verify)
        status = cs_pin_blas(args, r->profile.blas_core, err);
    if (status == CS_OK && r->verify)
        status = cs_table_verify(&r->profile, r->table, r->verify, stdout, exit_code, err);
    else if (status == CS_OK)
        status = cs_table_plan_new(&r->profile, r->noise_networks, r->noise_seeds, &plan, err);
    if (status == CS_OK && plan)
        status = make(r, plan, exit_code, err);
    cs_table_plan_free(plan);
    free(r);
    return status;
}

static const cs_option options[] = {
    {"out", 0, "FILE.csv", "the table (default RESULTS/tables/PROFILE-NAME.csv)", NULL},
    {"jobs", 'j', "N", "workers at a time (default: CPUs / threads of the profile)", NULL},
    {"noise", 0, "N", "networks trained with further seeds, for the noise (default 200)", NULL},
    {"noise-seeds", 0, "N", "further seeds of each of these (default 3)", NULL},
    {"stop-after", 0, "N", "end after N trainings", NULL},
    {"verify", 0, "N", "train N rows of a finished table again and compare", NULL},
    {"set", 0, "KEY=VALUE", "override a key of the profile; may be repeated", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_tabulate = {
    .name = "tabulate",
    .summary = "train every network of a small space into a table of accuracies",
    .synopsis = "PROFILE",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .details =
        "Space, data set and the trainings [fidelity.full] and [fidelity.short] are the "
        "profile's.\n"
        "Every network is trained on search-train and measured on search-val and on the test set.\n"
        "Beside the table FILE.csv go its card FILE.md (distribution, noise, agreement of the two\n"
        "fidelities) and FILE.work with what is going on: after Ctrl-C or a crash the same "
        "command\n"
        "goes on. --verify exits with 1 if an accuracy differs by more than rounding explains.\n",
    .run = run};
