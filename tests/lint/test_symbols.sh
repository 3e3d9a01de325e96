#!/bin/sh
# What a method's objects may refer to: cs_*, its own folder, memory, string and math functions. No
# clock, file, environment, thread, random number or BLAS can be reached from a method. The
# cost model is reached through the metered queries of the task only.
. tests/sh.inc
. tests/lint/lint.inc
CC=${CC:-gcc}
memory='malloc|calloc|realloc|free|mem(cpy|move|set|cmp|chr)'
string='str(len|nlen|cmp|ncmp|chr|rchr|str|spn|cspn|pbrk|cpy|ncpy|cat|ncat)'
math='(sqrt|cbrt|hypot|pow|exp|exp2|expm1|log|log2|log10|log1p|sin|cos|tan|asin|acos|atan|atan2'
math="$math"'|sinh|cosh|tanh|asinh|acosh|atanh|erf|erfc|lgamma|tgamma|floor|ceil|trunc|round|lround'
math="$math"'|llround|rint|lrint|llrint|nearbyint|fmod|remainder|fmin|fmax|fdim|fabs|fma|copysign'
math="$math"'|ldexp|frexp|modf|scalbn|ilogb|logb|nan|nextafter)[fl]?'
compiler='__assert_fail|_GLOBAL_OFFSET_TABLE_|__(popcount|parity|clz|ctz|u?div|u?mod|mul)[dst]i[234]'
ALLOWED="^(cs_[a-z0-9_]+|$memory|$string|$math|$compiler)\$"
UNMETERED='^cs_(space_(cost|solve|new|hw_model)|hw_model.*|engine_(new|free)|rng_seed)$'

forbidden() { # OBJECT...: undefined symbols that no object of the list defines and no rule allows
    nm --defined-only -g "$@" | awk 'NF == 3 { print $3 }' | sort -u >"$TEST_DIR/defined"
    nm -u "$@" | awk '$1 == "U" { print $2 }' | sort -u | comm -23 - "$TEST_DIR/defined" |
        tee "$TEST_DIR/foreign" | grep -vE "$ALLOWED"
    grep -E "$UNMETERED" "$TEST_DIR/foreign"
}

compile() { # NAME, source on standard input
    # shellcheck disable=SC2086
    "$CC" $LINT_FLAGS -x c -c - -o "$TEST_DIR/$1.o"
}
compile bad <<'EOF'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
double cblas_ddot(int n, const double *x, int sx, const double *y, int sy);
double cs_space_solve(double *x);
double bad(double *x)
{
    FILE *f = fopen(getenv("HOME"), "r");
    pthread_t t;
    printf("%p %ld\n", (void *)f, (long)time(NULL));
    if (fork() == 0)
        exit(rand());
    pthread_create(&t, NULL, NULL, NULL);
    return cblas_ddot(1, x, 1, x, 1) + cs_space_solve(x);
}
EOF
compile good <<'EOF'
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
double cs_rng_uniform(void *rng);
double good(void *rng, const char *text, double x)
{
    char *copy = malloc(strlen(text) + 1);
    assert(copy);
    memcpy(copy, text, strlen(text) + 1);
    x += strcmp(copy, "a") ? log(x) : sqrt(fmax(x, cs_rng_uniform(rng)));
    free(copy);
    return x;
}
EOF
check "an object with forbidden references is caught" \
    test "$(forbidden "$TEST_DIR/bad.o" | tr '\n' ' ')" = \
    "cblas_ddot exit fopen fork getenv printf pthread_create rand time cs_space_solve "
check "an object with allowed references passes" test -z "$(forbidden "$TEST_DIR/good.o")"

lint_objects
found=0
# names in the list without a folder of their own: aliases, of whatever method
aliases=$(sed -n 's/^CS_METHOD(\(.*\))$/\1/p' methods/methods.def | while IFS= read -r name; do
    [ -d "methods/$name" ] || printf '|cs_method_%s' "$name"
done)
for folder in methods/*/; do
    name=$(basename "$folder")
    objects=$(find "build/lint/methods/$name" -name '*.o' 2>/dev/null | while IFS= read -r object; do
        source=${object#build/lint/}
        [ -f "${source%.o}.c" ] && echo "$object"
    done)
    [ -n "$objects" ] || continue
    found=$((found + 1))
    # shellcheck disable=SC2086
    forbidden $objects >"$TEST_DIR/forbidden"
    empty "methods/$name refers to allowed symbols only" "$TEST_DIR/forbidden"
    # shellcheck disable=SC2086
    nm --defined-only -g $objects | awk 'NF == 3 { print $3 }' |
        grep -vE "^(cs_method_$name|${name}_.*$aliases)\$" >"$TEST_DIR/names"
    empty "methods/$name exports cs_method_$name and ${name}_* only" "$TEST_DIR/names"
done
check "there are methods to look at" test "$found" -gt 0

find build/lint/lib -name '*.o' | while IFS= read -r object; do
    source=${object#build/lint/}
    [ -f "${source%.o}.c" ] || continue
    stem=$(basename "$object" .o)
    nm --defined-only -g "$object" | awk -v file="$source" -v module="${stem%%_*}_" \
        'NF == 3 && $3 !~ /^cs_/ && index($3, module) != 1 { print file ": " $3 }'
done >"$TEST_DIR/names"
empty "what lib exports is called cs_*, or after its module among files of one" "$TEST_DIR/names"
