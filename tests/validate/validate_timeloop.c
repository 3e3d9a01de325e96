/* The loop-nest model against Timeloop on the same mappings, in its Timeloop mode; but where
 * timeloop_halo_exact.csv lists a count of inputs, its exact column is the truth, for that count,
 * for the reads that feed it and for their energy, and the model is held to it in its default,
 * exact mode. */
#include "nest_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT_TOLERANCE 1e-9
#define CYCLES_TOLERANCE 1.0
#define ENERGY_TOLERANCE 1e-3
#define TABLE_TOLERANCE 5e-3 /* of energies with a given table ... */
#define TABLE_ROUNDING 5e-3  /* ... that has two decimals */

/* The files of one kind of cases. */
typedef struct nest_files {
    const char *summary, *accesses, *halo; /* halo: NULL or may be missing */
    cs_status (*read)(const cs_csv *csv, size_t row, nest_case *out, cs_error *err);
    const char *tile, *energy; /* columns of the access file */
} nest_files;

static const nest_files run_files = {"hw/timeloop_run_summary.csv",
                                     "hw/timeloop_run_accesses.csv",
                                     "hw/timeloop_halo_exact.csv",
                                     nest_case_run,
                                     "tile_words",
                                     "energy_total"};
static const nest_files depthwise_files = {"hw/timeloop_run_depthwise_summary.csv",
                                           "hw/timeloop_run_depthwise_accesses.csv",
                                           "hw/timeloop_halo_exact.csv",
                                           nest_case_run,
                                           "tile_words",
                                           "energy_total"};
static const nest_files ref_files = {"hw/timeloop_ref_summary.csv",
                                     "hw/timeloop_ref_accesses.csv",
                                     NULL,
                                     nest_case_ref,
                                     "utilized_capacity",
                                     "energy_total_pJ"};

/* One case evaluated in every way that matters. */
typedef struct nest_run {
    nest_case c;
    cs_nest_cost exact, timeloop, forwarding;
    double halo[CS_NEST_LEVELS]; /* exact inputs over Timeloop's, by level; 1: not listed */
    bool listed;                 /* some level is */
} nest_run;

static bool open_halo(const validate_result *r, const nest_files *files, cs_csv *out)
{
    cs_error err;
    return files->halo && validate_open(r, files->halo, out, &err) == CS_OK;
}

static cs_status read_halo(const cs_csv *halo, nest_run *run, cs_error *err)
{
    static const char *const column[] = {"case", "level", "tensor", "timeloop", "exact"};
    int c[5];
    for (int l = 0; l < CS_NEST_LEVELS; l++)
        run->halo[l] = 1.0;
    run->listed = false;
    if (!halo)
        return CS_OK;
    CS_TRY(validate_columns(halo, column, 5, c, err));
    for (size_t row = 0; row < halo->n_rows; row++) {
        double timeloop, exact;
        const int level = nest_case_level(&run->c, cs_csv_cell(halo, row, c[1]));
        if (strcmp(cs_csv_cell(halo, row, c[0]), run->c.name) != 0 || level < 0 ||
            nest_case_tensor(cs_csv_cell(halo, row, c[2])) != CS_TENSOR_I)
            continue;
        CS_TRY(validate_cell(halo, row, c[3], &timeloop, err));
        CS_TRY(validate_cell(halo, row, c[4], &exact, err));
        run->halo[level] = exact / timeloop;
        run->listed = true;
    }
    return CS_OK;
}

static cs_status run_case(const nest_files *files, const cs_csv *summary, size_t row,
                          const cs_csv *halo, nest_run *run, cs_error *err)
{
    char reason[CS_NEST_REASON_MAX];
    CS_TRY(files->read(summary, row, &run->c, err));
    CS_TRY(read_halo(halo, run, err));
    nest_case c = run->c;
    if (cs_nest_evaluate(&c.layer, &c.arch, &c.mapping, &run->exact) != CS_OK) {
        cs_nest_reason(&c.layer, &c.arch, &run->exact, reason);
        return cs_fail(err, CS_EINFEASIBLE, "case %s: %s", c.name, reason);
    }
    c.arch.forward_inputs = true;
    cs_nest_evaluate(&c.layer, &c.arch, &c.mapping, &run->forwarding);
    c.arch.forward_inputs = false;
    c.arch.halo = CS_NEST_HALO_TIMELOOP;
    cs_nest_evaluate(&c.layer, &c.arch, &c.mapping, &run->timeloop);
    return CS_OK;
}

/* In some mappings Timeloop hands inputs from one processing element to the next where a temporal
 * step equals a spatial one; its numbers then lie between ours with and without forwarding. */
