/* Moves in a space: sampling, mutation, features, size. */
#include "space_internal.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>

static void draw(const cs_space *space, cs_rng *rng, cs_design *d, size_t i)
{
    const uint16_t first = cs_space_first(space, d, i);
    d->choice[i] = (uint16_t)(first + cs_rng_below(rng, space->decision[i].n_choices - first));
}

void cs_space_sample(const cs_space *space, cs_rng *rng, cs_design *out)
{
    *out = (cs_design){.n = (uint16_t)cs_space_size(space)};
    cs_space_sample_group(space, rng, CS_GROUP_COUNT, out);
}

void cs_space_sample_group(const cs_space *space, cs_rng *rng, cs_group group, cs_design *inout)
{
    size_t first, last;
    cs_space_group(space, group, &first, &last);
    for (size_t i = first; i < last; i++)
        draw(space, rng, inout, i);
}

void cs_space_mutate(const cs_space *space, cs_rng *rng, cs_group group, cs_design *inout)
{
    bool active[CS_DECISIONS_MAX];
    uint16_t candidate[CS_DECISIONS_MAX];
    uint32_t n = 0;
    size_t first, last;
    cs_space_active(space, inout, active);
    cs_space_group(space, group, &first, &last);
    for (size_t i = first; i < last; i++)
        if (active[i] && space->decision[i].n_choices - cs_space_first(space, inout, i) > 1)
            candidate[n++] = (uint16_t)i;
    if (n == 0)
        return;
    const size_t i = candidate[cs_rng_below(rng, n)];
    const uint16_t low = cs_space_first(space, inout, i);
    const uint32_t others = space->decision[i].n_choices - low - 1u;
    const uint16_t drawn = (uint16_t)(low + cs_rng_below(rng, others));
    inout->choice[i] = (uint16_t)(drawn < inout->choice[i] ? drawn : drawn + 1);
    cs_space_repair(space, inout);
}

/* Coordinates of a decision in the feature vector; one without freedom has none. */
static size_t width(const cs_decision *d)
{
    return d->n_choices < 2 ? 0 : d->ordered ? 1 : d->n_choices;
}

/* log2 of a value; 0 counts as half the smallest other value of the list. */
static double ordinate(const cs_decision *d, uint16_t choice)
{
    if (d->value[choice] != 0)
        return log2((double)d->value[choice]);
    double least = INFINITY;
    for (uint16_t c = 0; c < d->n_choices; c++)
        if (d->value[c] != 0)
            least = fmin(least, (double)d->value[c]);
    return log2(least) - 1.0;
}

size_t cs_space_encoded_size(const cs_space *space)
{
    size_t n = 0;
    for (size_t i = 0; i < cs_space_size(space); i++)
        n += width(&space->decision[i]);
    return n;
}

void cs_space_encode(const cs_space *space, const cs_design *design, double *x)
{
    bool active[CS_DECISIONS_MAX];
    cs_space_active(space, design, active);
    for (size_t i = 0; i < cs_space_size(space); i++) {
        const cs_decision *d = &space->decision[i];
        const size_t w = width(d);
        if (w == 1) {
            const double a = ordinate(d, 0), b = ordinate(d, (uint16_t)(d->n_choices - 1));
            const double v = ordinate(d, design->choice[i]);
            const double low = fmin(a, b), high = fmax(a, b);
            *x++ = active[i] ? (v - low) / (high - low) : 0.5;
            continue;
        }
        for (size_t c = 0; c < w; c++)
            *x++ = active[i] && design->choice[i] == c ? 1.0 : 0.0;
    }
}

/* Ways to choose decision i and all that it caps, directly or through others, when it may not
 * exceed `limit`; `sum` is what the decisions above it have taken of a budget. */
static double ways(const cs_space *space, size_t i, size_t last, int32_t limit, int32_t sum)
{
    const cs_decision *d = &space->decision[i];
    double n = 0.0;
    for (uint16_t c = 0; c < d->n_choices; c++) {
        double product = 1.0;
        if (d->value[c] > limit && c + 1 < d->n_choices)
            continue; /* the last choice is always allowed */
        for (size_t j = i + 1; j < last; j++) {
            const cs_decision *capped = &space->decision[j];
            const int32_t taken = sum + d->value[c];
            if (capped->cap == (int)i)
                product *= ways(space, j, last,
                                capped->budget > 0 ? capped->budget - taken : d->value[c], taken);
        }
        n += product;
    }
    return n;
}

double cs_space_log10_size(const cs_space *space, cs_group group)
{
    size_t first, last;
    double size = 0.0;
    cs_space_group(space, group, &first, &last);
    for (size_t i = first; i < last; i++)
        if (space->decision[i].cap < 0) /* others are counted with the decision that caps them */
            size += log10(ways(space, i, last, INT32_MAX, 0));
    return size;
}
