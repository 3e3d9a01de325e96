/* cosearch plan: what `run` would do, in which order, at which cost. */
#include "cmd/selection_args.h"
#include "run/rates.h"
#include "run/runner.h"
#include "run/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATES_S 0.2 /* of measuring, for each of three ways and each of their turns */

typedef struct measured {
    double mac, search_s, final_s;
    size_t n;
} measured;

/* Status of a run as the store has it. */
static cs_status status_of(const cs_store *store, const cs_job *job, char status[24],
                           measured *rate, cs_error *err)
{
    char path[CS_PATH_MAX];
    bool finished;
    cs_row row;
    snprintf(status, 24, "missing");
    CS_TRY(cs_store_result(store, job->run_id, &finished, &row, err));
    if (finished) {
        const double mac = cs_row_get_number(&row, "search_mac"),
                     wall = cs_row_get_number(&row, "search_wall_s"),
                     final = cs_row_get_number(&row, "final_wall_s");
        snprintf(status, 24, "%s", cs_row_get(&row, "status"));
        if (mac > 0.0 && wall > 0.0) {
            rate->mac += mac;
            rate->search_s += wall;
            rate->final_s += isnan(final) ? 0.0 : final;
            rate->n++;
        }
        cs_row_free(&row);
        return CS_OK;
    }
    CS_TRY(cs_store_path(store, job->run_id, "attempts", path, err));
    if (cs_file_exists(path))
        snprintf(status, 24, "begun");
    return CS_OK;
}

/* Hours from MACs and a rate: of the finished runs, or else of this machine now. */
static cs_status estimate(const cs_plan *plan, const measured *rate, size_t missing, cs_error *err)
{
    const cs_profile *p = &plan->profile;
    cs_net net;
    cs_rates now;
    char text[320];
    double final_macs;
    const double search = cs_plan_run_macs(plan, &final_macs), threads = (double)p->threads;
    CS_TRY(cs_rates_net(p->space, p->hw, plan->dataset.classes, &net, err));
    CS_TRY(cs_rates_measure(&net, p->final.recipe.batch, p->isa, RATES_S, &now, err));
    cs_rates_text(&now, text, sizeof text);
    /* What one worker gets while the others fill the machine. */
    const double cpus = (double)now.cpus, used = fmin(threads, cpus);
    const double measured_now = p->threads == 1 ? now.apart / cpus : now.together * used / cpus;
    const char *basis = rate->n ? "measured on the finished runs" : "measured now on this machine";
    const double per_s = rate->n ? rate->mac / rate->search_s : measured_now;
    const double final_s = rate->n ? rate->final_s / (double)rate->n : final_macs / per_s;
    printf("\n%zu runs to do\nmachine: %s\n", missing, text);
    if (isnan(search)) {
        printf("search: the primary budget is not in MACs, so its time is not known beforehand\n");
        return CS_OK;
    }
    printf("search: %.3g MAC each, %.0f s at %.3g MAC/s (%s)\n", search, search / per_s, per_s,
           basis);
    printf("final phase: at most %.3g MAC each, about %.0f s\n", final_macs, final_s);
    const double hours = (double)missing * (search / per_s + final_s) / 3600.0;
    printf("all of it: %.1f core hours, %.1f hours with %.0f jobs at a time\n", hours * used,
           hours / floor(cpus / used), floor(cpus / used));
    return CS_OK;
}

static cs_status print(const cs_args *args, const cs_plan *plan, cs_error *err)
{
    const bool commands = cs_args_has(args, "commands");
    cs_store store;
    measured rate = {0};
    size_t missing = 0;
    cs_text command = {0};
    CS_TRY(cs_store_at(cs_args_globals(args)->results, plan->profile.name, &store, err));
    cs_command_from_args(args, "run", &command);
    if (command.failed)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_status status = CS_OK;
    if (!commands)
        printf("%-16s  %-12s  %6s  %-12s  %s\n", "run", "method", "seed", "status", "limits");
    for (size_t i = 0; status == CS_OK && i < plan->n_jobs; i++) {
        const cs_job *job = &plan->job[i];
        char state[24], limits[160];
        status = status_of(&store, job, state, &rate, err);
        const bool todo = strcmp(state, "missing") == 0 || strcmp(state, "begun") == 0;
        missing += todo;
        cs_limits_text(&job->limits, limits, sizeof limits);
        if (status == CS_OK && !commands)
            printf("%-16s  %-12s  %6llu  %-12s  %s\n", job->run_id, job->method->name,
                   (unsigned long long)job->seed, state, limits);
        if (status == CS_OK && commands && todo) {
            cs_text line = {0};
            cs_run_command(command.data, job, &line);
            printf("%s\n", line.failed ? "" : line.data);
            cs_text_free(&line);
        }
    }
    cs_text_free(&command);
    if (status == CS_OK && cs_args_has(args, "estimate"))
        status = estimate(plan, &rate, missing, err);
    return status;
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    cs_plan *plan;
    (void)exit_code;
    if (cs_args_has(args, "commands") && cs_args_has(args, "estimate"))
        return cs_fail(err, CS_EUSAGE, "--commands and --estimate exclude each other");
    CS_TRY(cs_plan_from_args(args, &plan, err));
    const cs_status status = print(args, plan, err);
    cs_plan_free(plan);
    return status;
}

static const cs_option options[] = {
    CS_SELECTION_OPTIONS,
    {"commands", 0, NULL, "one shell line per missing run, for GNU parallel or a job array", NULL},
    {"estimate", 0, NULL, "also MACs, hours, and what --jobs and threads are worth here", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_plan = {
    .name = "plan",
    .summary = "show the runs of a profile, their order and state; does nothing",
    .synopsis = "PROFILE",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .details = "Run ids are hashes of everything that decides a run's outcome, so they tell what\n"
               "'run' would do anew after a change. The data set is opened for its identity.\n",
    .run = run};
