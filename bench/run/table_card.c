#include "run/table_card.h"

#include "run/tabulate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERIFY_TOLERANCE 0.005
#define SHOWN 5 /* best and worst networks listed */

typedef struct sample {
    const char *network;
    size_t row;
    uint64_t seed;
    double val, test, brief, mac, params;
} sample;

typedef struct table {
    cs_csv csv;
    sample *row;
    size_t n;
    double *first; /* [n] scratch: one column of the rows of seed 0 */
    double *second;
    size_t n_first;
} table;

static void table_free(table *t)
{
    free(t->row);
    free(t->first);
    free(t->second);
    cs_csv_free(&t->csv);
}

static double number(const cs_csv *csv, size_t row, const char *column)
{
    double value;
    return cs_text_double(cs_csv_cell(csv, row, cs_csv_column(csv, column)), &value) ? value : NAN;
}

static cs_status table_read(const char *path, table *t, cs_error *err)
{
    *t = (table){0};
    CS_TRY(cs_csv_read(path, &t->csv, err));
    t->n = t->csv.n_rows;
    t->row = calloc(t->n + 1, sizeof *t->row);
    t->first = calloc(t->n + 1, sizeof *t->first);
    t->second = calloc(t->n + 1, sizeof *t->second);
    cs_status status = t->row && t->first && t->second
                           ? cs_schema_check(&cs_schema_table, &t->csv, path, err)
                           : cs_fail(err, CS_ENOMEM, "out of memory for table %s", path);
    for (size_t i = 0; status == CS_OK && i < t->n; i++) {
        sample *s = &t->row[i];
        const cs_csv *csv = &t->csv;
        *s = (sample){.network = cs_csv_cell(csv, i, cs_csv_column(csv, "network")),
                      .row = i,
                      .val = number(csv, i, "acc_val"),
                      .test = number(csv, i, "acc_test"),
                      .brief = number(csv, i, "acc_short"),
                      .mac = number(csv, i, "net_mac"),
                      .params = number(csv, i, "net_params")};
        if (!cs_text_u64(cs_csv_cell(csv, i, cs_csv_column(csv, "seed")), &s->seed) ||
            isnan(s->val) || isnan(s->test))
            status = cs_fail(err, CS_EFORMAT, "%s, line %zu: seed or accuracy is missing", path,
                             csv->line[i]);
    }
    if (status != CS_OK)
        table_free(t);
    return status;
}

/* ---- statistics ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Quantile by linear interpolation (Hyndman, Fan 1996, type 7) of sorted values. */
static double quantile(const double *sorted, size_t n, double p)
{
    const double at = p * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

typedef double (*column)(const sample *s);
static double get_val(const sample *s)
{
    return s->val;
}
static double get_test(const sample *s)
{
    return s->test;
}
static double get_brief(const sample *s)
{
    return s->brief;
}
static double get_mac(const sample *s)
{
    return s->mac;
}

static size_t gather(const table *t, column get, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].seed == 0 && !isnan(get(&t->row[i])))
            out[n++] = get(&t->row[i]);
    return n;
}

typedef struct ranked {
    double value;
    size_t at;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->value < y->value ? -1 : x->value > y->value ? 1 : x->at < y->at ? -1 : 1;
}

/* Replaces values by their ranks, equal ones by their mean rank. */
static bool rank(double *value, size_t n)
{
    ranked *r = malloc((n + 1) * sizeof *r);
    if (!r)
        return false;
    for (size_t i = 0; i < n; i++)
        r[i] = (ranked){value[i], i};
    qsort(r, n, sizeof *r, compare_ranked);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && r[end].value <= r[i].value;)
            end++;
        for (size_t k = i; k < end; k++)
            value[r[k].at] = 0.5 * (double)(i + end - 1);
    }
    free(r);
    return true;
}

