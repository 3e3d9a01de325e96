#!/bin/sh
# No mutable file-scope variable in lib and methods: sections data and bss of the objects are empty.
. tests/sh.inc
. tests/lint/lint.inc
CC=${CC:-gcc}

mutable() { # OBJECT: names of its writable variables, thread-local ones too
    nm "$1" | awk '$2 ~ /^[bBdDcC]$/ { print $3 }'
}

# shellcheck disable=SC2086
"$CC" $LINT_FLAGS -x c -c - -o "$TEST_DIR/bad.o" <<'EOF'
static int counter;
int shared = 3;
static _Thread_local int local;
const int *next(void) { static int calls = 1; calls++; counter++; local++; return &calls; }
EOF
# shellcheck disable=SC2086
"$CC" $LINT_FLAGS -x c -c - -o "$TEST_DIR/good.o" <<'EOF'
static const char *const names[] = {"a", "b"};
const char *name(int i) { static const int order[] = {1, 0}; return names[order[i]]; }
EOF
check "writable variables are caught" test "$(mutable "$TEST_DIR/bad.o" | wc -l)" -eq 4
check "constant tables pass" test -z "$(mutable "$TEST_DIR/good.o")"

lint_objects
for object in $(find build/lint/lib build/lint/methods -name '*.o' | sort); do
    source=${object#build/lint/}
    source=${source%.o}.c
    [ -f "$source" ] || continue
    for variable in $(mutable "$object"); do
        excepted mutable "$source:${variable%.[0-9]*}" || echo "$source: $variable"
    done
done >"$TEST_DIR/variables"
empty "lib and methods hold no mutable file-scope variable" "$TEST_DIR/variables"
check "there are objects to look at" test "$(find build/lint/lib -name '*.o' | wc -l)" -gt 0
