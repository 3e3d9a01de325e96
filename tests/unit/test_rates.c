/* Advice on jobs and threads: the words follow the figures, and the figures are measured. */
#include "run/rates.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static void says(cs_rates rates, const char *words)
{
    char text[320];
    cs_rates_text(&rates, text, sizeof text);
    cr_assert(strstr(text, words), "'%s' lacks '%s'", text, words);
}

Test(rates, verdict)
{
    says((cs_rates){2, 1e10, 2e10, 1.6e10, 1.25}, "--jobs 2 with threads = 1 is faster by 25 %");
    says((cs_rates){4, 1e10, 1e10, 3e10, 1.0 / 3.0},
         "--jobs 1 with threads = 4 is faster by 200 %");
    says((cs_rates){2, 1e10, 2e10, 2.02e10, 0.99}, "no difference");
    says((cs_rates){1, 1e10, 1e10, 1e10, 1.0}, "one CPU");
}

Test(rates, measured, .timeout = 90)
{
    cs_net net;
    cs_rates r;
    cs_error err = {""};
    cr_assert_eq(cs_rates_net("fbnet:micro", "fpga-chunk", 10, &net, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_rates_measure(&net, 4, "portable", 0.02, &r, &err), CS_OK, "%s", err.text);
    cr_assert(r.cpus >= 1 && r.alone > 1e6 && r.apart > 1e6 && r.together > 1e6);
    cr_assert_lt(r.alone, 1e13);
    cr_assert(r.gain > 0.0 && isfinite(r.gain), "%g", r.gain);
}

Test(rates, wrong_names_are_refused)
{
    cs_net net;
    cs_rates r;
    cs_error err = {""};
    cr_assert_eq(cs_rates_net("fbnet:mikro", "fpga-chunk", 10, &net, &err), CS_EUSAGE);
    cr_assert_eq(cs_rates_net("fbnet:micro", "fpga-chunk", 10, &net, &err), CS_OK);
    cr_assert_eq(cs_rates_measure(&net, 4, "sse9", 0.02, &r, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "sse9"), "%s", err.text);
}
