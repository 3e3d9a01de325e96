#!/bin/sh
# A tiny campaign with pinned kernels and one thread against results/golden/ci.csv: every
# deterministic column, byte by byte. An intended change is a reviewed diff of that file, made by
#   sh tests/golden/test_golden.sh --accept
. tests/sh.inc
. tests/campaign.inc

if ! grep -q avx2 /proc/cpuinfo; then
    ok "golden campaign # SKIP: this CPU has no AVX2, the golden kernels"
    exit 0
fi
CI_PROFILE=bench/profiles/ci.ini
if sanitized; then # one run only, but the same bytes as the release build
    run_ci "$TEST_DIR/r" --methods random --seeds 0 >/dev/null || not_ok "golden run: exit $?"
    same "$TEST_DIR/r/ci/results.csv" | tail -n 1 >"$TEST_DIR/row"
    check "golden run: the row is in results/golden/ci.csv" grep -qxFf "$TEST_DIR/row" results/golden/ci.csv
    exit 0
fi
run_ci "$TEST_DIR/r" >/dev/null || not_ok "golden campaign: exit $?"
same "$TEST_DIR/r/ci/results.csv" >"$TEST_DIR/ci.csv"
if [ "${1:-}" = --accept ]; then
    mkdir -p results/golden
    cp "$TEST_DIR/ci.csv" results/golden/ci.csv
fi
check "golden campaign has six rows" test "$(wc -l <"$TEST_DIR/ci.csv")" -eq 7
check "golden campaign: deterministic columns are those of results/golden/ci.csv" \
    diff results/golden/ci.csv "$TEST_DIR/ci.csv"