static bool between(double with, double theirs, double without)
{
    return with < without && with * (1.0 - ENERGY_TOLERANCE) <= theirs && theirs <= without;
}

/* Share of Timeloop's inputs that an exact count has at a level's fills and reads. */
static void halo_factors(const nest_run *run, int level, double *fills, double *reads)
{
    int child = level + 1;
    while (child < run->c.arch.n_levels && !(run->c.mapping.level[child].keep & CS_KEEP_I))
        child++;
    *fills = run->halo[level];
    *reads = child < run->c.arch.n_levels ? run->halo[child] : 1.0;
}

/* ---- summary files: cycles and energy ---- */

/* What the exact counts add to Timeloop's energy, pJ. */
static double halo_energy(const nest_run *run)
{
    double sum = 0.0;
    for (int l = 0; l < run->c.arch.n_levels; l++) {
        const cs_nest_level *level = &run->c.arch.level[l];
        const cs_nest_flow *f = &run->exact.flow[l][CS_TENSOR_I];
        double fills, reads;
        halo_factors(run, l, &fills, &reads);
        sum += 16.0 * (f->fills * (1.0 - 1.0 / fills) * level->write_pj_bit[CS_TENSOR_I] +
                       f->reads * (1.0 - 1.0 / reads) * level->read_pj_bit[CS_TENSOR_I]);
    }
    return sum;
}

static void check_totals(const nest_run *run, size_t *forwarded, validate_result *out)
{
    const nest_case *c = &run->c;
    const double theirs = c->energy_uj + 1e-6 * halo_energy(run);
    const double ours = 1e-6 * (run->listed ? &run->exact : &run->timeloop)->energy_pj;
    const double error = fabs(run->timeloop.cycles - c->cycles);
    const bool forwards = fabs(ours - theirs) > ENERGY_TOLERANCE * theirs &&
                          between(1e-6 * run->forwarding.energy_pj, theirs, ours);
    const bool faster =
        forwards && between(run->forwarding.cycles, c->cycles, run->timeloop.cycles + 1.0);
    *forwarded += forwards;
    validate_count(out, error <= CYCLES_TOLERANCE || faster, faster ? 0.0 : error / c->cycles,
                   "case %s cycles: ours %.9g, expected %.9g", c->name, run->timeloop.cycles,
                   c->cycles);
    if (isfinite(theirs) && !forwards)
        validate_number(out, ours, theirs, ENERGY_TOLERANCE, "case %s energy", c->name);
}

static cs_status check_summary(const nest_files *files, const cs_csv *csv, validate_result *out,
                               cs_error *err)
{
    cs_csv halo = {0};
    const bool has_halo = open_halo(out, files, &halo);
    cs_status status = CS_OK;
    size_t forwarded = 0;
    for (size_t row = 0; row < csv->n_rows && status == CS_OK; row++) {
        nest_run run;
        status = run_case(files, csv, row, has_halo ? &halo : NULL, &run, err);
        if (status == CS_OK) {
            check_totals(&run, &forwarded, out);
        } else if (status == CS_EINFEASIBLE) {
            validate_count(out, false, (double)INFINITY, "%s", err->text);
            status = CS_OK;
        }
    }
    if (forwarded)
        validate_note(out,
                      "%zu cases in which Timeloop forwards inputs between neighbours: held "
                      "between ours with and without forwarding",
                      forwarded);
    cs_csv_free(&halo);
    return status;
}

/* ---- access files: words by level and tensor ---- */

enum { TILE, READS, FILLS, UPDATES, ENERGY, INSTANCES, FIELDS };

typedef struct access_row {
    int level, tensor;
    double theirs[FIELDS], unit; /* unit: pJ per scalar, NaN if the file does not say */
} access_row;

static cs_status read_row(const nest_files *files, const cs_csv *csv, size_t row,
                          const nest_case *c, access_row *out, cs_error *err)
{
    const char *const name[] = {files->tile,          "reads_per_instance",
                                "fills_per_instance", "updates_per_instance",
                                files->energy,        "instances"};
    int column[FIELDS], key[2];
    CS_TRY(validate_columns(csv, (const char *const[]){"level", "tensor"}, 2, key, err));
    CS_TRY(validate_columns(csv, name, FIELDS, column, err));
    for (int f = 0; f < FIELDS; f++)
        CS_TRY(validate_cell(csv, row, column[f], &out->theirs[f], err));
    out->level = nest_case_level(c, cs_csv_cell(csv, row, key[0]));
    out->tensor = nest_case_tensor(cs_csv_cell(csv, row, key[1]));
    if (out->level < 0 || out->tensor < 0)
        return cs_fail(err, CS_EFORMAT, "line %zu: %s %s is not in the mapping of case %s",
                       csv->line[row], cs_csv_cell(csv, row, key[0]), cs_csv_cell(csv, row, key[1]),
                       c->name);
    const int unit = cs_csv_column(csv, "energy_per_scalar_pJ");
    out->unit = (double)NAN;
    return unit < 0 ? CS_OK : validate_cell(csv, row, unit, &out->unit, err);
}

