/* The command line: commands and their options are const tables; parsing, help text, "did you
 * mean" and exit codes come from here, so a command is one file in bench/cmd and one line in
 * bench/commands.def.
 *
 * Machine output goes to stdout, talk to stderr. A command never ends the process: it returns a
 * status and leaves its sentence in `err`; main() prints it and maps the status to an exit code. */
#ifndef CS_CLI_H
#define CS_CLI_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_VERSION "0.1.0"

/* Exit codes of the program. */
enum {
    CS_EXIT_OK = 0,
    CS_EXIT_VIOLATED = 1,     /* a comparison found a regression, a check a broken rule   */
    CS_EXIT_USAGE = 2,        /* command line, profile or design text is wrong            */
    CS_EXIT_INCOMPLETE = 3,   /* some runs failed or are missing; nothing feasible        */
    CS_EXIT_ENVIRONMENT = 4,  /* data, library, disk or memory is missing                 */
    CS_EXIT_MISMATCH = 5,     /* schema or identity differs: not comparable               */
    CS_EXIT_INCONCLUSIVE = 6, /* only with --strict                                       */
    CS_EXIT_INTERNAL = 70,
    CS_EXIT_SKIP = 125, /* `git bisect run` shall skip this revision                */
    CS_EXIT_INTERRUPTED = 130,
    CS_EXIT_TERMINATED = 143
};

/* The one place that maps a status to an exit code; zero and positive statuses give 0. */
int cs_exit_code(cs_status status);

/* One option. Every command also has --help. */
typedef struct cs_option {
    const char *name;           /* long name without dashes                               */
    char letter;                /* short form or 0                                        */
    const char *value;          /* name of its value in the help text; NULL: a flag       */
    const char *help;           /* one line; state unit and default                       */
    const char *const *choices; /* NULL, or the allowed values, NULL-ended; checked here   */
} cs_option;

typedef struct cs_args cs_args;

typedef struct cs_command {
    const char *name;
    bool hidden;              /* internal: not in the overview                            */
    const char *summary;      /* one line, lower case, no full stop                       */
    const char *synopsis;     /* positional arguments: "PROFILE", "[FIGURE...]", ""       */
    int min_args, max_args;   /* how many; max_args -1: any number                        */
    const cs_option *options; /* ends with name == NULL; NULL: none                       */
    const char *details;      /* further help text, whole lines; may be NULL              */
    /* `*exit_code` is CS_EXIT_OK on entry and may be changed for outcomes that are no error
     * (a failed run: CS_EXIT_INCOMPLETE); it counts only if the status is CS_OK. */
    cs_status (*run)(const cs_args *args, int *exit_code, cs_error *err);
} cs_command;

extern const cs_command *const cs_commands[]; /* commands.def; ends with NULL */

/* What stands before the command. */
typedef struct cs_globals {
    char *const *argv;         /* the whole command line, NULL-ended */
    const char *results;       /* --results, default "results"                                  */
    int verbosity;             /* -1 quiet, 0, 1 or more verbose                                 */
    bool color_out, color_err; /* may escape sequences be written to stdout, stderr        */
} cs_globals;

const cs_globals *cs_args_globals(const cs_args *args);
size_t cs_args_count(const cs_args *args);             /* positional arguments          */
const char *cs_args_at(const cs_args *args, size_t i); /* NULL past the end             */
/* Value of an option, the last one given; "" for a flag; NULL if absent. Asking for an option
 * that the command does not declare is a programmer error (assertion). */
const char *cs_args_get(const cs_args *args, const char *option);
bool cs_args_has(const cs_args *args, const char *option);
/* All values of a repeatable option in order: start with *position = 0, NULL at the end. */
const char *cs_args_each(const cs_args *args, const char *option, size_t *position);
/* Whole number lo..hi; *out is left alone if the option is absent. CS_EUSAGE otherwise. */
cs_status cs_args_u64(const cs_args *args, const char *option, uint64_t lo, uint64_t hi,
                      uint64_t *out, cs_error *err);

/* "unknown KIND 'WORD' (did you mean 'NEAREST'?); 'LIST' shows what there is". `names` ends with
 * NULL. Returns CS_EUSAGE. */
cs_status cs_fail_unknown(cs_error *err, const char *kind, const char *word,
                          const char *const *names, const char *list);

/* Parses and runs the whole command line; prints help and error text; returns the exit code. */
int cs_cli_main(int argc, char **argv);

#endif
