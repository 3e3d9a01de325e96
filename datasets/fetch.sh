#!/bin/sh
# Downloads, checks and unpacks data sets:  sh datasets/fetch.sh cifar10|cifar100|all
#
#   COSEARCH_DATA     where to put them (default: data)
#   COSEARCH_MIRROR   base URL of the archives, file:// works too
#                     (default: https://www.cs.toronto.edu/~kriz)
#   COSEARCH_SUMS     SHA-256 sums of the mirror's archives (default: SHA256SUMS beside this script)
#
# Run it again after an interruption: the download goes on where it stopped. A set that is there and
# intact is left alone; one that is damaged is replaced only after its successor has been checked.
# Exit codes: 0 all there, 2 usage, 4 not to be had (the sentence says why).
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 4
data=${COSEARCH_DATA:-data}
mirror=${COSEARCH_MIRROR:-https://www.cs.toronto.edu/~kriz}
sums=${COSEARCH_SUMS:-$here/SHA256SUMS}
unpack=

say() { echo "fetch: $*"; }
fail() {
    echo "fetch: $*" >&2
    exit 4
}
usage() {
    echo "usage: sh datasets/fetch.sh cifar10|cifar100|all (unknown: '$1')" >&2
    exit 2
}
clean() { [ -z "$unpack" ] || rm -rf "$unpack"; }

sum_of() { sha256sum "$1" | cut -d ' ' -f 1; }
size_of() { wc -c <"$1" | tr -d ' '; }
# expected NAME: the listed sum, or nothing
expected() { sed -n "s|^\([0-9a-f]\{64\}\) [ *]$1\$|\1|p" "$sums" | head -n 1; }

# intact FOLDER FILE...: all files there, each as FOLDER/SHA256SUMS says, or else as $sums says
intact() {
    folder=$1
    shift
    for file in "$@"; do
        [ -f "$data/$folder/$file" ] || return 1
        want=
        [ -f "$data/$folder/SHA256SUMS" ] &&
            want=$(sed -n "s|^\([0-9a-f]\{64\}\) [ *]$file\$|\1|p" "$data/$folder/SHA256SUMS")
        [ -n "$want" ] || want=$(expected "$folder/$file")
        [ -n "$want" ] && [ "$(sum_of "$data/$folder/$file")" = "$want" ] || return 1
    done
}

# download ARCHIVE: into $data/ARCHIVE.part, going on where an earlier download stopped
download() {
    part=$data/$1.part
    had=0
    [ -f "$part" ] && had=$(size_of "$part")
    if [ "$had" -gt 0 ]; then say "$1: going on after $had bytes from $mirror"; else
        say "$1: downloading from $mirror"
    fi
    bar=--silent
    [ -t 2 ] && bar=--progress-bar
    curl --fail --location --show-error $bar --retry 3 --connect-timeout 30 \
        --speed-limit 1000 --speed-time 60 --continue-at - --output "$part" "$mirror/$1"
    rc=$?
    now=0
    [ -f "$part" ] && now=$(size_of "$part")
    [ "$now" -gt 0 ] || rm -f "$part"
    kept="$now bytes are kept: run the same command again to go on"
    case $rc in
    0) say "$1: received $((now - had)) bytes" ;;
    22 | 33 | 36) # refused: with a part already there its size may be the reason
        [ "$had" -gt 0 ] && return 1
        fail "$mirror/$1: the server refused it (see above): set COSEARCH_MIRROR to another mirror" ;;
    37) fail "$mirror/$1: expected an archive, found no readable file: correct COSEARCH_MIRROR" ;;
    3 | 5 | 6 | 7) fail "$mirror/$1: the server cannot be reached (curl: $rc): check the network" \
        "or set COSEARCH_MIRROR; $kept" ;;
    23) fail "$part: cannot be written (disk full?); $kept" ;;
    *) fail "$mirror/$1: the download stopped (curl: $rc); $kept" ;;
    esac
}

# archive ARCHIVE: leaves a complete one with the right sum in $data/ARCHIVE.part
archive() {
    want=$(expected "$1")
    [ -n "$want" ] || fail "$sums: expected a SHA-256 sum of $1, found none: add it"
    resumed=no
    if [ -s "$data/$1.part" ]; then
        [ "$(sum_of "$data/$1.part")" = "$want" ] && return
        resumed=yes
    fi
    if download "$1"; then
        found=$(sum_of "$data/$1.part")
        [ "$found" = "$want" ] && return
    else
        found="no more to download"
    fi
    rm -f "$data/$1.part"
    if [ $resumed = yes ]; then
        say "$1: the earlier part cannot be continued: starting over"
        archive "$1"
        return
    fi
    fail "$mirror/$1: expected SHA-256 $want, found $found: refused and removed;" \
        "run again, or set COSEARCH_MIRROR to another mirror"
}

# fetch NAME ARCHIVE FOLDER FILE...
fetch() {
    name=$1 tarball=$2 folder=$3
    shift 3
    if intact "$folder" "$@"; then
        say "$name: there and intact in $data/$folder"
        return
    fi
    archive "$tarball"
    unpack=$data/.unpack.$$
    mkdir "$unpack" || fail "$unpack: cannot be made"
    tar -xzf "$data/$tarball.part" -C "$unpack" --no-same-owner ||
        fail "$tarball: cannot be unpacked in $data (disk full?): the archive is kept, run again"
    for file in "$@"; do
        [ -f "$unpack/$folder/$file" ] || fail "$tarball: expected $folder/$file in it, found none"
    done
    (cd "$unpack/$folder" && sha256sum "$@" >SHA256SUMS) ||
        fail "$unpack/$folder/SHA256SUMS: cannot be written"
    if [ -e "$data/$folder" ]; then
        say "$name: $data/$folder was not intact: kept as $folder.old"
        rm -rf "$data/$folder.old"
        mv "$data/$folder" "$data/$folder.old" || fail "$data/$folder: cannot be replaced"
    fi
    mv "$unpack/$folder" "$data/$folder" || fail "$data/$folder: cannot be made"
    rm -rf "$unpack" "$data/$tarball.part"
    unpack=
    say "$name: ready in $data/$folder"
}

one() {
    case $1 in
    cifar10) fetch cifar10 cifar-10-binary.tar.gz cifar-10-batches-bin data_batch_1.bin \
        data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin test_batch.bin ;;
    cifar100) fetch cifar100 cifar-100-binary.tar.gz cifar-100-binary train.bin test.bin ;;
    esac
}

[ $# -gt 0 ] || usage ''
for name in "$@"; do
    case $name in cifar10 | cifar100 | all) ;; *) usage "$name" ;; esac
done
for tool in curl tar gzip sha256sum flock; do
    command -v $tool >/dev/null || fail "$tool is not installed: run 'make deps'"
done
[ -r "$sums" ] || fail "$sums: expected a list of SHA-256 sums, found no readable file"
mkdir -p "$data" 2>/dev/null
[ -w "$data" ] ||
    fail "$data: cannot be written: set COSEARCH_DATA to a folder that can"
exec 9>"$data/.fetch.lock"
flock -n 9 || fail "$data: another fetch is at work there"
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for name in "$@"; do
    case $name in
    all) one cifar10 && one cifar100 ;;
    *) one "$name" ;;
    esac
done
