#include "dna.h"
#include "tests/conform/toy_task.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const cs_method cs_method_dna;

enum { BLOCKS = 3, OPS = 4, NETS = 5 };

/* Networks whose cost on accelerator k is a sum over blocks. */
typedef struct world {
    double edge[NETS][DNA_QUANTITIES], block[NETS][BLOCKS][OPS][DNA_QUANTITIES];
    bool fits[NETS][BLOCKS][OPS];
    size_t net[NETS][BLOCKS]; /* the network each accelerator was made for */
} world;

static void make_world(world *w, cs_rng *rng, bool misfits)
{
    for (size_t k = 0; k < NETS; k++)
        for (size_t q = 0; q < DNA_QUANTITIES; q++) {
            w->edge[k][q] = 1.0 + cs_rng_uniform(rng);
            for (size_t b = 0; b < BLOCKS; b++)
                for (size_t o = 0; o < OPS; o++) {
                    w->block[k][b][o][q] = cs_rng_uniform(rng);
                    w->fits[k][b][o] = !misfits || cs_rng_below(rng, 4) > 0;
                }
        }
    for (size_t k = 0; k < NETS; k++)
        for (size_t b = 0; b < BLOCKS; b++) {
            w->net[k][b] = cs_rng_below(rng, OPS);
            w->fits[k][b][w->net[k][b]] = true;
        }
}

static double cost_of(const world *w, size_t k, const size_t *op, size_t q)
{
    double sum = w->edge[k][q];
    for (size_t b = 0; b < BLOCKS; b++)
        sum += w->block[k][b][op[b]][q];
    return sum;
}

static dna_table tabulate(const world *w, double misfit)
{
    dna_table table = {0};
    static dna_change change[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    for (size_t k = 0; k < NETS; k++) {
        double whole[DNA_QUANTITIES];
        for (size_t q = 0; q < DNA_QUANTITIES; q++)
            whole[q] = cost_of(w, k, w->net[k], q);
        for (size_t b = 0; b < BLOCKS; b++)
            for (size_t o = 0; o < OPS; o++) {
                size_t op[BLOCKS];
                memcpy(op, w->net[k], sizeof op);
                op[b] = o;
                change[b][o].fits = w->fits[k][b][o];
                for (size_t q = 0; q < DNA_QUANTITIES; q++)
                    change[b][o].cost[q] = cost_of(w, k, op, q);
            }
        dna_table_add(&table, BLOCKS, OPS, whole, change, misfit);
    }
    dna_table_close(&table);
    return table;
}

static void random_y(cs_rng *rng, double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX])
{
    for (size_t b = 0; b < BLOCKS; b++) {
        double sum = 0.0;
        for (size_t o = 0; o < OPS; o++)
            sum += y[b][o] = 0.01 + cs_rng_uniform(rng);
        for (size_t o = 0; o < OPS; o++)
            y[b][o] /= sum;
    }
}

/* The formula read literally: every network with its probability, mean over the accelerators. */
static double slow_expectation(const world *w, double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX], size_t q)
{
    double sum = 0.0;
    for (size_t a = 0; a < OPS; a++)
        for (size_t b = 0; b < OPS; b++)
            for (size_t c = 0; c < OPS; c++)
                for (size_t k = 0; k < NETS; k++) {
                    const size_t op[BLOCKS] = {a, b, c};
                    sum += y[0][a] * y[1][b] * y[2][c] * cost_of(w, k, op, q) / NETS;
                }
    return sum;
}

Test(dna, expected_cost_is_that_of_all_networks)
{
    static double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    cs_rng rng;
    world w;
    cs_rng_seed(&rng, 3);
    for (int trial = 0; trial < 20; trial++) {
        make_world(&w, &rng, false);
        random_y(&rng, y);
        const dna_table table = tabulate(&w, 10.0);
        const double e = slow_expectation(&w, y, DNA_ENERGY), t = slow_expectation(&w, y, DNA_TIME);
        cr_assert_eq(table.misfits, 0u);
        cr_assert_float_eq(dna_expected_cost(&table, DNA_COST_EDP, BLOCKS, OPS, y, NULL), e * t,
                           1e-12 * e * t);
        cr_assert_float_eq(dna_expected_cost(&table, DNA_COST_LATENCY, BLOCKS, OPS, y, NULL), t,
                           1e-12 * t);
    }
}

