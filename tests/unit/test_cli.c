#include "cli.h"
#include "registry.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>

Test(cli, maps_every_status_to_the_documented_exit_code)
{
    static const struct {
        cs_status status;
        int code;
    } map[] = {{CS_OK, 0},       {CS_DONE, 0},     {CS_STOP, 0},    {CS_EUSAGE, 2},
               {CS_EFORMAT, 2},  {CS_EOUTSIDE, 2}, {CS_EMETHOD, 3}, {CS_EINFEASIBLE, 3},
               {CS_ENOMEM, 4},   {CS_EIO, 4},      {CS_EDATA, 4},   {CS_EMISMATCH, 5},
               {CS_ENUMERIC, 70}};
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        cr_assert_eq(cs_exit_code(map[i].status), map[i].code, "%s", cs_status_text(map[i].status));
    cr_assert_eq(cs_exit_code((cs_status)-99), 70);
}

Test(cli, unknown_names_get_a_near_one_only_if_there_is_one)
{
    static const char *const names[] = {"random", "evolution", NULL};
    cs_error err;
    cr_assert_eq(cs_fail_unknown(&err, "method", "evolutoin", names, "cosearch list methods"),
                 CS_EUSAGE);
    cr_assert_str_eq(err.text, "unknown method 'evolutoin' (did you mean 'evolution'?); "
                               "'cosearch list methods' shows all");
    cs_fail_unknown(&err, "method", "xyzzy", names, "cosearch list methods");
    cr_assert_str_eq(err.text, "unknown method 'xyzzy'; 'cosearch list methods' shows all");
}

/* Names are unique, help is there, and nothing takes the place of --help. */
Test(cli, option_tables_are_sound)
{
    for (size_t i = 0; cs_commands[i]; i++) {
        const cs_command *c = cs_commands[i];
        cr_assert(c->name && c->summary && c->synopsis && c->run, "command %zu", i);
        cr_assert_neq(c->summary[strlen(c->summary) - 1], '.', "%s", c->name);
        for (size_t j = i + 1; cs_commands[j]; j++)
            cr_assert_str_neq(c->name, cs_commands[j]->name);
        for (const cs_option *o = c->options; o && o->name; o++) {
            cr_assert_not_null(o->help, "%s --%s", c->name, o->name);
            cr_assert_str_neq(o->name, "help");
            cr_assert_neq(o->letter, 'h');
            cr_assert(!o->choices || o->value, "%s --%s: choices need a value", c->name, o->name);
            for (const cs_option *p = o + 1; p->name; p++) {
                cr_assert_str_neq(o->name, p->name, "%s", c->name);
                cr_assert(!o->letter || o->letter != p->letter, "%s -%c", c->name, o->letter);
            }
        }
    }
}

static int run_line(const char *a, const char *b, const char *c)
{
    char words[3][64];
    char *argv[5] = {(char[]){"cosearch"}};
    int argc = 1;
    const char *const given[] = {a, b, c};
    for (int i = 0; i < 3 && given[i]; i++) {
        snprintf(words[i], sizeof words[i], "%s", given[i]);
        argv[argc++] = words[i];
    }
    return cs_cli_main(argc, argv);
}

Test(cli, command_line_can_be_parsed_again_and_again, .init = cr_redirect_stdout)
{
    cr_redirect_stderr();
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(run_line("list", "methods", "--csv"), 0);
        cr_assert_eq(run_line("list", "methods", "--cvs"), 2);
        cr_assert_eq(run_line("--color", "never", "list"), 2);
        cr_assert_eq(run_line("--color", "mauve", "list"), 2);
        cr_assert_eq(run_line("--help", NULL, NULL), 0);
        cr_assert_eq(run_line(NULL, NULL, NULL), 2);
    }
}

Test(cli, methods_are_found_and_ranked)
{
    const cs_method *method;
    const cs_param *param;
    cs_error err;
    cr_assert_not_null(cs_methods[0]);
    for (size_t i = 0; cs_methods[i]; i++) {
        cr_assert_eq(cs_method_rank(cs_methods[i]->name), i);
        cr_assert_eq(cs_method_named(cs_methods[i]->name, &method, NULL), CS_OK);
        cr_assert_eq(method, cs_methods[i]);
        cr_assert_eq(cs_methods[i]->abi, CS_METHOD_ABI);
        for (const cs_param *p = method->params; p && p->name; p++) {
            cr_assert_eq(cs_param_named(method, p->name, &param, NULL), CS_OK);
            cr_assert_eq(param, p);
            cr_assert(p->def >= p->lo && p->def <= p->hi, "%s.%s", method->name, p->name);
            cr_assert(p->source && *p->source, "%s.%s", method->name, p->name);
        }
    }
    cr_assert_eq(cs_method_named("rnadom", &method, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "did you mean 'random'"), "%s", err.text);
}
