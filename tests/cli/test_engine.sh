#!/bin/sh
# engine: the accelerator search engines side by side, their CSV and their figure.
. tests/sh.inc

results=$TEST_DIR/results
expect_exit "engine prints, writes and draws" 0 "$results/engine/accel-convergence.svg" \
    $COSEARCH --results "$results" engine --samples 300 --seeds 3
for file in accel-convergence.csv accel-convergence.svg accel-convergence.png accel-convergence.dat; do
    check "$file is there and not empty" [ -s "$results/engine/$file" ]
done
csv=$results/engine/accel-convergence.csv
# best PLATFORM ENGINE: best_fps of each seed after the last sample
best() { awk -F, -v p="\"$1\"" -v e="\"$2\"" '$1 == p && $4 == e && $6 == 300 { print $7 }' "$csv"; }
check "three searches of each engine end at the last sample" \
    [ "$(for e in gradient released random; do best fpga-chunk-published $e; done | wc -l)" -eq 9 ]
check "the exact optima are the known ones" \
    [ "$(awk -F, '$4 == "\"exact\"" { printf "%.2f ", $7 }' "$csv")" = "176.80 407.36 " ]
check "no search is above the optimum" \
    [ "$(awk -F, '$1 == "\"fpga-chunk-published\"" && $7 > 176.8032' "$csv" | wc -l)" -eq 0 ]
check "the best so far never falls" awk -F, 'NR > 1 { key = $1 $4 $5; if (key == last && $7 < best) exit 1; last = key; best = $7 }' "$csv"
check "the SVG has its engines and the optimum" sh -c "cd $results/engine && grep -q '<svg' accel-convergence.svg &&
    grep -q '>as released<' accel-convergence.svg && grep -q 'provable optimum 176.8' accel-convergence.svg"
cp "$csv" "$TEST_DIR/first.csv"
$COSEARCH --results "$results" engine --samples 300 --seeds 3 --format svg >/dev/null
check "the same command writes the same bytes" cmp -s "$csv" "$TEST_DIR/first.csv"
expect_exit "a platform without an exact solver, nothing feasible" 0 "asic-pe-published            random " \
    $COSEARCH --results "$results" engine 'fbnet:micro|-|k3_e1 k3_e1 k3_e1 k3_e1|8 8 8 8|' --hw asic-pe-published \
    --limits latency_max_s=1e-9 --samples 5 --seeds 1 --format svg --out "$TEST_DIR/asic"
check "empty cells where nothing is feasible" grep -q '"random",0,5,$' "$TEST_DIR/asic/accel-convergence.csv"

expect_exit "a platform whose exact solver is for energy-delay product" 0 "asic-hetero-published        random " \
    $COSEARCH --results "$results" engine 'fbnet:micro|-|k3_e1 k3_e1 k3_e1 k3_e1|8 8 8 8|' \
    --hw asic-hetero-published --limits area_max_mm2=1000 --samples 20 --seeds 2 --format svg --out "$TEST_DIR/hetero"
expect_exit "unknown platform" 2 "did you mean 'fpga-chunk'?" $COSEARCH --results "$results" engine --hw fpga-chnk
expect_exit "unknown limit" 2 "unknown limit 'dsp'" $COSEARCH --results "$results" engine --limits dsp=3
expect_exit "a design that is none" 2 "" $COSEARCH --results "$results" engine 'no design'
expect_exit "no samples" 2 "--samples" $COSEARCH --results "$results" engine --samples 0
