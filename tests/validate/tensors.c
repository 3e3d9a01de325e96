#include "tensors.h"

#include "run/env.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cs_status parse_shape(const char *text, tensor *t)
{
    t->n = 1;
    for (t->n_dims = 0; t->n_dims < TENSOR_DIMS_MAX;) {
        char *end;
        const long d = strtol(text, &end, 10);
        if (end == text || d < 1 || d > 1 << 20)
            return CS_EFORMAT;
        t->dim[t->n_dims++] = (int)d;
        t->n *= (size_t)d;
        if (*end == '\0')
            return CS_OK;
        if (*end != 'x')
            return CS_EFORMAT;
        text = end + 1;
    }
    return CS_EFORMAT;
}

static cs_status parse_values(const char *text, tensor *t)
{
    t->value = malloc(t->n * sizeof *t->value);
    if (!t->value)
        return CS_ENOMEM;
    for (size_t i = 0; i < t->n; i++) {
        char *end;
        t->value[i] = (float)strtod(text, &end);
        if (end == text)
            return CS_EFORMAT;
        text = end;
    }
    return text[strspn(text, " ")] == '\0' ? CS_OK : CS_EFORMAT;
}

static void free_case(tensor_case *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->tensor[i].value);
    c->n = 0;
}

/* Every instruction set of this CPU, or up to the one that COSEARCH_ISA names, is held to the same
 * reference. */
static cs_status check_case(const tensor_case *c, tensor_check check, validate_result *out,
                            cs_error *err)
{
    cs_isa widest;
    cs_status status = cs_env_isa("auto", &widest, err);
    for (int isa = 0; status == CS_OK && isa <= (int)widest; isa++) {
        cs_engine *engine;
        status = cs_engine_new(1, &engine);
        if (status != CS_OK)
            return cs_fail(err, status, "%s: no engine: %s", c->name, cs_status_text(status));
        cs_engine_set_isa(engine, (cs_isa)isa);
        status = check(c, engine, out, err);
        cs_engine_free(engine);
    }
    return status;
}

cs_status tensors_check(const cs_csv *csv, tensor_check check, validate_result *out, cs_error *err)
{
    const int name = cs_csv_column(csv, "case"), which = cs_csv_column(csv, "tensor");
    const int shape = cs_csv_column(csv, "shape"), values = cs_csv_column(csv, "values");
    if (name < 0 || which < 0 || shape < 0 || values < 0)
        return cs_fail(err, CS_EFORMAT, "header: expected columns case,tensor,shape,values");
    tensor_case c = {.n = 0};
    cs_status status = CS_OK;
    for (size_t r = 0; r < csv->n_rows && status == CS_OK; r++) {
        c.name = cs_csv_cell(csv, r, name);
        if (c.n == TENSORS_MAX) {
            status = cs_fail(err, CS_EFORMAT, "line %zu: more than %d tensors in case %s",
                             csv->line[r], TENSORS_MAX, c.name);
            break;
        }
        tensor *t = &c.tensor[c.n++];
        *t = (tensor){.name = cs_csv_cell(csv, r, which)};
        status = parse_shape(cs_csv_cell(csv, r, shape), t);
        if (status == CS_OK)
            status = parse_values(cs_csv_cell(csv, r, values), t);
        if (status != CS_OK)
            status = cs_fail(err, status, "line %zu: case %s, tensor %s: shape and values disagree",
                             csv->line[r], c.name, t->name);
        else if (r + 1 == csv->n_rows || strcmp(cs_csv_cell(csv, r + 1, name), c.name) != 0) {
            status = check_case(&c, check, out, err);
            free_case(&c);
        }
    }
    free_case(&c);
    return status;
}

const tensor *tensor_find(const tensor_case *c, const char *name, int n_dims, cs_error *err)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->tensor[i].name, name) == 0 && c->tensor[i].n_dims == n_dims)
            return &c->tensor[i];
    cs_fail(err, CS_EFORMAT, "case %s: no tensor %s of %d dimensions", c->name, name, n_dims);
    return NULL;
}

static double norm_of(const tensor *t)
{
    double square = 0.0;
    for (size_t i = 0; i < t->n; i++)
        square += (double)t->value[i] * (double)t->value[i];
    return sqrt(square);
}

/* Largest norm among the tensors whose names begin alike up to the first dot: "grad.". */
static double scale_of(const tensor_case *c, const tensor *reference)
{
    const char *dot = strchr(reference->name, '.');
    double scale = 0.0;
    for (size_t i = 0; dot && i < c->n; i++)
        if (strncmp(c->tensor[i].name, reference->name, (size_t)(dot - reference->name) + 1) == 0)
            scale = fmax(scale, norm_of(&c->tensor[i]));
    return scale;
}

/* A gradient that is zero by mathematics (a bias in front of a batch norm) is double precision's
 * rounding noise in the reference, and has no norm that a relative error could be taken of: ours
 * has to be float32's rounding noise beside the other gradients of the case. */
void tensor_compare(const tensor_case *c, const cs_engine *engine, const tensor *reference,
                    const float *ours, validate_result *out)
{
    double miss = 0.0, norm = norm_of(reference), limit = TENSOR_TOLERANCE;
    for (size_t i = 0; i < reference->n; i++) {
        const double d = (double)ours[i] - (double)reference->value[i];
        miss += d * d;
    }
    const double scale = scale_of(c, reference);
    if (norm < 1e-13 * scale) {
        norm = scale;
        limit = 1e-6;
    }
    const double error = norm > 0.0 ? sqrt(miss) / norm : sqrt(miss);
    validate_count(out, error <= limit, error, "%s %s (%s): relative error %.3g", c->name,
                   reference->name, cs_isa_text(cs_engine_isa(engine)), error);
}

double tensor_case_number(const char *name, const char *key)
{
    const size_t n = strlen(key);
    for (const char *part = name; part; part = strchr(part, '_')) {
        part += *part == '_';
        char *end;
        if (strncmp(part, key, n) == 0) {
            const double value = strtod(part + n, &end);
            if (end != part + n && (*end == '_' || *end == '\0'))
                return value;
        }
    }
    return -1.0;
}
