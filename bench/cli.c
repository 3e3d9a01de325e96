#include "cli.h"

#include "core/text.h"
#include "run/env.h"
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CS_COMMAND(c) extern const cs_command cs_command_##c;
#include "commands.def"
#undef CS_COMMAND

const cs_command *const cs_commands[] = {
#define CS_COMMAND(c) &cs_command_##c,
#include "commands.def"
#undef CS_COMMAND
    NULL};

#define OPTIONS_MAX 32 /* options of one command */
#define GIVEN_MAX 256  /* options on one command line */

struct cs_args {
    const cs_globals *globals;
    const cs_option *options;
    size_t n_given;
    struct {
        const char *name, *value;
    } given[GIVEN_MAX];
    int n_rest;
    char **rest; /* positional arguments, borrowed from argv */
};

static const char *const color_choices[] = {"auto", "always", "never", NULL};

static const cs_option global_options[] = {
    {"results", 0, "DIR", "folder of all campaigns (default results)", NULL},
    {"verbose", 'v', NULL, "say more on stderr; may be repeated", NULL},
    {"quiet", 'q', NULL, "say nothing on stderr but errors", NULL},
    {"color", 0, "WHEN", "auto, always or never (default auto)", color_choices},
    {"version", 0, NULL, "print the version and end", NULL},
    {"help", 'h', NULL, "print this text and end", NULL},
    {NULL, 0, NULL, NULL, NULL}};

static const cs_option help_option[] = {{"help", 'h', NULL, "print this text and end", NULL},
                                        {NULL, 0, NULL, NULL, NULL}};

int cs_exit_code(cs_status status)
{
    switch (status) {
    case CS_OK:
    case CS_DONE:
    case CS_STOP: return CS_EXIT_OK;
    case CS_EUSAGE:
    case CS_EFORMAT:
    case CS_EOUTSIDE: return CS_EXIT_USAGE;
    case CS_EMETHOD:
    case CS_EINFEASIBLE: return CS_EXIT_INCOMPLETE;
    case CS_ENOMEM:
    case CS_EIO:
    case CS_EDATA: return CS_EXIT_ENVIRONMENT;
    case CS_EMISMATCH: return CS_EXIT_MISMATCH;
    case CS_ENUMERIC: return CS_EXIT_INTERNAL;
    }
    return CS_EXIT_INTERNAL;
}

cs_status cs_fail_unknown(cs_error *err, const char *kind, const char *word,
                          const char *const *names, const char *list)
{
    const char *near = cs_text_nearest(word, names);
    if (near)
        return cs_fail(err, CS_EUSAGE, "unknown %s '%s' (did you mean '%s'?); '%s' shows all", kind,
                       word, near, list);
    return cs_fail(err, CS_EUSAGE, "unknown %s '%s'; '%s' shows all", kind, word, list);
}

/* --- values of a parsed command line ------------------------------------------------------- */

const cs_globals *cs_args_globals(const cs_args *args)
{
    return args->globals;
}

size_t cs_args_count(const cs_args *args)
{
    return (size_t)args->n_rest;
}

const char *cs_args_at(const cs_args *args, size_t i)
{
    return i < (size_t)args->n_rest ? args->rest[i] : NULL;
}

