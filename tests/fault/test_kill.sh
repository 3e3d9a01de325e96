#!/bin/sh
# kill -9 of the parent, of a worker, and a full disk at random moments: after `run` again, each run
# is there exactly once and equal to an undisturbed campaign in all deterministic columns. Ten times.
. tests/sh.inc
. tests/campaign.inc

run_ci "$TEST_DIR/calm" || not_ok "undisturbed campaign: exit $?"
same "$TEST_DIR/calm/ci/results.csv" >"$TEST_DIR/calm.csv"
check "undisturbed campaign has its rows" test "$(wc -l <"$TEST_DIR/calm.csv")" -eq 7

# Moments are drawn from the seed, so a failure can be repeated: COSEARCH_FAULT_SEED=N.
seed=${COSEARCH_FAULT_SEED:-$(date +%s)}
echo "# COSEARCH_FAULT_SEED=$seed"
moment() { # K: seconds in 0.05..2
    awk -v s="$seed" -v k="$1" 'BEGIN { srand(s + 7919 * k); for (i = 0; i < k; i++) rand()
        printf "%.2f", 0.05 + 1.95 * rand() }'
}
# The parent's workers: children whose command line says __worker.
workers() { for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q __worker && echo "$pid"; done; }

agree() { # WHAT RESULTS
    same "$2/ci/results.csv" >"$TEST_DIR/now.csv"
    check "$1: every run exactly once, same bytes" diff "$TEST_DIR/calm.csv" "$TEST_DIR/now.csv"
}

# Four times the parent, four times a worker; under sanitizers half of it.
killed=0
rounds="1 2 3 4 5 6 7 8" disks="9 10"
sanitized && rounds="1 2 5 6" disks=9
for k in $rounds; do
    where=$TEST_DIR/kill$k
    at=$(moment $k)
    "$COSEARCH" --results "$where" -q run "$CI_PROFILE" >/dev/null 2>&1 &
    parent=$!
    sleep "$at"
    if [ $k -le 4 ]; then
        what="parent killed at $at s"
        left=$(workers $parent)
        kill -9 $parent 2>/dev/null
        wait $parent 2>/dev/null
        sleep 0.2
        for pid in $left; do
            [ -e "/proc/$pid/exe" ] && not_ok "$what: worker $pid outlived its parent"
        done
    else
        victim=
        while [ -z "$victim" ] && [ -e /proc/$parent/exe ]; do # there are moments between workers
            victim=$(workers $parent | head -n 1)
        done
        what="worker killed at $at s"
        if [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null; then
            killed=$((killed + 1))
        fi
        wait $parent 2>/dev/null
    fi
    run_ci "$where" >/dev/null || not_ok "$what: run again: exit $?"
    agree "$what" "$where"
done

check "kills of a worker met one ($killed times)" test $killed -ge 1

# Twice a full disk.
for k in $disks; do
    disk=$TEST_DIR/disk$k
    mkdir "$disk"
    if ! mount -t tmpfs -o size=512k tmpfs "$disk" 2>/dev/null; then
        ok "full disk $k # SKIP: this user may not mount a tmpfs"
        continue
    fi
    # A filler leaves room for some of the campaign only (it needs about 250 KiB).
    room=$(awk -v t="$(moment $k)" 'BEGIN { printf "%d", 30 + 50 * t }') # KiB: 32 to 130
    dd if=/dev/zero of="$disk/filler" bs=1k count=$((512 - room)) 2>/dev/null
    run_ci "$disk" >"$TEST_DIR/full.out" 2>&1
    rc=$?
    check "full disk $k: exit code 4 (was $rc)" test $rc -eq 4
    check "full disk $k: one sentence" grep -q "No space left on device" "$TEST_DIR/full.out"
    check "full disk $k: no half row" sh -c "[ ! -s '$disk/ci/results.csv' ] ||
        [ \"\$(tail -c 1 '$disk/ci/results.csv' | od -An -tx1 | tr -d ' ')\" = 0a ]"
    rm "$disk/filler"
    mount -o remount,size=16m "$disk"
    run_ci "$disk" >/dev/null || not_ok "full disk $k: run again: exit $?"
    agree "full disk $k" "$disk"
    umount "$disk"
done
