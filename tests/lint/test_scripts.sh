#!/bin/sh
# Every shell script parses; shellcheck, where it is installed, has nothing to say.
. tests/sh.inc
. tests/lint/lint.inc
project_files '*.sh' '*.inc' '.ci/run' >"$TEST_DIR/scripts"
while IFS= read -r script; do
    shell="sh"
    head -n 1 "$script" | grep -q bash && shell="bash"
    $shell -n "$script" 2>&1
done <"$TEST_DIR/scripts" >"$TEST_DIR/bad"
empty "$(wc -l <"$TEST_DIR/scripts") shell scripts parse" "$TEST_DIR/bad"
grep -v '\.inc$' "$TEST_DIR/scripts" | while IFS= read -r script; do
    head -n 1 "$script" | grep -qE '^#!/bin/(ba)?sh$' || echo "$script"
done >"$TEST_DIR/bad"
empty "every shell script names its shell" "$TEST_DIR/bad"
if command -v shellcheck >/dev/null; then
    # SC1091: sourced files are checked on their own; SC3043: dash and bash both have `local`;
    # SC2034: variables of the .inc files are used by who sources them
    grep -v '\.inc$' "$TEST_DIR/scripts" |
        xargs shellcheck -S warning -e SC1091,SC3043,SC2034 -f gcc >"$TEST_DIR/bad" 2>&1
    empty "shellcheck finds nothing" "$TEST_DIR/bad"
else
    skip "shellcheck is not installed"
fi
