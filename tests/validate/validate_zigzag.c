/* The loop-nest model on ZigZag's mappings of ResNet-18. ZigZag draws the boundary between two
 * memories for every operand on its own: each of its memories becomes a level here that keeps one
 * tensor, or several where the boundaries coincide. */
#include "cosearch/loopnest.h"
#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRAFFIC_TOLERANCE 0.02
#define TRAFFIC_SHARE 0.98 /* of the layers */
#define ENERGY_TOLERANCE 0.15
enum { LOOPS = 48, MEMORIES = 4, ITEMS = CS_TENSORS * MEMORIES, UNROLLED = 8 };

typedef struct zz_loop {
    int dim;
    uint16_t bound;
} zz_loop;

/* A memory of an operand: how many temporal loops are inside it, and which unrolled ones. */
typedef struct zz_memory {
    int tensor, index, inside;
    uint32_t unrolled_inside; /* bits of zz_case.unrolled */
    double read_pj_bit, write_pj_bit;
    double port_bits; /* least bits of an access */
} zz_memory;

typedef struct zz_case {
    const char *arch, *name;
    cs_nest_layer layer;
    zz_loop loop[LOOPS], unrolled[UNROLLED]; /* loop: innermost first */
    int n_loops, n_unrolled, n_memories;
    zz_memory memory[ITEMS]; /* without the outermost, which all operands share */
    double mac_pj, dram_read_pj_bit, dram_write_pj_bit;
    double port_bits[CS_NEST_LEVELS][CS_TENSORS]; /* of the levels it is built into; 0: none */
} zz_case;

static const char *text_of(const cs_csv *csv, size_t row, const char *name)
{
    const int column = cs_csv_column(csv, name);
    return column < 0 ? "" : cs_csv_cell(csv, row, column);
}

static cs_status number_of(const cs_csv *csv, size_t row, const char *name, double *out,
                           cs_error *err)
{
    int column;
    CS_TRY(validate_columns(csv, &name, 1, &column, err));
    return validate_cell(csv, row, column, out, err);
}

/* ---- texts of a row ---- */

/* "K32" or "OX7"; false if it is none. */
static bool read_token(const char *text, zz_loop *out)
{
    static const char *const name[CS_NEST_DIMS] = {"B", "G", "K", "C", "OY", "OX", "FY", "FX"};
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        const size_t n = strlen(name[d]);
        char *end;
        if (strncmp(text, name[d], n) != 0 || text[n] < '0' || text[n] > '9')
            continue;
        const unsigned long bound = strtoul(text + n, &end, 10);
        *out = (zz_loop){d, (uint16_t)bound};
        return *end == '\0' && bound >= 1 && bound <= CS_NEST_EXTENT_MAX;
    }
    return false;
}

/* The part of "W: a | b || I: ..." of one operand, without its name; NULL if there is none. */
static char *part_of(char *text, char operand)
{
    for (char *at = text; at; at = strstr(at, "||") ? strstr(at, "||") + 2 : NULL) {
        while (*at == ' ')
            at++;
        if (at[0] == operand && at[1] == ':')
            return at + 2;
    }
    return NULL;
}

/* Segments of an operand, loops of each; segment[i] is that of loop i. */
static bool read_segments(const char *text, char operand, zz_loop *loop, int *segment, int most,
                          int *n, int *n_segments)
{
    char copy[2048];
    snprintf(copy, sizeof copy, "%s", text);
    char *at = part_of(copy, operand);
    *n = 0;
    *n_segments = 1;
    if (!at)
        return false;
    char *end = strstr(at, "||");
    if (end)
        *end = '\0';
    for (char *word = strtok(at, " "); word; word = strtok(NULL, " ")) {
        if (strcmp(word, "|") == 0) {
            ++*n_segments;
        } else if (strcmp(word, "-") != 0) {
            if (*n == most || !read_token(word, &loop[*n]))
                return false;
            segment[(*n)++] = *n_segments - 1;
        }
    }
    return true;
}

/* Which unrolled loop of the case a token is, not taken yet; -1 if none. */
static int match(const zz_case *c, zz_loop loop, uint32_t taken)
{
    for (int i = 0; i < c->n_unrolled; i++)
        if (!(taken >> i & 1) && c->unrolled[i].dim == loop.dim &&
            c->unrolled[i].bound == loop.bound)
            return i;
    return -1;
}

