#include "report/campaign.h"

#include "cli.h"
#include "run/schema.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CAMPAIGNS_MAX 256 /* looked at for suggestions */

static bool has_results(const char *results, const char *name, struct stat *st)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/results.csv", results, name);
    return stat(path, st) == 0 && S_ISREG(st->st_mode);
}

static bool newer(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec > b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the campaigns with results, sorted; the caller frees each. */
static cs_status campaign_names(const char *results, char *names[CAMPAIGNS_MAX + 1], size_t *n,
                                cs_error *err)
{
    DIR *folder = opendir(results);
    *n = 0;
    if (!folder)
        return CS_OK; /* no folder: no campaign */
    struct dirent *entry;
    struct stat st;
    cs_status status = CS_OK;
    while (status == CS_OK && *n < CAMPAIGNS_MAX && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || !has_results(results, entry->d_name, &st))
            continue;
        names[*n] = strdup(entry->d_name);
        if (names[*n])
            (*n)++;
        else
            status = cs_fail(err, CS_ENOMEM, "out of memory while listing %s", results);
    }
    closedir(folder);
    qsort(names, *n, sizeof *names, by_name);
    return status;
}

static cs_status newest(const char *results, char *const *names, size_t n, char *dir, size_t size,
                        cs_error *err)
{
    const char *best = NULL;
    struct stat best_st, st;
    for (size_t i = 0; i < n; i++)
        if (has_results(results, names[i], &st) && (!best || newer(&st, &best_st))) {
            best = names[i];
            best_st = st;
        }
    if (!best)
        return cs_fail(err, CS_EINFEASIBLE,
                       "no campaign with a results.csv below %s; 'cosearch run PROFILE' makes one",
                       results);
    snprintf(dir, size, "%s/%s", results, best);
    return CS_OK;
}

cs_status cs_campaign_find(const char *results, const char *name, char *dir, size_t size,
                           cs_error *err)
{
    char *names[CAMPAIGNS_MAX + 1] = {0};
    size_t n;
    struct stat st;
    if (name && strchr(name, '/')) {
        snprintf(dir, size, "%s", name);
        return CS_OK;
    }
    cs_status status = campaign_names(results, names, &n, err);
    if (status == CS_OK && !name)
        status = newest(results, names, n, dir, size, err);
    else if (status == CS_OK && has_results(results, name, &st))
        snprintf(dir, size, "%s/%s", results, name);
    else if (status == CS_OK) {
        char list[600];
        snprintf(list, sizeof list, "ls %s", results);
        status = cs_fail_unknown(err, "campaign", name, (const char *const *)names, list);
    }
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    return status;
}

static cs_status read_checked(const cs_schema *schema, const char *path, cs_csv *out, cs_error *err)
{
    cs_csv csv;
    CS_TRY(cs_csv_read(path, &csv, err));
    const cs_status status = cs_schema_check(schema, &csv, path, err);
    if (status == CS_OK)
        *out = csv;
    else
        cs_csv_free(&csv);
    return status;
}

cs_status cs_campaign_open(const char *dir, cs_campaign *out, cs_error *err)
{
    cs_campaign campaign;
    char path[1024];
    snprintf(campaign.dir, sizeof campaign.dir, "%s", dir);
    snprintf(path, sizeof path, "%s/results.csv", dir);
    CS_TRY(read_checked(&cs_schema_results, path, &campaign.results, err));
    *out = campaign;
    return CS_OK;
}

void cs_campaign_close(cs_campaign *campaign)
{
    cs_csv_free(&campaign->results);
}

const char *cs_campaign_text(const cs_campaign *campaign, size_t row, const char *column)
{
    const int c = cs_csv_column(&campaign->results, column);
    return c < 0 ? "" : cs_csv_cell(&campaign->results, row, c);
}

double cs_campaign_double(const cs_campaign *campaign, size_t row, const char *column)
{
    double value;
    return cs_text_double(cs_campaign_text(campaign, row, column), &value) ? value : (double)NAN;
}

cs_status cs_campaign_trace(const cs_campaign *campaign, size_t row, cs_csv *out, cs_error *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/runs/%s/trace.csv", campaign->dir,
             cs_campaign_text(campaign, row, "run_id"));
    return read_checked(&cs_schema_trace, path, out, err);
}
