#include "report/summary.h"

#include "report/campaign.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METHODS_MAX 64

/* CSV has the cell in front of what people see under a heading. */
static const cs_table_column columns[] = {
    {"cell", false},       {"method", false},       {"runs", true},     {"answers", true},
    {"test_best_%", true}, {"test_median_%", true}, {"FPS", true},      {"DSP", true},
    {"BRAM", true},        {"EDP_uJs", true},       {"area_mm2", true}, {"search_GMAC", true},
    {"overrun_%", true},   {"search_s", true},      {"final_s", true},  {"peak_MiB", true}};
#define N_COLUMNS (sizeof columns / sizeof *columns)

/* Hardware columns and what they show; people see those that the platform has. */
static const struct {
    const char *column;
    double factor;
    int decimals;
} hardware[] = {
    {"fps", 1.0, 1}, {"dsp", 1.0, 1}, {"bram", 1.0, 1}, {"edp_js", 1e6, -1}, {"area_mm2", 1.0, 3}};
#define N_HARDWARE (sizeof hardware / sizeof *hardware)
#define FIRST_OPTIONAL 7 /* DSP; with the cell in front */
#define N_OPTIONAL 4

/* Rows of one method in one cell. */
typedef struct group {
    const cs_campaign *campaign;
    const size_t *row;
    size_t n;
} group;

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the rows that have the value; NaN if none has. `scratch` holds group->n values. */
static double median(const group *g, const char *column, double *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        const double value = cs_campaign_double(g->campaign, g->row[i], column);
        if (isfinite(value))
            scratch[n++] = value;
    }
    if (n == 0)
        return (double)NAN;
    qsort(scratch, n, sizeof *scratch, by_value);
    return 0.5 * (scratch[(n - 1) / 2] + scratch[n / 2]);
}

static double maximum(const group *g, const char *column)
{
    double most = (double)NAN;
    for (size_t i = 0; i < g->n; i++)
        most = fmax(most, cs_campaign_double(g->campaign, g->row[i], column)); /* skips NaN */
    return most;
}

/* Index into g->row of the best answer that keeps the limits; g->n if there is none. */
static size_t best_answer(const group *g)
{
    size_t best = g->n;
    double best_acc = -INFINITY;
    for (size_t i = 0; i < g->n; i++) {
        const double acc = cs_campaign_double(g->campaign, g->row[i], "acc_test_mean");
        if (cs_campaign_double(g->campaign, g->row[i], "feasible") == 1.0 && acc > best_acc) {
            best = i;
            best_acc = acc;
        }
    }
    return best;
}

static size_t count_answers(const group *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += isfinite(cs_campaign_double(g->campaign, g->row[i], "acc_test_mean")) ? 1 : 0;
    return n;
}

static void add_group(cs_table *table, const group *g, const char *name, const char *cell,
                      double *scratch)
{
    const size_t best = best_answer(g);
    if (cell)
        cs_table_text(table, cell);
    cs_table_text(table, name);
    cs_table_u64(table, g->n);
    cs_table_u64(table, count_answers(g));
    cs_table_double(table,
                    best < g->n
                        ? 100.0 * cs_campaign_double(g->campaign, g->row[best], "acc_test_mean")
                        : (double)NAN,
                    2);
    cs_table_double(table, 100.0 * median(g, "acc_test_mean", scratch), 2);
    for (size_t i = 0; i < N_HARDWARE; i++) {
        const double value = best < g->n
                                 ? cs_campaign_double(g->campaign, g->row[best], hardware[i].column)
                                 : (double)NAN;
        cs_table_double(table, hardware[i].factor * value, hardware[i].decimals);
    }
    cs_table_double(table, 1e-9 * median(g, "search_mac", scratch), 2);
    cs_table_double(table, 100.0 * maximum(g, "overrun"), 2);
    cs_table_double(table, median(g, "search_wall_s", scratch), 1);
    cs_table_double(table, median(g, "final_wall_s", scratch), 1);
    cs_table_double(table, maximum(g, "mem_peak_kib") / 1024.0, 1);
}

/* Statuses other than ok, each with how often it occurs; nothing if all is well. */
static void add_outcomes(const group *g, cs_text *notes)
{
    for (size_t i = 0; i < g->n; i++) {
        const char *status = cs_campaign_text(g->campaign, g->row[i], "status");
        size_t same = 0;
        bool first = true;
        for (size_t j = 0; j < g->n; j++) {
            const bool equal =
                strcmp(status, cs_campaign_text(g->campaign, g->row[j], "status")) == 0;
            same += equal;
            first = first && !(equal && j < i);
        }
        if (first && strcmp(status, "ok") != 0)
            cs_text_addf(notes, "%s: %zu of %zu runs ended %s\n",
                         cs_campaign_text(g->campaign, g->row[i], "method"), same, g->n, status);
    }
}

/* Rows of a method in the cell of `first`: those with the settings of row `like`, or all of them if
 * that is no row. */