/* The memories of one operand from its two texts. False if the operand lists other loops than the
 * first one did. */
static bool read_operand(const char *temporal, const char *spatial, int tensor, zz_case *c)
{
    zz_loop loop[LOOPS], unrolled[UNROLLED];
    int segment[LOOPS], place[UNROLLED], n, n_segments, n_unrolled, n_places;
    if (!read_segments(temporal, "WIO"[tensor], loop, segment, LOOPS, &n, &n_segments) ||
        !read_segments(spatial, "WIO"[tensor], unrolled, place, UNROLLED, &n_unrolled, &n_places))
        return false;
    if (tensor == CS_TENSOR_W) {
        memcpy(c->loop, loop, sizeof loop);
        memcpy(c->unrolled, unrolled, sizeof unrolled);
        c->n_loops = n;
        c->n_unrolled = n_unrolled;
    }
    if (n != c->n_loops || n_unrolled != c->n_unrolled || n_segments > MEMORIES)
        return false;
    for (int i = 0; i < n; i++)
        if (loop[i].dim != c->loop[i].dim || loop[i].bound != c->loop[i].bound)
            return false;
    for (int k = 0; k + 1 < n_segments; k++) {
        zz_memory *m = &c->memory[c->n_memories++];
        uint32_t taken = 0;
        *m = (zz_memory){.tensor = tensor, .index = k};
        for (int i = 0; i < n; i++)
            m->inside += segment[i] <= k;
        for (int i = 0; i < n_unrolled; i++) {
            const int at = match(c, unrolled[i], taken);
            if (at < 0)
                return false;
            taken |= 1u << at;
            m->unrolled_inside |= (uint32_t)(place[i] <= k) << at;
        }
    }
    return true;
}

/* Bits of "W8 I8 O_final8 O16". */
static uint8_t bits_of(const char *text, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name))
        if ((at == text || at[-1] == ' ') && at[n] >= '0' && at[n] <= '9')
            return (uint8_t)strtoul(at + n, NULL, 10);
    return 0;
}

/* ---- accelerators ---- */

/* Energy per bit of the operand's memories, inner to outer, and of a multiplication. */
static cs_status read_arch(const cs_csv *archs, zz_case *c, cs_error *err)
{
    static const char *const operand[CS_TENSORS] = {"I2", "I1", "O"};
    int count[CS_TENSORS] = {0, 0, 0};
    const char *last[CS_TENSORS] = {"", "", ""};
    for (size_t row = 0; row < archs->n_rows; row++) {
        double read, write, width, least;
        const char *memory = text_of(archs, row, "memory"), *who = text_of(archs, row, "operands");
        if (strcmp(text_of(archs, row, "arch"), c->arch) != 0)
            continue;
        CS_TRY(number_of(archs, row, "mac_pJ", &c->mac_pj, err));
        CS_TRY(number_of(archs, row, "r_pJ", &read, err));
        CS_TRY(number_of(archs, row, "w_pJ", &write, err));
        CS_TRY(number_of(archs, row, "bw_max_bits", &width, err));
        CS_TRY(number_of(archs, row, "bw_min_bits", &least, err));
        for (int t = 0; t < CS_TENSORS; t++) {
            if (!strstr(who, operand[t]) || strcmp(memory, last[t]) == 0)
                continue;
            last[t] = memory;
            for (int i = 0; i < c->n_memories; i++)
                if (c->memory[i].tensor == t && c->memory[i].index == count[t]) {
                    c->memory[i].read_pj_bit = read / width;
                    c->memory[i].write_pj_bit = write / width;
                    c->memory[i].port_bits = least;
                }
            count[t]++;
        }
        c->dram_read_pj_bit = read / width; /* the last memory is the outermost */
        c->dram_write_pj_bit = write / width;
    }
    return count[0]
               ? CS_OK
               : cs_fail(err, CS_EFORMAT, "accelerator %s is not in zigzag_archs.csv", c->arch);
}

