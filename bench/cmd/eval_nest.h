/* `cosearch eval --hw NAME --layers FILE.csv`: layers of a file on a known accelerator, each with
 * the best mapping that the mapper finds. */
#ifndef CS_EVAL_NEST_H
#define CS_EVAL_NEST_H

#include "cli.h"

/* Whether the arguments ask for layers of a file: --layers and an argument that ends in .csv. */
bool eval_nest_wanted(const cs_args *args);
/* Prints one row per layer; with --breakdown, also one per layer, level and tensor, and the
 * mappings. CS_EUSAGE: unknown accelerator; CS_EFORMAT: the file; CS_EINFEASIBLE: a layer for which
 * no mapping fits. */
cs_status eval_nest_run(const cs_args *args, cs_error *err);

#endif
