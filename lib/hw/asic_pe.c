#include "asic_pe.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- the space ---- */

/* Templates of the released code; the depthwise ones leave out the input channels. */
static const uint8_t array_loops[][PE_ARRAY_SIDES] = {
    {PE_COL_KERNEL, PE_ROW_KERNEL, PE_CH_IN, PE_CH_OUT},
    {PE_COL_KERNEL, PE_COL_OUT, PE_CH_IN, PE_CH_OUT},
    {PE_ROW_KERNEL, PE_COL_OUT, PE_CH_IN, PE_CH_OUT},
    {PE_ROW_OUT, PE_COL_OUT, PE_CH_OUT}};
static const uint8_t array_loops_depthwise[][PE_ARRAY_SIDES] = {
    {PE_COL_KERNEL, PE_ROW_KERNEL, PE_CH_OUT},
    {PE_COL_KERNEL, PE_COL_OUT, PE_CH_OUT},
    {PE_ROW_KERNEL, PE_COL_OUT, PE_CH_OUT},
    {PE_ROW_OUT, PE_COL_OUT, PE_CH_OUT}};
#define ARRAYS 4
#define SQUARED_SIDE 1 /* the kernel rows of template 0 */

static const int32_t arrays[ARRAYS] = {0, 1, 2, 3};
static const int32_t up_to_ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
#define RATIOS 10

/* Dimensions of the buffer in the order of the decisions. */
static const uint8_t buffer_loops[] = {PE_CH_IN,   PE_CH_OUT,     PE_COL_OUT,
                                       PE_ROW_OUT, PE_COL_KERNEL, PE_ROW_KERNEL};
static const char *const buffer_name[] = {"buf_ch_in",   "buf_ch_out", "buf_col_out",
                                          "buf_row_out", "buf_col_k",  "buf_row_k"};
#define BUFFER_LOOPS (sizeof buffer_loops / sizeof *buffer_loops)

/* A loop order is written by inserting the loops one after another: the first stands alone, the
 * k-th has k places, 1 being the innermost. So every vector of places is an order and every order
 * has one vector. The batch comes last: without it the other places mean the same. */
static const char *const loop_name[PE_LOOPS] = {
    [PE_COL_OUT] = "col_out", [PE_CH_OUT] = "ch_out",    [PE_CH_IN] = "ch_in",
    [PE_ROW_OUT] = "row_out", [PE_COL_KERNEL] = "col_k", [PE_ROW_KERNEL] = "row_k",
    [PE_BATCH] = "batch"};

static const char *const part_name[PE_PARTS] = {"std", "dw"};

/* Decisions of one part: template, NoC ratios, buffer ratios, places at buffer and DRAM. */
static size_t sides(size_t part)
{
    return part == PE_STANDARD ? PE_ARRAY_SIDES : PE_ARRAY_SIDES - 1;
}

static bool has_loop(size_t part, size_t loop)
{
    return part == PE_STANDARD || loop != PE_CH_IN;
}

static size_t loops_of(size_t part)
{
    return part == PE_STANDARD ? PE_LOOPS : PE_LOOPS - 1;
}

static size_t part_size(size_t part)
{
    return 1 + sides(part) + (loops_of(part) - 1) + PE_LEVELS * (loops_of(part) - 1);
}

/* Appends "PART_SUFFIX.PARAMETER". */
static cs_decision *add(cs_decision *d, size_t part, const char *suffix, const char *parameter,
                        size_t choices)
{
    *d = (cs_decision){.group = CS_GROUP_ACCELERATOR,
                       .n_choices = (uint16_t)choices,
                       .cap = -1,
                       .ordered = true,
                       .value = up_to_ten};
    snprintf(d->name, sizeof d->name, "%s%s.%s", part_name[part], suffix, parameter);
    return d + 1;
}

static cs_decision *add_part(size_t part, cs_decision *d)
{
    static const char *const noc[PE_ARRAY_SIDES] = {"noc1", "noc2", "noc3", "noc4"};
    static const char *const suffix[PE_LEVELS] = {[PE_BUFFER] = "_gb", [PE_DRAM] = "_dram"};
    cs_decision *const array = d;
    d = add(d, part, "", "array", ARRAYS);
    array->ordered = false;
    array->value = arrays;
    for (size_t i = 0; i < sides(part); i++)
        d = add(d, part, "", noc[i], RATIOS);
    for (size_t i = 0; i < BUFFER_LOOPS; i++)
        if (has_loop(part, buffer_loops[i]))
            d = add(d, part, "", buffer_name[i], RATIOS);
    for (size_t level = 0; level < PE_LEVELS; level++)
        for (size_t loop = 1, places = 2; loop < PE_LOOPS; loop++)
            if (has_loop(part, loop))
                d = add(d, part, suffix[level], loop_name[loop], places++);
    return d;
}

