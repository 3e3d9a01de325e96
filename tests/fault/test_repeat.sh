#!/bin/sh
# Same seed, same bytes: whatever the number of workers; another seed differs.
. tests/sh.inc
. tests/campaign.inc

run_ci "$TEST_DIR/a" --jobs 1 || not_ok "campaign with one worker: exit $?"
run_ci "$TEST_DIR/b" --jobs 2 || not_ok "campaign with two workers: exit $?"
same "$TEST_DIR/a/ci/results.csv" >"$TEST_DIR/a.csv"
same "$TEST_DIR/b/ci/results.csv" >"$TEST_DIR/b.csv"
check "six rows and a header" test "$(wc -l <"$TEST_DIR/a.csv")" -eq 7
check "deterministic columns are many" test "$(same_columns | wc -l)" -gt 60
check "one and two workers: same bytes" cmp "$TEST_DIR/a.csv" "$TEST_DIR/b.csv"

# Trace events too, heartbeats apart, which come with time.
trace() { cat "$1"/ci/runs/*/trace.csv | grep -v '"heartbeat"' | cut -d, -f1-4,7-23; }
trace "$TEST_DIR/a" >"$TEST_DIR/a.trace"
trace "$TEST_DIR/b" >"$TEST_DIR/b.trace"
check "traces: same bytes" cmp "$TEST_DIR/a.trace" "$TEST_DIR/b.trace"
check "traces hold evaluations" grep -q '"eval"' "$TEST_DIR/a.trace"

outcome() { grep ",\"$2\"," "$1" | cut -d, -f 25-; } # without run id and seed
for method in random evolution hsco; do
    outcome "$TEST_DIR/a.csv" $method >"$TEST_DIR/two"
    check "$method: another seed, another outcome" test "$(sort -u "$TEST_DIR/two" | wc -l)" -eq 2
done

run_ci "$TEST_DIR/a" --seeds 0-2 --methods random || not_ok "one more seed: exit $?"
check "more seeds add rows, nothing is done twice" test "$(wc -l <"$TEST_DIR/a/ci/results.csv")" -eq 8
same "$TEST_DIR/a/ci/results.csv" | head -7 >"$TEST_DIR/again.csv"
check "rows that were there stay" cmp "$TEST_DIR/a.csv" "$TEST_DIR/again.csv"