Test(dna, a_block_that_does_not_fit_is_charged_by_the_mean_block)
{
    cs_rng rng;
    world w;
    cs_rng_seed(&rng, 5);
    make_world(&w, &rng, true);
    const dna_table table = tabulate(&w, 7.0);
    double sum = 0.0, whole = 0.0;
    uint32_t misfits = 0;
    const size_t b = 1, o = 2;
    for (size_t k = 0; k < NETS; k++) {
        const double net = cost_of(&w, k, w.net[k], DNA_TIME);
        whole += net / NETS;
        sum += (w.fits[k][b][o] ? w.block[k][b][o][DNA_TIME] - w.block[k][b][w.net[k][b]][DNA_TIME]
                                : 7.0 * net / BLOCKS) /
               NETS;
        for (size_t i = 0; i < BLOCKS; i++)
            for (size_t j = 0; j < OPS; j++)
                misfits += !w.fits[k][i][j];
    }
    cr_assert_eq(table.misfits, misfits);
    cr_assert_gt(misfits, 0u);
    cr_assert_float_eq(table.base[DNA_TIME], whole, 1e-12);
    cr_assert_float_eq(table.delta[DNA_TIME][b][o], sum, 1e-12);
}

/* mu * E * T over the soft sample of alpha under given noise, written from the formulas. */
static double slow_loss(const world *w, int cost, double alpha[BLOCKS][OPS],
                        double noise[BLOCKS][OPS], double tau, double mu)
{
    static double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    for (size_t b = 0; b < BLOCKS; b++) {
        double norm = 0.0, sum = 0.0;
        for (size_t o = 0; o < OPS; o++)
            norm += exp(alpha[b][o]);
        for (size_t o = 0; o < OPS; o++)
            sum += y[b][o] = exp((log(exp(alpha[b][o]) / norm) + noise[b][o]) / tau);
        for (size_t o = 0; o < OPS; o++)
            y[b][o] /= sum;
    }
    const double t = slow_expectation(w, y, DNA_TIME);
    return mu * (cost == DNA_COST_EDP ? slow_expectation(w, y, DNA_ENERGY) * t : t);
}

Test(dna, gradient_of_the_cost_agrees_with_a_slow_reference)
{
    static double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX], dy[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    cs_rng rng;
    world w;
    cs_rng_seed(&rng, 9);
    for (int trial = 0; trial < 40; trial++) {
        const int cost = trial % 2 ? DNA_COST_EDP : DNA_COST_LATENCY;
        const double tau = 0.2 + 5.0 * cs_rng_uniform(&rng), mu = 0.3;
        double alpha[BLOCKS][OPS], noise[BLOCKS][OPS];
        make_world(&w, &rng, false);
        const dna_table table = tabulate(&w, 10.0);
        float logit[BLOCKS][OPS], grad[BLOCKS][OPS] = {{0}};
        for (size_t b = 0; b < BLOCKS; b++)
            for (size_t o = 0; o < OPS; o++)
                alpha[b][o] = logit[b][o] = (float)cs_rng_normal(&rng);
        cs_rng same = rng;
        for (size_t b = 0; b < BLOCKS; b++)
            for (size_t o = 0; o < OPS; o++)
                noise[b][o] = cs_rng_gumbel(&same);
        for (size_t b = 0; b < BLOCKS; b++)
            cs_gumbel_softmax(logit[b], OPS, tau, &rng, y[b]);
        dna_expected_cost(&table, cost, BLOCKS, OPS, y, dy);
        for (size_t b = 0; b < BLOCKS; b++) {
            for (size_t o = 0; o < OPS; o++)
                dy[b][o] *= mu;
            cs_gumbel_softmax_back(y[b], OPS, tau, dy[b], grad[b]);
        }
        for (size_t b = 0; b < BLOCKS; b++)
            for (size_t o = 0; o < OPS; o++) {
                const double h = 1e-5, at = alpha[b][o];
                alpha[b][o] = at + h;
                const double up = slow_loss(&w, cost, alpha, noise, tau, mu);
                alpha[b][o] = at - h;
                const double down = slow_loss(&w, cost, alpha, noise, tau, mu);
                alpha[b][o] = at;
                const double slope = (up - down) / (2.0 * h);
                cr_assert_float_eq(grad[b][o], slope, 1e-5 * (1.0 + fabs(slope)),
                                   "trial %d, alpha[%zu][%zu]: %g, not %g", trial, b, o,
                                   (double)grad[b][o], slope);
            }
    }
}

