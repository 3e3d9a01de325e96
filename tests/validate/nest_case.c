#include "nest_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char dims[] = "NGKCPQRS";

/* Index of a dimension's letter, or -1. */
static int dim_of(char letter)
{
    const char *at = letter ? strchr(dims, letter) : NULL;
    return at ? (int)(at - dims) : -1;
}

int nest_case_level(const nest_case *c, const char *name)
{
    for (int l = 0; l < c->arch.n_levels; l++)
        if (strcmp(c->arch.level[l].name, name) == 0)
            return l;
    return -1;
}

int nest_case_tensor(const char *name)
{
    return name[0] == 'W'   ? CS_TENSOR_W
           : name[0] == 'I' ? CS_TENSOR_I
           : name[0] == 'O' ? CS_TENSOR_O
                            : -1;
}

static cs_status bad_row(const cs_csv *csv, size_t row, const char *what, cs_error *err)
{
    return cs_fail(err, CS_EFORMAT, "line %zu: %s", csv->line[row], what);
}

/* A cell of a column that may be missing or empty. */
static double optional(const cs_csv *csv, size_t row, const char *column, double absent)
{
    const int c = cs_csv_column(csv, column);
    double x;
    return c >= 0 && cs_text_double(cs_csv_cell(csv, row, c), &x) ? x : absent;
}

static const char *text_of(const cs_csv *csv, size_t row, const char *column)
{
    const int c = cs_csv_column(csv, column);
    return c >= 0 ? cs_csv_cell(csv, row, c) : NULL;
}

static void plain_level(cs_nest_level *level, const char *name, double word_energy)
{
    const size_t length = strlen(name);
    memcpy(level->name, name, length < sizeof level->name ? length + 1 : 0);
    level->may_keep = CS_KEEP_ALL;
    level->capacity_bits = level->read_bits_per_cycle = level->write_bits_per_cycle =
        (double)INFINITY;
    for (int t = 0; t < CS_TENSORS; t++)
        level->read_pj_bit[t] = level->write_pj_bit[t] = word_energy / 16.0;
}

/* ---- random mappings ---- */

/* "P2 K4" and "KRPCSNQ" (innermost first) into loops, outermost first. Spatial: the first `split`
 * letters lie along X. */
static bool read_loops(const char *factors, const char *order, bool spatial, long split,
                       cs_nest_map_level *map)
{
    unsigned long bound[CS_NEST_DIMS] = {1, 1, 1, 1, 1, 1, 1, 1};
    const size_t n = strlen(order);
    for (const char *at = factors; *at;) {
        char *end;
        const int d = dim_of(*at);
        if (*at == '-' && at[1] == '\0')
            break; /* no loops */
        if (d < 0)
            return false;
        bound[d] = strtoul(at + 1, &end, 10);
        if (end == at + 1 || bound[d] == 0 || bound[d] > CS_NEST_EXTENT_MAX)
            return false;
        for (at = end; *at == ' ';)
            at++;
    }
    if (n > CS_NEST_DIMS)
        return false;
    for (size_t i = n; i-- > 0;) {
        const int d = dim_of(order[i]);
        if (d < 0)
            return false;
        const cs_nest_loop loop = {(uint8_t)d, (long)i < split ? CS_AXIS_X : CS_AXIS_Y,
                                   (uint16_t)bound[d]};
        if (spatial)
            map->spatial[map->n_spatial++] = loop;
        else
            map->temporal[map->n_temporal++] = loop;
        bound[d] = 1;
    }
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (bound[d] != 1)
            return false; /* a factor that the order does not place */
    return true;
}

static uint8_t keep_of(const char *text)
{
    uint8_t keep = 0;
    for (; *text; text++) {
        const char word[2] = {*text, '\0'};
        const int t = nest_case_tensor(word);
        if (t >= 0)
            keep = (uint8_t)(keep | 1u << t);
    }
    return keep;
}

static cs_status read_mapping(const cs_csv *csv, size_t row, nest_case *out, cs_error *err)
{
    static const char *const column[] = {"t_dram",   "perm_dram",    "t_glb", "perm_glb",
                                         "spatial",  "perm_spatial", "t_rf",  "perm_rf",
                                         "glb_keep", "rf_keep"};
    const char *text[sizeof column / sizeof *column];
    cs_nest_map_level *map = out->mapping.level;
    for (size_t i = 0; i < sizeof column / sizeof *column; i++) {
        text[i] = text_of(csv, row, column[i]);
        if (!text[i])
            return cs_fail(err, CS_EFORMAT, "column %s is missing", column[i]);
    }
    map[0].keep = CS_KEEP_ALL;
    map[1].keep = keep_of(text[8]);
    map[2].keep = keep_of(text[9]);
    const long split = (long)optional(csv, row, "split_x", 0.0);
    if (!read_loops(text[0], text[1], false, 0, &map[0]) ||
        !read_loops(text[2], text[3], false, 0, &map[1]) ||
        !read_loops(text[4], text[5], true, split, &map[1]) ||
        !read_loops(text[6], text[7], false, 0, &map[2]))
        return bad_row(csv, row, "loop factors or orders are malformed", err);
    return CS_OK;
}

