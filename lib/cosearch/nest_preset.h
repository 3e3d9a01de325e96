/* Accelerators that are known by name, for layers without a searched accelerator: hierarchy, array
 * and dataflow, the latter as what a mapping may do. */
#ifndef CS_NEST_PRESET_H
#define CS_NEST_PRESET_H

#include "cosearch/mapper.h"

typedef struct cs_nest_preset {
    const char *name;    /* "eyeriss" */
    const char *cite;    /* key in docs/references.bib */
    const char *summary; /* one line */
    void (*build)(cs_nest_arch *arch, cs_map_space *space);
} cs_nest_preset;

extern const cs_nest_preset cs_nest_presets[];               /* ends with name NULL */
const cs_nest_preset *cs_nest_preset_find(const char *name); /* NULL if unknown */

/* A systolic array as SCALE-Sim v2 models it: rows x cols units, operands in buffers that never
 * stall it, streams skewed by one cycle per row and column. */
typedef enum cs_systolic {
    CS_SYSTOLIC_OS, /* outputs stay: pixels over rows, output channels over columns            */
    CS_SYSTOLIC_WS, /* weights stay: reduction over rows, output channels over columns         */
    CS_SYSTOLIC_IS  /* inputs stay: reduction over rows, pixels over columns                   */
} cs_systolic;

/* The layer as a matrix product of `pixels` x `depth` by `depth` x `channels` on the array: the
 * layer, accelerator and mapping to evaluate. Its cycles are
 *     folds * (stream + fill),   fill = rows + cols - 2, + rows where operands are loaded first;
 * SCALE-Sim counts from 0 and reports one cycle less. Extents up to CS_NEST_EXTENT_MAX. */
void cs_nest_systolic(cs_systolic dataflow, uint32_t rows, uint32_t cols, uint32_t pixels,
                      uint32_t depth, uint32_t channels, cs_nest_layer *layer, cs_nest_arch *arch,
                      cs_nest_mapping *mapping);

#endif