/* Spearman's rank correlation over the rows of seed 0; NaN if a column is missing or constant. */
static double spearman(table *t, column a, column b)
{
    const size_t n = gather(t, a, t->first);
    if (n < 3 || gather(t, b, t->second) != n || !rank(t->first, n) || !rank(t->second, n))
        return NAN;
    const double mean = 0.5 * (double)(n - 1);
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double x = t->first[i] - mean, y = t->second[i] - mean;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

/* Standard deviation over the seeds of one network, pooled over the networks that have several. */
static double noise(const table *t, column get, size_t *networks)
{
    double sum = 0.0;
    size_t freedom = 0;
    *networks = 0;
    for (size_t i = 0, end; i < t->n; i = end) {
        double mean = 0.0;
        for (end = i; end < t->n && strcmp(t->row[end].network, t->row[i].network) == 0; end++)
            mean += get(&t->row[end]);
        mean /= (double)(end - i);
        if (end - i < 2)
            continue;
        for (size_t k = i; k < end; k++)
            sum += pow(get(&t->row[k]) - mean, 2.0);
        freedom += end - i - 1;
        ++*networks;
    }
    return freedom ? sqrt(sum / (double)freedom) : NAN;
}

/* ---- the card ---- */

static void add_recipe(const char *name, const cs_training *t, cs_text *out)
{
    const cs_recipe *r = &t->recipe;
    if (!t->on)
        return;
    cs_text_addf(out, "| %s | %u | %u | %g to %g, warm-up %g epochs | %g, %g | %g | %g | %s |\n",
                 name, r->epochs, r->batch, r->lr, r->lr_end, r->warmup_epochs, r->momentum,
                 r->weight_decay, t->subset, r->label_smoothing, r->augment ? "yes" : "no");
}

static void add_distribution(table *t, const char *name, column get, cs_text *out)
{
    const size_t n = gather(t, get, t->first);
    if (n == 0)
        return;
    double mean = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += t->first[i] / (double)n;
    qsort(t->first, n, sizeof *t->first, compare_doubles);
    cs_text_addf(out, "| %s |", name);
    static const double points[] = {0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        cs_text_addf(out, " %.2f |", 100.0 * quantile(t->first, n, points[i]));
    cs_text_addf(out, " %.2f |\n", 100.0 * mean);
}

/* Distance of the best percent from the median, in standard deviations of the noise. */
static void add_noise(table *t, const char *name, column get, cs_text *out)
{
    size_t networks;
    const double sd = noise(t, get, &networks);
    const size_t n = gather(t, get, t->first);
    if (n == 0 || isnan(sd))
        return;
    qsort(t->first, n, sizeof *t->first, compare_doubles);
    const size_t top = n >= 100 ? n / 100 : 1;
    double best = 0.0;
    for (size_t i = n - top; i < n; i++)
        best += t->first[i] / (double)top;
    const double gap = best - quantile(t->first, n, 0.5);
    cs_text_addf(out, "| %s | %zu | %.2f | %.2f | %.1f |\n", name, networks, 100.0 * sd,
                 100.0 * gap, gap / sd);
}

static int compare_test(const void *a, const void *b)
{
    const sample *x = a, *y = b;
    if (x->test > y->test || x->test < y->test)
        return x->test > y->test ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

static void add_ends(table *t, cs_text *out)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].seed == 0)
            t->row[n++] = t->row[i];
    qsort(t->row, n, sizeof *t->row, compare_test);
    cs_text_addf(out,
                 "\n## Best and worst by test accuracy\n\n"
                 "| network | test %% | val %% | MMAC | parameters |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        const sample *s = &t->row[i];
        if (i >= SHOWN && i + SHOWN < n)
            continue;
        cs_text_addf(out, "| `%.*s` at `%s` | %.2f | %.2f | %.2f | %.0f |\n",
                     (int)strcspn(s->network, "|"), s->network, strchr(s->network, '|') + 1,
                     100.0 * s->test, 100.0 * s->val, s->mac / 1e6, s->params);
    }
}

static void add_correlation(const char *what, double rho, cs_text *out)
{
    if (!isnan(rho))
        cs_text_addf(out, "| %s | %.3f |\n", what, rho);
}

