/* The training side of `tabulate`. */
#include "core/hash.h"
#include "registry.h"
#include "run/env.h"
#include "run/job.h"
#include "run/protocol.h"
#include "run/tabulate.h"
#include "run/task_state.h"
#include "run/train_source.h"
#include "run/worker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cs_table_trainer {
    cs_profile profile;
    cs_dataset *dataset;
    cs_engine *engine;
    cs_space *space;
    cs_train_source source; /* for the list prices */
};

static cs_status open_parts(cs_table_trainer *t, cs_error *err)
{
    const cs_profile *p = &t->profile;
    const cs_job job = {.seed = 0, .varied = p->varied};
    CS_TRY(cs_dataset_open(p->dataset, cs_data_dir(), cs_job_root(&job, p, CS_ROOT_SPLIT),
                           p->val_fraction, true, &t->dataset, err));
    const cs_dataset_info *info = cs_dataset_info_get(t->dataset);
    CS_TRY(cs_space_new(p->space, p->hw, info->classes, &t->space, err));
    CS_TRY(cs_env_engine(p->isa, (int)p->threads, &t->engine, err));
    t->source = (cs_train_source){.engine = t->engine, .dataset = t->dataset};
    memcpy(t->source.training, p->fidelity, sizeof t->source.training);
    return CS_OK;
}

cs_status cs_table_trainer_new(const cs_profile *profile, cs_table_trainer **out, cs_error *err)
{
    cs_table_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return cs_fail(err, CS_ENOMEM, "out of memory for a training");
    t->profile = *profile;
    const cs_status status = open_parts(t, err);
    if (status == CS_OK)
        *out = t;
    else
        cs_table_trainer_free(t);
    return status;
}

void cs_table_trainer_free(cs_table_trainer *t)
{
    if (!t)
        return;
    cs_space_free(t->space);
    cs_engine_free(t->engine);
    cs_dataset_close(t->dataset);
    free(t);
}

/* Stops between steps when the worker is told to end. */
static cs_status tick(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)context, (void)epoch, (void)step, (void)loss;
    return cs_worker_terminated() ? CS_STOP : CS_OK;
}

static cs_status find_network(const cs_table_trainer *t, const char *network, cs_net *net,
                              cs_error *err)
{
    char text[CS_TABLE_NETWORK_TEXT + 160];
    cs_design design;
    snprintf(text, sizeof text, "%s|%s|%s|", t->profile.space, t->profile.hw, network);
    CS_TRY(cs_design_parse_network(t->space, text, &design, err));
    return cs_space_network(t->space, &design, net);
}

static void describe(const cs_table_trainer *t, const char *network, const cs_net *net,
                     uint64_t seed, cs_row *row)
{
    char hex[17], recipe[64];
    const cs_accuracy_source view = cs_train_source_view((cs_train_source *)&t->source);
    cs_hash_hex(cs_net_hash(net), hex);
    cs_table_recipe_id(&t->profile, recipe);
    cs_row_count(row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(row, "network", network);
    cs_row_text(row, "net_hash", hex);
    cs_row_count(row, "seed", seed);
    cs_row_count(row, "net_mac", cs_net_macs(net));
    cs_row_count(row, "net_params", cs_net_params(net));
    cs_row_count(row, "train_mac", (uint64_t)view.price(view.context, net, CS_FID_FULL));
    if (t->profile.fidelity[CS_FID_SHORT].on)
        cs_row_count(row, "short_mac", (uint64_t)view.price(view.context, net, CS_FID_SHORT));
    cs_row_text(row, "space", t->profile.space);
    cs_row_text(row, "recipe_id", recipe);
    cs_row_text(row, "dataset_id", cs_dataset_info_get(t->dataset)->id);
    cs_row_count(row, "engine", CS_ENGINE_VERSION);
}

cs_status cs_table_train(cs_table_trainer *t, const char *network, uint64_t seed, cs_row *row,
                         cs_error *err)
{
    static const cs_data_split measure[] = {CS_SPLIT_SEARCH_VAL, CS_SPLIT_TEST};
    const cs_training *full = &t->profile.fidelity[CS_FID_FULL],
                      *brief = &t->profile.fidelity[CS_FID_SHORT];
    cs_net net;
    double acc[2], acc_short;
    CS_TRY(find_network(t, network, &net, err));
    const uint64_t root = cs_table_root(&t->profile, cs_net_hash(&net), seed);
    CS_TRY(cs_train_and_measure(t->engine, t->dataset, &net, full, CS_SPLIT_SEARCH_TRAIN, measure,
                                2, root, tick, NULL, acc, err));
    describe(t, network, &net, seed, row);
    cs_row_number(row, "acc_val", acc[0]);
    cs_row_number(row, "acc_test", acc[1]);
    if (!brief->on)
        return CS_OK;
    CS_TRY(cs_train_and_measure(t->engine, t->dataset, &net, brief, CS_SPLIT_SEARCH_TRAIN, measure,
                                1, cs_rng_derive(root, "short"), tick, NULL, &acc_short, err));
    cs_row_number(row, "acc_short", acc_short);
    return CS_OK;
}

/* One line of todo.txt, "SEED NETWORK": trained and appended to rows.csv. */
static cs_status do_line(cs_table_trainer *t, char *line, const char *rows, cs_error *err)
{
    char *network;
    const uint64_t seed = strtoull(line, &network, 10);
    cs_text header = {0}, text = {0};
    cs_row row;
    if (*network++ != ' ')
        return cs_fail(err, CS_EFORMAT, "todo.txt: expected SEED NETWORK, found '%s'", line);
    if (cs_row_new(&cs_schema_table, &row) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory for a row");
    cs_status status = cs_table_train(t, network, seed, &row, err);
    cs_schema_header(&cs_schema_table, &header);
    if (status == CS_OK)
        status = cs_row_line(&row, &text);
    if (status == CS_OK)
        status = header.failed ? CS_ENOMEM : cs_file_append(rows, header.data, &text, err);
    cs_text_free(&header);
    cs_text_free(&text);
    cs_row_free(&row);
    return status;
}

static cs_status work(cs_table_trainer *t, char *todo, const char *rows, uint64_t k, uint64_t n,
                      cs_error *err)
{
    char *at;
    uint64_t i = 0;
    for (char *line = strtok_r(todo, "\n", &at); line; line = strtok_r(NULL, "\n", &at), i++)
        if (i % n == k)
            CS_TRY(do_line(t, line, rows, err));
    return CS_OK;
}

cs_status cs_tabulate_worker(const char *dir, uint64_t k, uint64_t n, cs_error *err)
{
    char path[CS_PATH_MAX], rows[CS_PATH_MAX], *todo = NULL;
    cs_profile profile;
    cs_table_trainer *trainer = NULL;
    cs_worker_catch_term();
    CS_TRY(cs_path_format(path, err, "%s/profile.ini", dir));
    CS_TRY(cs_profile_read(path, &profile, err));
    CS_TRY(cs_path_format(path, err, "%s/todo.txt", dir));
    CS_TRY(cs_path_format(rows, err, "%s/rows.csv", dir));
    cs_status status = cs_text_read_file(path, &todo, NULL, err);
    if (status == CS_OK)
        status = cs_table_trainer_new(&profile, &trainer, err);
    if (status == CS_OK)
        status = work(trainer, todo, rows, k, n, err);
    cs_table_trainer_free(trainer);
    free(todo);
    if (status < 0 && err)
        cs_event_send("fault %.380s", err->text);
    cs_event_send("end %d", (int)status);
    return status == CS_STOP ? CS_OK : status;
}
