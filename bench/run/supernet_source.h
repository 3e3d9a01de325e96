/* Accuracy source "supernet": one weight-sharing network per run, trained by the harness with
 * uniformly drawn single paths for a share of the MAC budget, after a warm-up in which ever fewer
 * other operators run beside the drawn ones (path dropout, Bender et al. 2018); an evaluation is
 * the validation accuracy of the design's path with batch-norm statistics made anew for it (Guo et
 * al. 2020). */
#ifndef CS_BENCH_SUPERNET_SOURCE_H
#define CS_BENCH_SUPERNET_SOURCE_H

#include "datasets/dataset_access.h"
#include "run/profile.h"
#include "run/task_config.h"

typedef struct cs_supernet_source cs_supernet_source;

/* mac_limit: MAC budget of the search, of which plan->share is trained for. eval_root: of the
 * weights, batches and paths. Everything but `plan` (copied) is borrowed. */
cs_status cs_supernet_source_new(cs_engine *engine, const cs_dataset *dataset,
                                 const cs_space *space, const cs_supernet_plan *plan,
                                 double mac_limit, uint64_t eval_root, cs_supernet_source **out,
                                 cs_error *err);
void cs_supernet_source_free(cs_supernet_source *source); /* NULL is fine */

/* The vtable. Prices fidelity proxy; prepare trains. */
cs_accuracy_source cs_supernet_source_view(cs_supernet_source *source);

/* Training steps in all. */
uint64_t cs_supernet_source_steps(const cs_supernet_source *source);

#endif