static void write_card(const cs_profile *p, table *t, size_t n_networks, cs_text *out)
{
    const cs_csv *csv = &t->csv;
    const size_t networks = gather(t, get_val, t->first);
#define CELL(name) cs_csv_cell(csv, 0, cs_csv_column(csv, name))
    cs_text_addf(out,
                 "# Table %s\n\n%zu of the %zu networks of space %s, %zu trainings on data set\n"
                 "`%s`.\nRecipe %s, engine version %s. Made by `cosearch tabulate`; every number "
                 "is measured.\n",
                 p->name, networks, n_networks, CELL("space"), t->n, CELL("dataset_id"),
                 CELL("recipe_id"), CELL("engine"));
#undef CELL
    cs_text_addf(out,
                 "\nTrained on %g %% of the training images (search-train), measured on the rest\n"
                 "(search-val) and on the test set.\n\n"
                 "| training | epochs | batch | learning rate | momentum, decay | subset | "
                 "smoothing | augment |\n|---|---|---|---|---|---|---|---|\n",
                 100.0 * (1.0 - p->val_fraction));
    add_recipe("table", &p->fidelity[CS_FID_FULL], out);
    add_recipe("short", &p->fidelity[CS_FID_SHORT], out);
    cs_text_addf(out, "\n## Distribution, seed 0, in percent\n\n| accuracy | min | 5 %% | 25 %% | "
                      "median | 75 %% | 95 %% | 99 %% | max | mean |\n"
                      "|---|---|---|---|---|---|---|---|---|---|\n");
    add_distribution(t, "validation", get_val, out);
    add_distribution(t, "test", get_test, out);
    add_distribution(t, "short, validation", get_brief, out);
    cs_text_addf(out,
                 "\n## Noise: standard deviation over seeds, in points of a percent\n\n"
                 "| accuracy | networks with several seeds | noise | best 1 %% above the median | "
                 "in units of the noise |\n|---|---|---|---|---|\n");
    add_noise(t, "validation", get_val, out);
    add_noise(t, "test", get_test, out);
    cs_text_addf(out, "\n## Rank correlation (Spearman), seed 0\n\n| between | rho |\n|---|---|\n");
    add_correlation("validation and test", spearman(t, get_val, get_test), out);
    add_correlation("short and validation", spearman(t, get_brief, get_val), out);
    add_correlation("short and test", spearman(t, get_brief, get_test), out);
    add_correlation("MACs and test", spearman(t, get_mac, get_test), out);
    add_ends(t, out);
}

cs_status cs_table_card(const cs_profile *profile, const char *path, size_t n_networks,
                        cs_text *out, cs_error *err)
{
    table t;
    CS_TRY(table_read(path, &t, err));
    if (t.n == 0) {
        table_free(&t);
        return cs_fail(err, CS_EFORMAT, "%s has no rows", path);
    }
    write_card(profile, &t, n_networks, out);
    table_free(&t);
    return out->failed ? cs_fail(err, CS_ENOMEM, "out of memory for a card") : CS_OK;
}

/* ---- verification ---- */

static cs_status verify_rows(cs_table_trainer *trainer, const table *t, uint64_t n, FILE *to,
                             int *exit_code, cs_error *err)
{
    fprintf(to, "%-48s %4s  %8s %8s  %8s %8s\n", "network", "seed", "val", "again", "test",
            "again");
    for (uint64_t i = 0; i < n; i++) {
        const sample *s = &t->row[(size_t)(i * t->n / n)];
        cs_row row;
        if (cs_row_new(&cs_schema_table, &row) != CS_OK)
            return cs_fail(err, CS_ENOMEM, "out of memory for a row");
        const cs_status status = cs_table_train(trainer, s->network, s->seed, &row, err);
        const double val = cs_row_get_number(&row, "acc_val"),
                     test = cs_row_get_number(&row, "acc_test");
        cs_row_free(&row);
        if (status != CS_OK)
            return status;
        const bool far =
            fabs(val - s->val) > VERIFY_TOLERANCE || fabs(test - s->test) > VERIFY_TOLERANCE;
        fprintf(to, "%-48s %4llu  %8.4f %8.4f  %8.4f %8.4f%s\n", s->network,
                (unsigned long long)s->seed, s->val, val, s->test, test, far ? "  DIFFERS" : "");
        if (far)
            *exit_code = 1;
    }
    return CS_OK;
}

cs_status cs_table_verify(const cs_profile *profile, const char *path, uint64_t n, FILE *to,
                          int *exit_code, cs_error *err)
{
    table t;
    cs_table_trainer *trainer = NULL;
    char recipe[64];
    CS_TRY(table_read(path, &t, err));
    cs_table_recipe_id(profile, recipe);
    const char *made =
        t.n ? cs_csv_cell(&t.csv, 0, cs_csv_column(&t.csv, "recipe_id")) : "no recipe at all";
    cs_status status = strcmp(made, recipe) == 0
                           ? cs_table_trainer_new(profile, &trainer, err)
                           : cs_fail(err, CS_EMISMATCH,
                                     "%s was made with %s, the profile says %s; give the profile "
                                     "of the table",
                                     path, made, recipe);
    if (status == CS_OK)
        status = verify_rows(trainer, &t, n < t.n ? n : t.n, to, exit_code, err);
    cs_table_trainer_free(trainer);
    table_free(&t);
    return status;
}
