#!/bin/sh
# run, plan and show: selection, overrides, interruption, refusals with their exit codes.
. tests/sh.inc
. tests/campaign.inc

R=$TEST_DIR/r
rows() { if [ -e "$1" ]; then echo $(($(wc -l <"$1") - 1)); else echo 0; fi; }

# --- plan and selection
"$COSEARCH" --results "$R" plan "$CI_PROFILE" >"$TEST_DIR/plan" 2>&1
check "plan lists six missing runs" test "$(grep -c missing "$TEST_DIR/plan")" -eq 6
check "plan touches nothing" test ! -e "$R"
run_ci "$R" --stop-after 1 --jobs 1 >/dev/null
check "--stop-after 1 does one run" test "$(rows "$R/ci/results.csv")" -eq 1
run_ci "$R" --methods random --seeds 1 >/dev/null
check "--methods and --seeds select one run" grep -q '"random".*,1,"method' "$R/ci/results.csv"
"$COSEARCH" --results "$R" plan "$CI_PROFILE" --commands >"$TEST_DIR/commands" 2>/dev/null
left=$(wc -l <"$TEST_DIR/commands")
check "--commands prints one line per missing run" test "$left" -eq $((6 - $(rows "$R/ci/results.csv")))
sed "s|^cosearch |$COSEARCH -q |" "$TEST_DIR/commands" | head -n 1 >"$TEST_DIR/one.sh"
check "such a line does that run" sh "$TEST_DIR/one.sh"
check "--estimate gives MACs and hours" sh -c "'$COSEARCH' --results '$R' plan '$CI_PROFILE' --estimate | grep -q 'core hours'"

check "and what this machine does" sh -c "'$COSEARCH' --results '$R' plan '$CI_PROFILE' --estimate | grep -q '^machine: .* MAC/s'"

# Two campaigns at a time on one folder: every run once.
run_ci "$R" --jobs 1 >/dev/null 2>&1 &
other=$!
run_ci "$R" --jobs 1 >/dev/null 2>&1
wait $other
run_ci "$R" >/dev/null
check "two at a time: six rows" test "$(rows "$R/ci/results.csv")" -eq 6
check "two at a time: no run twice" test "$(cut -d, -f2 "$R/ci/results.csv" | sort | uniq -d | wc -l)" -eq 0
check "a finished campaign has nothing to do" sh -c "'$COSEARCH' --results '$R' run '$CI_PROFILE' 2>&1 | grep -q '(0 now)'"

# --- show
id=$(cut -d'"' -f2 "$R/ci/results.csv" | tail -n 1)
expect_exit "show by a shortened id" 0 "acc_test_mean" "$COSEARCH" --results "$R" show "$(echo "$id" | cut -c1-8)"
expect_exit "show --last --log" 0 "--- log.txt" "$COSEARCH" --results "$R" show --last --log
expect_exit "show --failed without failures" 0 "no failed run" "$COSEARCH" --results "$R" show --failed
expect_exit "show of an unknown id" 2 "names no run" "$COSEARCH" --results "$R" show ffffffffffffffff

# --- a torn last row is dropped and the row comes back
printf '1,"torn' >>"$R/ci/results.csv"
sort "$R/ci/results.csv" | grep -v torn >"$TEST_DIR/before"
sed -i '3d' "$R/ci/results.csv"
run_ci "$R" >/dev/null
sort "$R/ci/results.csv" >"$TEST_DIR/after"
check "torn and lost rows are mended from the run folders" cmp "$TEST_DIR/before" "$TEST_DIR/after"

# --- overrides taint and rename
run_ci "$R" --set recipe.lr=0.06 --methods random --seeds 0 >/dev/null
check "an override renames the campaign" test -e "$R/ci+custom/results.csv"
check "an override taints the row" grep -q '"override recipe.lr' "$R/ci+custom/results.csv"
check "a plain row is not overridden" sh -c "! grep -q override '$R/ci/results.csv'"
run_ci "$R" --fresh --methods random --seeds 0 >/dev/null
check "--fresh sets the old run aside" test "$(find "$R/ci/old" -name result.csv | wc -l)" -eq 1
check "--fresh: still six rows" test "$(rows "$R/ci/results.csv")" -eq 6

