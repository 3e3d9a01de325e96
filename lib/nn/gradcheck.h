/* Gradients against finite differences. */
#ifndef CS_NN_GRADCHECK_H
#define CS_NN_GRADCHECK_H

#include "cosearch/rng.h"

/* A scalar function of some values that it reads where the checker changes them. */
typedef double (*cs_scalar)(void *context);

/* Moves the n values along a random direction by +-eps (in units of the values) and compares the
 * central difference of f with the gradient's share of that direction; returns the larger error of
 * `directions` tries, relative to the norm of the gradient along such directions (not to the single
 * product, which may be near 0 by chance). The values are restored. */
double cs_gradcheck(cs_scalar f, void *context, float *value, const float *grad, size_t n,
                    double eps, int directions, cs_rng *rng);

#endif
