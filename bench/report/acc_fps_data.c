/* Figure acc-fps: rows and traces of a campaign to the data file. */
#include "report/acc_fps.h"

#include <math.h>
#include <string.h>

#define REGRET_SHOWN 0.01 /* a nearer optimum would hide behind its answer */

/* --- rows to cells and methods ------------------------------------------------------------- */

static size_t find_cell(const acc_fps *f, size_t row)
{
    size_t i = 0;
    while (i < f->n_cells && !cs_campaign_same_cell(&f->campaign, f->cells[i].row, row))
        i++;
    return i;
}

static cs_status find_cells(acc_fps *f, cs_error *err)
{
    const cs_campaign *c = &f->campaign;
    for (size_t row = 0; row < c->results.n_rows; row++) {
        if (find_cell(f, row) < f->n_cells)
            continue;
        if (f->n_cells == ACC_FPS_CELLS_MAX)
            return cs_fail(err, CS_EUSAGE,
                           "%s: acc-fps draws at most %d cells of limits, the campaign has more",
                           c->dir, ACC_FPS_CELLS_MAX);
        f->cells[f->n_cells++] = (acc_fps_cell){.row = row,
                                                .fps_min = cs_campaign_double(c, row, "fps_min"),
                                                .fps_lo = INFINITY,
                                                .fps_hi = -INFINITY,
                                                .acc_lo = INFINITY,
                                                .acc_hi = -INFINITY};
    }
    return CS_OK;
}

/* --- the data file ------------------------------------------------------------------------- */

static void widen(acc_fps *f, size_t cell_index, double fps, double acc)
{
    acc_fps_cell *c = &f->cells[cell_index];
    c->fps_lo = fmin(c->fps_lo, fps);
    c->fps_hi = fmax(c->fps_hi, fps);
    c->acc_lo = fmin(c->acc_lo, acc);
    c->acc_hi = fmax(c->acc_hi, acc);
    f->points++;
}

static double number(const cs_csv *csv, size_t row, int column)
{
    double value;
    return column >= 0 && cs_text_double(cs_csv_cell(csv, row, column), &value) ? value
                                                                                : (double)NAN;
}

/* Evaluations of one run, those that keep the limits or those that break one. */
static cs_status write_trace(acc_fps *f, size_t row, size_t cell_index, acc_fps_mark kind,
                             size_t *n, cs_error *err)
{
    cs_csv trace;
    cs_error why;
    const cs_status status = cs_campaign_trace(&f->campaign, row, &trace, &why);
    if (status == CS_EIO) { /* rows collected from elsewhere come without their folders */
        f->traces_missing += kind == ACC_FPS_EVALUATED;
        return CS_OK;
    }
    if (status != CS_OK)
        return cs_fail(err, status, "%s", why.text);
    const int event = cs_csv_column(&trace, "event"), acc = cs_csv_column(&trace, "acc_val"),
              fps = cs_csv_column(&trace, "fps"), feasible = cs_csv_column(&trace, "feasible"),
              hash = cs_csv_column(&trace, "design_hash");
    for (size_t i = 0; i < trace.n_rows && event >= 0; i++) {
        const double x = number(&trace, i, fps), y = 100.0 * number(&trace, i, acc);
        const bool keeps = number(&trace, i, feasible) == 1.0;
        if (strcmp(cs_csv_cell(&trace, i, event), "eval") != 0 || !(x > 0.0) || !isfinite(y) ||
            keeps != (kind == ACC_FPS_EVALUATED))
            continue;
        fprintf(f->dat, "%.9g %.6g %s %s\n", x, y, cs_campaign_text(&f->campaign, row, "run_id"),
                hash < 0 ? "-" : cs_csv_cell(&trace, i, hash));
        widen(f, cell_index, x, y);
        f->cells[cell_index].infeasible_seen |= kind == ACC_FPS_INFEASIBLE;
        (*n)++;
    }
    cs_csv_free(&trace);
    return CS_OK;
}

/* A number, or gnuplot's sign for a missing one. */
static void put_number(FILE *dat, double value)
{
    if (isfinite(value))
        fprintf(dat, " %.9g", value);
    else
        fputs(" ?", dat);
}

