/* A finished or running campaign as its files say: results.csv and the traces of its runs. Reads
 * only; shared by figures and summaries. */
#ifndef CS_CAMPAIGN_H
#define CS_CAMPAIGN_H

#include "core/csvio.h"

typedef struct cs_campaign {
    char dir[512];
    cs_csv results; /* borrowed texts live until cs_campaign_close */
} cs_campaign;

/* Folder of a campaign below `results`: `name` (or a path with a slash as it is), or with NULL the
 * one whose results.csv changed last. CS_EUSAGE: unknown name, with the nearest; CS_EINFEASIBLE:
 * no campaign has results yet. `dir` has `size` bytes. */
cs_status cs_campaign_find(const char *results, const char *name, char *dir, size_t size,
                           cs_error *err);

/* Reads DIR/results.csv. CS_EIO if it is not there, CS_EMISMATCH if its columns are not those of
 * this program's schema, CS_EFORMAT if it is damaged. A torn last line is left out, as everywhere.
 */
cs_status cs_campaign_open(const char *dir, cs_campaign *out, cs_error *err);
void cs_campaign_close(cs_campaign *campaign);

/* Cell of a row: "" if the column does not exist. */
const char *cs_campaign_text(const cs_campaign *campaign, size_t row, const char *column);
/* NaN if the field is empty, no number or the column does not exist. */
double cs_campaign_double(const cs_campaign *campaign, size_t row, const char *column);

/* Rows that may be compared: same data, space, platform, accuracy source, recipe and limits. */
bool cs_campaign_same_cell(const cs_campaign *campaign, size_t a, size_t b);
/* What a row's cell is, for a heading: "cifar10 on fpga-chunk, DSP ≤ 450, FPS ≥ 30". Limits that
 * are minima only if `with_minima`. */
void cs_campaign_cell_text(const cs_campaign *campaign, size_t row, bool with_minima, char *text,
                           size_t size);

/* How a run's method was set: its parameters that differ from the defaults, "hw_engine=random
 * k_ops=3", "" if none does; "params ID" if its folder is not there. */
void cs_campaign_settings(const cs_campaign *campaign, size_t row, char *text, size_t size);

/* Names of the methods in the rows, each once, in the order of the registry; borrowed. CS_EUSAGE
 * for more than `cap`. */
cs_status cs_campaign_methods(const cs_campaign *campaign, const char **names, size_t cap,
                              size_t *n, cs_error *err);

/* Trace of a row's run. CS_EIO if there is none, otherwise as cs_campaign_open. */
cs_status cs_campaign_trace(const cs_campaign *campaign, size_t row, cs_csv *out, cs_error *err);

#endif
