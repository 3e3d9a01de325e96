/* A joint space: network decisions, then bitwidth decisions, then accelerator decisions.
 *
 * Network spaces are listed in lib/space/spaces.def, cost models in lib/hw/models.def; a cs_space
 * joins one of each for a number of classes. Everything here is const after creation and safe to
 * share. */
#ifndef CS_SPACE_H
#define CS_SPACE_H

#include "cosearch/design.h"
#include "cosearch/hw.h"
#include "cosearch/net.h"
#include "cosearch/rng.h"

/* A network space (operators, macro-architecture, bitwidths): one const table each. */
typedef struct cs_net_space {
    uint32_t version;
    const char *name;    /* "fbnet:cifar", "fbnet:imagenet", "fbnet:micro" */
    const char *summary; /* one line */
    uint16_t input_size, input_channels;
    uint16_t stem_channels, stem_stride, head_channels;
    uint8_t edge_bits; /* bits at which stem, head and classifier are charged      */
    uint8_t n_blocks;
    const uint16_t *cout;  /* [n_blocks] output channels */
    const uint8_t *stride; /* [n_blocks] */
    const int32_t *ops;    /* [n_ops] operator ids, see cs_op */
    size_t n_ops;
    const int32_t *bits; /* [n_bits] ascending */
    size_t n_bits;
} cs_net_space;

/* One searchable operator. */
typedef struct cs_op {
    const char *name; /* "k3_e1_g2", "skip" */
    uint8_t kernel, expansion, groups;
    bool skip;
} cs_op;
#define CS_OPS_COUNT 9
/* k3_e1 k3_e1_g2 k3_e3 k3_e6 k5_e1 k5_e1_g2 k5_e3 k5_e6 skip */
extern const cs_op cs_ops[CS_OPS_COUNT];

extern const cs_net_space *const cs_net_spaces[]; /* ends with NULL */
const cs_net_space *cs_net_space_find(const char *name);

/* classes: of the data set. Unknown names: CS_EUSAGE with the nearest known one. */
cs_status cs_space_new(const char *net_space, const char *hw_model, uint16_t classes,
                       cs_space **out, cs_error *err);
void cs_space_free(cs_space *space); /* NULL is fine */

const cs_net_space *cs_space_net_space(const cs_space *space);
const cs_hw_model *cs_space_hw_model(const cs_space *space);
const cs_hw_context *cs_space_hw_context(const cs_space *space);

size_t cs_space_size(const cs_space *space); /* number of decisions */
const cs_decision *cs_space_decision(const cs_space *space, size_t i);
/* Half-open range of decisions of a group: [first, last). */
void cs_space_group(const cs_space *space, cs_group group, size_t *first, size_t *last);
/* First allowed choice of decision i given the earlier ones; allowed are first..n_choices-1. */
uint16_t cs_space_first(const cs_space *space, const cs_design *design, size_t i);
/* Does the value of an earlier decision leave decision i a meaning (cs_decision.needs). */
bool cs_space_needed(const cs_space *space, const cs_design *design, size_t i);
/* Text of a choice: "k3_e3", "8", "16". */
cs_status cs_space_label(const cs_space *space, size_t i, uint16_t choice, char *text, size_t size);

/* CS_OK if every choice is allowed; otherwise CS_EOUTSIDE and which one is not. */
cs_status cs_space_check(const cs_space *space, const cs_design *design, cs_error *err);
/* active[i]: does decision i change what the design means. active has cs_space_size entries. */
void cs_space_active(const cs_space *space, const cs_design *design, bool *active);
/* The canonical form: inactive decisions 0. out may be the input. */
void cs_space_canonical(const cs_space *space, const cs_design *design, cs_design *out);
/* Raises choices below cs_space_first to it, so that any vector in range becomes a design. */
void cs_space_repair(const cs_space *space, cs_design *design);

/* Every decision uniform over its allowed choices, in order. */
void cs_space_sample(const cs_space *space, cs_rng *rng, cs_design *out);
/* Redraws the decisions of one group and keeps the rest. */
void cs_space_sample_group(const cs_space *space, cs_rng *rng, cs_group group, cs_design *inout);
/* Changes one active decision of `group` (CS_GROUP_COUNT: of any group, all active decisions
 * equally likely) to a different allowed choice, then repairs. No change if there is no freedom. */
void cs_space_mutate(const cs_space *space, cs_rng *rng, cs_group group, cs_design *inout);

/* Feature vector: unordered decisions one-hot, ordered ones log2-scaled to 0..1, inactive ones 0
 * (one-hot) or 0.5 (ordered); decisions with one choice have no coordinate. */
size_t cs_space_encoded_size(const cs_space *space);
void cs_space_encode(const cs_space *space, const cs_design *design, double *x);

/* Decodes the network and its bitwidths. */
cs_status cs_space_network(const cs_space *space, const cs_design *design, cs_net *out);
/* Cost of a design: the model's evaluate on the decoded network. */
cs_status cs_space_cost(const cs_space *space, const cs_design *design, const cs_limits *limits,
                        cs_hw_report *report);
/* Replaces the accelerator of `design` by the provably best one for its network. */
cs_status cs_space_solve(const cs_space *space, const cs_limits *limits, cs_design *inout,
                         cs_solution *out, cs_error *err);

/* log10 of the number of choice vectors of a group, inactive decisions counted in full. */
double cs_space_log10_size(const cs_space *space, cs_group group);

#endif
