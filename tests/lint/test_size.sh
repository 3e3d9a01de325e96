#!/bin/sh
# Sizes: aim for files under 400 lines and functions under 60; 600 and 120 are the end of it.
. tests/sh.inc
. tests/lint/lint.inc
FILE_MAX=600
FUNCTION_MAX=120

functions() { # FILE...: "LINES FILE:LINE" per function; a body opens with a brace in column 1
    awk 'FNR == 1 { start = 0 }
         /^\{$/ { start = FNR }
         /^\}$/ && start { print FNR - start + 1, FILENAME ":" start - 1; start = 0 }' "$@"
}
cat >"$TEST_DIR/three.c" <<'EOF'
struct s {
    int a;
};
int three(int a)
{
    return a;
}
EOF
check "the length of a function is measured" test "$(functions "$TEST_DIR/three.c")" = \
    "3 $TEST_DIR/three.c:4"

project_files '*.c' '*.h' '*.sh' Makefile >"$TEST_DIR/files"
xargs wc -l <"$TEST_DIR/files" | awk '$2 != "total"' | sort -rn >"$TEST_DIR/lines"
awk -v max=$FILE_MAX '$1 > max' "$TEST_DIR/lines" | while read -r lines file; do
    excepted file "$file" || echo "$file has $lines lines"
done >"$TEST_DIR/long"
empty "no file over $FILE_MAX lines ($(awk '$1 > 400' "$TEST_DIR/lines" | wc -l) over 400)" "$TEST_DIR/long"

grep '\.c$' "$TEST_DIR/files" >"$TEST_DIR/sources"
# shellcheck disable=SC2046
functions $(cat "$TEST_DIR/sources") | sort -rn >"$TEST_DIR/functions"
awk -v max=$FUNCTION_MAX '$1 > max' "$TEST_DIR/functions" | while read -r lines place; do
    excepted function "${place%:*}" || echo "$place: a function of $lines lines"
done >"$TEST_DIR/long"
empty "no function over $FUNCTION_MAX lines ($(awk '$1 > 60' "$TEST_DIR/functions" | wc -l) over 60 of $(wc -l <"$TEST_DIR/functions"))" \
    "$TEST_DIR/long"
check "Makefile is under 150 lines" test "$(wc -l <Makefile)" -lt 150
