/* cosearch run: executes the runs of a profile that are not finished yet. */
#include "cmd/selection_args.h"
#include "registry.h"
#include "report/summary.h"
#include "run/runner.h"
#include "run/spawn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CPUS_MAX 1024

/* Reads a list of CPU numbers, each of which this process may use. */
static cs_status read_cpus(const char *text, int *cpus, size_t *n, cs_error *err)
{
    uint64_t number[CPUS_MAX];
    int allowed[CPUS_MAX];
    const size_t n_allowed = cs_cpus_allowed(allowed, CPUS_MAX);
    cs_error ignored;
    if (cs_seeds_parse(text, number, CPUS_MAX, n, &ignored) != CS_OK)
        return cs_fail(err, CS_EUSAGE, "--cpus %s: expected a list of CPUs such as 0-3,7", text);
    for (size_t i = 0; i < *n; i++) {
        bool found = false;
        for (size_t k = 0; k < n_allowed; k++)
            found = found || (uint64_t)allowed[k] == number[i];
        if (!found)
            return cs_fail(err, CS_EUSAGE, "--cpus: CPU %llu is not available to this process",
                           (unsigned long long)number[i]);
        cpus[i] = (int)number[i];
    }
    return CS_OK;
}

static cs_status read_options(const cs_args *args, cs_run_options *o, int *cpus, cs_error *err)
{
    const char *progress = cs_args_get(args, "progress");
    const cs_globals *globals = cs_args_globals(args);
    o->exe = "/proc/self/exe";
    o->results = globals->results;
    o->quiet = globals->verbosity < 0;
    o->color = globals->color_err;
    o->retry = cs_args_get(args, "retry");
    o->fresh = cs_args_has(args, "fresh");
    if (progress && strcmp(progress, "auto") != 0)
        o->progress = strcmp(progress, "plain") == 0 ? CS_PROGRESS_PLAIN : CS_PROGRESS_NONE;
    CS_TRY(cs_args_u64(args, "jobs", 1, CPUS_MAX, &o->jobs, err));
    CS_TRY(cs_args_u64(args, "stop-after", 1, 1000000000, &o->stop_after, err));
    if (cs_args_get(args, "cpus")) {
        CS_TRY(read_cpus(cs_args_get(args, "cpus"), cpus, &o->n_cpus, err));
        o->cpus = cpus;
    }
    return CS_OK;
}

/* The closing sentences, and what they mean for the exit code. */
static void report(const cs_plan *plan, const cs_run_options *o, const cs_run_outcome *result,
                   int *exit_code)
{
    const bool speak = !o->quiet;
    if (result->signal) {
        if (speak)
            fprintf(stderr,
                    "cosearch: interrupted; %zu of %zu runs are finished, the same command "
                    "does the rest\n",
                    plan->n_jobs - result->missing, plan->n_jobs);
        *exit_code = result->signal == SIGINT ? CS_EXIT_INTERRUPTED : CS_EXIT_TERMINATED;
        return;
    }
    if (speak)
        fprintf(stderr, "cosearch: %zu of %zu runs finished (%zu now), results in %s/%s\n",
                plan->n_jobs - result->missing, plan->n_jobs, result->finished, o->results,
                plan->profile.name);
    if (result->infeasible)
        fprintf(stderr,
                "cosearch: %zu run%s found no design within the limits (status "
                "no_feasible); loosen [limits] or give the search a larger budget\n",
                result->infeasible, result->infeasible == 1 ? "" : "s");
    if (result->failed)
        fprintf(stderr,
                "cosearch: %zu run%s failed; 'cosearch show --failed' tells why, --retry "
                "CLASSES runs them again\n",
                result->failed, result->failed == 1 ? "" : "s");
    if (result->held && speak)
        fprintf(stderr, "cosearch: %zu run%s being done by another cosearch\n", result->held,
                result->held == 1 ? " is" : "s are");
    const bool missing = result->missing > result->held && !o->stop_after;
    if (result->infeasible || result->failed || missing)
        *exit_code = CS_EXIT_INCOMPLETE;
}

/* The comparison so far; what is wrong with it, `show` and `plot` will say. */
static void summarize(const cs_plan *plan, const cs_run_options *o)
{
    char dir[CS_PATH_MAX];
    if (cs_path_format(dir, NULL, "%s/%s", o->results, plan->profile.name) == CS_OK)
        cs_summary_write(dir, stdout, CS_TABLE_ALIGNED, NULL);
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    cs_plan *plan;
    cs_run_options o = {0};
    cs_run_outcome result;
    cs_text command = {0};
    int cpus[CPUS_MAX];
    CS_TRY(read_options(args, &o, cpus, err));
    CS_TRY(cs_plan_from_args(args, &plan, err));
    cs_command_from_args(args, "run", &command);
    o.command = command.failed ? "" : command.data;
    const cs_status status = cs_runner_run(plan, &o, &result, err);
    if (status == CS_OK)
        report(plan, &o, &result, exit_code);
    if (status == CS_OK && !o.quiet && result.missing < plan->n_jobs)
        summarize(plan, &o);
    cs_text_free(&command);
    cs_plan_free(plan);
    return status;
}

static const char *const progress_choices[] = {"auto", "plain", "none", NULL};

static const cs_option options[] = {
    CS_SELECTION_OPTIONS,
    {"jobs", 'j', "N", "workers at a time (default: CPUs / threads of the profile)", NULL},
    {"cpus", 0, "LIST", "CPUs to pin workers to, such as 0-3 (default: all, if the jobs fill them)",
     NULL},
    {"retry", 0, "CLASSES", "run again what ended so: failed, crashed, oom_cap, ...", NULL},
    {"fresh", 0, NULL, "set stored results of the selection aside (old/) and begin anew", NULL},
    {"stop-after", 0, "N", "end after N finished runs", NULL},
    {"progress", 0, "HOW", "auto (a line on a terminal), plain or none", progress_choices},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_run = {
    .name = "run",
    .summary = "execute the runs of a profile that are not finished yet",
    .synopsis = "PROFILE",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .details =
        "PROFILE is a file, or the name of one in bench/profiles. Each run has workers of its\n"
        "own; results are durable, so after Ctrl-C, a crash or a power cut the same command\n"
        "does what is missing. Overriding a key that decides results renames the profile to\n"
        "NAME+custom and taints its rows. Exit code 3 if a run failed or found nothing.\n",
    .run = run};
