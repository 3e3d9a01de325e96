#include "nn/quant.h"

#include <math.h>

cs_quant cs_quant_of(float min, float max, int bits)
{
    cs_quant q = {.min = min, .exact = true, .step = 0.0f, .inverse = 0.0f, .top = 0.0f};
    const float range = max - min;
    if (bits >= CS_BITS_FLOAT || !(range > 0.0f) || !isfinite(range))
        return q;
    const float levels = ldexpf(1.0f, bits);
    q.step = range / levels;
    q.inverse = levels / range;
    q.top = levels - 1.0f;
    q.exact = !(q.step > 0.0f) || !isfinite(q.inverse); /* a range below float's smallest step */
    return q;
}

static inline float value(const cs_quant *q, float x)
{
    float u = (x - q->min) * q->inverse;
    u = u < 0.0f ? 0.0f : u > q->top ? q->top : u;
    return cs_quant_nearest(u) * q->step + q->min;
}

float cs_quant_value(const cs_quant *q, float x)
{
    return q->exact ? x : value(q, x);
}

float cs_quant_pass(const cs_quant *q, cs_ste rule, float x)
{
    const float u = (x - q->min) * q->inverse;
    return q->exact || rule == CS_STE_IDENTITY || (u > 0.0f && u < q->top) ? 1.0f : 0.0f;
}

cs_finish cs_quant_finish(const cs_quant *q, const cs_finish *from, int channels, float *s,
                          float *t)
{
    for (int c = 0; c < channels; c++) {
        s[c] = from ? from->s[c] * q->inverse : q->inverse;
        t[c] = ((from ? from->t[c] : 0.0f) - q->min) * q->inverse;
    }
    /* The smallest value has code 0 and stops the gradient; min * inverse being rounded, its code
     * comes out as a rest of that rounding, which the lower bound covers. */
    const float rest = fabsf(q->min * q->inverse) * 0x1p-22f;
    return (cs_finish){
        .s = s, .t = t, .lo = rest, .hi = q->top, .step = q->step, .min = q->min, .quant = true};
}

cs_mix cs_quant_mixture(const cs_quant *q, const cs_finish *finish, int bits, int n,
                        const int *mix_bits, const float *p)
{
    cs_mix m = {.s = finish->s, .t = finish->t, .n = n, .min = q->min};
    for (int j = 0; j < n; j++) {
        m.scale[j] = ldexpf(1.0f, mix_bits[j] - bits);
        m.low[j] = finish->lo * m.scale[j];
        m.top[j] = ldexpf(1.0f, mix_bits[j]) - 1.0f;
        m.step[j] = q->step / m.scale[j];
        m.p[j] = p[j];
    }
    return m;
}

void cs_quant_mix(size_t rows, size_t columns, const cs_quant *q, size_t stride, const float *p,
                  size_t n_bits, const float *x, float *y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const float v = x[r * columns + c];
            float sum = 0.0f;
            for (size_t j = 0; j < n_bits; j++)
                sum += p[j] * cs_quant_value(&q[j * (stride ? columns : 1) + c * stride], v);
            y[r * columns + c] = sum;
        }
}

void cs_range_update(cs_range *run, float min, float max, float momentum)
{
    if (momentum == 0.0f)
        return;
    if (!run->seen) {
        run->min = min;
        run->max = max;
        run->seen = true;
    } else {
        run->min += momentum * (min - run->min);
        run->max += momentum * (max - run->max);
    }
}
