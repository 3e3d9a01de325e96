/* Names to tables, with a sentence that helps when a name is unknown. */
#ifndef CS_REGISTRY_H
#define CS_REGISTRY_H

#include "cosearch/method.h"
#include "cosearch/space.h"

/* Each returns CS_EUSAGE with what was found, the nearest known name and the command that lists
 * them all. */
cs_status cs_method_named(const char *name, const cs_method **out, cs_error *err);
cs_status cs_hw_model_named(const char *name, const cs_hw_model **out, cs_error *err);
cs_status cs_net_space_named(const char *name, const cs_net_space **out, cs_error *err);
/* Place of a method in the registry, past the last for an unknown one: rows of tables, colours of
 * figures and keys follow it. */
size_t cs_method_rank(const char *name);
/* Declared parameter of a method; the sentence names the method's parameters. */
cs_status cs_param_named(const cs_method *method, const char *name, const cs_param **out,
                         cs_error *err);

/* Folder of the data sets: $COSEARCH_DATA, or "data". */
const char *cs_data_dir(void);

#endif
