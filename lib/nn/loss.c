#include "nn/loss.h"

#include <math.h>

double cs_cross_entropy(size_t n, int classes, int stride, const float *logits,
                        const int32_t *label, double smoothing, float *dlogits)
{
    double total = 0.0;
    const double off = smoothing / classes, on = 1.0 - smoothing + off;
    for (size_t i = 0; i < n; i++) {
        const float *x = logits + i * (size_t)stride;
        double max = (double)x[0], sum = 0.0, loss = 0.0;
        for (int c = 1; c < classes; c++)
            max = (double)x[c] > max ? (double)x[c] : max;
        for (int c = 0; c < classes; c++)
            sum += exp((double)x[c] - max);
        const double log_sum = max + log(sum);
        for (int c = 0; c < classes; c++) {
            const double target = c == label[i] ? on : off;
            loss += target * (log_sum - (double)x[c]);
            if (dlogits)
                dlogits[i * (size_t)stride + (size_t)c] =
                    (float)((exp((double)x[c] - log_sum) - target) / (double)n);
        }
        for (int c = classes; dlogits && c < stride; c++)
            dlogits[i * (size_t)stride + (size_t)c] = 0.0f;
        total += loss;
    }
    return total / (double)n;
}

size_t cs_count_correct(size_t n, int classes, int stride, const float *logits,
                        const int32_t *label)
{
    size_t correct = 0;
    for (size_t i = 0; i < n; i++) {
        const float *x = logits + i * (size_t)stride;
        int best = 0;
        for (int c = 1; c < classes; c++)
            if (x[c] > x[best])
                best = c;
        correct += best == label[i];
    }
    return correct;
}
