#include "space_internal.h"

#include "core/text.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cs_net skeleton(const cs_net_space *ns, uint16_t classes)
{
    cs_net net = {.input_size = ns->input_size,
                  .input_channels = ns->input_channels,
                  .stem_channels = ns->stem_channels,
                  .stem_stride = ns->stem_stride,
                  .head_channels = ns->head_channels,
                  .classes = classes,
                  .edge_bits = ns->edge_bits,
                  .n_blocks = ns->n_blocks};
    net.stem_size = (uint16_t)((ns->input_size + ns->stem_stride - 1) / ns->stem_stride);
    uint16_t size = net.stem_size, channels = ns->stem_channels;
    for (uint8_t i = 0; i < ns->n_blocks; i++) {
        cs_block *b = &net.block[i];
        b->stride = ns->stride[i];
        b->cin = channels;
        b->cout = channels = ns->cout[i];
        b->in_size = size;
        b->out_size = size = (uint16_t)((size + b->stride - 1) / b->stride);
    }
    return net;
}

static void network_decisions(cs_space *s)
{
    const cs_net_space *ns = s->net_space;
    for (size_t i = 0; i < ns->n_blocks; i++) {
        cs_decision *op = &s->decision[i], *bits = &s->decision[ns->n_blocks + i];
        *op = (cs_decision){.group = CS_GROUP_NETWORK,
                            .n_choices = (uint16_t)ns->n_ops,
                            .cap = -1,
                            .value = ns->ops};
        *bits = (cs_decision){.group = CS_GROUP_BITWIDTH,
                              .n_choices = (uint16_t)ns->n_bits,
                              .cap = -1,
                              .ordered = true,
                              .value = ns->bits};
        snprintf(op->name, sizeof op->name, "block%zu.op", i + 1);
        snprintf(bits->name, sizeof bits->name, "block%zu.bits", i + 1);
    }
}

static cs_status unknown(cs_error *err, const char *what, const char *name,
                         const char *const *names, const char *listing)
{
    const char *near = cs_text_nearest(name, names);
    if (near)
        return cs_fail(err, CS_EUSAGE,
                       "unknown %s '%s' (did you mean '%s'?); `cosearch list %s` shows all", what,
                       name, near, listing);
    return cs_fail(err, CS_EUSAGE, "unknown %s '%s'; `cosearch list %s` shows all", what, name,
                   listing);
}

static cs_status find_parts(const char *net_space, const char *hw_model, const cs_net_space **ns,
                            const cs_hw_model **hw, cs_error *err)
{
    const char *names[64];
    size_t n = 0;
    *ns = cs_net_space_find(net_space);
    if (!*ns) {
        for (; cs_net_spaces[n] && n < 63; n++)
            names[n] = cs_net_spaces[n]->name;
        names[n] = NULL;
        return unknown(err, "space", net_space, names, "spaces");
    }
    *hw = cs_hw_model_find(hw_model);
    if (!*hw) {
        for (; cs_hw_models[n] && n < 63; n++)
            names[n] = cs_hw_models[n]->name;
        names[n] = NULL;
        return unknown(err, "platform", hw_model, names, "hw");
    }
    return CS_OK;
}

cs_status cs_space_new(const char *net_space, const char *hw_model, uint16_t classes,
                       cs_space **out, cs_error *err)
{
    const cs_net_space *ns;
    const cs_hw_model *hw;
    CS_TRY(find_parts(net_space, hw_model, &ns, &hw, err));
    if (classes == 0)
        return cs_fail(err, CS_EUSAGE, "space %s: a classifier needs at least one class", ns->name);
    const size_t fixed = 2u * ns->n_blocks;
    assert(ns->n_blocks > 0 && ns->n_blocks <= CS_BLOCKS_MAX && fixed < CS_DECISIONS_MAX);
    cs_space *s = calloc(1, sizeof *s);
    if (!s)
        return cs_fail(err, CS_ENOMEM, "space %s: out of memory", ns->name);
    s->net_space = ns;
    s->hw = hw;
    s->context = (cs_hw_context){.bits = ns->bits,
                                 .n_bits = ns->n_bits,
                                 .edge_bits = ns->edge_bits,
                                 .input_size = ns->input_size,
                                 .classes = classes};
    s->skeleton = skeleton(ns, classes);
    network_decisions(s);
    size_t n = 0;
    const cs_status status =
        hw->decisions(&s->context, &s->decision[fixed], CS_DECISIONS_MAX - fixed, &n);
    if (status != CS_OK) {
        free(s);
        return cs_fail(err, status, "platform %s cannot lay out an accelerator for space %s",
                       hw->name, ns->name);
    }
    for (size_t i = fixed; i < fixed + n; i++)
        if (s->decision[i].cap >= 0)
            s->decision[i].cap = (int16_t)(s->decision[i].cap + (int16_t)fixed);
    s->first[CS_GROUP_NETWORK] = 0;
    s->first[CS_GROUP_BITWIDTH] = ns->n_blocks;
    s->first[CS_GROUP_ACCELERATOR] = fixed;
    s->first[CS_GROUP_COUNT] = fixed + n;
    *out = s;
    return CS_OK;
}

