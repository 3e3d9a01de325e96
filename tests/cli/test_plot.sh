#!/bin/sh
# plot and show --summary on a small campaign written here from the data dictionary.
. tests/sh.inc

# header FILE: the header line of a result file
header() {
    $COSEARCH list schema "$1" --csv | awk -F, 'NR > 1 { gsub(/"/, "", $2); printf "%s%s", sep, $2; sep = "," } END { print "" }'
}
# row HEADER NAME=VALUE...: a line with these fields, the others empty
row() {
    fields=$1
    shift
    printf '%s\n' "$@" | awk -v header="$fields" '
        { at = index($0, "="); value[substr($0, 1, at - 1)] = substr($0, at + 1) }
        END { n = split(header, name, ","); for (i = 1; i <= n; i++) printf "%s%s", value[name[i]], i < n ? "," : "\n" }'
}
results=$TEST_DIR/results
camp=$results/fixture
rows=$(header results.csv)
traces=$(header trace.csv)
mkdir -p "$camp/runs"
echo "$rows" >"$camp/results.csv"
run() { # ID METHOD SEED ACC FPS
    row "$rows" schema=1 "run_id=\"$1\"" 'campaign="fixture"' "method=\"$2\"" "seed=$3" 'status="ok"' \
        'dataset="synth"' 'hw_model="fpga-chunk"' dsp_max=450 fps_min=200 search_mac=1000000000 \
        "acc_test_mean=$4" acc_test_sd=0.01 acc_val=0.3 feasible=1 "fps=$5" dsp=100 bram=90 >>"$camp/results.csv"
    mkdir -p "$camp/runs/$1"
    echo "$traces" >"$camp/runs/$1/trace.csv"
    for i in 1 2 3 4 5; do
        row "$traces" schema=1 "run_id=\"$1\"" "seq=$i" 'event="eval"' 'design_hash="00aa"' \
            "acc_val=0.2$i" "fps=$((i * i * 100))" "feasible=$((i > 1))" >>"$camp/runs/$1/trace.csv"
    done
}
run 00000000000000a1 random 0 0.50 400
run 00000000000000a2 random 1 0.52 500
run 00000000000000b1 hsco 0 0.60 300

expect_exit "plot names the pictures" 0 "$camp/figures/acc-fps.svg" $COSEARCH --results "$results" plot acc-fps
for file in acc-fps.svg acc-fps.png acc-fps.dat acc-fps.gp; do
    check "$file is there and not empty" [ -s "$camp/figures/$file" ]
done
check "no log is left" [ ! -e "$camp/figures/acc-fps.log" ]
check "the SVG is one, with both methods and the limits" sh -c "cd $camp/figures && grep -q '<svg' acc-fps.svg &&
    grep -q '>random<' acc-fps.svg && grep -q '>hsco<' acc-fps.svg && grep -q 'DSP ≤ 450' acc-fps.svg &&
    grep -q 'FPS ≥ 200' acc-fps.svg"
check "the PNG is one" sh -c "head -c 4 $camp/figures/acc-fps.png | tail -c 3 | grep -q PNG"
check "every evaluation and answer is in the data" \
    [ "$(grep -c '^[0-9]' "$camp/figures/acc-fps.dat")" -eq 18 ]
check "the answer of hsco, in percent" grep -q '^300 60 1 30 ' "$camp/figures/acc-fps.dat"
cp "$camp/figures/acc-fps.svg" "$TEST_DIR/first.svg"
check "the script draws the same picture by hand" sh -c \
    "cd $camp/figures && rm acc-fps.svg && gnuplot acc-fps.gp && cmp acc-fps.svg $TEST_DIR/first.svg"
expect_exit "one format, another folder, all figures" 0 "$TEST_DIR/a/b/acc-fps.png" \
    $COSEARCH --results "$results" plot all --format png --out "$TEST_DIR/a/b" --campaign fixture
check "only that format" sh -c "[ -s $TEST_DIR/a/b/acc-fps.png ] && [ ! -e $TEST_DIR/a/b/acc-fps.svg ]"

expect_exit "unknown figure" 2 "unknown figure 'acc-fsp' (did you mean 'acc-fps'?)" \
    $COSEARCH --results "$results" plot acc-fsp
expect_exit "unknown format" 2 "unknown picture format 'pdf'" $COSEARCH --results "$results" plot all --format pdf
expect_exit "unknown campaign" 2 "unknown campaign 'fixtrue' (did you mean 'fixture'?)" \
    $COSEARCH --results "$results" plot all --campaign fixtrue
expect_exit "no campaign at all" 3 "'cosearch run PROFILE' makes one" $COSEARCH --results "$TEST_DIR/none" plot all
mkdir -p "$results/empty" && echo "$rows" >"$results/empty/results.csv"
expect_exit "a campaign without rows" 3 "nothing to draw" $COSEARCH --results "$results" plot all --campaign empty
mkdir "$TEST_DIR/bin" && for tool in sh sed cat; do ln -s "$(command -v $tool)" "$TEST_DIR/bin/$tool"; done
expect_exit "gnuplot missing" 4 "gnuplot is not installed" \
    env PATH="$TEST_DIR/bin" "$COSEARCH" --results "$results" plot all --campaign fixture
if [ "$(id -u)" -ne 0 ]; then
    expect_exit "a folder that cannot be made" 4 "folder cannot be made" \
        $COSEARCH --results "$results" plot all --out /proc/figures --campaign fixture
else
    expect_exit "a folder that cannot be made" 4 "cannot be made" \
        $COSEARCH --results "$results" plot all --out /proc/figures --campaign fixture
fi

expect_exit "summary: best and median" 0 "52.00" \
    $COSEARCH --results "$results" show --summary --campaign fixture
$COSEARCH --results "$results" show --summary --csv --campaign fixture >"$TEST_DIR/summary.csv"
check "summary as CSV" grep -q '"random",2,2,52,51,500,100,90,,,1,' "$TEST_DIR/summary.csv"

cp -r "$camp" "$results/newer"
sed -i 's/^1,/2,/' "$results/newer/results.csv"
expect_exit "plot refuses a newer schema" 5 "written by schema 2" \
    $COSEARCH --results "$results" plot all --campaign newer
expect_exit "show --summary refuses it too" 5 "written by schema 2" \
    $COSEARCH --results "$results" show --summary --campaign newer
cp -r "$camp" "$results/columns"
sed -i '1s/search_mac/search_macs/' "$results/columns/results.csv"
expect_exit "other columns are named" 5 "search_macs" $COSEARCH --results "$results" plot all --campaign columns
cp -r "$camp" "$results/torn"
printf '1,"00000000000000c1","fix' >>"$results/torn/results.csv"
expect_exit "a torn last row is left out" 0 "acc-fps.svg" $COSEARCH --results "$results" plot all --campaign torn
check "and the others are drawn" [ "$(grep -c '^[0-9]' "$results/torn/figures/acc-fps.dat")" -eq 18 ]
