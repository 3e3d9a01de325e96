#!/bin/sh
# Help texts, exit codes and hints for what is mistyped.
. tests/sh.inc

commands=$($COSEARCH --help | sed -n '/^commands/,/^$/s/^  \([a-z]*\) .*/\1/p')
check "the overview names the commands" [ "$(echo $commands | wc -w)" -ge 7 ]
for command in $commands; do
    expect_exit "$command --help" 0 "usage: cosearch [GLOBAL OPTIONS] $command" $COSEARCH $command --help
    check "$command --help describes --help and fits 100 columns" sh -c \
        "$COSEARCH $command --help | grep -q -- '--help ' && ! $COSEARCH $command --help | grep -q '.\{101\}'"
    expect_exit "$command: unknown option" 2 "'cosearch $command --help' shows all" \
        $COSEARCH $command --xyzzy
    check "$command: machine output stays clean on errors" sh -c \
        "[ -z \"\$($COSEARCH $command --xyzzy 2>/dev/null)\" ]"
done
check "internal commands are not in the overview" sh -c "! $COSEARCH --help | grep -q worker"

check "--version names version and compiler" sh -c "$COSEARCH --version | grep -q '^cosearch [0-9]*[.][0-9]*[.][0-9]* .*(.* ${MODE:-release})\$'"
expect_exit "no command" 2 "no command given" $COSEARCH
expect_exit "unknown command, near" 2 "unknown command 'polt' (did you mean 'plot'?)" $COSEARCH polt
expect_exit "unknown command, far" 2 "unknown command 'xyzzyx'; 'cosearch --help' shows all" \
    $COSEARCH xyzzyx
expect_exit "unknown option, near" 2 "unknown option '--cvs' (did you mean '--csv'?)" \
    $COSEARCH list methods --cvs
expect_exit "unknown letter" 2 "unknown option '-z'" $COSEARCH list methods -z
expect_exit "global option in the wrong place" 2 "it stands before the command" \
    $COSEARCH list methods --results x
expect_exit "missing value" 2 "option --design needs a value: --design FILE" $COSEARCH eval --design
expect_exit "value for a flag" 2 "option --csv takes no value" $COSEARCH list methods --csv=3
expect_exit "value outside the choices" 2 "expected one of auto, always, never, found 'mauve'" \
    $COSEARCH --color mauve list methods
expect_exit "number out of range" 2 "expected a whole number from 1 to 65535, found '0'" \
    $COSEARCH eval --classes 0 x
expect_exit "no number" 2 "found 'many'" $COSEARCH run --jobs many x
expect_exit "too few arguments" 2 "too few arguments: expected 'cosearch run PROFILE'" $COSEARCH run
expect_exit "too many arguments" 2 "unexpected argument 'b'" $COSEARCH run a b
expect_exit "unknown profile, near" 2 "did you mean 'bench/profiles/demo.ini'?" $COSEARCH run dmeo
expect_exit "unknown profile, far" 2 "'cosearch list profiles' shows all" $COSEARCH run xyzzyxyzzy
expect_exit "a full disk under standard output is no success" 4 "standard output could not be written" \
    sh -c "$COSEARCH list methods >/dev/full"

# profile FILE LINE...: the demonstration's profile with other lines
profile() {
    file=$1
    shift
    cp bench/profiles/demo.ini "$TEST_DIR/$file"
    for edit in "$@"; do sed -i "$edit" "$TEST_DIR/$file"; done
}
profile method.ini 's/^methods.*/methods = random, evolutoin/'
expect_exit "unknown method in a profile" 2 "method.ini:$(grep -n '^methods' "$TEST_DIR/method.ini" | cut -d: -f1): unknown method" $COSEARCH plan "$TEST_DIR/method.ini"
profile dataset.ini 's/^dataset.*/dataset = syntj/'
expect_exit "unknown data set in a profile" 2 "did you mean 'synth'?" $COSEARCH plan "$TEST_DIR/dataset.ini"
profile space.ini 's/^space.*/space = fbnet:mcro/'
expect_exit "unknown space in a profile" 2 "did you mean 'fbnet:micro'?" $COSEARCH plan "$TEST_DIR/space.ini"
profile hw.ini 's/^hw .*/hw = fpga-chnk/;s/^hw=.*/hw = fpga-chnk/'
expect_exit "unknown platform in a profile" 2 "did you mean 'fpga-chunk'?" $COSEARCH plan "$TEST_DIR/hw.ini"
profile key.ini 's/^seeds.*/seedz = 0/'
line=$(grep -n seedz "$TEST_DIR/key.ini" | cut -d: -f1)
expect_exit "unknown key: the line" 2 "key.ini:$line:" $COSEARCH plan "$TEST_DIR/key.ini"
expect_exit "unknown key: the nearest" 2 "did you mean 'seeds'?" $COSEARCH plan "$TEST_DIR/key.ini"