static void fields_of(const cs_nest_cost *cost, const access_row *a, double ours[FIELDS])
{
    const cs_nest_flow *f = &cost->flow[a->level][a->tensor];
    const double n = cost->instances[a->level];
    ours[TILE] = f->tile_words;
    ours[READS] = f->reads / n;
    ours[FILLS] = f->fills / n;
    ours[UPDATES] = f->updates / n;
    ours[ENERGY] = f->energy_pj;
    ours[INSTANCES] = n;
}

static void check_energy(const access_row *a, const double ours[FIELDS], double added,
                         const char *what, validate_result *out)
{
    if (isnan(a->unit)) {
        validate_number(out, ours[ENERGY], a->theirs[ENERGY] + added, ENERGY_TOLERANCE, "%s energy",
                        what);
        return;
    }
    /* energies from our counts and the table that the file gives, which is rounded */
    const double accesses = (ours[READS] + ours[FILLS] + ours[UPDATES]) * ours[INSTANCES];
    const double error = fabs(accesses * a->unit - a->theirs[ENERGY]);
    const double rounding = accesses * TABLE_ROUNDING;
    validate_count(out, error <= TABLE_TOLERANCE * a->theirs[ENERGY] + rounding,
                   error > rounding ? (error - rounding) / a->theirs[ENERGY] : 0.0,
                   "%s energy with the given table: ours %.6g, expected %.6g", what,
                   accesses * a->unit, a->theirs[ENERGY]);
}

static void check_row(const nest_run *run, const access_row *a, size_t *forwarded,
                      validate_result *out)
{
    static const char *const field[] = {"tile", "reads", "fills", "updates"};
    const cs_nest_level *level = &run->c.arch.level[a->level];
    double ours[FIELDS], with[FIELDS], factor[FIELDS] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
    double added = 0.0;
    char what[160];
    snprintf(what, sizeof what, "case %s %s %c", run->c.name, level->name,
             cs_nest_tensor_letter(a->tensor));
    if (a->tensor == CS_TENSOR_I)
        halo_factors(run, a->level, &factor[FILLS], &factor[READS]);
    const bool listed = factor[FILLS] != 1.0 || factor[READS] != 1.0;
    fields_of(listed ? &run->exact : &run->timeloop, a, ours);
    fields_of(&run->forwarding, a, with);
    const bool forwards = a->tensor == CS_TENSOR_I && factor[READS] == 1.0 &&
                          ours[READS] != a->theirs[READS] &&
                          between(with[READS], a->theirs[READS], ours[READS]);
    for (int f = TILE; f <= UPDATES; f++) {
        added += a->theirs[f] * (factor[f] - 1.0) * ours[INSTANCES] * 16.0 *
                 level->read_pj_bit[a->tensor];
        if (!(f == READS && forwards))
            validate_number(out, ours[f], a->theirs[f] * factor[f], COUNT_TOLERANCE, "%s %s", what,
                            field[f]);
    }
    validate_number(out, ours[INSTANCES], a->theirs[INSTANCES], 0.0, "%s instances", what);
    *forwarded += forwards;
    if (!forwards)
        check_energy(a, ours, added, what, out);
}

static cs_status find_case(const cs_csv *summary, const char *name, size_t *row, cs_error *err)
{
    const int key = cs_csv_column(summary, "case");
    for (*row = 0; key >= 0 && *row < summary->n_rows; ++*row)
        if (strcmp(cs_csv_cell(summary, *row, key), name) == 0)
            return CS_OK;
    return cs_fail(err, CS_EFORMAT, "case %s is not in the summary", name);
}

static cs_status check_rows(const nest_files *files, const cs_csv *csv, const cs_csv *summary,
                            const cs_csv *halo, validate_result *out, cs_error *err)
{
    const int key = cs_csv_column(csv, "case");
    nest_run run = {.c.name = ""};
    size_t forwarded = 0, row;
    cs_status status = key < 0 ? cs_fail(err, CS_EFORMAT, "column case is missing") : CS_OK;
    for (size_t i = 0; i < csv->n_rows && status == CS_OK; i++) {
        access_row a;
        const char *name = cs_csv_cell(csv, i, key);
        if (strcmp(run.c.name, name) != 0) {
            CS_TRY(find_case(summary, name, &row, err));
            status = run_case(files, summary, row, halo, &run, err);
            if (status == CS_EINFEASIBLE) { /* the summary's checker says so too */
                validate_count(out, false, (double)INFINITY, "%s", err->text);
                return CS_OK;
            }
        }
        if (status == CS_OK)
            status = read_row(files, csv, i, &run.c, &a, err);
        if (status == CS_OK)
            check_row(&run, &a, &forwarded, out);
    }
    if (forwarded)
        validate_note(out,
                      "%zu counts of inputs forwarded between neighbours in Timeloop: held "
                      "between ours with and without forwarding",
                      forwarded);
    return status;
}

