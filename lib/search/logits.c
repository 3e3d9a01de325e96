#include "cosearch/relax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static cs_status allocate(cs_logits *t, const uint16_t *n, size_t rows, size_t count)
{
    t->n = malloc(rows * sizeof *t->n);
    t->offset = malloc(rows * sizeof *t->offset);
    t->steps = calloc(rows, sizeof *t->steps);
    t->value = calloc(count, sizeof *t->value);
    t->grad = calloc(count, sizeof *t->grad);
    t->m = calloc(count, sizeof *t->m);
    t->v = calloc(count, sizeof *t->v);
    if (!t->n || !t->offset || !t->steps || !t->value || !t->grad || !t->m || !t->v)
        return CS_ENOMEM;
    memcpy(t->n, n, rows * sizeof *n);
    return CS_OK;
}

cs_status cs_logits_new(const uint16_t *n, size_t rows, float init, cs_logits **out)
{
    size_t count = 0;
    for (size_t r = 0; r < rows; r++) {
        if (n[r] == 0)
            return CS_EUSAGE;
        count += n[r];
    }
    if (count == 0)
        return CS_EUSAGE;
    cs_logits *t = calloc(1, sizeof *t);
    if (!t)
        return CS_ENOMEM;
    t->rows = rows;
    t->count = count;
    if (allocate(t, n, rows, count) != CS_OK) {
        cs_logits_free(t);
        return CS_ENOMEM;
    }
    size_t at = 0;
    for (size_t r = 0; r < rows; r++) {
        t->offset[r] = at;
        at += n[r];
    }
    for (size_t i = 0; i < count; i++)
        t->value[i] = init;
    *out = t;
    return CS_OK;
}

void cs_logits_free(cs_logits *t)
{
    if (!t)
        return;
    free(t->n);
    free(t->offset);
    free(t->steps);
    free(t->value);
    free(t->grad);
    free(t->m);
    free(t->v);
    free(t);
}

void cs_logits_zero_grad(cs_logits *t)
{
    memset(t->grad, 0, t->count * sizeof *t->grad);
}

void cs_logits_adam_row(cs_logits *t, const cs_adam *adam, size_t row)
{
    const size_t at = t->offset[row];
    cs_adam_step(adam, ++t->steps[row], &t->value[at], &t->grad[at], &t->m[at], &t->v[at],
                 t->n[row]);
}

/* Rows that always learn together have the same corrections: two powers a row would cost more than
 * the step. */
void cs_logits_adam_rows(cs_logits *t, const cs_adam *adam, const bool *row)
{
    uint64_t steps = 0;
    double c1 = 1.0, c2 = 1.0;
    for (size_t r = 0; r < t->rows; r++) {
        const size_t at = t->offset[r];
        if (row && !row[r])
            continue;
        if (++t->steps[r] != steps) {
            steps = t->steps[r];
            c1 = 1.0 - pow(adam->beta1, (double)steps);
            c2 = 1.0 - pow(adam->beta2, (double)steps);
        }
        cs_adam_update(adam, c1, c2, &t->value[at], &t->grad[at], &t->m[at], &t->v[at], t->n[r]);
    }
}

void cs_logits_adam(cs_logits *t, const cs_adam *adam)
{
    cs_logits_adam_rows(t, adam, NULL);
}

uint16_t cs_logits_argmax(const cs_logits *t, size_t row)
{
    const float *value = &t->value[t->offset[row]];
    uint16_t best = 0;
    for (uint16_t i = 1; i < t->n[row]; i++)
        if (value[i] > value[best])
            best = i;
    return best;
}

double cs_logits_entropy(const cs_logits *t, size_t row)
{
    const float *value = &t->value[t->offset[row]];
    const double max = (double)value[cs_logits_argmax(t, row)];
    double sum = 0.0, dot = 0.0;
    if (t->n[row] < 2)
        return 0.0;
    for (uint16_t i = 0; i < t->n[row]; i++) {
        const double d = (double)value[i] - max, e = exp(d);
        sum += e;
        dot += e * d;
    }
    return fmin(fmax((log(sum) - dot / sum) / log((double)t->n[row]), 0.0), 1.0);
}

double cs_logits_mean_entropy(const cs_logits *t)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t r = 0; r < t->rows; r++)
        if (t->n[r] > 1) {
            sum += cs_logits_entropy(t, r);
            n++;
        }
    return n ? sum / (double)n : 0.0;
}

/* ---- checkpoints ---- */

cs_status cs_logits_save(const cs_logits *t, cs_sink *sink)
{
    const uint64_t rows = t->rows;
    CS_TRY(cs_sink_write(sink, &rows, sizeof rows));
    CS_TRY(cs_sink_write(sink, t->n, t->rows * sizeof *t->n));
    CS_TRY(cs_sink_write(sink, t->steps, t->rows * sizeof *t->steps));
    CS_TRY(cs_sink_write(sink, t->value, t->count * sizeof *t->value));
    CS_TRY(cs_sink_write(sink, t->m, t->count * sizeof *t->m));
    return cs_sink_write(sink, t->v, t->count * sizeof *t->v);
}

static cs_status read_floats(cs_source *source, float *x, size_t n)
{
    CS_TRY(cs_source_read(source, x, n * sizeof *x));
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return CS_EFORMAT;
    return CS_OK;
}

static cs_status read_table(cs_logits *t, cs_source *source)
{
    CS_TRY(cs_source_read(source, t->steps, t->rows * sizeof *t->steps));
    CS_TRY(read_floats(source, t->value, t->count));
    CS_TRY(read_floats(source, t->m, t->count));
    return read_floats(source, t->v, t->count);
}

static cs_status read_shape(const cs_logits *t, cs_source *source)
{
    uint64_t rows;
    uint16_t n;
    CS_TRY(cs_source_read(source, &rows, sizeof rows));
    if (rows != t->rows)
        return CS_EFORMAT;
    for (size_t r = 0; r < t->rows; r++) {
        CS_TRY(cs_source_read(source, &n, sizeof n));
        if (n != t->n[r])
            return CS_EFORMAT;
    }
    return CS_OK;
}

cs_status cs_logits_load(cs_logits *t, cs_source *source)
{
    cs_logits *read;
    CS_TRY(read_shape(t, source));
    CS_TRY(cs_logits_new(t->n, t->rows, 0.0f, &read));
    const cs_status status = read_table(read, source);
    if (status == CS_OK) {
        const cs_logits old = *t;
        *t = *read;
        *read = old;
    }
    cs_logits_free(read);
    return status;
}
