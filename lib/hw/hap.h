/* Partial schedules, shared by the beam of the heuristic and the exact scheduler.
 *
 * A label says when every chain is ready for its next layer, when each unit is free, and the energy
 * so far. Layers are appended in the order of their starts: every schedule is reached, once but for
 * ties, and no layer ever has to go in front of another. */
#ifndef CS_HW_HAP_H
#define CS_HW_HAP_H

#include "cosearch/hetero.h"

typedef struct hap_label {
    double ready[CS_HETERO_CHAINS_MAX], unit_free[CS_HETERO_UNITS_MAX], energy;
} hap_label;

/* Least time and energy from layer i of chain c to the chain's end. */
typedef struct hap_left {
    double time[CS_HETERO_CHAINS_MAX][CS_CONVS_MAX + 1];
    double energy[CS_HETERO_CHAINS_MAX][CS_CONVS_MAX + 1];
} hap_left;

/* CS_OK if the problem keeps the bounds of cosearch/hetero.h; *n is the number of layers. */
cs_status hap_check(const cs_hetero_problem *problem, size_t *n);

void hap_sum_left(const cs_hetero_problem *problem, hap_left *left);

/* `from` with layer at[c] of chain c appended to unit u. Nothing can start before it any more. */
hap_label hap_append(const cs_hetero_problem *problem, const hap_label *from, size_t c, size_t at,
                     size_t u);

/* Lower bounds on makespan and energy of what a label can become. */
double hap_makespan_bound(const cs_hetero_problem *, const hap_left *, const hap_label *,
                          const size_t at[CS_HETERO_CHAINS_MAX]);
double hap_energy_bound(const cs_hetero_problem *, const hap_left *, const hap_label *,
                        const size_t at[CS_HETERO_CHAINS_MAX]);

/* Forgets differences that cannot matter: a chain that is done, a unit that is free before any
 * unfinished chain is ready. */
void hap_level(const cs_hetero_problem *, hap_label *, const size_t at[CS_HETERO_CHAINS_MAX]);

/* Of two labels equally far: a is nowhere later than b and costs no more. */
bool hap_dominates(const cs_hetero_problem *, const hap_label *a, const hap_label *b);

/* Starts and sums of the schedule that appends layers in the order given: step i appends the next
 * layer of chain chain[i] to unit unit[i]. */
void hap_replay(const cs_hetero_problem *, const uint8_t *chain, const uint8_t *unit,
                cs_hetero_schedule *out);

/* Beam search over partial schedules: at every number of layers scheduled, the width / 2 of least
 * energy that can still keep the limit, and as many of least makespan; from the end of the chains
 * if `backwards`. width is even, 2..65534. CS_ENOMEM. */
cs_status hap_beam(const cs_hetero_problem *problem, size_t width, bool backwards,
                   cs_hetero_schedule *out);

#endif
