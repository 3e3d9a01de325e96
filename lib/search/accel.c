/* Accelerator search engine: life and state. */
#include "search/accel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Released: analytical_prediction.py of the authors' code. Ours: found on random networks under
 * four cost models, see docs/accelerator-search.md. */
cs_accel_options cs_accel_defaults(cs_accel_kind kind, cs_accel_goal goal)
{
    const bool released = kind == CS_ACCEL_RELEASED;
    return (cs_accel_options){.kind = kind,
                              .goal = goal,
                              .adam = {.lr = 1e-7,
                                       .beta1 = released ? 0.5 : 0.95,
                                       .beta2 = 0.999,
                                       .eps = released ? 1e-8 : 1e-12},
                              .tau = 1.0,
                              .baseline = 0.97,
                              .focus = 4.0,
                              .travel = released ? 0.0 : 30.0,
                              .price = 0.02,
                              .penalty = 1.0,
                              .spread = 6.0};
}

/* Length of the name of the unit that a decision belongs to; 0 if it names none. */
static size_t unit_length(const char *decision)
{
    const size_t n = strcspn(decision, "._");
    return decision[n] ? n : 0;
}

static void find_units(cs_accel *e)
{
    for (size_t r = 0; r < e->n; r++) {
        const char *name = cs_space_decision(e->space, e->first + r)->name;
        const size_t length = unit_length(name);
        size_t u = 0;
        while (u < e->n_units &&
               (strncmp(e->unit[u].name, name, length) != 0 || e->unit[u].name[length] != '\0'))
            u++;
        if (length > 0 && u == e->n_units)
            memcpy(e->unit[e->n_units++].name, name, length);
        e->unit_of[r] = (uint16_t)u;
    }
    for (size_t r = 0; r < e->n; r++) /* those without a unit belong to the whole */
        if (unit_length(cs_space_decision(e->space, e->first + r)->name) == 0)
            e->unit_of[r] = (uint16_t)e->n_units;
}

static bool options_valid(const cs_accel_options *o)
{
    return o->tau > 0.0 && o->baseline >= 0.0 && o->baseline < 1.0 && o->spread > 0.0 &&
           o->price >= 0.0 && o->travel >= 0.0 && o->penalty >= 0.0 && isfinite(o->focus);
}

cs_status cs_accel_new(const cs_space *space, const cs_limits *limits,
                       const cs_accel_options *options, cs_accel **out)
{
    uint16_t choices[CS_DECISIONS_MAX];
    size_t first, last, count = 0;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    if (first == last || !options_valid(options))
        return CS_EUSAGE;
    for (size_t i = first; i < last; i++)
        count += choices[i - first] = cs_space_decision(space, i)->n_choices;
    cs_accel *e = calloc(1, sizeof *e + count * sizeof e->prob[0]);
    if (!e)
        return CS_ENOMEM;
    e->space = space;
    e->limits = *limits;
    e->options = *options;
    e->adam[0] = e->adam[1] = options->adam;
    e->first = first;
    e->n = last - first;
    e->unit_of = calloc(e->n, sizeof *e->unit_of);
    e->unit = calloc(e->n + 1, sizeof *e->unit);
    if (!e->unit_of || !e->unit || cs_logits_new(choices, e->n, 1e-3f, &e->logits) != CS_OK) {
        cs_accel_free(e);
        return CS_ENOMEM;
    }
    find_units(e);
    *out = e;
    return CS_OK;
}

void cs_accel_free(cs_accel *e)
{
    if (!e)
        return;
    cs_logits_free(e->logits);
    free(e->unit_of);
    free(e->unit);
    free(e);
}

double cs_accel_cost_of(cs_accel_goal goal, const cs_hw_metrics *metrics)
{
    switch (goal) {
    case CS_ACCEL_INTERVAL: return 1.0 / metrics->fps;
    case CS_ACCEL_LATENCY: return metrics->latency_s;
    case CS_ACCEL_ENERGY: return metrics->energy_j;
    case CS_ACCEL_EDP: return metrics->edp_js;
    }
    return NAN;
}

double cs_accel_entropy(const cs_accel *e)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t r = 0; r < e->n; r++)
        if (e->active[e->first + r] && e->logits->n[r] > 1) {
            sum += cs_logits_entropy(e->logits, r);
            n++;
        }
    return n ? sum / (double)n : cs_logits_mean_entropy(e->logits);
}

void cs_accel_argmax(const cs_accel *e, cs_design *inout)
{
    bool active[CS_DECISIONS_MAX];
    cs_space_active(e->space, inout, active);
    for (size_t i = e->first; i < e->first + e->n; i++) {
        const size_t row = i - e->first;
        const float *value = &e->logits->value[e->logits->offset[row]];
        uint16_t best = cs_space_first(e->space, inout, i);
        for (uint16_t c = best; active[i] && c < e->logits->n[row]; c++)
            if (value[c] > value[best])
                best = c;
        inout->choice[i] = best;
    }
}

cs_status cs_accel_save(const cs_accel *e, cs_sink *sink)
{
    CS_TRY(cs_sink_write(sink, &e->drawn, sizeof e->drawn));
    CS_TRY(cs_sink_write(sink, e->price, sizeof e->price));
    return cs_logits_save(e->logits, sink);
}

cs_status cs_accel_load(cs_accel *e, cs_source *source)
{
    double price[ACCEL_PRICES];
    uint64_t drawn;
    CS_TRY(cs_source_read(source, &drawn, sizeof drawn));
    CS_TRY(cs_source_read(source, price, sizeof price));
    for (size_t k = 0; k < ACCEL_PRICES; k++)
        if (!(price[k] >= 0.0 && isfinite(price[k])))
            return CS_EFORMAT;
    CS_TRY(cs_logits_load(e->logits, source));
    memcpy(e->price, price, sizeof price);
    e->drawn = drawn;
    return CS_OK;
}
