/* cosearch list: what is registered, and the dictionary of the result columns. */
#include "cmd/listing.h"

#include "core/text.h"
#include "datasets/dataset_access.h"
#include "registry.h"
#include "report/figure.h"
#include <math.h>
#include <string.h>

bool listing_wants(listing *l, const char *name)
{
    if (l->n_names < LISTING_NAMES_MAX)
        l->names[l->n_names++] = name;
    return !l->pick || strcmp(l->pick, name) == 0;
}

cs_status listing_finish(listing *l, cs_table *table, const char *kind, cs_error *err)
{
    char command[64];
    cs_status status;
    snprintf(command, sizeof command, "cosearch list %s", cs_args_at(l->args, 0));
    if (l->pick && cs_table_rows(table) == 0)
        status = cs_fail_unknown(err, kind, l->pick, l->names, command);
    else
        status = cs_table_write(table, l->out, l->form, cs_terminal_width(l->out), err);
    cs_table_free(table);
    return status;
}

cs_status listing_table(const cs_table_column *columns, size_t n, cs_table **out, cs_error *err)
{
    *out = cs_table_new(columns, n);
    return *out ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory for a table");
}
/* --- methods ------------------------------------------------------------------------------- */

static void traits_text(uint32_t traits, char text[64])
{
    static const char *const name[] = {"anytime", "budgeted", "supernet", "resumable"};
    *text = '\0';
    for (unsigned i = 0; i < 4; i++)
        if (traits & (1u << i))
            snprintf(text + strlen(text), 64 - strlen(text), "%s%s", *text ? " " : "", name[i]);
}

static void param_value(cs_table *table, const cs_param *p, double value)
{
    if (p->labels)
        cs_table_text(table, p->labels[(size_t)value]);
    else
        cs_table_double(table, value, -1);
}

static void param_range(cs_table *table, const cs_param *p)
{
    cs_text range = {0};
    for (size_t i = 0; p->labels && p->labels[i]; i++)
        cs_text_addf(&range, "%s%s", i ? "|" : "", p->labels[i]);
    if (!p->labels)
        cs_text_addf(&range, "%g..%g", p->lo, p->hi);
    cs_table_text(table, range.failed ? "" : range.data);
    cs_text_free(&range);
}

/* Declared parameters of the picked method, or of all. */
static cs_status list_params(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {{"method", false},
                                              {"parameter", false},
                                              {"default", true},
                                              {"range", false},
                                              {"source", false}};
    cs_table *table;
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; cs_methods[i]; i++) {
        if (!listing_wants(l, cs_methods[i]->name))
            continue;
        for (const cs_param *p = cs_methods[i]->params; p && p->name; p++) {
            cs_table_text(table, cs_methods[i]->name);
            cs_table_text(table, p->name);
            param_value(table, p, p->def);
            param_range(table, p);
            cs_table_text(table, p->source);
        }
    }
    const cs_status status = cs_table_write(table, l->out, l->form, cs_terminal_width(l->out), err);
    cs_table_free(table);
    return status;
}

static cs_status list_one_method(listing *l, cs_error *err)
{
    const cs_method *m;
    char traits[64];
    CS_TRY(cs_method_named(l->pick, &m, err));
    if (l->form == CS_TABLE_ALIGNED) {
        traits_text(m->traits, traits);
        fprintf(l->out, "%s, version %u: %s\n", m->name, m->version, m->summary);
        fprintf(l->out, "source: %s   traits: %s   folder: methods/%s\n\n", m->cite,
                *traits ? traits : "none", m->name);
        if (!m->params || !m->params->name) {
            fputs("no parameters\n", l->out);
            return CS_OK;
        }
    }
    return list_params(l, err);
}

static cs_status list_methods(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {{"method", false}, {"version", true},
                                              {"params", true},  {"traits", false},
                                              {"source", false}, {"summary", false}};
    cs_table *table;
    if (l->pick)
        return list_one_method(l, err);
    if (cs_args_has(l->args, "params"))
        return list_params(l, err);
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; cs_methods[i]; i++) {
        const cs_method *m = cs_methods[i];
        char traits[64];
        size_t n = 0;
        while (m->params && m->params[n].name)
            n++;
        traits_text(m->traits, traits);
        cs_table_text(table, m->name);
        cs_table_u64(table, m->version);
        cs_table_u64(table, n);
        cs_table_text(table, traits);
        cs_table_text(table, m->cite);
        cs_table_text(table, m->summary);
    }
    return listing_finish(l, table, "method", err);
}

/* --- data sets, spaces, platforms, figures ------------------------------------------------- */

