#!/bin/sh
# Installs the Debian packages named as arguments that are not there yet, and says which.
set -eu
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "deps: not a Debian system; install what these packages hold: $*" >&2
    exit 4
fi
missing=
for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "deps: all Debian packages are there"
    exit 0
fi
root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: not root and no sudo; as root run: apt-get install$missing" >&2
        exit 4
    fi
    root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "deps: installing$missing"
$root apt-get -o DPkg::Lock::Timeout=300 update -qq >"$log" 2>&1 ||
    echo "deps: the package lists could not be refreshed; trying with the old ones" >&2
# shellcheck disable=SC2086
if ! $root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
    --no-install-recommends $missing </dev/null >>"$log" 2>&1; then
    cat "$log" >&2
    echo "deps: apt-get could not install$missing" >&2
    exit 4
fi
echo "deps: done"