static cs_status read_case(const cs_csv *csv, size_t row, const cs_csv *archs, zz_case *c,
                           bool *usable, cs_error *err)
{
    static const char *const extent[CS_NEST_DIMS] = {"B", "G", "K", "C", "OY", "OX", "FY", "FX"};
    const char *bits = text_of(csv, row, "bits");
    const char *relation = strstr(text_of(csv, row, "input_relation"), "*OX");
    memset(c, 0, sizeof *c);
    c->arch = text_of(csv, row, "arch");
    c->name = text_of(csv, row, "layer");
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        double x;
        CS_TRY(number_of(csv, row, extent[d], &x, err));
        c->layer.extent[d] = (uint32_t)x;
    }
    /* pixels that a strided layer of one tap skips are not counted by ZigZag */
    if (relation && c->layer.extent[CS_DIM_R] * c->layer.extent[CS_DIM_S] > 1)
        c->layer.stride = (uint32_t)(relation[-1] - '0');
    else
        c->layer.stride = 1;
    c->layer.bits[CS_TENSOR_W] = bits_of(bits, "W");
    c->layer.bits[CS_TENSOR_I] = bits_of(bits, "I");
    c->layer.bits[CS_TENSOR_O] = bits_of(bits, "O");
    c->layer.out_bits = bits_of(bits, "O_final");
    *usable = true;
    for (int t = 0; t < CS_TENSORS && *usable; t++)
        *usable = read_operand(text_of(csv, row, "temporal_mapping"),
                               text_of(csv, row, "spatial_mapping"), t, c);
    return *usable ? read_arch(archs, c, err) : CS_OK;
}

/* ---- to a nest ---- */

/* Whether a has to lie outside b. */
static bool outside(const zz_memory *a, const zz_memory *b)
{
    if (a->inside != b->inside)
        return a->inside > b->inside;
    if ((a->unrolled_inside & ~b->unrolled_inside) != 0)
        return true;
    return a->tensor == b->tensor && a->index > b->index;
}

static void add_unrolled(const zz_case *c, uint32_t which, cs_nest_map_level *map)
{
    for (int i = 0; i < c->n_unrolled; i++)
        if (which >> i & 1)
            map->spatial[map->n_spatial++] =
                (cs_nest_loop){(uint8_t)c->unrolled[i].dim, CS_AXIS_X, c->unrolled[i].bound};
}

/* Loops first..last-1 of the case, outermost first; loops of one dimension may repeat. */
static bool add_time(const zz_case *c, int first, int last, cs_nest_map_level *map)
{
    for (int i = last - 1; i >= first; i--) {
        if (map->n_temporal == CS_NEST_DIMS)
            return false;
        map->temporal[map->n_temporal++] =
            (cs_nest_loop){(uint8_t)c->loop[i].dim, 0, c->loop[i].bound};
    }
    return true;
}

/* False if the memories cannot be put in one order or are too many. */
static bool build(zz_case *c, cs_nest_arch *arch, cs_nest_mapping *m)
{
    memset(arch, 0, sizeof *arch);
    memset(m, 0, sizeof *m);
    for (int i = 1; i < c->n_memories; i++) { /* outermost first */
        const zz_memory moving = c->memory[i];
        int at = i;
        for (; at > 0 && outside(&moving, &c->memory[at - 1]); at--)
            c->memory[at] = c->memory[at - 1];
        c->memory[at] = moving;
    }
    uint32_t unrolled = (1u << c->n_unrolled) - 1;
    int inside = c->n_loops, l = 0;
    m->level[0].keep = CS_KEEP_ALL;
    for (int i = 0; i < c->n_memories; i++) {
        const zz_memory *k = &c->memory[i];
        const bool merges = l > 0 && k->inside == inside && k->unrolled_inside == unrolled &&
                            !(m->level[l].keep >> k->tensor & 1);
        if ((k->unrolled_inside & ~unrolled) != 0)
            return false; /* outside an array that an outer memory is inside of */
        if (!merges) {
            if (!add_time(c, k->inside, inside, &m->level[l]) || l + 1 == CS_NEST_LEVELS)
                return false;
            add_unrolled(c, unrolled & ~k->unrolled_inside, &m->level[l]);
            l++;
        }
        inside = k->inside;
        unrolled = k->unrolled_inside;
        m->level[l].keep |= (uint8_t)(1u << k->tensor);
        arch->level[l].read_pj_bit[k->tensor] = k->read_pj_bit;
        arch->level[l].write_pj_bit[k->tensor] = k->write_pj_bit;
        c->port_bits[l][k->tensor] = k->port_bits;
    }
    if (!add_time(c, 0, inside, &m->level[l]))
        return false;
    add_unrolled(c, unrolled, &m->level[l]);
    arch->n_levels = (uint8_t)(l + 1);
    arch->drain_reads = true;
    for (int i = 0; i <= l; i++) {
        arch->level[i].may_keep = CS_KEEP_ALL;
        arch->level[i].mesh_x = 1 << 20;
        arch->level[i].capacity_bits = arch->level[i].read_bits_per_cycle =
            arch->level[i].write_bits_per_cycle = (double)INFINITY;
    }
    for (int t = 0; t < CS_TENSORS; t++) {
        arch->level[0].read_pj_bit[t] = c->dram_read_pj_bit;
        arch->level[0].write_pj_bit[t] = c->dram_write_pj_bit;
    }
    return true;
}

