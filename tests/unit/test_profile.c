#include "run/profile.h"
#include "temp_file.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define HEAD                                                                                       \
    "[profile]\nname = t\nspace = fbnet:micro\nhw = fpga-chunk\ndataset = synth\n"                 \
    "methods = random, hsco\nseeds = 0-2,7\nprimary = mac:1e9\n"
#define TAIL "[fidelity.short]\nepochs = 1\n"

static cs_status read_text(const char *text, cs_profile *out, cs_error *err)
{
    char path[64];
    temp_file(path, text);
    const cs_status status = cs_profile_read(path, out, err);
    remove(path);
    return status;
}

static void refused(const char *text, const char *line, const char *sentence)
{
    cs_profile p;
    cs_error err = {""};
    cr_assert_eq(read_text(text, &p, &err), CS_EUSAGE, "%s", text);
    cr_assert(strstr(err.text, line), "'%s' lacks '%s'", err.text, line);
    cr_assert(strstr(err.text, sentence), "'%s' lacks '%s'", err.text, sentence);
}

Test(profile, reads_values_and_defaults)
{
    cs_profile p;
    cs_error err = {""};
    cr_assert_eq(read_text(HEAD "[limits]\ndsp_max = 450, 220\n" TAIL, &p, &err), CS_OK, "%s",
                 err.text);
    cr_assert_eq(p.n_seeds, 4);
    cr_assert_eq(p.seed[3], 7);
    cr_assert_eq(p.n_methods, 2);
    cr_assert_str_eq(p.method[1], "hsco");
    cr_assert_eq(p.primary, CS_METER_MACS);
    cr_assert_eq(p.primary_limit, 1e9);
    cr_assert(isinf(p.cap[CS_METER_WALL_S]));
    cr_assert_eq(cs_profile_cells(&p), 2);
    cs_limits limits;
    cs_profile_cell(&p, 1, &limits);
    cr_assert_eq(limits.dsp_max, 220.0);
    cr_assert_eq(limits.fps_min, 0.0);
    cr_assert(p.fidelity[CS_FID_SHORT].on);
    cr_assert_not(p.fidelity[CS_FID_FULL].on);
}

Test(profile, cells_are_the_cross_product_dsp_outermost)
{
    cs_profile p;
    cs_limits l;
    cr_assert_eq(read_text(HEAD "[limits]\ndsp_max = 1, 2\nfps_min = 3, 4, 5\n" TAIL, &p, NULL),
                 CS_OK);
    cr_assert_eq(cs_profile_cells(&p), 6);
    cs_profile_cell(&p, 4, &l);
    cr_assert(l.dsp_max == 2.0 && l.fps_min == 4.0);
    cs_profile_cell(&p, 2, &l);
    cr_assert(l.dsp_max == 1.0 && l.fps_min == 5.0);
}

Test(profile, refusals_name_line_and_nearest_key)
{
    refused(HEAD "sede = 3\n" TAIL, ":9:", "did you mean 'seeds'");
    refused(HEAD "[limit]\ndsp_max = 3\n" TAIL, ":10:", "did you mean [limits]");
    refused(HEAD "name = u\n" TAIL, ":9:", "second time");
    refused(HEAD "threads = 0\n" TAIL, ":9:", "whole number from 1");
    refused(HEAD "select = best\n" TAIL, ":9:", "reeval:M");
    refused(HEAD "val_fraction = 1.5\n" TAIL, ":9:", "0.99");
    refused(HEAD "what is this\n" TAIL, ":9:", "neither [section] nor key");
    refused(HEAD "[limits]\ndsp_max = -3\n" TAIL, ":10:", "above 0");
    refused(HEAD, "", "no fidelity is priced");
    refused("[profile]\nname = t\n" TAIL, "", "'space' in [profile] is missing");
}