cs_status asic_pe_decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap, size_t *n)
{
    (void)ctx;
    if (part_size(PE_STANDARD) + part_size(PE_DEPTHWISE) > cap)
        return CS_EUSAGE;
    *n = (size_t)(add_part(PE_DEPTHWISE, add_part(PE_STANDARD, list)) - list);
    return CS_OK;
}

void asic_pe_active(const cs_net *net, bool batch, bool *active)
{
    bool used[PE_PARTS] = {true, false}; /* the stem is a standard convolution */
    for (size_t i = 0; i < net->n_blocks; i++)
        used[PE_DEPTHWISE] = used[PE_DEPTHWISE] || !net->block[i].skip;
    for (size_t part = 0; part < PE_PARTS; part++) {
        const size_t places = loops_of(part) - 1, all = part_size(part);
        for (size_t i = 0; i < all; i++)
            active[i] = used[part];
        if (!batch)
            active[all - 1] = active[all - 1 - places] = false;
        active += all;
    }
}

static void decode_order(size_t part, const uint16_t *place, uint8_t *order)
{
    size_t n = 0;
    for (size_t loop = 0; loop < PE_LOOPS; loop++) {
        if (!has_loop(part, loop))
            continue;
        const size_t at = n == 0 ? 0 : *place++;
        assert(at <= n);
        memmove(&order[at + 1], &order[at], (n - at) * sizeof *order);
        order[at] = (uint8_t)loop;
        n++;
    }
}

void asic_pe_unit_decode(size_t part, const uint16_t *choice, pe_unit *out)
{
    if (part == PE_DEPTHWISE)
        choice += part_size(PE_STANDARD);
    *out = (pe_unit){.depthwise = part == PE_DEPTHWISE,
                     .n_loops = (uint8_t)loops_of(part),
                     .array = (uint8_t)*choice++};
    for (size_t i = 0; i < sides(part); i++)
        out->noc[i] = up_to_ten[*choice++];
    for (size_t i = 0; i < PE_LOOPS; i++)
        out->ratio[i] = 1;
    for (size_t i = 0; i < BUFFER_LOOPS; i++)
        if (has_loop(part, buffer_loops[i]))
            out->ratio[buffer_loops[i]] = up_to_ten[*choice++];
    for (size_t level = 0; level < PE_LEVELS; level++) {
        decode_order(part, choice, out->order[level]);
        choice += loops_of(part) - 1;
    }
}

/* ---- ratios to sizes ---- */

const uint8_t *asic_pe_array_loops(const pe_unit *unit, size_t *n)
{
    *n = unit->depthwise || unit->array == ARRAYS - 1 ? PE_ARRAY_SIDES - 1 : PE_ARRAY_SIDES;
    return unit->depthwise ? array_loops_depthwise[unit->array] : array_loops[unit->array];
}

static int32_t whole(double size)
{
    return size < 1.0 ? 1 : (int32_t)size;
}

void asic_pe_set_array(pe_unit *unit, bool squared)
{
    size_t n, shrinkable = 0;
    const uint8_t *loop = asic_pe_array_loops(unit, &n);
    double ratios = 1.0, product = 1.0;
    for (size_t i = 0; i < n; i++)
        ratios *= unit->noc[i];
    const double y = pow(unit->pes / ratios, 1.0 / (double)n);
    for (size_t i = 0; i < PE_LOOPS; i++)
        unit->spatial[i] = 1;
    for (size_t i = 0; i < n; i++) {
        const bool twice = squared && unit->array == 0 && i == SQUARED_SIDE;
        const int32_t side = whole(twice ? y * unit->noc[i] * y : y * unit->noc[i]);
        unit->spatial[loop[i]] = side;
        product *= side;
        shrinkable += side != 1;
    }
    if (product <= unit->pes)
        return;
    const double factor = pow(unit->pes / product, 1.0 / (double)shrinkable);
    for (size_t i = 0; i < n; i++)
        if (unit->spatial[loop[i]] != 1)
            unit->spatial[loop[i]] = whole(unit->spatial[loop[i]] * factor);
}

/* Words that one pass over the array needs of each tensor. */
typedef struct pass_words {
    double in, out, weight;
} pass_words;