Test(dna, mu_follows_the_limits)
{
    dna_settings s = {.mu_rule = DNA_RULE_LIMITS, .mu_factor = 2.0, .mu_high = 1.0, .mu_low = 0.5};
    cs_limits limits = CS_LIMITS_NONE;
    cs_hw_metrics hw = {.fps = 100.0, .latency_s = 0.02, .edp_js = NAN, .energy_j = NAN};
    cr_assert_eq(dna_pressure(&limits, &hw), 0.0);
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.3, "nothing to follow");
    limits.fps_min = 150.0;
    cr_assert_eq(dna_pressure(&limits, &hw), 1.5);
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.6);
    limits.fps_min = 75.0;
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.3);
    limits.fps_min = 40.0;
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.15);
    limits.latency_max_s = 0.01; /* the tighter of two */
    cr_assert_eq(dna_pressure(&limits, &hw), 2.0);
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.6);
    limits = CS_LIMITS_NONE;
    limits.edp_max_js = 1.0;
    hw.violated = CS_VIOLATES_DSP; /* no accelerator for this network */
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1.0, 0.3), 0.6);
    hw = (cs_hw_metrics){.edp_js = 0.9, .fps = 1.0, .latency_s = 1.0};
    cr_assert_eq(dna_pressure(&limits, &hw), 0.9);
}

Test(dna, mu_follows_the_published_window)
{
    const dna_settings s = {
        .mu_rule = DNA_RULE_WINDOW, .mu_factor = 2.0, .window_high = 2e-3, .window_low = 5e-5};
    const cs_limits limits = CS_LIMITS_NONE;
    const cs_hw_metrics hw = {.violated = CS_VIOLATES_FPS};
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 2.1e-3, 0.01), 0.02);
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 1e-3, 0.01), 0.01);
    cr_assert_eq(dna_next_mu(&s, &limits, &hw, 4e-5, 0.01), 0.005);
}

static void set(double *value, const char *name, double x)
{
    const cs_param *p = cs_method_dna.params;
    for (size_t i = 0; p[i].name; i++)
        if (strcmp(p[i].name, name) == 0) {
            value[i] = x;
            return;
        }
    cr_assert_fail("no parameter %s", name);
}

static void defaults(double *value)
{
    for (size_t i = 0; cs_method_dna.params[i].name; i++)
        value[i] = cs_method_dna.params[i].def;
}

/* As published: the whole budget into the shared network, the most probable one is the answer, of
 * which no accuracy is claimed. */