static bool declared(const cs_option *options, const char *name)
{
    for (const cs_option *o = options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

const char *cs_args_get(const cs_args *args, const char *option)
{
    const char *value = NULL;
    assert(declared(args->options, option));
    for (size_t i = 0; i < args->n_given; i++)
        if (strcmp(args->given[i].name, option) == 0)
            value = args->given[i].value;
    return value;
}

bool cs_args_has(const cs_args *args, const char *option)
{
    return cs_args_get(args, option) != NULL;
}

const char *cs_args_each(const cs_args *args, const char *option, size_t *position)
{
    assert(declared(args->options, option));
    while (*position < args->n_given) {
        const size_t i = (*position)++;
        if (strcmp(args->given[i].name, option) == 0)
            return args->given[i].value;
    }
    return NULL;
}

cs_status cs_args_u64(const cs_args *args, const char *option, uint64_t lo, uint64_t hi,
                      uint64_t *out, cs_error *err)
{
    const char *text = cs_args_get(args, option);
    uint64_t value;
    if (!text)
        return CS_OK;
    if (!cs_text_u64(text, &value) || value < lo || value > hi)
        return cs_fail(err, CS_EUSAGE,
                       "option --%s: expected a whole number from %llu to %llu, found '%s'", option,
                       (unsigned long long)lo, (unsigned long long)hi, text);
    *out = value;
    return CS_OK;
}

/* --- parsing ------------------------------------------------------------------------------- */

/* Option tables of one parse in the form getopt_long wants. */
typedef struct parser {
    const char *where; /* "cosearch" or "cosearch list", for sentences */
    size_t n;
    const cs_option *option[OPTIONS_MAX];
    struct option table[OPTIONS_MAX + 1];
    char letters[3 * OPTIONS_MAX + 3];
} parser;

static void parser_add(parser *p, const cs_option *options)
{
    size_t at = strlen(p->letters);
    for (const cs_option *o = options; o && o->name; o++) {
        assert(p->n < OPTIONS_MAX);
        p->option[p->n] = o;
        p->table[p->n] = (struct option){o->name, o->value ? required_argument : no_argument, NULL,
                                         256 + (int)p->n};
        p->n++;
        if (!o->letter)
            continue;
        p->letters[at++] = o->letter;
        if (o->value)
            p->letters[at++] = ':';
        p->letters[at] = '\0';
    }
}

static const cs_option *parser_find(const parser *p, int code)
{
    for (size_t i = 0; i < p->n; i++)
        if (code == 256 + (int)i || (code > 0 && code == p->option[i]->letter))
            return p->option[i];
    return NULL;
}

/* Is it an option that stands before the command? */
static bool is_global(int letter, const char *name)
{
    for (const cs_option *o = global_options; o->name; o++)
        if ((letter && o->letter == letter) || (name && strcmp(o->name, name) == 0))
            return true;
    return false;
}

static cs_status unknown_option(const parser *p, const char *word, cs_error *err)
{
    const char *names[OPTIONS_MAX + 1] = {0};
    const bool is_letter = optopt > 0 && optopt < 256;
    char bare[64] = "";
    if (!is_letter)
        snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    if (is_global(is_letter ? optopt : 0, is_letter ? NULL : bare))
        return cs_fail(err, CS_EUSAGE,
                       "option '%s' is global: it stands before the command, as in 'cosearch %s "
                       "COMMAND'",
                       word, word);
    if (is_letter)
        return cs_fail(err, CS_EUSAGE, "unknown option '-%c'; '%s --help' shows all", optopt,
                       p->where);
    for (size_t i = 0; i < p->n; i++) {
        names[i] = p->option[i]->name;
        if (strcmp(bare, names[i]) == 0) /* only a flag with a value ends here */
            return cs_fail(err, CS_EUSAGE, "option --%s takes no value, found '%s'", bare, word);
    }
    const char *near = cs_text_nearest(bare, names);
    if (near)
        return cs_fail(err, CS_EUSAGE,
                       "unknown option '--%s' (did you mean '--%s'?); '%s --help' shows all", bare,
                       near, p->where);
    return cs_fail(err, CS_EUSAGE, "unknown option '--%s'; '%s --help' shows all", bare, p->where);
}

static cs_status check_choice(const cs_option *o, const char *value, cs_error *err)
{
    cs_text all = {0};
    for (const char *const *c = o->choices; c && *c; c++) {
        if (strcmp(*c, value) == 0) {
            cs_text_free(&all);
            return CS_OK;
        }
        cs_text_addf(&all, "%s%s", all.len ? ", " : "", *c);
    }
    if (!o->choices)
        return CS_OK;
    const cs_status status =
        cs_fail(err, CS_EUSAGE, "option --%s: expected one of %s, found '%s'", o->name,
                all.failed || !all.data ? "its choices" : all.data, value);
    cs_text_free(&all);
    return status;
}

/* Options of one level; stops at the first positional argument if `stop_early`. */
static cs_status parse_options(parser *p, bool stop_early, int argc, char **argv, cs_args *args,
                               cs_error *err)
{
    char letters[sizeof p->letters + 2];
    snprintf(letters, sizeof letters, "%s:%s", stop_early ? "+" : "", p->letters);
    opterr = 0;
    optind = 0; /* GNU: start afresh */
    for (;;) {
        const int code = getopt_long(argc, argv, letters, p->table, NULL);
        if (code == -1)
            break;
        if (code == '?')
            return unknown_option(p, argv[optind - 1], err);
        if (code == ':') {
            const cs_option *o = parser_find(p, optopt);
            return cs_fail(err, CS_EUSAGE, "option --%s needs a value: --%s %s", o->name, o->name,
                           o->value);
        }
        const cs_option *o = parser_find(p, code);
        if (args->n_given == GIVEN_MAX)
            return cs_fail(err, CS_EUSAGE, "more than %d options on one command line", GIVEN_MAX);
        if (o->value)
            CS_TRY(check_choice(o, optarg, err));
        args->given[args->n_given].name = o->name;
        args->given[args->n_given++].value = o->value ? optarg : "";
    }
    args->n_rest = argc - optind;
    args->rest = argv + optind;
    return CS_OK;
}

/* --- help ---------------------------------------------------------------------------------- */

static int option_width(const cs_option *o)
{
    return (int)(strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0));
}

static void print_options(FILE *out, const cs_option *options, int width)
{
    for (const cs_option *o = options; o && o->name; o++) {
        if (o->letter)
            fprintf(out, "  -%c, ", o->letter);
        else
            fputs("      ", out);
        fprintf(out, "--%s%s%s%*s  %s\n", o->name, o->value ? " " : "", o->value ? o->value : "",
                width - option_width(o), "", o->help);
    }
}

static int widest(const cs_option *options, int width)
{
    for (const cs_option *o = options; o && o->name; o++)
        if (option_width(o) > width)
            width = option_width(o);
    return width;
}

static void print_command_help(FILE *out, const cs_command *c)
{
    const int width = widest(c->options, widest(help_option, 0));
    fprintf(out, "usage: cosearch [GLOBAL OPTIONS] %s%s%s [OPTIONS]\n\n%s\n\noptions:\n", c->name,
            *c->synopsis ? " " : "", c->synopsis, c->summary);
    print_options(out, c->options, width);
    print_options(out, help_option, width);
    if (c->details)
        fprintf(out, "\n%s", c->details);
}

static void print_overview(FILE *out)
{
    int width = 0;
    for (size_t i = 0; cs_commands[i]; i++)
        if ((int)strlen(cs_commands[i]->name) > width)
            width = (int)strlen(cs_commands[i]->name);
    fputs("usage: cosearch [--results DIR] [-v|-q] [--color auto|always|never] COMMAND ...\n\n"
          "Compares methods that search networks, bitwidths and accelerators together.\n\n"
          "commands ('cosearch COMMAND --help' says more):\n",
          out);
    for (size_t i = 0; cs_commands[i]; i++)
        if (!cs_commands[i]->hidden)
            fprintf(out, "  %-*s  %s\n", width, cs_commands[i]->name, cs_commands[i]->summary);
    fputs("\nglobal options:\n", out);
    print_options(out, global_options, widest(global_options, 0));
    fputs("\nexit codes: 0 done; 1 regression or broken rule; 2 usage; 3 runs failed or missing;\n"
          "4 environment or data missing; 5 not comparable; 6 inconclusive; 70 internal;\n"
          "125 cannot judge; 130, 143 interrupted, terminated: run again to resume\n",
          out);
}

static void print_version(FILE *out)
{
    char build[64];
    const char *rev = cs_env_git_rev();
    cs_env_build_id(build, sizeof build);
    fprintf(out, "cosearch %s%s%s%s (%s)\n", CS_VERSION, *rev ? " " : "", rev,
            cs_env_git_dirty() ? "+" : "", build);
}

/* --- main path ----------------------------------------------------------------------------- */

static cs_status find_command(const char *name, const cs_command **out, cs_error *err)
{
    const char *names[OPTIONS_MAX + 1] = {0};
    size_t n = 0;
    for (size_t i = 0; cs_commands[i]; i++) {
        if (strcmp(cs_commands[i]->name, name) == 0) {
            *out = cs_commands[i];
            return CS_OK;
        }
        if (!cs_commands[i]->hidden && n < OPTIONS_MAX)
            names[n++] = cs_commands[i]->name;
    }
    return cs_fail_unknown(err, "command", name, names, "cosearch --help");
}

static bool use_color(const char *when, int descriptor)
{
    if (when && strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */
    return isatty(descriptor) && !(no_color && *no_color);
}

static void read_globals(const cs_args *args, char *const *argv, cs_globals *out)
{
    const char *results = cs_args_get(args, "results"), *color = cs_args_get(args, "color");
    *out = (cs_globals){.argv = argv,
                        .results = results ? results : "results",
                        .color_out = use_color(color, STDOUT_FILENO),
                        .color_err = use_color(color, STDERR_FILENO)};
    size_t at = 0;
    while (cs_args_each(args, "verbose", &at))
        out->verbosity++;
    if (cs_args_has(args, "quiet"))
        out->verbosity = -1;
}

static cs_status run_command(const cs_command *c, const cs_globals *globals, int argc, char **argv,
                             int *exit_code, cs_error *err)
{
    char where[64];
    parser p = {.where = where};
    cs_args args = {.globals = globals, .options = c->options};
    snprintf(where, sizeof where, "cosearch %s", c->name);
    parser_add(&p, c->options);
    parser_add(&p, help_option);
    CS_TRY(parse_options(&p, false, argc, argv, &args, err));
    for (size_t i = 0; i < args.n_given; i++)
        if (strcmp(args.given[i].name, "help") == 0) {
            print_command_help(stdout, c);
            return CS_OK;
        }
    if (args.n_rest < c->min_args)
        return cs_fail(err, CS_EUSAGE, "too few arguments: expected '%s %s'; '%s --help' says more",
                       where, c->synopsis, where);
    if (c->max_args >= 0 && args.n_rest > c->max_args)
        return cs_fail(err, CS_EUSAGE, "unexpected argument '%s': expected '%s%s%s'",
                       args.rest[c->max_args], where, *c->synopsis ? " " : "", c->synopsis);
    return c->run(&args, exit_code, err);
}

static cs_status run_line(int argc, char **argv, int *exit_code, cs_error *err)
{
    parser p = {.where = "cosearch"};
    cs_args args = {.options = global_options};
    cs_globals globals;
    const cs_command *command = NULL;
    parser_add(&p, global_options);
    CS_TRY(parse_options(&p, true, argc, argv, &args, err));
    if (cs_args_has(&args, "help")) {
        print_overview(stdout);
        return CS_OK;
    }
    if (cs_args_has(&args, "version")) {
        print_version(stdout);
        return CS_OK;
    }
    if (args.n_rest == 0) {
        print_overview(stderr);
        return cs_fail(err, CS_EUSAGE, "no command given");
    }
    read_globals(&args, argv, &globals);
    CS_TRY(find_command(args.rest[0], &command, err));
    return run_command(command, &globals, args.n_rest, args.rest, exit_code, err);
}

int cs_cli_main(int argc, char **argv)
{
    cs_error err = {{0}};
    int exit_code = CS_EXIT_OK;
    cs_status status = run_line(argc, argv, &exit_code, &err);
    if (fflush(stdout) != 0 && status >= CS_OK)
        status = cs_fail(&err, CS_EIO, "standard output could not be written: %s", strerror(errno));
    if (status >= CS_OK)
        return exit_code;
    fprintf(stderr, "cosearch: %s\n", *err.text ? err.text : cs_status_text(status));
    return cs_exit_code(status);
}
