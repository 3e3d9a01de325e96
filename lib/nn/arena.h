/* Memory in two passes: what takes it is run once to measure, once to be handed out pieces of a
 * block of that size. */
#ifndef CS_NN_ARENA_H
#define CS_NN_ARENA_H

#include <stddef.h>

typedef struct cs_arena {
    char *base; /* NULL: only measures */
    size_t used;
} cs_arena;

/* 64-byte aligned; NULL while measuring. */
static inline void *cs_arena_take(cs_arena *arena, size_t count, size_t size)
{
    void *at = arena->base ? arena->base + arena->used : NULL;
    arena->used += (count * size + 63) / 64 * 64;
    return at;
}
#define CS_TAKE(arena, count, type) ((type *)cs_arena_take(arena, (size_t)(count), sizeof(type)))

#endif
