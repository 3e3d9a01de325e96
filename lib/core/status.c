#include "cosearch/status.h"

#include <stdarg.h>
#include <stdio.h>

cs_status cs_fail(cs_error *err, cs_status code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

const char *cs_status_text(cs_status code)
{
    switch (code) {
    case CS_OK: return "ok";
    case CS_DONE: return "converged";
    case CS_STOP: return "budget spent";
    case CS_EUSAGE: return "usage error";
    case CS_ENOMEM: return "out of memory";
    case CS_EIO: return "input/output error";
    case CS_EFORMAT: return "malformed text or file";
    case CS_EOUTSIDE: return "design outside the space";
    case CS_ENUMERIC: return "not a finite number";
    case CS_EMETHOD: return "method gave up";
    case CS_EDATA: return "data missing or damaged";
    case CS_EMISMATCH: return "schema or identity mismatch";
    case CS_EINFEASIBLE: return "no design meets the limits";
    }
    return "unknown status";
}
