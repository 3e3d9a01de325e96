/* Tensors of the validation files: rows case,tensor,shape,values. */
#ifndef CS_VALIDATE_TENSORS_H
#define CS_VALIDATE_TENSORS_H

#include "nn/engine.h"
#include "validate.h"

#define TENSORS_MAX 128
#define TENSOR_DIMS_MAX 4
#define TENSOR_TOLERANCE 1e-4

typedef struct tensor {
    const char *name;
    int dim[TENSOR_DIMS_MAX], n_dims;
    size_t n;
    float *value;
} tensor;

/* All rows of one case. */
typedef struct tensor_case {
    const char *name;
    tensor tensor[TENSORS_MAX];
    size_t n;
} tensor_case;

/* Calls check for every case in order; check counts its comparisons in out. */
typedef cs_status (*tensor_check)(const tensor_case *c, cs_engine *engine, validate_result *out,
                                  cs_error *err);
cs_status tensors_check(const cs_csv *csv, tensor_check check, validate_result *out, cs_error *err);

/* Tensor by name with the given number of dimensions; NULL with a sentence if it is not there. */
const tensor *tensor_find(const tensor_case *c, const char *name, int n_dims, cs_error *err);
/* Counts || ours - reference || <= 1e-4 * || reference ||. */
void tensor_compare(const tensor_case *c, const cs_engine *engine, const tensor *reference,
                    const float *ours, validate_result *out);
/* Number after `key` in a case name whose parts are separated by '_': "k3" -> 3; -1 if absent. */
double tensor_case_number(const char *name, const char *key);

#endif