static void write_answer(acc_fps *f, size_t row, size_t cell_index, size_t *n)
{
    const cs_campaign *c = &f->campaign;
    const double fps = cs_campaign_double(c, row, "fps"),
                 acc = 100.0 * cs_campaign_double(c, row, "acc_test_mean"),
                 sd = 100.0 * cs_campaign_double(c, row, "acc_test_sd"),
                 val = 100.0 * cs_campaign_double(c, row, "acc_val"),
                 regret = cs_campaign_double(c, row, "regret_fps"); /* 1 - fps / optimum */
    const double optimum =
        regret > REGRET_SHOWN && regret < 1.0 ? fps / (1.0 - regret) : (double)NAN;
    acc_fps_cell *at = &f->cells[cell_index];
    if (!(fps > 0.0) || !isfinite(acc))
        return;
    fprintf(f->dat, "%.9g %.6g %.6g", fps, acc, isfinite(sd) ? sd : 0.0);
    put_number(f->dat, val);
    put_number(f->dat, optimum);
    fprintf(f->dat, " %s %s %s\n", cs_campaign_text(c, row, "seed"),
            cs_campaign_text(c, row, "run_id"), cs_campaign_text(c, row, "design_hash"));
    const double spread = isfinite(sd) ? sd : 0.0;
    widen(f, cell_index, fps, acc - spread);
    widen(f, cell_index, fps, acc + spread);
    if (isfinite(val))
        widen(f, cell_index, fps, val);
    if (isfinite(optimum))
        widen(f, cell_index, optimum, acc);
    at->spread_seen |= isfinite(sd) && sd > 0.0;
    at->optimum_seen |= isfinite(optimum);
    (*n)++;
}

/* One block; blocks without a point are not counted by gnuplot and not kept. */
static cs_status write_block(acc_fps *f, size_t cell_index, size_t method, acc_fps_mark kind,
                             cs_error *err)
{
    static const char *const what[] = {"evaluated, limits kept", "evaluated, a limit broken",
                                       "answers"};
    static const char answer_fields[] =
        "fps acc_test_percent sd acc_val_percent fps_optimum seed run design";
    const char *fields = kind == ACC_FPS_ANSWER ? answer_fields : "fps acc_val_percent run design";
    size_t n = 0;
    char cell[256];
    cs_campaign_cell_text(&f->campaign, f->cells[cell_index].row, true, cell, sizeof cell);
    fprintf(f->dat, "# %s, %s, %s: %s\n", f->methods[method], cell, what[kind], fields);
    for (size_t row = 0; row < f->campaign.results.n_rows; row++) {
        if (find_cell(f, row) != cell_index ||
            strcmp(cs_campaign_text(&f->campaign, row, "method"), f->methods[method]) != 0)
            continue;
        if (kind == ACC_FPS_ANSWER)
            write_answer(f, row, cell_index, &n);
        else
            CS_TRY(write_trace(f, row, cell_index, kind, &n, err));
    }
    if (n == 0)
        return CS_OK;
    const int index = f->n_series ? f->series[f->n_series - 1].index + 1 : 0;
    f->series[f->n_series++] =
        (acc_fps_series){.cell = cell_index, .method = method, .kind = kind, .index = index};
    fputs("\n\n", f->dat);
    return CS_OK;
}

cs_status acc_fps_write_data(acc_fps *f, cs_error *err)
{
    CS_TRY(find_cells(f, err));
    CS_TRY(cs_campaign_methods(&f->campaign, f->methods, ACC_FPS_METHODS_MAX, &f->n_methods, err));
    fprintf(f->dat, "# Data of figure acc-fps, campaign %s\n", f->campaign.dir);
    for (size_t c = 0; c < f->n_cells; c++)
        for (size_t m = 0; m < f->n_methods; m++)
            for (int k = ACC_FPS_EVALUATED; k <= ACC_FPS_ANSWER; k++)
                CS_TRY(write_block(f, c, m, (acc_fps_mark)k, err));
    if (f->traces_missing)
        fprintf(f->dat, "# %zu runs have no trace: their evaluated designs are not shown\n",
                f->traces_missing);
    if (f->points == 0)
        return cs_fail(err, CS_EINFEASIBLE,
                       "%s: nothing to draw: no evaluated design and no retrained answer in %zu "
                       "rows of results.csv; 'cosearch run' with the campaign's profile fills it",
                       f->campaign.dir, f->campaign.results.n_rows);
    return CS_OK;
}
