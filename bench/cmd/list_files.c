/* cosearch list profiles, schema: what is read from files and from the data dictionary. */
#include "cmd/listing.h"

#include "cmd/profile_files.h"
#include "core/text.h"
#include "run/meter.h"
#include "run/profile.h"
#include "run/schema.h"
#include <stdlib.h>

static void add_profile(cs_table *table, const cs_profile_files *files, size_t at)
{
    char path[1200];
    cs_profile profile;
    cs_error why;
    cs_text methods = {0};
    snprintf(path, sizeof path, "%.1000s/%s.ini", files->dir, files->name[at]);
    cs_table_text(table, files->name[at]);
    if (cs_profile_read(path, &profile, &why) != CS_OK) {
        for (int i = 0; i < 6; i++)
            cs_table_absent(table);
        cs_table_text(table, why.text);
        return;
    }
    for (size_t i = 0; i < profile.n_methods; i++)
        cs_text_addf(&methods, "%s%s", i ? " " : "", profile.method[i]);
    cs_table_text(table, profile.space);
    cs_table_text(table, profile.hw);
    cs_table_text(table, profile.dataset);
    cs_table_u64(table, profile.n_seeds);
    cs_table_u64(table, cs_profile_cells(&profile));
    cs_table_textf(table, "%s:%g", cs_meter_name(profile.primary), profile.primary_limit);
    cs_table_text(table, methods.failed ? "" : methods.data);
    cs_text_free(&methods);
}

cs_status list_profiles(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {
        {"profile", false}, {"space", false}, {"platform", false}, {"dataset", false},
        {"seeds", true},    {"cells", true},  {"budget", false},   {"methods", false}};
    cs_table *table;
    cs_profile_files *files = malloc(sizeof *files);
    if (!files)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_profile_files_list(files);
    cs_status status = LISTING_TABLE(columns, &table, err);
    for (size_t i = 0; status == CS_OK && i < files->n; i++)
        if (listing_wants(l, files->name[i]))
            add_profile(table, files, i);
    if (status == CS_OK)
        status = listing_finish(l, table, "profile", err);
    free(files);
    return status;
}

/* The data dictionary: of all files, or of one file or column. */
cs_status list_schema(listing *l, cs_error *err)
{
    static const cs_table_column columns[] = {
        {"file", false}, {"column", false},        {"type", false},   {"unit", false},
        {"since", true}, {"deterministic", false}, {"meaning", false}};
    cs_table *table;
    if (l->form == CS_TABLE_MARKDOWN && !l->pick) {
        cs_text text = {0};
        const cs_status status = cs_schema_print_markdown(&text);
        if (status == CS_OK)
            fputs(text.data, l->out);
        cs_text_free(&text);
        return status;
    }
    CS_TRY(LISTING_TABLE(columns, &table, err));
    for (size_t s = 0; cs_schemas[s]; s++) {
        const bool whole = listing_wants(l, cs_schemas[s]->name);
        for (size_t i = 0; i < cs_schemas[s]->n; i++) {
            const cs_column *c = &cs_schemas[s]->column[i];
            if (!listing_wants(l, c->name) && !whole)
                continue;
            cs_table_text(table, cs_schemas[s]->name);
            cs_table_text(table, c->name);
            cs_table_text(table, cs_column_type_name(c->type));
            cs_table_text(table, c->unit);
            cs_table_u64(table, c->since);
            cs_table_text(table, c->deterministic ? "yes" : "no");
            cs_table_text(table, c->meaning);
        }
    }
    return listing_finish(l, table, "column", err);
}
