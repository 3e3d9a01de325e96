/* Text form, hash and comparison of a design. */
#include "space_internal.h"

#include "core/hash.h"
#include "core/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- writing ---- */

typedef struct writer {
    char *at, *end; /* end: the place kept for NUL */
    bool full;
} writer;

static void put(writer *w, const char *text)
{
    const size_t n = strlen(text);
    if (n > (size_t)(w->end - w->at)) {
        w->full = true;
        return;
    }
    memcpy(w->at, text, n);
    w->at += n;
}

static void put_number(writer *w, int32_t value)
{
    char digits[16];
    char *at = digits + sizeof digits - 1;
    assert(value >= 0);
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(w, at);
}

/* Length of the part of an accelerator decision's name that names the unit: "a0q4" of "a0q4.Tm". */
static size_t unit_length(const cs_decision *d)
{
    const char *dot = strchr(d->name, '.');
    return dot ? (size_t)(dot - d->name) : strlen(d->name);
}

/* One past the last decision of the unit that begins at decision i. */
static size_t unit_end(const cs_space *space, size_t i)
{
    const cs_decision *d = &space->decision[i];
    const size_t n = unit_length(d);
    size_t j = i + 1;
    while (j < cs_space_size(space) && unit_length(&space->decision[j]) == n &&
           memcmp(space->decision[j].name, d->name, n) == 0)
        j++;
    return j;
}

static void put_accelerator(const cs_space *space, const cs_design *design, const bool *active,
                            writer *w)
{
    const char *gap = "";
    for (size_t i = space->first[CS_GROUP_ACCELERATOR], end; i < cs_space_size(space); i = end) {
        end = unit_end(space, i);
        bool any = false;
        for (size_t j = i; j < end; j++)
            any = any || active[j];
        if (!any)
            continue;
        char name[sizeof space->decision[i].name];
        const size_t n = unit_length(&space->decision[i]);
        memcpy(name, space->decision[i].name, n);
        name[n] = '\0';
        put(w, gap);
        put(w, name);
        for (size_t j = i; j < end; j++) {
            put(w, j == i ? "=" : ":");
            if (active[j])
                put_number(w, space_value(space, j, design->choice[j]));
            else
                put(w, "-");
        }
        gap = " ";
    }
}

cs_status cs_design_format(const cs_space *space, const cs_design *design, char *text, size_t size)
{
    if (size == 0)
        return CS_EUSAGE;
    CS_TRY(cs_space_check(space, design, NULL));
    const size_t n = space->net_space->n_blocks;
    bool active[CS_DECISIONS_MAX];
    cs_space_active(space, design, active);
    writer w = {text, text + size - 1, false};
    put(&w, space->net_space->name);
    put(&w, "|");
    put(&w, space->hw->name);
    for (size_t i = 0; i < n; i++) {
        put(&w, i ? " " : "|");
        put(&w, cs_ops[space_value(space, i, design->choice[i])].name);
    }
    for (size_t i = n; i < 2 * n; i++) {
        put(&w, i > n ? " " : "|");
        if (active[i])
            put_number(&w, space_value(space, i, design->choice[i]));
        else
            put(&w, "-");
    }
    put(&w, "|");
    put_accelerator(space, design, active, &w);
    if (w.full)
        return CS_EUSAGE;
    *w.at = '\0';
    return CS_OK;
}

uint64_t cs_design_hash(const cs_space *space, const cs_design *design)
{
    char text[CS_DESIGN_TEXT_MAX];
    const cs_status status = cs_design_format(space, design, text, sizeof text);
    assert(status == CS_OK);
    return status == CS_OK ? cs_hash_text(text) : 0;
}

bool cs_design_equal(const cs_space *space, const cs_design *a, const cs_design *b)
{
    cs_design x, y;
    cs_space_canonical(space, a, &x);
    cs_space_canonical(space, b, &y);
    return x.n == y.n && memcmp(x.choice, y.choice, x.n * sizeof *x.choice) == 0;
}

/* ---- reading ---- */

enum { FIELD_SPACE, FIELD_PLATFORM, FIELD_OPS, FIELD_BITS, FIELD_ACCELERATOR, FIELDS };

static const char *const field_name[FIELDS] = {"1 (space)", "2 (platform)", "3 (operators)",
                                               "4 (bitwidths)", "5 (accelerator)"};

/* A private copy of the text, cut into fields. */
typedef struct fields {
    char copy[CS_DESIGN_TEXT_MAX];
    char *field[FIELDS];
} fields;

static cs_status split_fields(const char *text, fields *f, cs_error *err)
{
    size_t n = strnlen(text, CS_DESIGN_TEXT_MAX);
    if (n == CS_DESIGN_TEXT_MAX)
        return cs_fail(err, CS_EFORMAT, "design text: longer than %d characters",
                       CS_DESIGN_TEXT_MAX - 1);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    memcpy(f->copy, text, n);
    f->copy[n] = '\0';
    size_t found = 1;
    f->field[0] = f->copy;
    for (char *at = f->copy; *at; at++)
        if (*at == '|') {
            *at = '\0';
            if (found < FIELDS)
                f->field[found] = at + 1;
            found++;
        }
    if (found != FIELDS)
        return cs_fail(err, CS_EFORMAT,
                       "design text: expected 5 fields separated by '|' "
                       "(space|platform|operators|bitwidths|accelerator), found %zu",
                       found);
    return CS_OK;
}

