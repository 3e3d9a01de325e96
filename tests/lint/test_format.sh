#!/bin/sh
# Every C file is as clang-format 14 (Debian 12) leaves it.
. tests/sh.inc
. tests/lint/lint.inc
if ! command -v clang-format >/dev/null; then
    skip "clang-format is not installed"
    exit 0
fi
project_files '*.c' '*.h' >"$TEST_DIR/sources"
xargs clang-format --dry-run <"$TEST_DIR/sources" 2>&1 | sed -n 's/^\([^:]*\):.*/\1/p' | grep '\.[ch]$' |
    sort | uniq -c >"$TEST_DIR/bad"
empty "clang-format leaves $(wc -l <"$TEST_DIR/sources") files as they are" "$TEST_DIR/bad"
