#!/bin/sh
# Runs the tests and ends with "N passed, N failed"; exits non-zero on any failure. A stage that
# finds no test counts as a failure.
#   unit      build/MODE/unit (Criterion): unit, conformance and property tests
#   validate  build/MODE/validate against $COSEARCH_VALIDATION; left out where that folder is absent
#   cli fault golden lint   tests/STAGE/test_*.sh, which print "ok - WHAT" or "not ok - WHAT" lines
# MODE picks the build, STAGES (a list) the stages; SHOW=1 prints passed checks of scripts too;
# UNIT_FLAGS goes to Criterion.
set -u
export MODE="${MODE:-release}"
export COSEARCH="build/$MODE/cosearch"
STAGES=${STAGES:-unit validate cli fault golden lint}
cd "$(dirname "$0")/.." || exit 4
work=$(mktemp -d) || exit 4
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0
failed=0

count() { # PATTERN FILE
    if [ -e "$2" ]; then grep -c "$1" "$2"; else echo 0; fi
}
passing() { # FILE: TAP lines that passed; a skipped test did not
    if [ -e "$1" ]; then grep '^ok' "$1" | grep -vc '# SKIP'; else echo 0; fi
}

stage_end() { # NAME PASSED FAILED SKIPPED
    if [ $(($2 + $3 + $4)) -eq 0 ]; then
        echo "stage $1: found no test: counted as a failure"
        failed=$((failed + 1))
    else
        note=
        [ "$4" -eq 0 ] || note=", $4 skipped"
        echo "stage $1: $2 passed, $3 failed$note, $(($(date +%s) - started)) s"
    fi
    passed=$((passed + $2))
    failed=$((failed + $3))
}

# Does the log tell of nothing but leaks that the test framework made by itself, as its runner
# sometimes does on a loaded machine? Every frame above the allocation is then in its library; a
# leak of a test has frames of ours.
framework_leak() { # FILE
    grep -q 'ERROR: LeakSanitizer' "$1" && ! grep -q 'ERROR: AddressSanitizer\|runtime error' "$1" &&
        ! grep '^ *#[1-9]' "$1" | grep -qv 'libcriterion'
}

run_unit() {
    # shellcheck disable=SC2086
    "build/$MODE/unit" --tap="$work/unit.tap" --short-filename ${UNIT_FLAGS:-} \
        >"$work/unit.log" 2>&1 </dev/null
    rc=$?
    good=$(passing "$work/unit.tap")
    bad=$(count '^not ok' "$work/unit.tap")
    grep '^not ok' "$work/unit.tap" 2>/dev/null
    if [ $rc -ne 0 ] && [ "$bad" -eq 0 ] && framework_leak "$work/unit.log"; then
        echo "the test framework leaked memory of its own; no test did"
    elif [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "not ok - build/$MODE/unit ended with exit code $rc"
        bad=1
    fi
    [ "$bad" -eq 0 ] || grep -v '^\[====\]' "$work/unit.log" | tail -n 80
    stage_end unit "$good" "$bad" "$(count '^ok.*# SKIP' "$work/unit.tap")"
}

run_validate() {
    if [ ! -d "${COSEARCH_VALIDATION:-../shared/validation}" ]; then
        echo "no validation data at ${COSEARCH_VALIDATION:-../shared/validation}: left out"
        return
    fi
    "build/$MODE/validate" >"$work/validate.log" 2>&1 </dev/null
    rc=$?
    cat "$work/validate.log"
    totals=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/validate.log" | tail -n 1)
    good=${totals% *}
    bad=${totals#* }
    if [ $rc -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
        echo "not ok - build/$MODE/validate ended with exit code $rc"
        bad=1
    fi
    stage_end validate "${good:-0}" "${bad:-0}" 0
}

run_scripts() { # STAGE
    : >"$work/all.log"
    for script in tests/"$1"/test_*.sh; do
        [ -e "$script" ] || continue
        sh "$script" >"$work/one.log" 2>"$work/one.err" </dev/null
        rc=$?
        if [ $rc -ne 0 ] && ! grep -q '^not ok' "$work/one.log"; then
            echo "not ok - $script ended with exit code $rc" >>"$work/one.log"
        elif ! grep -q -E '^(ok|not ok|skip) ' "$work/one.log"; then
            echo "not ok - $script printed no test line" >>"$work/one.log"
        fi
        if [ -n "${SHOW:-}" ]; then grep "^ok" "$work/one.log"; fi
        grep '^skip\|^ok.*# SKIP' "$work/one.log"
        if grep '^not ok' "$work/one.log"; then
            echo "    in $script; the end of its standard error:"
            tail -n 40 "$work/one.err" | sed 's/^/    /'
        fi
        cat "$work/one.log" >>"$work/all.log"
    done
    stage_end "$1" "$(passing "$work/all.log")" "$(count '^not ok' "$work/all.log")" \
        "$(count '^skip\|^ok.*# SKIP' "$work/all.log")"
}

for stage in $STAGES; do
    echo "== $stage"
    started=$(date +%s)
    case $stage in
    unit) run_unit ;;
    validate) run_validate ;;
    *) run_scripts "$stage" ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