Test(dna, share_1_answers_with_the_most_probable_network)
{
    double value[64];
    defaults(value);
    set(value, "share", 1.0);
    toy t = toy_new(&cs_method_dna);
    t.config.param = value;
    t.config.budget[CS_METER_MACS] = 6.0 * toy_price(&cs_method_dna);
    const toy_result r = toy_run(&t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert_eq(r.evals, 0u);
    cr_assert(r.answered);
    cr_assert(isnan(r.answer.claim_acc));
    cr_assert_eq(r.answer.hw.violated, 0u);
    toy_free(&t);
}

/* Less than three evaluations' worth: the shared network leaves enough for one of them. */
Test(dna, a_small_budget_keeps_an_evaluation)
{
    toy t = toy_new(&cs_method_dna);
    t.config.budget[CS_METER_MACS] = 2.5 * toy_price(&cs_method_dna);
    const toy_result r = toy_run(&t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    cr_assert_geq(r.evals, 1u);
    cr_assert(r.answered && !isnan(r.answer.claim_acc));
    toy_free(&t);
}

Test(dna, answers_have_the_bitwidth_asked_for)
{
    for (int bits = 4; bits <= 8; bits += 4) {
        double value[64];
        cs_net net;
        defaults(value);
        set(value, "bits", bits);
        toy t = toy_new(&cs_method_dna);
        t.config.param = value;
        t.config.budget[CS_METER_MACS] = 6.0 * toy_price(&cs_method_dna);
        const toy_result r = toy_run(&t);
        cr_assert(r.answered);
        cr_assert_eq(cs_space_network(t.space, &r.answer.design, &net), CS_OK);
        for (size_t b = 0; b < net.n_blocks; b++)
            cr_assert(cs_block_identity(&net.block[b]) || net.block[b].bits == bits);
        toy_free(&t);
    }
}

static void count_tables(void *context, const cs_event *e)
{
    double *misfits = context;
    if (e->kind == CS_EVENT_OBSERVE && strcmp(e->name, "table.misfits") == 0)
        *misfits = fmax(*misfits, e->value);
}

/* On a platform with energy EDP is charged and held; every block change finds an accelerator that
 * runs it or is counted as one that does not. */
Test(dna, an_edp_limit_is_met_on_an_asic)
{
    double misfits = -1.0;
    cs_task *task;
    cs_error err = {""};
    toy t = toy_new(&cs_method_dna);
    cs_space_free(t.space);
    cr_assert_eq(cs_space_new("fbnet:micro", "asic-pe", 10, &t.space, &err), CS_OK, "%s", err.text);
    t.config.space = t.space;
    t.config.limits = CS_LIMITS_NONE;
    t.config.limits.edp_max_js = 2e-9; /* one uniform design in 260 */
    t.config.budget[CS_METER_MACS] = 6.0 * toy_price(&cs_method_dna);
    t.config.budget[CS_METER_HW_QUERIES] = 6000.0;
    t.config.context = &misfits;
    t.config.on_event = count_tables;
    cr_assert_eq(cs_task_new(&t.config, &task, &err), CS_OK);
    cr_assert_eq(cs_task_run(task, &err), CS_OK, "%s", err.text);
    const cs_offer_record *answer = cs_task_offer_at(task, 0);
    cr_assert_not_null(answer);
    cr_assert_eq(answer->hw.violated, 0u);
    cr_assert_leq(answer->hw.edp_js, 2e-9);
    cr_assert_geq(misfits, 0.0, "no table was made");
    cr_assert_leq(misfits, 10.0 * 4.0 * 3.0, "at most every change of every network");
    cs_task_free(task);
    toy_free(&t);
}

/* Under a weight of the cost that outweighs the loss the cheapest operators win. */
Test(dna, a_heavy_cost_wins_over_the_loss)
{
    double value[64];
    cs_net light, heavy;
    defaults(value);
    set(value, "share", 1.0);
    set(value, "mu_factor", 1.0);
    for (int heavily = 0; heavily < 2; heavily++) {
        set(value, "mu", heavily ? 1000.0 : 0.0);
        toy t = toy_new(&cs_method_dna);
        t.config.param = value;
        t.config.budget[CS_METER_MACS] = 20.0 * toy_price(&cs_method_dna);
        const toy_result r = toy_run(&t);
        cr_assert(r.answered);
        cr_assert_eq(cs_space_network(t.space, &r.answer.design, heavily ? &heavy : &light), CS_OK);
        toy_free(&t);
    }
    cr_assert_lt(cs_net_macs(&heavy), cs_net_macs(&light));
}