static cs_status list_datasets(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {
        {"dataset", false}, {"state", false}, {"classes", true}, {"size", true},
        {"train", true},    {"test", true},   {"summary", false}};
    cs_table *table;
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; i < cs_dataset_count(); i++) {
        cs_dataset *set;
        if (!listing_wants(l, cs_dataset_name(i)))
            continue;
        cs_table_text(table, cs_dataset_name(i));
        const cs_status status =
            cs_dataset_open(cs_dataset_name(i), cs_data_dir(), 0, 0.0, false, &set, NULL);
        if (status == CS_OK) {
            const cs_dataset_info *info = cs_dataset_info_get(set);
            cs_table_text(table, "ready");
            cs_table_u64(table, info->classes);
            cs_table_u64(table, info->size);
            cs_table_u64(table, info->n_search_train + info->n_search_val);
            cs_table_u64(table, info->n_test);
            cs_dataset_close(set);
        } else {
            cs_table_text(table, status == CS_EDATA ? "not there" : cs_status_text(status));
            for (int c = 0; c < 4; c++)
                cs_table_absent(table);
        }
        cs_table_text(table, cs_dataset_title(i));
    }
    CS_TRY(listing_finish(l, table, "dataset", err));
    if (l->form == CS_TABLE_ALIGNED && cs_args_globals(l->args)->verbosity >= 0)
        fprintf(stderr, "data folder: %s (set COSEARCH_DATA to change it)\n", cs_data_dir());
    return CS_OK;
}

static void add_operators(cs_table *table, const cs_net_space *s)
{
    cs_text text = {0};
    for (size_t i = 0; i < s->n_ops; i++)
        cs_text_addf(&text, "%s%s", i ? " " : "", cs_ops[s->ops[i]].name);
    cs_table_text(table, text.failed ? "" : text.data);
    cs_text_free(&text);
}

static void add_bits(cs_table *table, const cs_net_space *s)
{
    char text[64] = "";
    for (size_t i = 0; i < s->n_bits; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", i ? " " : "",
                 (int)s->bits[i]);
    cs_table_text(table, text);
}

static cs_status list_spaces(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {
        {"space", false}, {"version", true},    {"input", true},      {"blocks", true},
        {"bits", false},  {"log10_nets", true}, {"operators", false}, {"summary", false}};
    cs_table *table;
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; cs_net_spaces[i]; i++) {
        const cs_net_space *s = cs_net_spaces[i];
        if (!listing_wants(l, s->name))
            continue;
        cs_table_text(table, s->name);
        cs_table_u64(table, s->version);
        cs_table_u64(table, s->input_size);
        cs_table_u64(table, s->n_blocks);
        add_bits(table, s);
        cs_table_double(table, s->n_blocks * log10((double)s->n_ops), 1);
        add_operators(table, s);
        cs_table_text(table, s->summary);
    }
    return listing_finish(l, table, "space", err);
}

static cs_status list_hw(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {{"platform", false},
                                              {"version", true},
                                              {"exact_solver", false},
                                              {"source", false},
                                              {"summary", false}};
    cs_table *table;
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; cs_hw_models[i]; i++) {
        const cs_hw_model *m = cs_hw_models[i];
        if (!listing_wants(l, m->name))
            continue;
        cs_table_text(table, m->name);
        cs_table_u64(table, m->version);
        cs_table_text(table, m->solve ? "yes" : "no");
        cs_table_text(table, m->cite);
        cs_table_text(table, m->summary);
    }
    return listing_finish(l, table, "platform", err);
}

static cs_status list_figures(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {{"figure", false}, {"summary", false}};
    cs_table *table;
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t i = 0; cs_figures[i]; i++)
        if (listing_wants(l, cs_figures[i]->name)) {
            cs_table_text(table, cs_figures[i]->name);
            cs_table_text(table, cs_figures[i]->summary);
        }
    return listing_finish(l, table, "figure", err);
}

/* --- the command --------------------------------------------------------------------------- */

static const struct {
    const char *what;
    cs_status (*list)(listing *, cs_error *);
} kinds[] = {{"methods", list_methods}, {"datasets", list_datasets}, {"spaces", list_spaces},
             {"hw", list_hw},           {"profiles", list_profiles}, {"figures", list_figures},
             {"schema", list_schema}};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    listing l = {.args = args, .pick = cs_args_at(args, 1), .out = stdout};
    const char *names[N_KINDS + 1] = {0};
    const char *what = cs_args_at(args, 0);
    (void)exit_code;
    if (cs_args_has(args, "csv"))
        l.form = CS_TABLE_CSV;
    else if (cs_args_has(args, "markdown"))
        l.form = CS_TABLE_MARKDOWN;
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i].what, what) == 0)
            return kinds[i].list(&l, err);
        names[i] = kinds[i].what;
    }
    return cs_fail_unknown(err, "listing", what, names, "cosearch list --help");
}

static const cs_option options[] = {
    {"csv", 0, NULL, "comma-separated values", NULL},
    {"markdown", 0, NULL, "a Markdown table", NULL},
    {"params", 0, NULL, "with methods: every declared parameter", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_list = {
    .name = "list",
    .summary = "show what is registered: methods, data sets, spaces, platforms, figures",
    .synopsis = "WHAT [NAME]",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .details = "WHAT is methods, datasets, spaces, hw, profiles, figures or schema.\n"
               "With NAME only that row; a method NAME shows its parameters with default, range\n"
               "and source. 'schema' is the dictionary of the columns of the result files.\n",
    .run = run};
