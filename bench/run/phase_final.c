/* The final phase: the answer is trained from scratch on all training images and tested. */
#include "run/worker.h"

#include "core/hash.h"
#include "run/clock.h"
#include "run/memory.h"
#include "run/protocol.h"
#include "run/train_source.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct final_phase {
    cs_worker *worker;
    cs_row *row; /* [n] of final.csv */
    size_t n;
    double origin_s;
} final_phase;

static cs_status tick(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)context, (void)epoch, (void)step, (void)loss;
    return cs_worker_terminated() ? CS_STOP : CS_OK;
}

static cs_status parse(const cs_worker *w, const char *text, cs_net *net, uint64_t *hash,
                       cs_error *err)
{
    cs_design design;
    CS_TRY(cs_design_parse(w->space, text, &design, err));
    *hash = cs_design_hash(w->space, &design);
    if (cs_space_network(w->space, &design, net) != CS_OK)
        return cs_fail(err, CS_EOUTSIDE, "the answer has no network in space %s", w->profile.space);
    return CS_OK;
}

/* One training of one design; adds a row. retrain < 0: a re-evaluation on search-val. */
static cs_status train_one(final_phase *f, const char *text, int retrain, double *acc,
                           cs_error *err)
{
    cs_worker *w = f->worker;
    cs_net net;
    uint64_t hash, rss, peak;
    char hex[17];
    CS_TRY(parse(w, text, &net, &hash, err));
    const uint64_t root = cs_job_root(&w->job, &w->profile, CS_ROOT_RETRAIN);
    const cs_training *training = &w->profile.final;
    for (int fidelity = CS_FID_COUNT - 1; retrain < 0 && training == &w->profile.final; fidelity--)
        if (w->profile.fidelity[fidelity].on)
            training = &w->profile.fidelity[fidelity]; /* the dearest one priced */
    const uint64_t before = cs_engine_macs(w->engine);
    const double begin = cs_clock_s();
    const cs_data_split measure = retrain < 0 ? CS_SPLIT_SEARCH_VAL : CS_SPLIT_TEST;
    const cs_status status = cs_train_and_measure(
        w->engine, w->dataset, &net, training, retrain < 0 ? CS_SPLIT_SEARCH_TRAIN : CS_SPLIT_TRAIN,
        &measure, 1,
        retrain < 0 ? cs_rng_derive(root, "reeval") : cs_rng_derive_index(root, (uint64_t)retrain),
        tick, NULL, acc, err);
    if (status == CS_STOP)
        return cs_fail(err, CS_EIO, "the final phase was terminated");
    if (status != CS_OK)
        return status;
    cs_row *row = &f->row[f->n];
    if (cs_row_new(&cs_schema_final, row) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    f->n++;
    cs_hash_hex(hash, hex);
    cs_row_count(row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(row, "run_id", w->job.run_id);
    cs_row_text(row, "candidate", hex);
    if (retrain >= 0)
        cs_row_count(row, "retrain", (uint64_t)retrain);
    cs_row_number(row, retrain < 0 ? "acc_val" : "acc_test", *acc);
    cs_row_count(row, "mac", cs_engine_macs(w->engine) - before);
    cs_row_number(row, "wall_s", cs_clock_s() - begin);
    if (cs_memory_read(&rss, &peak))
        cs_row_count(row, "mem_peak_kib", peak);
    printf("%10.3f %s %d of %s: %.4f\n", cs_clock_s() - f->origin_s,
           retrain < 0 ? "re-evaluation" : "retraining", retrain, hex, *acc);
    return CS_OK;
}

/* The answer: the first candidate, or with rule reeval the one that does best again. */
static cs_status choose(final_phase *f, const cs_candidate *list, size_t n, size_t *best,
                        cs_error *err)
{
    double best_acc = -1.0;
    *best = 0;
    if (f->worker->profile.select != CS_SELECT_REEVAL)
        return CS_OK;
    for (size_t i = 0; i < n; i++) {
        double acc;
        CS_TRY(train_one(f, list[i].text, -1, &acc, err));
        if (acc > best_acc) {
            best_acc = acc;
            *best = i;
        }
    }
    return CS_OK;
}

static cs_status retrain(final_phase *f, cs_error *err)
{
    cs_worker *w = f->worker;
    cs_candidate *list;
    size_t n, best = 0;
    char path[CS_PATH_MAX];
    double acc;
    CS_TRY(cs_store_path(&w->store, w->job.run_id, "candidates.txt", path, err));
    CS_TRY(cs_candidates_read(path, &list, &n, err));
    if (n == 0)
        return cs_fail(err, CS_EFORMAT, "%s has no design to retrain", path);
    f->row = calloc(n + w->profile.retrains, sizeof *f->row);
    cs_status status =
        f->row ? choose(f, list, n, &best, err) : cs_fail(err, CS_ENOMEM, "out of memory");
    for (uint64_t r = 0; status == CS_OK && r < w->profile.retrains; r++) {
        cs_event_send("meter 0 0 0 0 %.4f nan", 1.0 - (double)r / (double)w->profile.retrains);
        status = train_one(f, list[best].text, (int)r, &acc, err);
    }
    if (status == CS_OK)
        status = cs_store_path(&w->store, w->job.run_id, "design.txt", path, err);
    if (status == CS_OK && best > 0) {
        char line[CS_DESIGN_TEXT_MAX + 1];
        const int length = snprintf(line, sizeof line, "%s\n", list[best].text);
        status = cs_file_write(path, line, (size_t)length, err);
    }
    if (status == CS_OK)
        status = cs_store_write(&w->store, w->job.run_id, "final.csv", f->row, f->n, err);
    for (size_t i = 0; i < f->n; i++)
        cs_row_free(&f->row[i]);
    free(f->row);
    free(list);
    return status;
}

cs_status cs_phase_final(cs_worker *worker, cs_error *err)
{
    final_phase f = {.worker = worker, .origin_s = cs_clock_s()};
    cs_memory_reset_peak();
    cs_pulse_start(f.origin_s);
    const cs_status status = retrain(&f, err);
    cs_pulse_stop();
    return status;
}
