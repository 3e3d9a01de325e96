#!/bin/sh
# tabulate: every network once, whatever the number of workers and interruptions; card; refusals.
. tests/sh.inc

P=$TEST_DIR/tiny.ini
cat >"$P" <<'EOF'
[profile]
name = tiny
space = fbnet:micro
hw = fpga-chunk:free
dataset = synth
methods = random
seeds = 0
primary = mac:1e9
[fidelity.short]
epochs = 1
subset = 64
batch = 32
val_subset = 50
[fidelity.full]
epochs = 2
subset = 128
batch = 32
val_subset = 50
[recipe]
id = tiny-r1
EOF
tabulate() { $COSEARCH --results "$TEST_DIR/$1" tabulate "$P" --noise 2 --noise-seeds 2 --stop-after "$2" --jobs "$3"; }

check "ten trainings by two workers" tabulate a 10 2
check "four, then six more by three workers" tabulate b 4 1
check "... go on where the first call ended" tabulate b 6 3
check "the same table" cmp "$TEST_DIR/a/tables/tiny.csv" "$TEST_DIR/b/tables/tiny.csv"
check "ten rows" [ "$(wc -l <"$TEST_DIR/a/tables/tiny.csv")" -eq 11 ]
check "no training twice" [ "$(cut -d, -f2-4 "$TEST_DIR/a/tables/tiny.csv" | sort | uniq -d | wc -l)" -eq 0 ]
check "a bitwidth without a layer is not a network" sh -c "! grep -q '\"skip [^|]*|[0-9]' '$TEST_DIR/a/tables/tiny.csv'"
check "the card counts the whole space" grep -q 'of the 3584 networks' "$TEST_DIR/a/tables/tiny.md"

# a worker's torn last row is dropped and trained again
printf '1,"k3_e1 k3' >>"$TEST_DIR/b/tables/tiny.work/rows.csv"
check "a torn row does no harm" tabulate b 1 1
check "eleven rows" [ "$(wc -l <"$TEST_DIR/b/tables/tiny.csv")" -eq 12 ]

# killed in the middle: rows that are there stay whole
( exec $COSEARCH --results "$TEST_DIR/c" tabulate "$P" --noise 2 --noise-seeds 2 --stop-after 200 --jobs 2 ) >/dev/null 2>&1 &
pid=$!
tries=0
while [ "$(cat "$TEST_DIR/c/tables/tiny.work/rows.csv" 2>/dev/null | wc -l)" -lt 4 ] && [ $tries -lt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
sleep 1
check "after kill -9 the same command goes on" tabulate c 8 2
head -1 "$TEST_DIR/a/tables/tiny.csv" >"$TEST_DIR/header"
sort "$TEST_DIR/a/tables/tiny.csv" >"$TEST_DIR/a.sorted"
sort "$TEST_DIR/c/tables/tiny.csv" >"$TEST_DIR/c.sorted"
check "its rows are those of an undisturbed run" [ "$(comm -23 "$TEST_DIR/a.sorted" "$TEST_DIR/c.sorted" | wc -l)" -eq 0 ]

verify() { $COSEARCH --results "$TEST_DIR/a" tabulate "$P" --verify "$1"; }
check "trained again, the same accuracies" verify 3
awk -F, -v OFS=, 'NR == 2 { sub(/.*/, "0.9", $5) } 1' "$TEST_DIR/a/tables/tiny.csv" >"$TEST_DIR/forged"
cp "$TEST_DIR/forged" "$TEST_DIR/a/tables/tiny.csv"
expect_exit "a forged accuracy is found" 1 DIFFERS verify 1

expect_exit "a folder of another recipe is refused" 5 "recipe" \
    $COSEARCH --results "$TEST_DIR/a" tabulate "$P" --set fidelity.full.epochs=3 --out "$TEST_DIR/a/tables/tiny.csv"
expect_exit "a space too large for a table" 2 "at most 100000" \
    $COSEARCH --results "$TEST_DIR/d" tabulate "$P" --set space=fbnet:cifar
expect_exit "a profile without the training" 2 "fidelity.full" \
    $COSEARCH --results "$TEST_DIR/d" tabulate bench/profiles/cifar10-micro.ini --set dataset=synth
expect_exit "an --out that is no CSV" 2 "ends in .csv" \
    $COSEARCH --results "$TEST_DIR/d" tabulate "$P" --out table.txt