static cs_status check_accesses(const nest_files *files, const cs_csv *csv, validate_result *out,
                                cs_error *err)
{
    cs_csv summary = {0}, halo = {0};
    CS_TRY(validate_open(out, files->summary, &summary, err));
    const bool has_halo = open_halo(out, files, &halo);
    const cs_status status = check_rows(files, csv, &summary, has_halo ? &halo : NULL, out, err);
    cs_csv_free(&halo);
    cs_csv_free(&summary);
    return status;
}

/* ---- the list of exact counts ---- */

static cs_status check_halo_rows(const cs_csv *csv, const cs_csv *summary, validate_result *out,
                                 cs_error *err)
{
    static const char *const name[] = {"case", "level", "tensor", "field", "exact", "timeloop"};
    int c[6];
    CS_TRY(validate_columns(csv, name, 6, c, err));
    size_t as_timeloop = 0;
    for (size_t row = 0; row < csv->n_rows; row++) {
        nest_run run;
        double exact, timeloop;
        size_t at;
        CS_TRY(find_case(summary, cs_csv_cell(csv, row, c[0]), &at, err));
        CS_TRY(run_case(&run_files, summary, at, NULL, &run, err));
        CS_TRY(validate_cell(csv, row, c[4], &exact, err));
        CS_TRY(validate_cell(csv, row, c[5], &timeloop, err));
        access_row a = {.level = nest_case_level(&run.c, cs_csv_cell(csv, row, c[1])),
                        .tensor = nest_case_tensor(cs_csv_cell(csv, row, c[2]))};
        if (a.level < 0 || a.tensor < 0)
            return cs_fail(err, CS_EFORMAT, "line %zu: no such level or tensor", csv->line[row]);
        double ours[FIELDS], rule[FIELDS];
        const int f = strncmp(cs_csv_cell(csv, row, c[3]), "reads", 5) == 0 ? READS : FILLS;
        fields_of(&run.exact, &a, ours);
        fields_of(&run.timeloop, &a, rule);
        validate_number(out, ours[f], exact, COUNT_TOLERANCE, "case %s %s", run.c.name,
                        cs_csv_cell(csv, row, c[1]));
        as_timeloop += rule[f] == timeloop;
    }
    validate_note(out, "Timeloop mode gives Timeloop's own number in %zu of %zu rows", as_timeloop,
                  csv->n_rows);
    return CS_OK;
}

static cs_status check_halo(const cs_csv *csv, validate_result *out, cs_error *err)
{
    cs_csv summary = {0};
    CS_TRY(validate_open(out, run_files.summary, &summary, err));
    const cs_status status = check_halo_rows(csv, &summary, out, err);
    cs_csv_free(&summary);
    return status;
}

#define CHECKERS(kind)                                                                             \
    static cs_status kind##_summary(const cs_csv *csv, validate_result *out, cs_error *err)        \
    {                                                                                              \
        return check_summary(&kind##_files, csv, out, err);                                        \
    }                                                                                              \
    static cs_status kind##_accesses(const cs_csv *csv, validate_result *out, cs_error *err)       \
    {                                                                                              \
        return check_accesses(&kind##_files, csv, out, err);                                       \
    }
CHECKERS(run)
CHECKERS(depthwise)
CHECKERS(ref)

const validate_file validate_timeloop_files[] = {
    {"hw/timeloop_ref_summary.csv", "exact", ref_summary},
    {"hw/timeloop_ref_accesses.csv", "exact, energy 0.5 %", ref_accesses},
    {"hw/timeloop_run_summary.csv", "1 cycle, energy 0.1 %", run_summary},
    {"hw/timeloop_run_accesses.csv", "exact, energy 0.1 %", run_accesses},
    {"hw/timeloop_halo_exact.csv", "exact", check_halo},
    {"hw/timeloop_run_depthwise_summary.csv", "1 cycle, energy 0.1 %", depthwise_summary},
    {"hw/timeloop_run_depthwise_accesses.csv", "exact, energy 0.1 %", depthwise_accesses},
    {NULL, NULL, NULL},
};
