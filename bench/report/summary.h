/* A campaign in a few lines: one per method and cell, for `run`, `show --summary` and the demo. */
#ifndef CS_SUMMARY_H
#define CS_SUMMARY_H

#include "report/table.h"

/* Reads DIR/results.csv and writes the comparison; errors as cs_campaign_open. In the aligned form
 * every cell has a heading, and outcomes other than an answer are listed below. */
cs_status cs_summary_write(const char *campaign_dir, FILE *out, cs_table_form form, cs_error *err);

#endif
