/* The keys of a profile as a table; shared by profile.c (files) and profile_keys.c (values). */
#ifndef CS_BENCH_PROFILE_KEYS_H
#define CS_BENCH_PROFILE_KEYS_H

#include "run/profile.h"

typedef enum key_kind {
    KEY_WORD,    /* text without blanks          */
    KEY_TEXT,    /* any text                     */
    KEY_COUNT,   /* uint64_t                     */
    KEY_COUNT32, /* uint32_t                     */
    KEY_NUMBER,  /* double                       */
    KEY_CAP,     /* double > 0 or "off"          */
    KEY_FLAG,    /* yes or no                    */
    KEY_METHODS,
    KEY_SEEDS,
    KEY_VARY,
    KEY_BUDGET,
    KEY_SELECT,
    KEY_LIMIT, /* list of numbers, may be empty */
    KEY_EPOCHS /* number or "off"              */
} key_kind;

typedef enum key_role {
    ROLE_FREE,  /* does not decide a run's result                                  */
    ROLE_FIXED, /* decides results; part of the profile's hash                     */
    ROLE_CELL   /* decides results; part of a run's identity, not of the profile's */
} key_role;

typedef struct profile_key {
    const char *section, *name;
    key_kind kind;
    key_role role;
    size_t offset, size; /* of the field in cs_profile          */
    double lo, hi;       /* of KEY_NUMBER, KEY_COUNT            */
    bool required;
} profile_key;

extern const profile_key profile_keys[];
extern const size_t n_profile_keys;

/* Reads a value into its field; the sentence does not name file or key. */
cs_status profile_key_read(const profile_key *key, const char *value, cs_profile *profile,
                           cs_error *err);
void profile_key_write(const profile_key *key, const cs_profile *profile, cs_text *out);

#endif
