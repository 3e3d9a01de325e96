/* Values that a method records of its inside, thinned so that a long search has a short trace. */
#include "run/task_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define DENSE 256u /* values of a name that are all written */

/* Is the n-th value of a name (from 0) written: all below DENSE, then every 2nd, 4th, ... */
static bool written(uint64_t n)
{
    uint64_t stride = 1;
    while (n >= DENSE * stride)
        stride *= 2;
    return n % stride == 0;
}

static bool is_name(const char *name)
{
    const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._");
    return n >= 1 && n <= CS_OBSERVE_NAME && name[n] == '\0';
}

/* Entry of a name, made if need be; NULL: there is no room for it. Values mostly come in the same
 * order every time, so the entry after the last one is tried first. */
static observed *entry(cs_task *task, const char *name)
{
    for (size_t i = 0; i < task->n_observed; i++) {
        const size_t at = (task->next_observed + i) % task->n_observed;
        if (strcmp(task->observed[at].name, name) == 0) {
            task->next_observed = at + 1;
            return &task->observed[at];
        }
    }
    void *items = task->observed;
    if (task->n_observed == CS_OBSERVE_NAMES ||
        !cs_task_room(&items, &task->cap_observed, task->n_observed, sizeof *task->observed))
        return NULL;
    task->observed = items;
    observed *o = &task->observed[task->n_observed++];
    memset(o, 0, sizeof *o);
    memcpy(o->name, name, strlen(name));
    task->next_observed = task->n_observed;
    return o;
}

void cs_observe(cs_task *task, const char *name, double value)
{
    assert(is_name(name) && "the name of an observed value");
    observed *o = entry(task, name);
    if (!o || !written(o->n++))
        return;
    cs_task_account(task);
    cs_task_emit(task, &(cs_event){.kind = CS_EVENT_OBSERVE,
                                   .fidelity = -1,
                                   .claim_acc = NAN,
                                   .acc_val = NAN,
                                   .name = name,
                                   .value = value});
}
