#include "nn/gradcheck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double cs_gradcheck(cs_scalar f, void *context, float *value, const float *grad, size_t n,
                    double eps, int directions, cs_rng *rng)
{
    float *kept = malloc(n * sizeof *kept);
    double worst = 0.0, square = 0.0;
    if (!kept || n == 0) {
        free(kept);
        return INFINITY;
    }
    memcpy(kept, value, n * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        square += (double)grad[i] * (double)grad[i];
    for (int d = 0; d < directions; d++) {
        /* signs: every value moves by the same amount, and the expected product is the norm */
        const uint64_t seed = cs_rng_next(rng);
        double along = 0.0, side[2];
        for (int s = 0; s < 2; s++) {
            cs_rng signs;
            cs_rng_seed(&signs, seed);
            for (size_t i = 0; i < n; i++) {
                const double sign = cs_rng_next(&signs) >> 63 ? 1.0 : -1.0;
                value[i] = (float)((double)kept[i] + (s ? -eps : eps) * sign);
                if (s == 0)
                    along += sign * (double)grad[i];
            }
            side[s] = f(context);
        }
        const double error = fabs((side[0] - side[1]) / (2.0 * eps) - along);
        worst = fmax(worst, error / (sqrt(square) + 1e-12));
    }
    memcpy(value, kept, n * sizeof *kept);
    free(kept);
    return worst;
}