/* A memory that feeds the multipliers is read in whole port words: what that adds, pJ. */
static double rounding_pj(const zz_case *c, const cs_nest_arch *arch, const cs_nest_mapping *m,
                          const cs_nest_cost *cost)
{
    double sum = 0.0;
    for (int t = CS_TENSOR_W; t <= CS_TENSOR_I; t++) {
        int l = arch->n_levels - 1;
        while (l > 0 && !(m->level[l].keep >> t & 1))
            l--;
        const double bits = cost->flow[l][t].reads * c->layer.bits[t];
        const double steps = cost->instances[l] * cost->compute_cycles;
        if (c->port_bits[l][t] > 0.0)
            sum += (ceil(bits / steps / c->port_bits[l][t] - 1e-9) * c->port_bits[l][t] * steps -
                    bits) *
                   arch->level[l].read_pj_bit[t];
    }
    return sum;
}

/* Evaluates a case; false if it cannot be expressed. ZigZag rounds some unrolled dimensions down
 * (K 1000 as 31 x 32): extents are cut to what the loops cover. */
static bool evaluate(zz_case *c, cs_nest_cost *out)
{
    cs_nest_arch arch;
    cs_nest_mapping m;
    double covered[CS_NEST_DIMS];
    if (!build(c, &arch, &m))
        return false;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        covered[d] = 1.0;
    for (int i = 0; i < c->n_loops; i++)
        covered[c->loop[i].dim] *= (double)c->loop[i].bound;
    for (int i = 0; i < c->n_unrolled; i++)
        covered[c->unrolled[i].dim] *= (double)c->unrolled[i].bound;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (covered[d] < c->layer.extent[d])
            c->layer.extent[d] = (uint32_t)covered[d];
    if (cs_nest_evaluate(&c->layer, &arch, &m, out) != CS_OK)
        return false;
    out->energy_pj += rounding_pj(c, &arch, &m, out);
    return true;
}

/* ---- the files ---- */

static cs_status check_layers(const cs_csv *csv, validate_result *out, cs_error *err)
{
    cs_csv archs = {0};
    size_t skipped = 0, without_stalls = 0, n = 0;
    CS_TRY(validate_open(out, "hw/zigzag_archs.csv", &archs, err));
    cs_status status = CS_OK;
    for (size_t row = 0; row < csv->n_rows && status == CS_OK; row++) {
        zz_case c;
        cs_nest_cost cost;
        double cycles, energy, mac, macs = 1.0;
        bool usable;
        status = read_case(csv, row, &archs, &c, &usable, err);
        if (status == CS_OK)
            status = number_of(csv, row, "compute_and_stall_cycles", &cycles, err);
        if (status == CS_OK)
            status = number_of(csv, row, "total_energy_pJ", &energy, err);
        if (status == CS_OK)
            status = number_of(csv, row, "mac_energy_pJ", &mac, err);
        if (status != CS_OK)
            break;
        for (int d = 0; d < CS_NEST_DIMS; d++)
            macs *= (double)c.layer.extent[d];
        if (!usable || !evaluate(&c, &cost)) {
            skipped++;
            continue;
        }
        n++;
        without_stalls += cost.compute_cycles == cycles;
        validate_count(out, cost.compute_cycles <= cycles, 0.0,
                       "%s %s: %g cycles of computation, %g with stalls", c.arch, c.name,
                       cost.compute_cycles, cycles);
        validate_number(out, macs * c.mac_pj, mac, 1e-6, "%s %s energy of multiplications", c.arch,
                        c.name);
        validate_number(out, cost.energy_pj + macs * c.mac_pj, energy, ENERGY_TOLERANCE,
                        "%s %s energy", c.arch, c.name);
    }
    if (status == CS_OK) {
        validate_note(out, "%zu of %zu layers without stalls: computation equal; never above",
                      without_stalls, n);
        validate_require(out, 2 * skipped <= csv->n_rows,
                         "%zu of %zu layers whose memories have no common order left out", skipped,
                         csv->n_rows);
    }
    cs_csv_free(&archs);
    return status;
}

