/* Findings of `cosearch doctor`. */
#ifndef CS_DOCTOR_H
#define CS_DOCTOR_H

#include "cli.h"

typedef enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL } doctor_state;

typedef struct doctor {
    const cs_args *args;
    char blas_wanted[32]; /* of the profile, or "auto" */
    const char *check;    /* name of the check under way                  */
    unsigned count[3];    /* findings by state                            */
} doctor;

/* Prints one finding. `mend` says what to do about it; NULL if ok. */
void doctor_find(doctor *d, doctor_state state, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Takes blas_wanted from the profile of --profile, if there is one that can be read. */
void doctor_read_blas(doctor *d);

/* The checks: machine, libraries and programs, data and profile. */
void doctor_cpu(doctor *d);
void doctor_governor(doctor *d);
void doctor_load(doctor *d);
void doctor_memory(doctor *d);
void doctor_address_limit(doctor *d);
void doctor_workers(doctor *d); /* after doctor_blas */
void doctor_disk(doctor *d);
void doctor_program(doctor *d);
void doctor_blas(doctor *d);
void doctor_papi(doctor *d);
void doctor_gnuplot(doctor *d);
void doctor_data(doctor *d);
void doctor_profile(doctor *d);

#endif
