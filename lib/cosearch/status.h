/* Status codes and error text.
 *
 * Every fallible function returns a cs_status: negative is an error, zero is fine, positive is a
 * reason to stop that is not an error. Results go through out-parameters, which are written only
 * on success. Nothing below main() prints or ends the process. */
#ifndef CS_STATUS_H
#define CS_STATUS_H

typedef enum cs_status {
    CS_OK = 0,
    CS_DONE = 1,         /* method: converged, do not call step() again */
    CS_STOP = 2,         /* harness: a budget is spent; sticky */
    CS_EUSAGE = -1,      /* contract broken, unknown name, value out of range */
    CS_ENOMEM = -2,      /* out of memory */
    CS_EIO = -3,         /* a file could not be read or written */
    CS_EFORMAT = -4,     /* malformed text or file */
    CS_EOUTSIDE = -5,    /* design is not in the space */
    CS_ENUMERIC = -6,    /* NaN or Inf where a finite number was required */
    CS_EMETHOD = -7,     /* method gave up for its own reason */
    CS_EDATA = -8,       /* a data set or library is missing or damaged (exit code 4) */
    CS_EMISMATCH = -9,   /* schema or identity differs, not comparable (exit code 5) */
    CS_EINFEASIBLE = -10 /* no design can meet the limits */
} cs_status;

#define CS_TRY(expr)                                                                               \
    do {                                                                                           \
        cs_status cs_s_ = (expr);                                                                  \
        if (cs_s_ != CS_OK)                                                                        \
            return cs_s_;                                                                          \
    } while (0)

/* Where a function puts its one clear sentence: what, where, expected, found, how to mend it.
 * The caller owns it; NULL is accepted everywhere and drops the text. */
typedef struct cs_error {
    char text[1024];
} cs_error;

/* Formats text into err (if not NULL) and returns code, so that `return cs_fail(...)` reads well.
 * Overlong text is cut. */
cs_status cs_fail(cs_error *err, cs_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Constant lower-case text of a code, such as "malformed file"; never NULL. */
const char *cs_status_text(cs_status code);

#endif
