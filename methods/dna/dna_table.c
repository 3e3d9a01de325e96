/* Block costs on searched accelerators, and the expected cost of a network made of them. */
#include "dna.h"

#include <math.h>

void dna_table_add(dna_table *table, size_t n_blocks, size_t n_ops,
                   const double whole[DNA_QUANTITIES],
                   dna_change change[CS_BLOCKS_MAX][CS_PATH_OPS_MAX], double misfit)
{
    table->nets++;
    for (size_t q = 0; q < DNA_QUANTITIES; q++)
        table->base[q] += whole[q];
    for (size_t b = 0; b < n_blocks; b++)
        for (size_t o = 0; o < n_ops; o++) {
            const dna_change *c = &change[b][o];
            table->misfits += !c->fits;
            for (size_t q = 0; q < DNA_QUANTITIES; q++)
                table->delta[q][b][o] +=
                    c->fits ? c->cost[q] - whole[q] : misfit * whole[q] / (double)n_blocks;
        }
}

void dna_table_close(dna_table *table)
{
    const double scale = table->nets ? 1.0 / table->nets : 0.0;
    for (size_t q = 0; q < DNA_QUANTITIES; q++) {
        table->base[q] *= scale;
        for (size_t b = 0; b < CS_BLOCKS_MAX; b++)
            for (size_t o = 0; o < CS_PATH_OPS_MAX; o++)
                table->delta[q][b][o] *= scale;
    }
}

double dna_expected_cost(const dna_table *table, int cost, size_t n_blocks, size_t n_ops,
                         double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX],
                         double dy[CS_BLOCKS_MAX][CS_PATH_OPS_MAX])
{
    double sum[DNA_QUANTITIES];
    for (size_t q = 0; q < DNA_QUANTITIES; q++) {
        sum[q] = table->base[q];
        for (size_t b = 0; b < n_blocks; b++)
            for (size_t o = 0; o < n_ops; o++)
                sum[q] += y[b][o] * table->delta[q][b][o];
    }
    const bool edp = cost == DNA_COST_EDP;
    for (size_t b = 0; dy && b < n_blocks; b++)
        for (size_t o = 0; o < n_ops; o++)
            dy[b][o] = edp ? table->delta[DNA_ENERGY][b][o] * sum[DNA_TIME] +
                                 sum[DNA_ENERGY] * table->delta[DNA_TIME][b][o]
                           : table->delta[DNA_TIME][b][o];
    return edp ? sum[DNA_ENERGY] * sum[DNA_TIME] : sum[DNA_TIME];
}
