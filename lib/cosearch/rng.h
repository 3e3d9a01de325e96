/* Deterministic random streams: xoshiro256** (Blackman, Vigna 2018) seeded through splitmix64.
 *
 * A stream is derived from a 64-bit root and a name, so that adding a draw in one place never
 * shifts another. Nothing in the program draws random numbers in any other way. */
#ifndef CS_RNG_H
#define CS_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct cs_rng {
    uint64_t s[4];
} cs_rng;

/* State of a stream: four splitmix64 outputs from `seed`. */
void cs_rng_seed(cs_rng *rng, uint64_t seed);

/* Seed of the stream `name` under `root`: equal inputs, equal seed; name is any text. */
uint64_t cs_rng_derive(uint64_t root, const char *name);
/* The same for a numbered child, e.g. epoch or image index. */
uint64_t cs_rng_derive_index(uint64_t root, uint64_t index);

uint64_t cs_rng_next(cs_rng *rng);              /* all 64 bits */
double cs_rng_uniform(cs_rng *rng);             /* [0, 1), 53 bits */
uint32_t cs_rng_below(cs_rng *rng, uint32_t n); /* 0..n-1, unbiased (Lemire); n > 0 */
double cs_rng_normal(cs_rng *rng);              /* mean 0, variance 1 (polar method) */
double cs_rng_gumbel(cs_rng *rng);              /* -log(-log u), location 0, scale 1 */
/* Index drawn with probability proportional to p[i] >= 0; sum > 0. */
uint32_t cs_rng_choice(cs_rng *rng, const double *p, uint32_t n);
void cs_rng_shuffle(cs_rng *rng, uint32_t *items, size_t n); /* Fisher-Yates */

#endif