cs_status nest_case_run(const cs_csv *csv, size_t row, nest_case *out, cs_error *err)
{
    static const char *const bandwidth[] = {"dram_rd_bw", "dram_wr_bw", "glb_rd_bw", "glb_wr_bw"};
    memset(out, 0, sizeof *out);
    out->name = text_of(csv, row, "case");
    out->cycles = optional(csv, row, "cycles", (double)NAN);
    out->energy_uj = optional(csv, row, "energy_uJ_units", (double)NAN);
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        const char letter[2] = {dims[d], '\0'};
        out->layer.extent[d] = (uint32_t)optional(csv, row, letter, 1.0);
    }
    out->layer.stride = (uint32_t)optional(csv, row, "stride", 1.0);
    for (int t = 0; t < CS_TENSORS; t++)
        out->layer.bits[t] = 16;
    cs_nest_arch *arch = &out->arch;
    arch->n_levels = 3;
    arch->mul_pj = 4.0; /* 1 per 16-bit multiplication */
    plain_level(&arch->level[0], "DRAM", 200.0);
    plain_level(&arch->level[1], "GLB", 6.0);
    plain_level(&arch->level[2], "RF", 1.0);
    for (int i = 0; i < 4; i++) {
        const double words = optional(csv, row, bandwidth[i], (double)INFINITY);
        double *bits = i % 2 ? &arch->level[i / 2].write_bits_per_cycle
                             : &arch->level[i / 2].read_bits_per_cycle;
        *bits = 16.0 * words;
    }
    arch->level[1].capacity_bits = 16.0 * optional(csv, row, "glb_words", (double)INFINITY);
    arch->level[2].capacity_bits = 16.0 * optional(csv, row, "rf_words_per_pe", (double)INFINITY);
    const double pes = optional(csv, row, "pes", 0.0), wide = optional(csv, row, "meshX", 0.0);
    if (!out->name || !(wide >= 1.0) || !(pes >= wide))
        return bad_row(csv, row, "case, pes or meshX is missing", err);
    arch->level[1].mesh_x = (uint32_t)wide;
    arch->level[1].mesh_y = (uint32_t)(pes / wide);
    CS_TRY(read_mapping(csv, row, out, err));
    return cs_nest_arch_check(arch, err);
}

/* ---- reference mappings ---- */

/* "K32 R3 P16" into the layer. */
static bool read_problem(const char *text, cs_nest_layer *layer)
{
    for (int d = 0; d < CS_NEST_DIMS; d++)
        layer->extent[d] = 1;
    layer->stride = 1;
    while (*text) {
        const int d = dim_of(*text);
        char *end;
        if (d < 0 || text[1] != '=')
            return false;
        layer->extent[d] = (uint32_t)strtoul(text + 2, &end, 10);
        for (text = end; *text == ' ';)
            text++;
    }
    return true;
}

/* One level "GlobalBuffer[Weights:96 Inputs:18]: K16 P16" with loops; "K16sx", "K16sy" spatial.
 * Bounds with residuals ("K16/3") are imperfect factors. */
static bool read_level(char *text, cs_nest_level *level, cs_nest_map_level *map)
{
    char *open = strchr(text, '['), *close = strchr(text, ']');
    if (!open || !close || close < open || close[1] != ':')
        return false;
    *open = *close = '\0';
    while (*text == ' ')
        text++;
    if (strlen(text) >= sizeof level->name)
        return false;
    plain_level(level, text, 0.0);
    level->mesh_x = level->mesh_y = CS_NEST_EXTENT_MAX / 8;
    for (char *word = strtok(open + 1, " "); word; word = strtok(NULL, " "))
        if (nest_case_tensor(word) >= 0)
            map->keep |= (uint8_t)(1u << nest_case_tensor(word));
    for (char *word = strtok(close + 2, " "); word; word = strtok(NULL, " ")) {
        char *end;
        const int d = dim_of(*word);
        if (strcmp(word, "-") == 0)
            continue;
        if (d < 0)
            return false;
        const unsigned long bound = strtoul(word + 1, &end, 10);
        if (*end == '/')
            strtoul(end + 1, &end, 10);
        if (bound == 0 || bound > CS_NEST_EXTENT_MAX)
            return false;
        const cs_nest_loop loop = {(uint8_t)d, strcmp(end, "sy") == 0 ? CS_AXIS_Y : CS_AXIS_X,
                                   (uint16_t)bound};
        if (*end == 's' && map->n_spatial < CS_NEST_DIMS)
            map->spatial[map->n_spatial++] = loop;
        else if (*end == '\0' && map->n_temporal < CS_NEST_DIMS)
            map->temporal[map->n_temporal++] = loop;
        else
            return false;
    }
    return true;
}

cs_status nest_case_ref(const cs_csv *csv, size_t row, nest_case *out, cs_error *err)
{
    char text[2048];
    const char *problem = text_of(csv, row, "problem"), *mapping = text_of(csv, row, "mapping");
    memset(out, 0, sizeof *out);
    out->name = text_of(csv, row, "case");
    out->cycles = optional(csv, row, "cycles", (double)NAN);
    out->energy_uj = (double)NAN; /* two decimals of a microjoule say nothing here */
    if (!out->name || !problem || !mapping || !read_problem(problem, &out->layer))
        return bad_row(csv, row, "case, problem or mapping is missing or malformed", err);
    for (int t = 0; t < CS_TENSORS; t++)
        out->layer.bits[t] = 16;
    snprintf(text, sizeof text, "%s", mapping);
    char *at = text;
    while (at) {
        char *bar = strchr(at, '|');
        const int l = out->arch.n_levels;
        if (bar)
            *bar = '\0';
        if (l == CS_NEST_LEVELS || !read_level(at, &out->arch.level[l], &out->mapping.level[l]))
            return bad_row(csv, row, "a level of the mapping is malformed", err);
        out->arch.n_levels++;
        at = bar ? bar + 1 : NULL;
    }
    out->mapping.level[0].keep = CS_KEEP_ALL;
    return cs_nest_arch_check(&out->arch, err);
}