static pass_words words_of_pass(const pe_unit *u)
{
    const int32_t *s = u->spatial;
    const double kernel = (double)s[PE_COL_KERNEL] * s[PE_ROW_KERNEL];
    const double map = (double)s[PE_COL_OUT] * s[PE_ROW_OUT];
    return (pass_words){.in = kernel * map * s[u->depthwise ? PE_CH_OUT : PE_CH_IN],
                        .out = map * s[PE_CH_OUT],
                        .weight = kernel * s[PE_CH_OUT] * s[PE_CH_IN]};
}

/* The published estimate of the words a tile takes. */
static double tile_words(const pe_unit *u, const pass_words *pass)
{
    const double row = u->tile[PE_ROW_OUT], col = u->tile[PE_COL_OUT];
    const double kr = u->tile[PE_ROW_KERNEL], kc = u->tile[PE_COL_KERNEL];
    const double out = u->tile[PE_CH_OUT], in = u->depthwise ? out : u->tile[PE_CH_IN];
    return in * (row + kr - 1.0) * (col + kc - 1.0) * pass->in + out * row * col * pass->out +
           (u->depthwise ? out : in * out) * kc * kr * pass->weight;
}

/* The positive root of b z^4 + a z^3 = words; the left side is convex and rises, so Newton's
 * method from the right of the root comes down to it. */
static double quartic_root(double a, double b, double words)
{
    double z = cbrt(words / a);
    for (int i = 0; i < 60; i++) {
        const double z2 = z * z;
        const double step = (z2 * z * (b * z + a) - words) / (z2 * (4.0 * b * z + 3.0 * a));
        if (!(step > z * 1e-16))
            break;
        z -= step;
    }
    return z;
}

void asic_pe_set_tile(pe_unit *u, double words)
{
    const int32_t *r = u->ratio;
    const pass_words pass = words_of_pass(u);
    const double map = (double)r[PE_COL_OUT] * r[PE_ROW_OUT];
    const double kernel = (double)r[PE_COL_KERNEL] * r[PE_ROW_KERNEL];
    double z;
    if (u->depthwise)
        z = pow(words / (r[PE_CH_OUT] * map * (pass.in + pass.out) +
                         r[PE_CH_OUT] * kernel * pass.weight),
                1.0 / 3.0);
    else
        z = quartic_root(r[PE_CH_IN] * map * pass.in + r[PE_CH_OUT] * map * pass.out,
                         (double)r[PE_CH_IN] * r[PE_CH_OUT] * kernel * pass.weight, words);
    bool shrinkable = false;
    for (size_t i = 0; i < PE_LOOPS; i++) {
        const bool searched = i != PE_BATCH && (i != PE_CH_IN || !u->depthwise);
        u->tile[i] = searched ? whole(r[i] * z) : 1;
        shrinkable = shrinkable || u->tile[i] > 1;
    }
    while (shrinkable && tile_words(u, &pass) > words) {
        shrinkable = false;
        for (size_t i = 0; i < PE_LOOPS; i++) {
            u->tile[i] -= u->tile[i] > 1;
            shrinkable = shrinkable || u->tile[i] > 1;
        }
    }
}

/* ---- layers ---- */

double asic_pe_conv_volume(const cs_conv *c)
{
    const double pixels = (double)c->out_size * c->out_size;
    return (double)cs_conv_weights(c) + pixels * c->cout + (double)c->stride * pixels * c->cin;
}

void asic_pe_extents(const cs_conv *c, int32_t extent[PE_LOOPS])
{
    const uint16_t groups = c->depthwise ? 1 : c->groups;
    extent[PE_COL_OUT] = extent[PE_ROW_OUT] = c->out_size;
    extent[PE_COL_KERNEL] = extent[PE_ROW_KERNEL] = c->kernel;
    extent[PE_CH_OUT] = c->cout / groups;
    extent[PE_CH_IN] = c->depthwise ? 1 : c->cin / groups;
    extent[PE_BATCH] = 1;
}

static int32_t ceil_div(int32_t a, int32_t b)
{
    return (a + b - 1) / b;
}

/* Most quotients are known without a division. */
void asic_pe_bounds_set(const pe_unit *unit, const int32_t extent[PE_LOOPS], pe_bounds *out)
{
    for (size_t i = 0; i < PE_LOOPS; i++) {
        const int32_t whole_side = unit->spatial[i], tile = unit->tile[i];
        const int32_t side = whole_side < extent[i] ? whole_side : extent[i];
        const int32_t passes = side == 1 ? extent[i] : ceil_div(extent[i], side);
        out->spatial[i] = side;
        out->loop[PE_BUFFER][i] = tile < passes ? tile : passes;
        out->loop[PE_DRAM][i] = tile < passes ? ceil_div(passes, tile) : 1;
    }
}
