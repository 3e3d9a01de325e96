#include "cmd/pin_blas.h"

#include "cosearch/nn.h"
#include "run/env.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "COSEARCH_BLAS_UNPINNED" /* set by the first start: do it once only */

cs_status cs_pin_blas(const cs_args *args, const char *wanted, cs_error *err)
{
    const char *core = cs_env_blas_core(wanted);
    if (getenv(MARK) || !core)
        return CS_OK;
    if (setenv(MARK, cs_blas_core(), 1) != 0 || setenv("OPENBLAS_CORETYPE", core, 1) != 0 ||
        setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0)
        return cs_fail(err, CS_ENOMEM, "out of memory for the environment");
    fflush(NULL);
    execv("/proc/self/exe", cs_args_globals(args)->argv);
    return cs_fail(err, CS_EIO, "the program could not start itself again: %s", strerror(errno));
}

const char *cs_pin_blas_unpinned(void)
{
    return getenv(MARK);
}
