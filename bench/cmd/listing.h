/* Shared by the parts of `cosearch list`. */
#ifndef CS_LISTING_H
#define CS_LISTING_H

#include "cli.h"
#include "report/table.h"

#define LISTING_NAMES_MAX 256

/* One listing under way: NAME of the command line picks one row. */
typedef struct listing {
    const cs_args *args;
    const char *pick; /* NULL: all */
    const char *names[LISTING_NAMES_MAX + 1];
    size_t n_names;
    cs_table_form form;
    FILE *out;
} listing;

/* Remembers a name (borrowed) for suggestions and says whether its row is wanted. */
bool listing_wants(listing *l, const char *name);

/* Table of an array of columns. CS_ENOMEM. */
cs_status listing_table(const cs_table_column *columns, size_t n, cs_table **out, cs_error *err);
#define LISTING_TABLE(columns, out, err)                                                           \
    listing_table(columns, sizeof columns / sizeof *columns, out, err)

/* Writes and frees the table; a NAME that picked nothing is an unknown `kind`. */
cs_status listing_finish(listing *l, cs_table *table, const char *kind, cs_error *err);

cs_status list_profiles(listing *l, cs_error *err);
cs_status list_schema(listing *l, cs_error *err);

#endif