Test(profile, echo_reads_back_to_the_same_identity)
{
    cs_profile p, q;
    cs_error err = {""};
    cs_text echo = {0};
    cr_assert_eq(read_text(HEAD "[limits]\nfps_min = 30.5\n[caps]\nhw_queries = 1000\nwall_s = 60\n"
                                "[recipe]\nlr = 0.1234567890123\n[method.hsco]\nbeta = 0.25\n" TAIL,
                           &p, &err),
                 CS_OK, "%s", err.text);
    cr_assert_eq(cs_profile_echo(&p, &echo), CS_OK);
    cr_assert_eq(read_text(echo.data, &q, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_profile_hash(&p), cs_profile_hash(&q));
    cr_assert_eq(q.cap[CS_METER_WALL_S], 60.0);
    cr_assert_eq(q.final.recipe.lr, 0.1234567890123);
    cr_assert_eq(q.n_params, 1);
    cr_assert_eq(q.param[0].value, 0.25);
    cs_text values = {0};
    cr_assert_null(cs_profile_difference(&p, &q, &values));
    cs_text_free(&values);
    cs_text_free(&echo);
}

Test(profile, only_fixed_keys_move_the_identity)
{
    cs_profile p;
    cs_error err = {""};
    cr_assert_eq(read_text(HEAD TAIL, &p, NULL), CS_OK);
    const uint64_t hash = cs_profile_hash(&p);
    cr_assert_eq(cs_profile_set(&p, "seeds=0-9", &err), CS_OK);
    cr_assert_eq(cs_profile_set(&p, "jobs=4", &err), CS_OK);
    cr_assert_eq(cs_profile_set(&p, "caps.wall_s=9", &err), CS_OK);
    cr_assert_eq(cs_profile_hash(&p), hash);
    cr_assert_str_eq(p.overridden, "");
    cr_assert_str_eq(p.name, "t");
    cr_assert_eq(cs_profile_set(&p, "fidelity.short.epochs=2", &err), CS_OK);
    cr_assert_neq(cs_profile_hash(&p), hash);
    cr_assert_str_eq(p.overridden, "fidelity.short.epochs");
    cr_assert_str_eq(p.name, "t+custom");
}

Test(profile, set_takes_method_parameters_and_refuses_the_rest)
{
    cs_profile p;
    cs_error err = {""};
    cr_assert_eq(read_text(HEAD TAIL, &p, NULL), CS_OK);
    cr_assert_eq(cs_profile_set(&p, "hsco.beta=0.75", &err), CS_OK);
    cr_assert_eq(p.param[0].value, 0.75);
    cr_assert_str_eq(p.overridden, "hsco.beta");
    cr_assert_eq(cs_profile_set(&p, "hsco.optimizer=rmsprop", &err), CS_OK, "%s", err.text);
    cr_assert_eq(p.param[1].value, 0.0);
    cr_assert_eq(cs_profile_set(&p, "hsco.optimizer=1", &err), CS_OK);
    cr_assert_eq(p.param[1].value, 1.0);
    cr_assert_eq(cs_profile_set(&p, "hsco.optimizer=sgd", &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "none of rmsprop, adam"), "%s", err.text);
    cr_assert_eq(cs_profile_set(&p, "hsco.optimizer=0.5", &err), CS_EUSAGE);
    cr_assert_eq(cs_profile_set(&p, "hsco.beta=much", &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "not a number"), "%s", err.text);
    cr_assert_eq(cs_profile_set(&p, "primry=mac:1", &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "did you mean 'primary'"), "%s", err.text);
    cr_assert_eq(cs_profile_set(&p, "primary", &err), CS_EUSAGE);
    cr_assert_eq(cs_profile_set(&p, "primary=mac:-1", &err), CS_EUSAGE);
    cr_assert_eq(p.primary_limit, 1e9);
}

Test(profile, seeds)
{
    uint64_t seed[8];
    size_t n;
    cr_assert_eq(cs_seeds_parse("3,0-1", seed, 8, &n, NULL), CS_OK);
    cr_assert(n == 3 && seed[0] == 3 && seed[2] == 1);
    const char *const bad[] = {"", "a", "1-", "3-1", "1,1", "0-8", "1;2", "-1", "99999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(cs_seeds_parse(bad[i], seed, 8, &n, NULL), CS_EUSAGE, "%s", bad[i]);
}