/* Next word of a field, or NULL at its end; words are separated by one or more blanks. */
static char *next_word(char **at)
{
    char *word = *at + strspn(*at, " ");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " ");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static size_t count_words(const char *field)
{
    size_t n = 0;
    for (const char *at = field + strspn(field, " "); *at; at += strspn(at, " ")) {
        at += strcspn(at, " ");
        n++;
    }
    return n;
}

/* The allowed values of decision i from choice `first` on, in words, into a fixed buffer. */
static const char *list_choices(const cs_space *space, size_t i, uint16_t first, char *text,
                                size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint16_t c = first; c < space->decision[i].n_choices; c++) {
        char label[16];
        if (cs_space_label(space, i, c, label, sizeof label) != CS_OK)
            break;
        const int n = snprintf(text + used, size - used, "%s%s", c > first ? ", " : "", label);
        if (n < 0 || (size_t)n >= size - used)
            break;
        used += (size_t)n;
    }
    return text;
}

static cs_status read_ops(const cs_space *space, char *field, cs_design *d, cs_error *err)
{
    const size_t n = space->net_space->n_blocks, found = count_words(field);
    if (found != n)
        return cs_fail(err, CS_EFORMAT,
                       "design text, field %s: expected %zu operators for space %s, found %zu",
                       field_name[FIELD_OPS], n, space->net_space->name, found);
    for (size_t i = 0; i < n; i++) {
        const char *word = next_word(&field);
        uint16_t c = 0;
        while (c < space->decision[i].n_choices &&
               strcmp(cs_ops[space_value(space, i, c)].name, word) != 0)
            c++;
        if (c == space->decision[i].n_choices) {
            char list[256];
            return cs_fail(err, CS_EOUTSIDE,
                           "design text, field %s, block %zu: operator '%.40s' is not in space "
                           "%s; allowed are %s",
                           field_name[FIELD_OPS], i + 1, word, space->net_space->name,
                           list_choices(space, i, 0, list, sizeof list));
        }
        d->choice[i] = c;
    }
    return CS_OK;
}

/* Reads the value of decision i; `where` names field and position. */
static cs_status read_value(const cs_space *space, size_t i, const char *word, const char *where,
                            cs_design *d, cs_error *err)
{
    const cs_decision *decision = &space->decision[i];
    uint64_t value;
    char list[256];
    if (!cs_text_u64(word, &value))
        return cs_fail(err, CS_EFORMAT, "design text, %s: '%.40s' is not a whole number", where,
                       word);
    for (uint16_t c = 0; c < decision->n_choices; c++)
        if ((uint64_t)decision->value[c] == value) {
            d->choice[i] = c;
            return CS_OK;
        }
    return cs_fail(err, CS_EOUTSIDE, "design text, %s: %.40s is not a choice; allowed are %s",
                   where, word, list_choices(space, i, 0, list, sizeof list));
}

static cs_status read_bits(const cs_space *space, char *field, cs_design *d, cs_error *err)
{
    const size_t n = space->net_space->n_blocks, found = count_words(field);
    if (found != n)
        return cs_fail(err, CS_EFORMAT,
                       "design text, field %s: expected %zu bitwidths for space %s, found %zu",
                       field_name[FIELD_BITS], n, space->net_space->name, found);
    cs_net net;
    space_decode(space, d, &net);
    for (size_t i = 0; i < n; i++) {
        char where[64];
        const char *word = next_word(&field);
        snprintf(where, sizeof where, "field %s, block %zu", field_name[FIELD_BITS], i + 1);
        if (strcmp(word, "-") != 0)
            CS_TRY(read_value(space, n + i, word, where, d, err));
        else if (!cs_block_identity(&net.block[i]))
            return cs_fail(err, CS_EOUTSIDE,
                           "design text, %s: '-' stands only for an identity, this block needs "
                           "a bitwidth",
                           where);
    }
    return CS_OK;
}

/* Reads "16:8:..." into the decisions first..last-1 of unit `name`. */
static cs_status read_unit(const cs_space *space, size_t first, size_t last, const char *name,
                           char *values, const bool *active, cs_design *d, cs_error *err)
{
    size_t i = first;
    for (char *at = values; at; i++) {
        char *colon = strchr(at, ':');
        if (colon)
            *colon = '\0';
        if (i < last) {
            char where[96];
            snprintf(where, sizeof where, "field %s, %s", field_name[FIELD_ACCELERATOR],
                     space->decision[i].name);
            if (strcmp(at, "-") != 0)
                CS_TRY(read_value(space, i, at, where, d, err));
            else if (active[i] && cs_space_needed(space, d, i))
                return cs_fail(err, CS_EOUTSIDE, "design text, %s: a value is needed, found '-'",
                               where);
        }
        at = colon ? colon + 1 : NULL;
    }
    if (i != last)
        return cs_fail(err, CS_EFORMAT,
                       "design text, field %s, %s: expected %zu values separated by ':', found %zu",
                       field_name[FIELD_ACCELERATOR], name, last - first, i - first);
    return CS_OK;
}

