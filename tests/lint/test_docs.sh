#!/bin/sh
# The documents are true as far as a machine can tell: links, paths, make targets and citations exist.
. tests/sh.inc
. tests/lint/lint.inc
project_files '*.md' >"$TEST_DIR/pages"

: >"$TEST_DIR/links"
: >"$TEST_DIR/paths"
while IFS= read -r page; do
    folder=$(dirname "$page")
    grep -oE '\]\([^)[:space:]]+\)' "$page" | sed 's/^](//; s/)$//' |
        grep -vE '^(https?:|mailto:)' | while IFS= read -r link; do
        file=${link%%#*}
        target=$page
        [ -z "$file" ] || target=$folder/$file
        if [ ! -e "$target" ]; then
            echo "$page: $link"
        elif [ "$file" != "$link" ]; then
            # a heading's anchor: lower case, blanks to dashes, punctuation dropped
            sed -n 's/^##* *//p' "$target" | tr '[:upper:] ' '[:lower:]-' | tr -cd '[:alnum:]_\n-' |
                grep -qxF -- "${link#*#}" || echo "$page: no heading for $link"
        fi
    done >>"$TEST_DIR/links"
    # `lib/nn/gemm.c`: a path in backticks that names no placeholder (capitals, *, <, {, ...)
    grep -oE '`(\./)?(lib|bench|methods|datasets|tests|docs|results|\.ci)/[^`[:space:]]*`' "$page" |
        tr -d '`' | grep -vE '[A-Z*<{$]|\.\.\.' | sed 's/:[0-9]*$//' | sort -u |
        while IFS= read -r path; do
            [ -e "$path" ] || echo "$page: $path"
        done >>"$TEST_DIR/paths"
done <"$TEST_DIR/pages"
empty "every link of a document resolves" "$TEST_DIR/links"
empty "every path named in a document exists" "$TEST_DIR/paths"

xargs grep -ohE '(^|`| )make [a-z]+' <"$TEST_DIR/pages" | grep -E '^(`|make)' | sed 's/.*make //' | sort -u |
    while IFS= read -r target; do
        grep -qE "^([a-z -]+ )?$target( [a-z -]+)?:" Makefile || echo "make $target"
    done >"$TEST_DIR/bad"
empty "every make target named in a document exists" "$TEST_DIR/bad"

project_files 'lib/*.c' 'methods/*.c' | xargs grep -hoE '\.cite = "[^"]+"' | sed 's/.*"\(.*\)"/\1/' |
    sort -u | while IFS= read -r key; do
    grep -qE "^@[a-z]+\{$key,\$" docs/references.bib || echo "$key"
done >"$TEST_DIR/bad"
empty "every citation key is in docs/references.bib" "$TEST_DIR/bad"
grep -ohE '^@[a-z]+\{[^,]+' docs/references.bib | sort | uniq -d >"$TEST_DIR/bad"
empty "citation keys are unique" "$TEST_DIR/bad"

# keys as the table of bench/run/profile_keys.c names them: {"section", "name", ... and TRAINING's
# {section, "name", ...
tr '\n' ' ' <bench/run/profile_keys.c | grep -oE '\{(section|"[a-z.]+"), +(\\ +)?"[a-z_]+"' |
    sed 's/.*"\([a-z_]*\)"$/\1/' | sort -u >"$TEST_DIR/keys"
check "there are profile keys to look at" test "$(wc -l <"$TEST_DIR/keys")" -gt 40
while IFS= read -r key; do
    grep -q "\`$key\`" docs/profiles.md || echo "$key"
done <"$TEST_DIR/keys" >"$TEST_DIR/bad"
empty "every profile key is in docs/profiles.md" "$TEST_DIR/bad"
