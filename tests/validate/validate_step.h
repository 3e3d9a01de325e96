#ifndef CS_VALIDATE_STEP_H
#define CS_VALIDATE_STEP_H

#include "tensors.h"

/* One SGD step of a small network whose case name lists its blocks: e3k3_e6k5s2. */
cs_status validate_step_case(const tensor_case *c, cs_engine *engine, validate_result *out,
                             cs_error *err);

#endif
