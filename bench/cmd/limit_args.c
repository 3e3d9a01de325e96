#include "cmd/limit_args.h"

#include "cli.h"
#include "core/text.h"
#include "run/profile.h"

#include <stdio.h>
#include <string.h>

cs_status cs_limits_parse(const char *text, cs_limits *out, cs_error *err)
{
    const char *names[CS_PROFILE_LIMITS + 1] = {0};
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++)
        names[i] = cs_limit_name(i);
    while (text && *text) {
        char key[32], value[32];
        const size_t n = strcspn(text, ",");
        const char *equals = memchr(text, '=', n);
        if (!equals || (size_t)(equals - text) >= sizeof key ||
            n - (size_t)(equals - text) > sizeof value)
            return cs_fail(err, CS_EUSAGE, "option --limits: expected NAME=VALUE, found '%.*s'",
                           (int)n, text);
        snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
        snprintf(value, sizeof value, "%.*s", (int)(n - (size_t)(equals - text) - 1), equals + 1);
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return cs_fail_unknown(err, "limit", key, names, "cosearch eval --help");
        double number;
        if (!cs_text_double(value, &number) || number < 0.0)
            return cs_fail(err, CS_EUSAGE, "option --limits: %s: expected a number, found '%s'",
                           key, value);
        *cs_limit_at(out, i) = number;
        text += n + (text[n] == ',');
    }
    return CS_OK;
}
