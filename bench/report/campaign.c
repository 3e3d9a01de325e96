#include "report/campaign.h"

#include "cli.h"
#include "registry.h"
#include "run/profile.h"
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

bool cs_campaign_same_cell(const cs_campaign *campaign, size_t a, size_t b)
{
    static const char *const column[] = {
        "dataset_id",    "space",        "hw_model",    "hw_version", "source",
        "recipe_id",     "dsp_max",      "bram_max",    "fps_min",    "edp_max_js",
        "latency_max_s", "energy_max_j", "area_max_mm2"};
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        if (strcmp(cs_campaign_text(campaign, a, column[i]),
                   cs_campaign_text(campaign, b, column[i])) != 0)
            return false;
    return true;
}

void cs_campaign_cell_text(const cs_campaign *campaign, size_t row, bool with_minima, char *text,
                           size_t size)
{
    static const struct {
        const char *column, *name, *sign;
    } limit[] = {{"dsp_max", "DSP", "≤"},
                 {"bram_max", "BRAM", "≤"},
                 {"fps_min", "FPS", "≥"},
                 {"edp_max_js", "EDP (J s)", "≤"},
                 {"latency_max_s", "latency (s)", "≤"},
                 {"energy_max_j", "energy (J)", "≤"},
                 {"area_max_mm2", "area (mm2)", "≤"}};
    snprintf(text, size, "%s on %s", cs_campaign_text(campaign, row, "dataset"),
             cs_campaign_text(campaign, row, "hw_model"));
    for (size_t i = 0; i < sizeof limit / sizeof *limit; i++) {
        const double value = cs_campaign_double(campaign, row, limit[i].column);
        const size_t used = strlen(text);
        if (isfinite(value) && (with_minima || strcmp(limit[i].sign, "≥") != 0))
            snprintf(text + used, size - used, ", %s %s %g", limit[i].name, limit[i].sign, value);
    }
}

/* Adds " NAME=VALUE" if a line "NAME = VALUE" of a job differs from the method's default. */
static void add_setting(const cs_method *method, const char *line, char *text, size_t size)
{
    char name[64];
    double value;
    if (sscanf(line, "%63s = %lf", name, &value) != 2)
        return;
    for (const cs_param *p = method->params; p->name; p++) {
        const size_t used = strlen(text);
        const char *blank = used ? " " : "";
        if (strcmp(p->name, name) != 0 || value == p->def)
            continue;
        if (p->labels && value >= p->lo && value <= p->hi)
            snprintf(text + used, size - used, "%s%s=%s", blank, name, p->labels[(size_t)value]);
        else
            snprintf(text + used, size - used, "%s%s=%g", blank, name, value);
    }
}

void cs_campaign_settings(const cs_campaign *campaign, size_t row, char *text, size_t size)
{
    char path[1024], *job = NULL;
    const cs_method *method = cs_method_find(cs_campaign_text(campaign, row, "method"));
    snprintf(path, sizeof path, "%s/runs/%s/job.ini", campaign->dir,
             cs_campaign_text(campaign, row, "run_id"));
    if (!method || cs_text_read_file(path, &job, NULL, NULL) != CS_OK) {
        snprintf(text, size, "params %s", cs_campaign_text(campaign, row, "params_id"));
        return;
    }
    *text = '\0';
    const char *line = strstr(job, "\n[params]\n");
    for (line = line ? line + strlen("\n[params]\n") : ""; *line && *line != '[';
         line += strcspn(line, "\n"), line += *line == '\n')
        add_setting(method, line, text, size);
    free(job);
}

cs_status cs_campaign_methods(const cs_campaign *campaign, const char **names, size_t cap,
                              size_t *n, cs_error *err)
{
    *n = 0;
    for (size_t row = 0; row < campaign->results.n_rows; row++) {
        const char *name = cs_campaign_text(campaign, row, "method");
        const size_t rank = cs_method_rank(name);
        size_t at = 0; /* sorted by rank, unknown ones by name */
        while (at < *n && (cs_method_rank(names[at]) < rank ||
                           (cs_method_rank(names[at]) == rank && strcmp(names[at], name) < 0)))
            at++;
        if (at < *n && strcmp(names[at], name) == 0)
            continue;
        if (*n == cap)
            return cs_fail(err, CS_EUSAGE, "%s: more than %zu methods", campaign->dir, cap);
        memmove(names + at + 1, names + at, (*n - at) * sizeof *names);
        names[at] = name;
        (*n)++;
    }
    return CS_OK;
}
