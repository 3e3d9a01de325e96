/* cosearch __worker: one phase of one run; started by `run`, never by hand. */
#include "cli.h"
#include "run/worker.h"

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    (void)exit_code;
    return cs_worker_main(cs_args_at(args, 0), cs_args_at(args, 1), err);
}

const cs_command cs_command___worker = {.name = "__worker",
                                        .hidden = true,
                                        .summary = "internal: one phase of one run",
                                        .synopsis = "search|final DIR",
                                        .min_args = 2,
                                        .max_args = 2,
                                        .run = run};
