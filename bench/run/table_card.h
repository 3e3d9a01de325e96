/* What a table of accuracies is worth: its card, and a check by training some rows again. */
#ifndef CS_BENCH_TABLE_CARD_H
#define CS_BENCH_TABLE_CARD_H

#include "run/table_plan.h"
#include <stdio.h>

/* One page of Markdown: how the table was made, distribution of the accuracies, noise over seeds,
 * rank correlations, the best and the worst networks. n_networks: of the whole space. */
cs_status cs_table_card(const cs_profile *profile, const char *path, size_t n_networks,
                        cs_text *out, cs_error *err);

/* Trains n rows, evenly spread over the table, again and prints what came out. *exit_code becomes
 * 1 if an accuracy differs from the table's by more than half a percent: on the machine that made
 * the table it does not differ at all, on another kernel or instruction set rounding moves single
 * images. */
cs_status cs_table_verify(const cs_profile *profile, const char *path, uint64_t n, FILE *to,
                          int *exit_code, cs_error *err);

#endif
