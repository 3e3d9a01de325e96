/* cosearch doctor: is this machine fit for a comparison, and what to do if not. */
#include "cmd/doctor.h"
#include "cmd/pin_blas.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_find(doctor *d, doctor_state state, const char *mend, const char *fmt, ...)
{
    static const char *const word[] = {"ok", "warn", "FAIL"};
    static const char *const color[] = {"\033[32m", "\033[33m", "\033[1;31m"};
    const bool paint = cs_args_globals(d->args)->color_out;
    va_list ap;
    printf("%s%-4s%s  %-13s ", paint ? color[state] : "", word[state], paint ? "\033[0m" : "",
           d->check);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fputc('\n', stdout);
    if (mend)
        printf("                    -> %s\n", mend);
    d->count[state]++;
}

static const struct {
    const char *name;
    void (*run)(doctor *);
} checks[] = {{"program", doctor_program},   {"CPU", doctor_cpu},
              {"BLAS kernel", doctor_blas},  {"PAPI", doctor_papi},
              {"governor", doctor_governor}, {"load", doctor_load},
              {"memory", doctor_memory},     {"memory limit", doctor_address_limit},
              {"workers", doctor_workers},   {"disk", doctor_disk},
              {"gnuplot", doctor_gnuplot},   {"data", doctor_data},
              {"profile", doctor_profile}};

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    doctor d = {.args = args, .blas_wanted = "auto"};
    doctor_read_blas(&d);
    CS_TRY(cs_pin_blas(args, d.blas_wanted, err));
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        d.check = checks[i].name;
        checks[i].run(&d);
    }
    printf("%u ok, %u warnings, %u failures\n", d.count[DOCTOR_OK], d.count[DOCTOR_WARN],
           d.count[DOCTOR_FAIL]);
    if (d.count[DOCTOR_FAIL])
        *exit_code = CS_EXIT_ENVIRONMENT;
    return CS_OK;
}

static const cs_option options[] = {
    {"profile", 0, "FILE", "also check this profile and the data set it needs", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_doctor = {
    .name = "doctor",
    .summary = "check this machine: BLAS kernel, PAPI, data, governor, memory, disk, programs",
    .synopsis = "",
    .min_args = 0,
    .max_args = 0,
    .options = options,
    .details = "One line per finding: ok, warn (results hold, times or comfort suffer) or FAIL (a\n"
               "campaign would not run or not be comparable), and how to mend it. Exit code 4 if\n"
               "anything failed.\n",
    .run = run};
