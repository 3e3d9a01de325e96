#!/bin/sh
# Data sets: datasets/fetch.sh against a file:// mirror of small generated archives, and what the
# program says of missing and damaged files.
. tests/sh.inc
root=$PWD

# records FILE COUNT LABEL-BYTES: a file of records; pixels from the licence text, labels 1
records() {
    i=0
    : >"$1"
    while [ $i -lt "$2" ]; do
        printf '%*s' "$3" '' | tr ' ' '\001' >>"$1"
        tail -c +$((i * 97 + 1)) "$root/LICENSE" | head -c 3072 >>"$1"
        i=$((i + 1))
    done
}
mirror=$TEST_DIR/mirror
mkdir -p "$mirror/cifar-10-batches-bin" "$mirror/cifar-100-binary"
for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    records "$mirror/cifar-10-batches-bin/$file.bin" 20 1
done
records "$mirror/cifar-100-binary/train.bin" 30 2
records "$mirror/cifar-100-binary/test.bin" 10 2
(
    cd "$mirror" || exit 1
    tar -czf cifar-10-binary.tar.gz cifar-10-batches-bin
    tar -czf cifar-100-binary.tar.gz cifar-100-binary
    sha256sum ./*.tar.gz | sed 's|\./||' >sums
) || not_ok "the mirror could be made"
size=$(wc -c <"$mirror/cifar-10-binary.tar.gz" | tr -d ' ')

# fetch DATA SET...: with the generated mirror
fetch() {
    data=$1
    shift
    COSEARCH_DATA=$data COSEARCH_MIRROR=file://$mirror COSEARCH_SUMS=$mirror/sums \
        sh "$root/datasets/fetch.sh" "$@"
}
same() { diff -r -x SHA256SUMS "$mirror/$2" "$1/$2" && (cd "$1/$2" && sha256sum -c --quiet SHA256SUMS); }
absent() { [ ! -e "$1" ]; }
leftovers() { [ -z "$(find "$1" -name '*.part' -o -name '.unpack*')" ]; }

d=$TEST_DIR/plain
expect_exit "fetch gets a set from a file:// mirror" 0 "ready in" fetch "$d" cifar10
check "the unpacked set equals the mirror's and carries its sums" same "$d" cifar-10-batches-bin
check "no part or temporary folder is left" leftovers "$d"
before=$(ls -li "$d/cifar-10-batches-bin")
expect_exit "a second fetch finds it intact" 0 "there and intact" fetch "$d" cifar10
check "and leaves every file as it is" [ "$before" = "$(ls -li "$d/cifar-10-batches-bin")" ]
expect_exit "fetch all adds the missing set" 0 "cifar100: ready in" fetch "$d" all
check "cifar100 equals the mirror's" same "$d" cifar-100-binary

printf X | dd of="$d/cifar-10-batches-bin/data_batch_3.bin" bs=1 seek=5000 conv=notrunc 2>/dev/null
expect_exit "a flipped byte is found and the set replaced" 0 "was not intact" fetch "$d" cifar10
check "the replaced set is good again" same "$d" cifar-10-batches-bin
check "the damaged set is kept aside" [ -f "$d/cifar-10-batches-bin.old/data_batch_3.bin" ]

# A real interruption: the file size limit kills curl in the middle (512-byte blocks).
d=$TEST_DIR/cut
limit=$((size / 1024))
(ulimit -f $limit && fetch "$d" cifar10) >"$TEST_DIR/cut.out" 2>&1
rc=$?
had=$(wc -c <"$d/cifar-10-binary.tar.gz.part" | tr -d ' ')
check "an interrupted download ends with exit code 4 and keeps its part" \
    [ $rc -eq 4 -a "$had" -gt 0 -a "$had" -lt "$size" ]
check "and nothing unpacked" absent "$d/cifar-10-batches-bin"
expect_exit "the next fetch goes on there" 0 "received $((size - had)) bytes" fetch "$d" cifar10
check "the resumed set is good" same "$d" cifar-10-batches-bin

d=$TEST_DIR/stale
mkdir -p "$d"
head -c 2000 LICENSE >"$d/cifar-10-binary.tar.gz.part"
expect_exit "a part of another file is thrown away" 0 "starting over" fetch "$d" cifar10
check "and the set is good" same "$d" cifar-10-batches-bin
mkdir -p "$d/2"
cat "$mirror/cifar-10-binary.tar.gz" LICENSE >"$d/2/cifar-10-binary.tar.gz.part"
expect_exit "a part longer than the archive is thrown away" 0 "starting over" fetch "$d/2" cifar10

d=$TEST_DIR/done
mkdir -p "$d"
cp "$mirror/cifar-10-binary.tar.gz" "$d/cifar-10-binary.tar.gz.part"
expect_exit "a complete part is used without a download" 0 "ready in" \
    env COSEARCH_DATA="$d" COSEARCH_MIRROR="file://$TEST_DIR/none" COSEARCH_SUMS="$mirror/sums" \
    sh datasets/fetch.sh cifar10

d=$TEST_DIR/wrong
bad=$TEST_DIR/badmirror
mkdir -p "$bad"
cp "$mirror/cifar-10-binary.tar.gz" "$bad/"
printf X | dd of="$bad/cifar-10-binary.tar.gz" bs=1 seek=300 conv=notrunc 2>/dev/null
fetch "$d" cifar100 >/dev/null 2>&1
expect_exit "an archive with a wrong hash is refused" 4 "expected SHA-256" \
    env COSEARCH_DATA="$d" COSEARCH_MIRROR="file://$bad" COSEARCH_SUMS="$mirror/sums" \
    sh datasets/fetch.sh cifar10
check "nothing of it is left" absent "$d/cifar-10-batches-bin"
check "not even the download" leftovers "$d"
check "and the set that was there is untouched" same "$d" cifar-100-binary
expect_exit "the official sums refuse the generated archive" 4 \
    c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd \
    env COSEARCH_DATA="$TEST_DIR/official" COSEARCH_MIRROR="file://$mirror" sh datasets/fetch.sh cifar10

expect_exit "a mirror that is not there" 4 "correct COSEARCH_MIRROR" \
    env COSEARCH_DATA="$TEST_DIR/none" COSEARCH_MIRROR="file://$TEST_DIR/nowhere" sh datasets/fetch.sh cifar10
expect_exit "a server that does not answer" 4 "cannot be reached" \
    env COSEARCH_DATA="$TEST_DIR/none" COSEARCH_MIRROR=http://127.0.0.1:9 sh datasets/fetch.sh cifar10
expect_exit "a data folder that cannot be made" 4 "set COSEARCH_DATA" \
    env COSEARCH_DATA="$mirror/sums/x" sh datasets/fetch.sh cifar10
expect_exit "an unknown set" 2 "usage:" sh datasets/fetch.sh cifar11
expect_exit "no set" 2 "usage:" sh datasets/fetch.sh
mkdir -p "$TEST_DIR/busy"
expect_exit "two fetches at once" 4 "another fetch" \
    flock "$TEST_DIR/busy/.fetch.lock" env COSEARCH_DATA="$TEST_DIR/busy" sh datasets/fetch.sh cifar10

# The sums that fetch.sh checks are the ones the program knows.
agree() {
    sed -n 's/^\([0-9a-f]*\) .*\.bin$/\1/p' datasets/SHA256SUMS >"$TEST_DIR/listed"
    [ "$(wc -l <"$TEST_DIR/listed")" -eq 8 ] || return 1
    while read -r sum; do grep -q "$sum" datasets/cifar.c || return 1; done <"$TEST_DIR/listed"
}
check "SHA256SUMS and cifar.c list the same sums of the official files" agree

# What the program says of data it cannot use: one sentence, exit code 4.
cat >"$TEST_DIR/damage.ini" <<'INI'
[profile]
name = damage
space = fbnet:micro
hw = fpga-chunk
dataset = cifar10
methods = random
seeds = 0
primary = evals:1
[limits]
dsp_max = 900
[fidelity.short]
epochs = 1
[recipe]
id = damage
epochs = 1
INI
# with FOLDER COMMAND...: the program with this data folder
with() {
    folder=$1
    shift
    COSEARCH_DATA=$folder "$COSEARCH" --results "$TEST_DIR/results" "$@"
}
d=$TEST_DIR/use
batch=$d/cifar-10-batches-bin/data_batch_4.bin
renew() {
    rm -rf "$d"
    fetch "$d" cifar10 >/dev/null 2>&1
}
# refused WHAT TEXT: run and plan both end with exit code 4 and one line that has TEXT and the remedy
refused() {
    expect_exit "$1: run" 4 "$2" with "$d" run "$TEST_DIR/damage.ini"
    expect_exit "$1: plan" 4 "$2" with "$d" plan "$TEST_DIR/damage.ini"
    check "$1: in one line, with the command that mends it" \
        grep -c "fetch.sh cifar10" "$TEST_DIR/expect.out"
    [ "$(wc -l <"$TEST_DIR/expect.out")" -eq 1 ] || not_ok "$1: more than one line"
}
renew
expect_exit "a shorter set in the official format is accepted" 0 missing \
    with "$d" plan "$TEST_DIR/damage.ini"
rm "$batch"
refused "a missing file" "data_batch_4.bin: expected a cifar10 file"
renew && truncate -s 50000 "$batch"
refused "a truncated file" "found 50000 bytes"
renew && : >"$batch"
refused "an empty file" "found an empty file"
renew && truncate -s 30733073 "$batch"
refused "an oversized file" "at most the official 10000 records"
renew && printf '\012' | dd of="$batch" bs=1 seek=3073 conv=notrunc 2>/dev/null
refused "a label out of range" "expected a label of 0 to 9, found 10"
renew && printf X | dd of="$batch" bs=1 seek=5000 conv=notrunc 2>/dev/null
refused "a wrong hash" "expected SHA-256"
renew && printf X | dd of="$d/cifar-10-batches-bin/test_batch.bin" bs=1 seek=5000 conv=notrunc 2>/dev/null
refused "a wrong hash of the test file" "test_batch.bin: expected SHA-256"
sed 's/= cifar10/= cifar01/' "$TEST_DIR/damage.ini" >"$TEST_DIR/unknown.ini"
expect_exit "an unknown data set" 2 "did you mean 'cifar10'" with "$d" plan "$TEST_DIR/unknown.ini"
no_rows() { [ -z "$(find "$TEST_DIR/results" -name "results*.csv" 2>/dev/null)" ]; }
check "a refused run leaves no results" no_rows
