#include "nest_walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LOOPS = 2 * CS_NEST_LEVELS * CS_NEST_DIMS };
typedef struct loop {
    int level, dim;
    bool spatial;
    uint32_t bound, step; /* of the dimension */
} loop;

/* Half-open box of words of a tensor: up to five axes. */
enum { AXES = 5 };
typedef struct box {
    int32_t from[AXES], to[AXES];
} box;

typedef struct walk {
    const cs_nest_layer *layer;
    const cs_nest_mapping *mapping;
    int n_levels, n;
    loop loop[LOOPS]; /* outermost first */
    nest_padding padding;
    nest_walk *out;
} walk;

static void list_loops(walk *w)
{
    uint32_t inner[CS_NEST_DIMS];
    w->n = 0;
    for (int l = 0; l < w->n_levels; l++) {
        const cs_nest_map_level *m = &w->mapping->level[l];
        for (int i = 0; i < m->n_temporal; i++)
            w->loop[w->n++] = (loop){l, m->temporal[i].dim, false, m->temporal[i].bound, 0};
        for (int i = 0; i < m->n_spatial; i++)
            w->loop[w->n++] = (loop){l, m->spatial[i].dim, true, m->spatial[i].bound, 0};
    }
    for (int d = 0; d < CS_NEST_DIMS; d++)
        inner[d] = 1;
    for (int i = w->n - 1; i >= 0; i--) {
        w->loop[i].step = inner[w->loop[i].dim];
        inner[w->loop[i].dim] *= w->loop[i].bound;
    }
}

/* Words of a tensor that [from, from + size) of every dimension touches, as a box; false if the
 * real part of some dimension is empty. */
static bool hull(const walk *w, const uint32_t *from, const uint32_t *size, int tensor, box *out)
{
    int32_t lo[CS_NEST_DIMS], hi[CS_NEST_DIMS];
    const int32_t s = (int32_t)w->layer->stride;
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        const uint32_t end =
            from[d] + size[d] < w->layer->extent[d] ? from[d] + size[d] : w->layer->extent[d];
        if (from[d] >= end)
            return false;
        lo[d] = (int32_t)from[d];
        hi[d] = (int32_t)end;
    }
    static const int direct[CS_TENSORS][AXES] = {
        {CS_DIM_G, CS_DIM_K, CS_DIM_C, CS_DIM_R, CS_DIM_S},
        {CS_DIM_N, CS_DIM_G, CS_DIM_C, -1, -2},
        {CS_DIM_N, CS_DIM_G, CS_DIM_K, CS_DIM_P, CS_DIM_Q}};
    for (int a = 0; a < AXES; a++) {
        const int d = direct[tensor][a];
        if (d >= 0) {
            out->from[a] = lo[d];
            out->to[a] = hi[d];
        } else {
            const int p = d == -1 ? CS_DIM_P : CS_DIM_Q, r = d == -1 ? CS_DIM_R : CS_DIM_S;
            out->from[a] = s * lo[p] + lo[r];
            out->to[a] = s * (hi[p] - 1) + hi[r];
        }
    }
    return true;
}

/* The set of words of a box. */
static void mark(const walk *w, const box *b, int tensor, uint8_t *set)
{
    const cs_nest_layer *l = w->layer;
    const int32_t width[CS_TENSORS][AXES] = {
        {0, (int32_t)l->extent[CS_DIM_K], (int32_t)l->extent[CS_DIM_C],
         (int32_t)l->extent[CS_DIM_R], (int32_t)l->extent[CS_DIM_S]},
        {0, (int32_t)l->extent[CS_DIM_G], (int32_t)l->extent[CS_DIM_C],
         (int32_t)(l->stride * (l->extent[CS_DIM_P] - 1) + l->extent[CS_DIM_R]),
         (int32_t)(l->stride * (l->extent[CS_DIM_Q] - 1) + l->extent[CS_DIM_S])},
        {0, (int32_t)l->extent[CS_DIM_G], (int32_t)l->extent[CS_DIM_K],
         (int32_t)l->extent[CS_DIM_P], (int32_t)l->extent[CS_DIM_Q]}};
    int32_t at[AXES];
    for (at[0] = b->from[0]; at[0] < b->to[0]; at[0]++)
        for (at[1] = b->from[1]; at[1] < b->to[1]; at[1]++)
            for (at[2] = b->from[2]; at[2] < b->to[2]; at[2]++)
                for (at[3] = b->from[3]; at[3] < b->to[3]; at[3]++)
                    for (at[4] = b->from[4]; at[4] < b->to[4]; at[4]++) {
                        int32_t word = at[0];
                        for (int a = 1; a < AXES; a++)
                            word = word * width[tensor][a] + at[a];
                        assert(word >= 0 && word < NEST_WALK_WORDS);
                        set[word] = 1;
                    }
}

/* State of one buffer (or one multiplier): its words now, and which outputs it has seen. */
typedef struct buffer {
    uint8_t now[NEST_WALK_WORDS], seen[NEST_WALK_WORDS];
} buffer;

/* The pair parent -> child of a tensor. */
typedef struct pair {
    const walk *w;
    uint32_t words; /* of the tensor */
    int parent, child, tensor;
    bool fresh;                  /* the child is a multiplier: everything is asked for anew */
    uint32_t size[CS_NEST_DIMS]; /* of a child's tile */
    uint32_t instances;          /* of the child, and of them per parent */
    uint32_t per_parent;
    buffer *buffer, *above, *united; /* [instances], [parents], [parents] */
} pair;

