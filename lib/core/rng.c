#include "cosearch/rng.h"

#include <assert.h>
#include <math.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void cs_rng_seed(cs_rng *rng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rng->s[i] = splitmix64(&seed);
}

uint64_t cs_rng_derive(uint64_t root, const char *name)
{
    uint64_t state = root;
    uint64_t seed = splitmix64(&state);
    for (const char *p = name; *p; p++) {
        state = seed ^ (uint64_t)(unsigned char)*p;
        seed = splitmix64(&state);
    }
    return seed;
}

uint64_t cs_rng_derive_index(uint64_t root, uint64_t index)
{
    uint64_t state = root;
    uint64_t seed = splitmix64(&state);
    state = seed ^ index;
    return splitmix64(&state);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t cs_rng_next(cs_rng *rng)
{
    uint64_t *s = rng->s;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double cs_rng_uniform(cs_rng *rng)
{
    return (double)(cs_rng_next(rng) >> 11) * 0x1.0p-53;
}

uint32_t cs_rng_below(cs_rng *rng, uint32_t n)
{
    assert(n > 0);
    uint64_t m = (cs_rng_next(rng) >> 32) * (uint64_t)n;
    if ((uint32_t)m < n) {
        const uint32_t threshold = (uint32_t)(-n) % n;
        while ((uint32_t)m < threshold)
            m = (cs_rng_next(rng) >> 32) * (uint64_t)n;
    }
    return (uint32_t)(m >> 32);
}

double cs_rng_normal(cs_rng *rng)
{
    /* The second value of a pair is thrown away, so that a stream has no hidden state. */
    double u, v, s;
    do {
        u = 2.0 * cs_rng_uniform(rng) - 1.0;
        v = 2.0 * cs_rng_uniform(rng) - 1.0;
        s = u * u + v * v;
    } while (s >= 1.0 || s == 0.0);
    return u * sqrt(-2.0 * log(s) / s);
}

double cs_rng_gumbel(cs_rng *rng)
{
    double u;
    do {
        u = cs_rng_uniform(rng);
    } while (u == 0.0);
    return -log(-log(u));
}

uint32_t cs_rng_choice(cs_rng *rng, const double *p, uint32_t n)
{
    assert(n > 0);
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++)
        sum += p[i];
    assert(sum > 0.0);
    double left = cs_rng_uniform(rng) * sum;
    uint32_t last = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!(p[i] > 0.0))
            continue;
        last = i;
        left -= p[i];
        if (left < 0.0)
            return i;
    }
    return last; /* rounding left nothing over: the last possible index */
}

void cs_rng_shuffle(cs_rng *rng, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = cs_rng_below(rng, (uint32_t)i);
        const uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