# --- Ctrl-C and SIGTERM: resumable
begun() { # FOLDER N: waits until N runs have been started
    for _ in $(seq 200); do
        [ "$(find "$1" -name attempts 2>/dev/null | wc -l)" -ge "$2" ] && return
        sleep 0.05
    done
}
env --default-signal=INT "$COSEARCH" --results "$TEST_DIR/i" run "$CI_PROFILE" --progress plain >"$TEST_DIR/int.log" 2>&1 &
pid=$!
begun "$TEST_DIR/i" 1
kill -INT $pid
wait $pid
rc=$?
check "SIGINT: exit code 130 (was $rc)" test $rc -eq 130
check "SIGINT: says how to go on" grep -q "the same command does the rest" "$TEST_DIR/int.log"
"$COSEARCH" --results "$TEST_DIR/i" -q run "$CI_PROFILE" >/dev/null 2>&1 &
pid=$!
begun "$TEST_DIR/i" 3
kill -TERM $pid
wait $pid
rc=$?
check "SIGTERM: exit code 143 (was $rc)" test $rc -eq 143
run_ci "$TEST_DIR/i" >/dev/null
same "$TEST_DIR/i/ci/results.csv" | sort >"$TEST_DIR/i.csv"
same "$R/ci/results.csv" | sort >"$TEST_DIR/r.csv"
check "interrupted twice: the same bytes in the end" cmp "$TEST_DIR/i.csv" "$TEST_DIR/r.csv"

# --- nothing feasible
expect_exit "limits no design can meet" 3 "no_feasible" "$COSEARCH" --results "$R" run "$CI_PROFILE" \
    --set limits.dsp_max=1 --set caps.hw_queries=500 --set name=none
check "no_feasible rows are rows" test "$(grep -c '"no_feasible"' "$R"/none+custom/results.csv)" -eq 6

# --- refusals
expect_exit "unknown profile" 2 "unknown profile" "$COSEARCH" run no-such-profile
expect_exit "profile file that is not there" 2 "no-such.ini" "$COSEARCH" run "$TEST_DIR/no-such.ini"
sed 's/^hw_queries/hw_querys/' "$CI_PROFILE" >"$TEST_DIR/key.ini"
line=$(grep -n hw_querys "$TEST_DIR/key.ini" | cut -d: -f1)
expect_exit "unknown key: line" 2 "key.ini:$line: unknown key 'hw_querys'" "$COSEARCH" run "$TEST_DIR/key.ini"
expect_exit "unknown key: nearest" 2 "did you mean 'hw_queries'" "$COSEARCH" run "$TEST_DIR/key.ini"
expect_exit "unknown method" 2 "did you mean 'random'" "$COSEARCH" run "$CI_PROFILE" --set methods=radnom
expect_exit "unknown data set" 2 "did you mean 'synth'" "$COSEARCH" run "$CI_PROFILE" --set dataset=sinth
expect_exit "missing data" 4 "cifar-10-batches-bin" "$COSEARCH" run "$CI_PROFILE" --set dataset=cifar10
: >"$TEST_DIR/file"
expect_exit "results folder not writable" 4 "--results DIR" "$COSEARCH" --results "$TEST_DIR/file" run "$CI_PROFILE"
sed -i '2s/^1,/2,/' "$R/ci/results.csv"
expect_exit "results of a newer schema" 5 "written by schema 2" "$COSEARCH" --results "$R" run "$CI_PROFILE"
sed -i '2s/^2,/1,/; 1s/method_version/version_of_method/' "$R/ci/results.csv"
expect_exit "results with other columns" 5 "unknown here: version_of_method" "$COSEARCH" --results "$R" run "$CI_PROFILE"
sed -i '1s/version_of_method/method_version/' "$R/ci/results.csv"
sed 's/^epochs = 1$/epochs = 2/' "$CI_PROFILE" >"$TEST_DIR/ci2.ini"
expect_exit "another profile under the same name" 5 "epochs" "$COSEARCH" --results "$R" run "$TEST_DIR/ci2.ini"