static size_t find_unit(const cs_space *space, const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = space->first[CS_GROUP_ACCELERATOR]; i < cs_space_size(space);
         i = unit_end(space, i))
        if (unit_length(&space->decision[i]) == n && memcmp(space->decision[i].name, name, n) == 0)
            return i;
    return cs_space_size(space);
}

static cs_status read_accelerator(const cs_space *space, char *field, cs_design *d, cs_error *err)
{
    bool active[CS_DECISIONS_MAX], given[CS_DECISIONS_MAX] = {false};
    cs_space_active(space, d, active);
    for (char *word; (word = next_word(&field)) != NULL;) {
        char *values = strchr(word, '=');
        if (!values)
            return cs_fail(err, CS_EFORMAT,
                           "design text, field %s: expected NAME=VALUE:VALUE..., found '%.60s'",
                           field_name[FIELD_ACCELERATOR], word);
        *values++ = '\0';
        const size_t i = find_unit(space, word);
        if (i == cs_space_size(space))
            return cs_fail(err, CS_EOUTSIDE,
                           "design text, field %s: '%.40s' is no part of platform %s on space %s",
                           field_name[FIELD_ACCELERATOR], word, space->hw->name,
                           space->net_space->name);
        if (given[i])
            return cs_fail(err, CS_EFORMAT, "design text, field %s: %s is given twice",
                           field_name[FIELD_ACCELERATOR], word);
        given[i] = true;
        CS_TRY(read_unit(space, i, unit_end(space, i), word, values, active, d, err));
    }
    for (size_t i = space->first[CS_GROUP_ACCELERATOR], end; i < cs_space_size(space); i = end) {
        end = unit_end(space, i);
        for (size_t j = i; j < end && !given[i]; j++)
            if (active[j])
                return cs_fail(err, CS_EOUTSIDE,
                               "design text, field %s: %.*s is missing, the network needs it",
                               field_name[FIELD_ACCELERATOR], (int)unit_length(&space->decision[i]),
                               space->decision[i].name);
    }
    return CS_OK;
}

cs_status cs_design_parse(const cs_space *space, const char *text, cs_design *out, cs_error *err)
{
    fields f;
    CS_TRY(split_fields(text, &f, err));
    if (strcmp(f.field[FIELD_SPACE], space->net_space->name) != 0)
        return cs_fail(err, CS_EOUTSIDE, "design text, field %s: expected '%s', found '%.60s'",
                       field_name[FIELD_SPACE], space->net_space->name, f.field[FIELD_SPACE]);
    if (strcmp(f.field[FIELD_PLATFORM], space->hw->name) != 0)
        return cs_fail(err, CS_EOUTSIDE, "design text, field %s: expected '%s', found '%.60s'",
                       field_name[FIELD_PLATFORM], space->hw->name, f.field[FIELD_PLATFORM]);
    cs_design d = {.n = (uint16_t)cs_space_size(space)};
    CS_TRY(read_ops(space, f.field[FIELD_OPS], &d, err));
    CS_TRY(read_bits(space, f.field[FIELD_BITS], &d, err));
    CS_TRY(read_accelerator(space, f.field[FIELD_ACCELERATOR], &d, err));
    CS_TRY(cs_space_check(space, &d, err));
    cs_space_canonical(space, &d, out);
    return CS_OK;
}

cs_status cs_design_parse_network(const cs_space *space, const char *text, cs_design *out,
                                  cs_error *err)
{
    fields f;
    CS_TRY(split_fields(text, &f, err));
    if (strcmp(f.field[FIELD_SPACE], space->net_space->name) != 0)
        return cs_fail(err, CS_EOUTSIDE, "design text, field %s: expected '%s', found '%.60s'",
                       field_name[FIELD_SPACE], space->net_space->name, f.field[FIELD_SPACE]);
    cs_design d = {.n = (uint16_t)cs_space_size(space)};
    CS_TRY(read_ops(space, f.field[FIELD_OPS], &d, err));
    CS_TRY(read_bits(space, f.field[FIELD_BITS], &d, err));
    cs_space_repair(space, &d);
    cs_space_canonical(space, &d, out);
    return CS_OK;
}

cs_status cs_design_names(const char *text, char space[64], char hw[64], cs_error *err)
{
    fields f;
    CS_TRY(split_fields(text, &f, err));
    if (strlen(f.field[FIELD_SPACE]) >= 64 || strlen(f.field[FIELD_PLATFORM]) >= 64)
        return cs_fail(err, CS_EFORMAT,
                       "design text: space or platform name of 64 or more "
                       "characters");
    strcpy(space, f.field[FIELD_SPACE]);
    strcpy(hw, f.field[FIELD_PLATFORM]);
    return CS_OK;
}
