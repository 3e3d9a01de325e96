#!/bin/sh
# A search killed between two checkpoints goes on from the last one: same row, same trace as one that
# was never disturbed. A damaged checkpoint is passed over.
. tests/sh.inc
. tests/campaign.inc

# Checkpoints after every step; enough steps to be caught in the middle.
long="--set checkpoint_s=0 --set primary=mac:6.0e9"
sanitized && long="--set checkpoint_s=0 --set primary=mac:1.0e9"
more= # further settings
run_long() { # RESULTS METHOD
    # shellcheck disable=SC2086
    "$COSEARCH" --results "$1" -q run "$CI_PROFILE" $long $more --methods "$2" --seeds 0
}
trace() { grep -v '"heartbeat"' "$1" | cut -d, -f1-4,7-23; }

# cut_short RESULTS METHOD: a campaign whose parent is killed after two evaluations
cut_short() {
    # shellcheck disable=SC2086
    (exec "$COSEARCH" --results "$1" -q run "$CI_PROFILE" $long $more --methods "$2" --seeds 0 >/dev/null 2>&1) &
    parent=$!
    for _ in $(seq 400); do
        [ "$(cat "$1"/ci+custom/runs/*/trace.csv 2>/dev/null | grep -c '"eval"')" -ge 2 ] &&
            [ -e "$(echo "$1"/ci+custom/runs/*/ckpt.bin)" ] && break
        sleep 0.02
    done
    kill -9 $parent 2>/dev/null
    wait $parent 2>/dev/null
    sleep 0.2
}
# again RESULTS METHOD: finishes it and compares
again() {
    run_long "$1" "$2" >/dev/null || not_ok "$2 again: exit $?"
    same "$1/ci+custom/results.csv" >"$TEST_DIR/cut.csv"
    trace "$1"/ci+custom/runs/*/trace.csv >"$TEST_DIR/cut.trace"
    check "$2: same row" diff "$TEST_DIR/calm.csv" "$TEST_DIR/cut.csv"
    check "$2: same trace" diff "$TEST_DIR/calm.trace" "$TEST_DIR/cut.trace"
    check "$2: no checkpoint remains" test ! -e "$(echo "$1"/ci+custom/runs/*/ckpt.bin)"
}

# disturbed METHOD [NAME]: a killed search against a calm one
disturbed() {
    method=$1
    calm=$TEST_DIR/calm-${2:-$method} cut=$TEST_DIR/cut-${2:-$method}
    run_long "$calm" $method >/dev/null || not_ok "$method undisturbed: exit $?"
    same "$calm/ci+custom/results.csv" >"$TEST_DIR/calm.csv"
    trace "$calm"/ci+custom/runs/*/trace.csv >"$TEST_DIR/calm.trace"
    cut_short "$cut" $method
    check "$method: a checkpoint is left behind" test -e "$(echo "$cut"/ci+custom/runs/*/ckpt.bin)"
    again "$cut" $method
    check "$method: goes on from its checkpoint" grep -q "goes on from a checkpoint" "$cut"/ci+custom/runs/*/log.txt
}
for m in random evolution hsco; do
    disturbed $m
done

cut=$TEST_DIR/damaged
cut_short "$cut" hsco
printf X | dd of="$(echo "$cut"/ci+custom/runs/*/ckpt.bin)" bs=1 seek=700 conv=notrunc 2>/dev/null
again "$cut" hsco
check "a damaged checkpoint is passed over" sh -c "! grep -q 'goes on' '$(echo "$cut"/ci+custom/runs/*/log.txt)'"

more="--set source=supernet --set supernet.batch=8 --set supernet.val_subset=40"
disturbed random shared-weights
more="--set methods=dna"
disturbed dna
