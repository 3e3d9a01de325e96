/* Commands that compute in this process (eval --acc, doctor) and not in a worker need the BLAS
 * kernel and thread count a worker would have. OpenBLAS reads both before main(), so the program
 * starts itself again with them set. */
#ifndef CS_PIN_BLAS_H
#define CS_PIN_BLAS_H

#include "cli.h"

/* `wanted` as in a profile: "auto" or a kernel name. Does nothing if the kernel is pinned already,
 * or nothing is known that suits the CPU; otherwise does not return, or CS_EIO. */
cs_status cs_pin_blas(const cs_args *args, const char *wanted, cs_error *err);

/* Kernel the library chose by itself before the restart, or NULL. */
const char *cs_pin_blas_unpinned(void);

#endif
