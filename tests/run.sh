#!/bin/sh
# Runs every test and ends with "N passed, N failed". A stage that finds no test fails.
# Stages: unit (Criterion), validate, and the shell tests of tests/{cli,fault,golden,lint}, each of
# which prints "ok - WHAT" or "not ok - WHAT" lines.
set -u
MODE=${MODE:-release}
cd "$(dirname "$0")/.." || exit 4
work=$(mktemp -d) || exit 4
trap 'rm -rf "$work"' EXIT INT TERM
passed=0
failed=0

stage() { # NAME PASSED FAILED
    if [ "$2" -eq 0 ] && [ "$3" -eq 0 ]; then
        echo "stage $1: found no test: counted as a failure"
        failed=$((failed + 1))
    else
        echo "stage $1: $2 passed, $3 failed"
    fi
    passed=$((passed + $2))
    failed=$((failed + $3))
}
count() { grep -c "$1" "$2" || true; }

echo "== unit"
build/$MODE/unit --tap="$work/unit.tap" --short-filename ${UNIT_FLAGS:-} >"$work/unit.log" 2>&1
unit_rc=$?
grep -v '^\[====\]' "$work/unit.log" | grep -E 'FAIL|CRASH|SKIP|Assertion|Unexpected|ERROR|runtime error' | head -60
unit_failed=$(count '^not ok' "$work/unit.tap")
if [ $unit_rc -ne 0 ] && [ "$unit_failed" -eq 0 ]; then
    tail -40 "$work/unit.log"
    unit_failed=1
fi
stage unit "$(count '^ok' "$work/unit.tap")" "$unit_failed"

echo "== validate"
if [ -d "${COSEARCH_VALIDATION:-../shared/validation}" ]; then
    build/$MODE/validate | tee "$work/validate.log"
    validate_rc=$(tail -n 1 "$work/validate.log" | sed 's/.*, \([0-9]*\) failed/\1/')
    stage validate "$(tail -n 1 "$work/validate.log" | sed 's/ passed.*//')" "${validate_rc:-1}"
else
    echo "validate: no validation data at ${COSEARCH_VALIDATION:-../shared/validation}: skipped"
fi

for dir in cli fault golden lint; do
    [ -n "${STAGES:-}" ] && ! echo " $STAGES " | grep -q " $dir " && continue
    echo "== $dir"
    : >"$work/$dir.log"
    for script in tests/$dir/test_*.sh; do
        [ -e "$script" ] || continue
        COSEARCH=build/$MODE/cosearch MODE=$MODE sh "$script" >"$work/one.log" 2>"$work/one.err"
        rc=$?
        grep '^not ok' "$work/one.log"
        if [ $rc -ne 0 ] && ! grep -q '^not ok' "$work/one.log"; then
            echo "not ok - $script ended with exit code $rc" | tee -a "$work/one.log"
        fi
        grep -q '^not ok' "$work/one.log" && tail -20 "$work/one.err"
        cat "$work/one.log" >>"$work/$dir.log"
    done
    stage $dir "$(count '^ok' "$work/$dir.log")" "$(count '^not ok' "$work/$dir.log")"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