void cs_space_free(cs_space *space)
{
    free(space);
}

const cs_net_space *cs_space_net_space(const cs_space *space)
{
    return space->net_space;
}

const cs_hw_model *cs_space_hw_model(const cs_space *space)
{
    return space->hw;
}

const cs_hw_context *cs_space_hw_context(const cs_space *space)
{
    return &space->context;
}

size_t cs_space_size(const cs_space *space)
{
    return space->first[CS_GROUP_COUNT];
}

const cs_decision *cs_space_decision(const cs_space *space, size_t i)
{
    assert(i < cs_space_size(space));
    return &space->decision[i];
}

void cs_space_group(const cs_space *space, cs_group group, size_t *first, size_t *last)
{
    assert(group <= CS_GROUP_COUNT);
    *first = group == CS_GROUP_COUNT ? 0 : space->first[group];
    *last = group == CS_GROUP_COUNT ? cs_space_size(space) : space->first[group + 1];
}

bool cs_space_needed(const cs_space *space, const cs_design *design, size_t i)
{
    const uint8_t back = space->decision[i].needs;
    return back == 0 || space_value(space, i - back, design->choice[i - back]) != 0;
}

/* Largest allowed value of a capped decision. */
static int32_t limit_of(const cs_space *space, const cs_design *design, size_t i)
{
    const cs_decision *d = &space->decision[i];
    if (d->budget <= 0)
        return space_value(space, (size_t)d->cap, design->choice[d->cap]);
    int32_t left = d->budget;
    for (int16_t j = d->cap; j >= 0; j = space->decision[j].cap)
        if (cs_space_needed(space, design, (size_t)j))
            left -= space_value(space, (size_t)j, design->choice[j]);
    return left;
}

uint16_t cs_space_first(const cs_space *space, const cs_design *design, size_t i)
{
    const cs_decision *d = &space->decision[i];
    if (d->cap < 0 || !cs_space_needed(space, design, i))
        return 0;
    const int32_t limit = limit_of(space, design, i);
    uint16_t first = 0;
    while (first + 1 < d->n_choices && d->value[first] > limit)
        first++;
    return first;
}

cs_status cs_space_label(const cs_space *space, size_t i, uint16_t choice, char *text, size_t size)
{
    if (i >= cs_space_size(space) || choice >= space->decision[i].n_choices)
        return CS_EUSAGE;
    const int32_t value = space_value(space, i, choice);
    const int n = space->decision[i].group == CS_GROUP_NETWORK
                      ? snprintf(text, size, "%s", cs_ops[value].name)
                      : snprintf(text, size, "%d", (int)value);
    return n >= 0 && (size_t)n < size ? CS_OK : CS_EUSAGE;
}

cs_status cs_space_check(const cs_space *space, const cs_design *design, cs_error *err)
{
    const size_t n = cs_space_size(space);
    if (design->n != n)
        return cs_fail(err, CS_EOUTSIDE, "design: %u decisions where space %s on %s has %zu",
                       (unsigned)design->n, space->net_space->name, space->hw->name, n);
    for (size_t i = 0; i < n; i++) {
        const cs_decision *d = &space->decision[i];
        if (design->choice[i] >= d->n_choices)
            return cs_fail(err, CS_EOUTSIDE, "design: %s has choice %u, allowed are 0..%u", d->name,
                           (unsigned)design->choice[i], (unsigned)(d->n_choices - 1));
        if (design->choice[i] >= cs_space_first(space, design, i))
            continue;
        const int value = (int)d->value[design->choice[i]];
        const int limit = (int)limit_of(space, design, i);
        if (d->budget > 0)
            return cs_fail(err, CS_EOUTSIDE,
                           "design: %s is %d, but the decisions before it leave %d of %d", d->name,
                           value, limit, (int)d->budget);
        return cs_fail(err, CS_EOUTSIDE, "design: %s is %d, larger than %s, which is %d", d->name,
                       value, space->decision[d->cap].name, limit);
    }
    return CS_OK;
}