static bool same_box(const box *a, const box *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* One temporal step of one child. `first` tells whether no earlier child of the same parent has the
 * same tile in this step, so that the parent sends it. */
static void step_child(pair *p, uint32_t unit, const box *tile, bool first)
{
    static uint8_t next[NEST_WALK_WORDS];
    nest_walk *out = p->w->out;
    buffer *b = &p->buffer[unit], *parent = &p->above[unit / p->per_parent];
    memset(next, 0, p->words);
    mark(p->w, tile, p->tensor, next);
    for (uint32_t i = 0; i < p->words; i++) {
        if (!next[i] || (!p->fresh && b->now[i]))
            continue;
        if (p->tensor != CS_TENSOR_O) {
            out->reads[p->parent][p->tensor] += first;
            if (!p->fresh)
                out->fills[p->child][p->tensor] += 1.0;
            continue;
        }
        if (first) { /* an update will follow; a partial sum seen before is read */
            out->updates[p->parent][p->tensor] += 1.0;
            out->reads[p->parent][p->tensor] += parent->seen[i] != 0;
        }
        if (!p->fresh)
            out->fills[p->child][p->tensor] += b->seen[i] != 0;
        b->seen[i] = 1;
    }
    memcpy(b->now, next, p->words);
}

/* One temporal step of all children. */
static void step_pair(pair *p, const uint32_t (*from)[CS_NEST_DIMS])
{
    static box tile[NEST_WALK_UNITS];
    static bool real[NEST_WALK_UNITS];
    for (uint32_t u = 0; u < p->instances; u++) {
        real[u] = hull(p->w, from[u], p->size, p->tensor, &tile[u]);
        if (!real[u] && p->w->padding == NEST_PADDING_EMPTIES)
            memset(p->buffer[u].now, 0, p->words);
    }
    for (uint32_t u = 0; u < p->instances; u++) {
        bool first = true;
        const uint32_t begin = u - u % p->per_parent;
        for (uint32_t v = begin; v < u && first; v++)
            first = !(real[v] && same_box(&tile[v], &tile[u]));
        if (real[u])
            step_child(p, u, &tile[u], first);
    }
    for (uint32_t begin = 0; begin < p->instances; begin += p->per_parent) {
        static uint8_t all[NEST_WALK_WORDS];
        buffer *united = &p->united[begin / p->per_parent];
        memset(all, 0, p->words);
        for (uint32_t u = begin; u < begin + p->per_parent; u++)
            if (real[u])
                mark(p->w, &tile[u], p->tensor, all);
        for (uint32_t i = 0; i < p->words; i++) {
            if (p->tensor == CS_TENSOR_I)
                p->w->out->joined[p->parent] += all[i] && !united->now[i];
            if (p->tensor == CS_TENSOR_O && all[i])
                p->above[begin / p->per_parent].seen[i] = 1;
        }
        memcpy(united->now, all, p->words);
    }
}

/* Walks the temporal loops outside the child with all its instances. */
static void walk_pair(pair *p)
{
    const walk *w = p->w;
    int time[LOOPS], space[LOOPS], n_time = 0, n_space = 0;
    static uint32_t from[NEST_WALK_UNITS][CS_NEST_DIMS];
    uint32_t index[LOOPS] = {0};
    p->instances = p->per_parent = 1;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        p->size[d] = 1;
    for (int i = 0; i < w->n; i++) {
        const loop *l = &w->loop[i];
        if (l->level >= p->child) {
            p->size[l->dim] *= l->bound;
        } else if (l->spatial) {
            space[n_space++] = i;
            p->instances *= l->bound;
            p->per_parent *= l->level >= p->parent ? l->bound : 1;
        } else {
            time[n_time++] = i;
        }
    }
    assert(p->instances <= NEST_WALK_UNITS);
    p->buffer = calloc(p->instances, sizeof *p->buffer);
    p->above = calloc(p->instances / p->per_parent, sizeof *p->above);
    p->united = calloc(p->instances / p->per_parent, sizeof *p->united);
    bool more = true;
    while (more) {
        for (uint32_t u = 0; u < p->instances; u++) {
            uint32_t rest = u;
            memset(from[u], 0, sizeof from[u]);
            for (int k = n_space - 1; k >= 0; k--) {
                const loop *l = &w->loop[space[k]];
                from[u][l->dim] += rest % l->bound * l->step;
                rest /= l->bound;
            }
            for (int k = 0; k < n_time; k++)
                from[u][w->loop[time[k]].dim] += index[k] * w->loop[time[k]].step;
        }
        step_pair(p, (const uint32_t(*)[CS_NEST_DIMS])from);
        more = false;
        for (int k = n_time - 1; k >= 0 && !more; k--) {
            more = ++index[k] < w->loop[time[k]].bound;
            if (!more)
                index[k] = 0;
        }
    }
    free(p->buffer);
    free(p->above);
    free(p->united);
}

void nest_walk_run(const cs_nest_layer *layer, int n_levels, const cs_nest_mapping *mapping,
                   nest_padding padding, nest_walk *out)
{
    walk w = {
        .layer = layer, .mapping = mapping, .n_levels = n_levels, .padding = padding, .out = out};
    memset(out, 0, sizeof *out);
    list_loops(&w);
    out->steps = out->macs = 1.0;
    for (int i = 0; i < w.n; i++)
        out->steps *= w.loop[i].spatial ? 1.0 : (double)w.loop[i].bound;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        out->macs *= (double)layer->extent[d];
    for (int t = 0; t < CS_TENSORS; t++) {
        pair p = {.w = &w, .parent = 0, .tensor = t, .words = (uint32_t)cs_nest_words(layer, t)};
        assert(p.words <= NEST_WALK_WORDS);
        for (int l = 1; l <= n_levels; l++)
            if (l == n_levels || mapping->level[l].keep >> t & 1) {
                p.child = l;
                p.fresh = l == n_levels;
                walk_pair(&p);
                p.parent = l;
            }
    }
}