static group collect(const cs_campaign *campaign, size_t first, const char *method, size_t like,
                     size_t *row)
{
    group g = {campaign, row, 0};
    for (size_t i = first; i < campaign->results.n_rows; i++)
        if (cs_campaign_same_cell(campaign, first, i) &&
            strcmp(cs_campaign_text(campaign, i, "method"), method) == 0 &&
            (like == campaign->results.n_rows ||
             strcmp(cs_campaign_text(campaign, i, "params_id"),
                    cs_campaign_text(campaign, like, "params_id")) == 0))
            row[g.n++] = i;
    return g;
}

/* One line, or one for each of the settings that the method ran with: those of ablations are named.
 */
static void add_method(cs_table *table, const cs_campaign *campaign, size_t first,
                       const char *method, const char *cell, size_t *row, double *scratch,
                       cs_text *notes)
{
    const size_t none = campaign->results.n_rows;
    const group all = collect(campaign, first, method, none, row);
    const size_t n_all = all.n;
    for (size_t i = first; i < none; i++) {
        char name[256], settings[192];
        const group same = collect(campaign, first, method, i, row);
        if (same.n == 0 || row[0] != i) /* another method, or shown before */
            continue;
        snprintf(name, sizeof name, "%s", method);
        cs_campaign_settings(campaign, i, settings, sizeof settings);
        if (same.n < n_all && *settings)
            snprintf(name, sizeof name, "%s %s", method, settings);
        add_group(table, &same, name, cell, scratch);
        add_outcomes(&same, notes);
    }
}

/* All methods of the cell that begins at row `first`. */
static cs_status add_cell(cs_table *table, const cs_campaign *campaign, size_t first,
                          const char *cell, size_t *row, double *scratch, cs_text *notes,
                          cs_error *err)
{
    const char *methods[METHODS_MAX];
    size_t n;
    CS_TRY(cs_campaign_methods(campaign, methods, METHODS_MAX, &n, err));
    for (size_t m = 0; m < n; m++)
        add_method(table, campaign, first, methods[m], cell, row, scratch, notes);
    return CS_OK;
}

static cs_table *new_table(bool with_cell)
{
    const size_t skip = with_cell ? 0 : 1;
    cs_table *table = cs_table_new(columns + skip, N_COLUMNS - skip);
    if (table)
        cs_table_hide_absent(table, FIRST_OPTIONAL - skip, N_OPTIONAL);
    return table;
}

/* One heading, table and list of outcomes. */
static cs_status write_cell(const cs_campaign *campaign, size_t first, FILE *out,
                            cs_table_form form, size_t *row, double *scratch, cs_error *err)
{
    char cell[256];
    cs_text notes = {0};
    cs_table *table = new_table(false);
    if (!table)
        return cs_fail(err, CS_ENOMEM, "out of memory for a table");
    cs_campaign_cell_text(campaign, first, true, cell, sizeof cell);
    fprintf(out, "%s%s\n\n", first ? "\n" : "", cell);
    cs_status status = add_cell(table, campaign, first, NULL, row, scratch, &notes, err);
    if (status == CS_OK)
        status = cs_table_write(table, out, form, 0, err);
    if (status == CS_OK && notes.len)
        fprintf(out, "%s", notes.data);
    cs_text_free(&notes);
    cs_table_free(table);
    return status;
}

static bool begins_cell(const cs_campaign *campaign, size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (cs_campaign_same_cell(campaign, i, row))
            return false;
    return true;
}

static cs_status write_rows(const cs_campaign *campaign, FILE *out, cs_table_form form, size_t *row,
                            double *scratch, cs_error *err)
{
    cs_text notes = {0};
    cs_table *csv = form == CS_TABLE_CSV ? new_table(true) : NULL;
    cs_status status = CS_OK;
    if (form == CS_TABLE_CSV && !csv)
        return cs_fail(err, CS_ENOMEM, "out of memory for a table");
    for (size_t first = 0; first < campaign->results.n_rows && status == CS_OK; first++) {
        char cell[256];
        if (!begins_cell(campaign, first))
            continue;
        cs_campaign_cell_text(campaign, first, true, cell, sizeof cell);
        status = csv ? add_cell(csv, campaign, first, cell, row, scratch, &notes, err)
                     : write_cell(campaign, first, out, form, row, scratch, err);
    }
    if (status == CS_OK && csv)
        status = cs_table_write(csv, out, form, 0, err);
    cs_table_free(csv);
    cs_text_free(&notes);
    return status;
}

cs_status cs_summary_write(const char *campaign_dir, FILE *out, cs_table_form form, cs_error *err)
{
    cs_campaign campaign;
    CS_TRY(cs_campaign_open(campaign_dir, &campaign, err));
    const size_t n = campaign.results.n_rows;
    size_t *row = malloc((n + 1) * sizeof *row);
    double *scratch = malloc((n + 1) * sizeof *scratch);
    cs_status status;
    if (row && scratch)
        status = write_rows(&campaign, out, form, row, scratch, err);
    else
        status = cs_fail(err, CS_ENOMEM, "%s: out of memory for %zu rows", campaign_dir, n);
    if (status == CS_OK && n == 0)
        fprintf(out, "no finished run in %s/results.csv yet\n", campaign_dir);
    free(row);
    free(scratch);
    cs_campaign_close(&campaign);
    return status;
}
