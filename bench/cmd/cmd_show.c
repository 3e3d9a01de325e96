/* cosearch show: one run, readable. */
#include "cli.h"
#include "report/campaign.h"
#include "report/summary.h"
#include "run/runner.h"
#include "run/store.h"
#include "run/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Splits RESULTS/NAME as cs_campaign_find gives it. */
static cs_status open_store(const cs_args *args, cs_store *store, cs_error *err)
{
    char dir[512];
    CS_TRY(cs_campaign_find(cs_args_globals(args)->results, cs_args_get(args, "campaign"), dir,
                            sizeof dir, err));
    char *slash = strrchr(dir, '/');
    if (!slash)
        return cs_store_at(".", dir, store, err);
    *slash = '\0';
    return cs_store_at(dir, slash + 1, store, err);
}

static cs_status print_file(const cs_store *store, const char *run_id, const char *file,
                            cs_error *err)
{
    char path[CS_PATH_MAX], *text;
    CS_TRY(cs_store_path(store, run_id, file, path, err));
    if (!cs_file_exists(path)) {
        printf("%s: not there\n", file);
        return CS_OK;
    }
    CS_TRY(cs_text_read_file(path, &text, NULL, err));
    fputs(text, stdout);
    free(text);
    return CS_OK;
}

/* Every filled column with its unit. */
static void print_row(const cs_row *row)
{
    for (size_t i = 0; i < row->schema->n; i++)
        if (row->cell[i])
            printf("%-18s  %s%s%s\n", row->schema->column[i].name, row->cell[i],
                   *row->schema->column[i].unit ? " " : "", row->schema->column[i].unit);
}

static cs_status show_run(const cs_args *args, const cs_store *store, const char *run_id,
                          cs_error *err)
{
    bool finished;
    cs_row row;
    char line[400];
    CS_TRY(cs_store_result(store, run_id, &finished, &row, err));
    if (finished) {
        print_row(&row);
        cs_row_free(&row);
    } else {
        printf("run_id              %s\nstatus              not finished\n", run_id);
        cs_log_last_line(store, run_id, line, sizeof line);
        if (*line)
            printf("last line of log    %s\n", line);
    }
    printf("folder              %s/runs/%s\ncommand             ", store->dir, run_id);
    CS_TRY(print_file(store, run_id, "cmd.txt", err));
    printf("design              ");
    CS_TRY(print_file(store, run_id, "design.txt", err));
    if (cs_args_has(args, "log")) {
        printf("\n--- log.txt\n");
        CS_TRY(print_file(store, run_id, "log.txt", err));
    }
    if (cs_args_has(args, "trace")) {
        printf("\n--- trace.csv\n");
        CS_TRY(print_file(store, run_id, "trace.csv", err));
    }
    return CS_OK;
}

/* The run whose log was written last. */
static cs_status newest(const cs_store *store, const char (*ids)[17], size_t n, char out[17],
                        cs_error *err)
{
    char path[CS_PATH_MAX];
    struct stat st;
    struct timespec latest = {0};
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        CS_TRY(cs_store_path(store, ids[i], "log.txt", path, err));
        if (stat(path, &st) != 0)
            continue;
        if (!*out || st.st_mtim.tv_sec > latest.tv_sec ||
            (st.st_mtim.tv_sec == latest.tv_sec && st.st_mtim.tv_nsec > latest.tv_nsec)) {
            latest = st.st_mtim;
            memcpy(out, ids[i], 17);
        }
    }
    if (!*out)
        return cs_fail(err, CS_EUSAGE, "campaign %s has no run yet", store->campaign);
    return CS_OK;
}

static cs_status show_failed(const cs_store *store, const char (*ids)[17], size_t n, cs_error *err)
{
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        bool finished;
        cs_row row;
        char line[400];
        CS_TRY(cs_store_result(store, ids[i], &finished, &row, err));
        if (!finished)
            continue;
        if (cs_status_failed(cs_row_get(&row, "status"))) {
            cs_log_last_line(store, ids[i], line, sizeof line);
            printf("%s  %-13s  %s seed %s%s%s\n", ids[i], cs_row_get(&row, "status"),
                   cs_row_get(&row, "method"), cs_row_get(&row, "seed"), *line ? ": " : "", line);
            failed++;
        }
        cs_row_free(&row);
    }
    if (!failed)
        printf("no failed run in campaign %s\n", store->campaign);
    return CS_OK;
}

/* A run id, or enough of its beginning. */
static cs_status find(const cs_store *store, const char (*ids)[17], size_t n, const char *word,
                      char out[17], cs_error *err)
{
    size_t hits = 0;
    for (size_t i = 0; i < n; i++)
        if (strncmp(ids[i], word, strlen(word)) == 0) {
            memcpy(out, ids[i], 17);
            hits++;
        }
    if (hits == 1)
        return CS_OK;
    return cs_fail(err, CS_EUSAGE,
                   "'%s' names %s run of campaign %s; 'cosearch plan PROFILE' lists "
                   "them",
                   word, hits ? "more than one" : "no", store->campaign);
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    cs_store store;
    char(*ids)[17], id[17];
    size_t n;
    const char *word = cs_args_at(args, 0);
    const int ways = (word != NULL) + cs_args_has(args, "last") + cs_args_has(args, "failed") +
                     cs_args_has(args, "summary");
    (void)exit_code;
    if (ways != 1)
        return cs_fail(err, CS_EUSAGE, "give one of RUNID, --last, --failed, --summary");
    CS_TRY(open_store(args, &store, err));
    if (cs_args_has(args, "summary"))
        return cs_summary_write(store.dir, stdout,
                                cs_args_has(args, "csv") ? CS_TABLE_CSV : CS_TABLE_ALIGNED, err);
    CS_TRY(cs_store_runs(&store, &ids, &n, err));
    cs_status status;
    if (cs_args_has(args, "failed")) {
        status = show_failed(&store, (const char(*)[17])ids, n, err);
    } else {
        status = word ? find(&store, (const char(*)[17])ids, n, word, id, err)
                      : newest(&store, (const char(*)[17])ids, n, id, err);
        if (status == CS_OK)
            status = show_run(args, &store, id, err);
    }
    free(ids);
    return status;
}

static const cs_option options[] = {
    {"campaign", 0, "NAME", "campaign below the results folder, or a path with a slash", NULL},
    {"last", 0, NULL, "the run that was active last", NULL},
    {"failed", 0, NULL, "one line per failed run", NULL},
    {"summary", 0, NULL, "the campaign: one line per method and cell of limits", NULL},
    {"csv", 0, NULL, "with --summary: comma-separated values", NULL},
    {"log", 0, NULL, "also the log of its workers", NULL},
    {"trace", 0, NULL, "also its trace", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_show = {
    .name = "show",
    .summary = "one run, or a campaign in a few lines, readable",
    .synopsis = "[RUNID]",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .details = "Without --campaign the one whose results changed last is taken. RUNID may be\n"
               "shortened.\n",
    .run = run};
