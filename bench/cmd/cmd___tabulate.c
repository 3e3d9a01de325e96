/* cosearch __tabulate: a share of the trainings of a table; started by `tabulate`, never by hand.
 */
#include "cli.h"
#include "core/text.h"
#include "run/tabulate.h"

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    uint64_t k, n;
    (void)exit_code;
    if (!cs_text_u64(cs_args_at(args, 1), &k) || !cs_text_u64(cs_args_at(args, 2), &n) || k >= n)
        return cs_fail(err, CS_EUSAGE, "expected DIR K N with K < N");
    return cs_tabulate_worker(cs_args_at(args, 0), k, n, err);
}

const cs_command cs_command___tabulate = {.name = "__tabulate",
                                          .hidden = true,
                                          .summary = "internal: trainings of a table",
                                          .synopsis = "DIR K N",
                                          .min_args = 3,
                                          .max_args = 3,
                                          .run = run};
