/* What the harness re-derives about an answer, whatever the method said. */
#ifndef CS_BENCH_VERIFY_H
#define CS_BENCH_VERIFY_H

#include "run/job.h"
#include "run/schema.h"

/* Fills the hardware, optimum and design columns of `row` for a design text: cost under the run's
 * model and under its published sibling, feasibility, distance to the provably best accelerator of
 * the same network, size of the network. CS_EOUTSIDE, CS_EFORMAT: not a design of the space. */
cs_status cs_verify_answer(const cs_profile *profile, const cs_job *job, uint16_t classes,
                           const char *text, cs_row *row, cs_error *err);

#endif