void space_decode(const cs_space *space, const cs_design *design, cs_net *out)
{
    const size_t n = space->net_space->n_blocks;
    *out = space->skeleton;
    for (size_t i = 0; i < n; i++) {
        cs_block *b = &out->block[i];
        const cs_op *op = &cs_ops[space_value(space, i, design->choice[i])];
        b->op = (uint8_t)design->choice[i];
        b->kernel = op->kernel;
        b->expansion = op->expansion;
        b->groups = op->groups;
        b->skip = op->skip;
        const uint16_t bits = cs_block_identity(b) ? 0 : design->choice[n + i];
        b->bits = (uint8_t)space->net_space->bits[bits];
    }
}

void cs_space_active(const cs_space *space, const cs_design *design, bool *active)
{
    const size_t n = space->net_space->n_blocks;
    cs_net net;
    space_decode(space, design, &net);
    for (size_t i = 0; i < n; i++) {
        active[i] = true;
        active[n + i] = !cs_block_identity(&net.block[i]);
    }
    space->hw->active(&space->context, &net, &active[2 * n]);
    for (size_t i = 2 * n; i < cs_space_size(space); i++)
        active[i] = active[i] && cs_space_needed(space, design, i);
}

void cs_space_canonical(const cs_space *space, const cs_design *design, cs_design *out)
{
    bool active[CS_DECISIONS_MAX];
    const size_t n = cs_space_size(space);
    cs_space_active(space, design, active);
    for (size_t i = 0; i < n; i++)
        out->choice[i] = active[i] ? design->choice[i] : 0;
    for (size_t i = n; i < CS_DECISIONS_MAX; i++)
        out->choice[i] = 0;
    out->n = (uint16_t)n;
}

void cs_space_repair(const cs_space *space, cs_design *design)
{
    for (size_t i = space->first[CS_GROUP_ACCELERATOR]; i < cs_space_size(space); i++) {
        const uint16_t first = cs_space_first(space, design, i);
        if (design->choice[i] < first)
            design->choice[i] = first;
    }
}

static cs_status check_network(const cs_space *space, const cs_design *design)
{
    if (design->n != cs_space_size(space))
        return CS_EOUTSIDE;
    for (size_t i = 0; i < space->first[CS_GROUP_ACCELERATOR]; i++)
        if (design->choice[i] >= space->decision[i].n_choices)
            return CS_EOUTSIDE;
    return CS_OK;
}

cs_status cs_space_network(const cs_space *space, const cs_design *design, cs_net *out)
{
    CS_TRY(check_network(space, design));
    space_decode(space, design, out);
    return CS_OK;
}

cs_status cs_space_cost(const cs_space *space, const cs_design *design, const cs_limits *limits,
                        cs_hw_report *report)
{
    cs_net net;
    CS_TRY(cs_space_check(space, design, NULL));
    space_decode(space, design, &net);
    return space->hw->evaluate(&space->context, &net,
                               &design->choice[space->first[CS_GROUP_ACCELERATOR]], limits, report);
}

cs_status cs_space_solve(const cs_space *space, const cs_limits *limits, cs_design *inout,
                         cs_solution *out, cs_error *err)
{
    cs_net net;
    cs_design best = *inout;
    if (!space->hw->solve)
        return cs_fail(err, CS_EUSAGE, "platform %s has no exact accelerator solver",
                       space->hw->name);
    if (check_network(space, inout) != CS_OK)
        return cs_fail(err, CS_EOUTSIDE, "the design is not in space %s on %s",
                       space->net_space->name, space->hw->name);
    space_decode(space, inout, &net);
    CS_TRY(space->hw->solve(&space->context, &net, limits,
                            &best.choice[space->first[CS_GROUP_ACCELERATOR]], out, err));
    *inout = best;
    return CS_OK;
}