/* Bits of one access of the outermost memory. */
static double dram_width(const cs_csv *archs, const char *arch)
{
    double width = 0.0;
    cs_error err;
    for (size_t row = 0; row < archs->n_rows; row++)
        if (strcmp(text_of(archs, row, "arch"), arch) == 0 &&
            strcmp(text_of(archs, row, "memory"), "dram") == 0)
            number_of(archs, row, "bw_max_bits", &width, &err);
    return width;
}

static cs_status find_layer(const cs_csv *layers, const char *arch, const char *layer, size_t *row)
{
    for (*row = 0; *row < layers->n_rows; ++*row)
        if (strcmp(text_of(layers, *row, "arch"), arch) == 0 &&
            strcmp(text_of(layers, *row, "layer"), layer) == 0)
            return CS_OK;
    return CS_EFORMAT;
}

static cs_status check_traffic(const cs_csv *csv, const cs_csv *layers, const cs_csv *archs,
                               validate_result *out, cs_error *err)
{
    size_t within = 0, n = 0;
    for (size_t i = 0; i < csv->n_rows; i++) {
        const char *arch = text_of(csv, i, "arch"), *layer = text_of(csv, i, "layer");
        zz_case c;
        cs_nest_cost cost;
        double words;
        bool usable;
        size_t row;
        if (strcmp(text_of(csv, i, "operand"), "W") != 0 ||
            strcmp(text_of(csv, i, "memory"), "dram") != 0)
            continue;
        if (find_layer(layers, arch, layer, &row) != CS_OK)
            return cs_fail(err, CS_EFORMAT,
                           "line %zu: no layer %s of %s in zigzag_resnet18_layers.csv",
                           csv->line[i], layer, arch);
        CS_TRY(read_case(layers, row, archs, &c, &usable, err));
        CS_TRY(number_of(csv, i, "rd_out_to_low", &words, err));
        if (!usable || !evaluate(&c, &cost))
            continue;
        const double theirs = words * dram_width(archs, arch) / c.layer.bits[CS_TENSOR_W];
        const double error = cost.flow[0][CS_TENSOR_W].reads / theirs - 1.0;
        n++;
        within += fabs(error) <= TRAFFIC_TOLERANCE;
        validate_count(out, true, error, "%s %s", arch, layer);
    }
    validate_require(out, (double)within >= TRAFFIC_SHARE * (double)n,
                     "weights read off chip within 2 %% in %zu of %zu layers", within, n);
    validate_note(out, "its inputs leave out padding and skipped pixels: not comparable");
    return CS_OK;
}

static cs_status check_accesses(const cs_csv *csv, validate_result *out, cs_error *err)
{
    cs_csv layers = {0}, archs = {0};
    CS_TRY(validate_open(out, "hw/zigzag_archs.csv", &archs, err));
    cs_status status = validate_open(out, "hw/zigzag_resnet18_layers.csv", &layers, err);
    if (status == CS_OK)
        status = check_traffic(csv, &layers, &archs, out, err);
    cs_csv_free(&layers);
    cs_csv_free(&archs);
    return status;
}

/* Read for the two files above; here that every memory can be priced. */
static cs_status check_archs(const cs_csv *csv, validate_result *out, cs_error *err)
{
    for (size_t row = 0; row < csv->n_rows; row++) {
        double read, write, least, most;
        CS_TRY(number_of(csv, row, "r_pJ", &read, err));
        CS_TRY(number_of(csv, row, "w_pJ", &write, err));
        CS_TRY(number_of(csv, row, "bw_min_bits", &least, err));
        CS_TRY(number_of(csv, row, "bw_max_bits", &most, err));
        validate_count(out, read > 0.0 && write > 0.0 && least > 0.0 && most >= least, 0.0,
                       "line %zu: energies and port widths must be positive", csv->line[row]);
    }
    return CS_OK;
}

const validate_file validate_zigzag_files[] = {
    {"hw/zigzag_archs.csv", "well formed", check_archs},
    {"hw/zigzag_resnet18_layers.csv", "cycles equal without stalls, energy 15 %", check_layers},
    {"hw/zigzag_resnet18_accesses.csv", "weights 2 %", check_accesses},
    {NULL, NULL, NULL},
};
