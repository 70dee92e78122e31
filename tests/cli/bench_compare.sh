#!/bin/bash
# bench-compare with commands that print reports made up here, and with real reports of a benchmark.
# Usage: bench_compare.sh BENCH_COMPARE BANDWIDTH PINGPONG
set -u
tool=$1 bandwidth=$2 pingpong=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# expect NAME STATUS STDOUT STDERR COMMAND…
expect() {
  local name=$1 status=$2 output=$3 errors=$4
  shift 4
  "$@" >out 2>err </dev/null
  local got=$?
  if [ "$got" -ne "$status" ] || [ "$(cat out)" != "$output" ] || [ "$(cat err)" != "$errors" ]; then
    printf 'FAILED: %s\n  status %s, expected %s\n--- stdout\n%s\n--- expected\n%s\n--- stderr\n%s\n--- expected\n%s\n' \
      "$name" "$got" "$status" "$(cat out)" "$output" "$(cat err)" "$errors"
    failures=$((failures + 1))
  fi
}

check() {
  local name=$1
  shift
  if ! "$@"; then
    echo "FAILED: $name"
    sed 's/^/  stdout| /' out
    sed 's/^/  stderr| /' err
    failures=$((failures + 1))
  fi
}

# report VALUE…: a report with a size for each value.
report() {
  local size=8 separator="" value
  printf '{"context": {"benchmark": "pingpong", "fabric": "shm"},\n"benchmarks": ['
  for value; do
    printf '%s\n{"name": "pingpong/%d/manual_time", "run_type": "iteration", "p50_ns": %s}' "$separator" $size "$value"
    separator=,
    size=$((size * 2))
  done
  printf ']}\n'
}

# A benchmark: `fake NAME BASE` notes the launch in the file order, and prints BASE + 1, BASE + 2, … at two sizes.
cat >fake <<'FAKE'
#!/bin/bash
name=$1 base=$2
echo -n "$name " >>order
launch=$(grep -o "$name " order | wc -l)
[ -n "${WORDS:-}" ] && echo "$name: $WORDS" >&2
if [ "$name $launch" = "${BREAK:-}" ]; then
  case $HOW in
    fail) echo half a report; echo "$name: no such network" >&2; exit 7 ;;
    kill) kill -SEGV $$ ;;
    text) echo a table; exit 0 ;;
    stubborn) trap '' TERM ;;&
    hang) trap 'echo "$name" >asked; exit 0' TERM ;;&
    hang | stubborn)
      echo half a report
      setsid bash -c 'echo $$ >rank.new; mv rank.new rank; exec sleep 1000' &
      until [ -e rank ]; do :; done
      wait
      ;;
  esac
fi
printf '{"context": {"benchmark": "pingpong", "fabric": "%s"}, "benchmarks": [
  {"name": "pingpong/8/manual_time", "p50_ns": %d}, {"name": "pingpong/16/manual_time", "p50_ns": %d}]}\n' \
  "${FABRIC:-shm}" $((base + launch)) $((1000 + launch))
FAKE
chmod +x fake

echo "# files"
for i in 1 2 3 4 5; do
  report $((100 + i)) $((1000 + i)) >"a$i.json"
  report $((200 + i)) $((1000 + i)) >"b$i.json"
  cp "a$i.json" "again$i.json"
done
a=(a1.json a2.json a3.json a4.json a5.json)
a2=(again1.json again2.json again3.json again4.json again5.json)
b=(b1.json b2.json b3.json b4.json b5.json)
slower='bench-compare 0.1.0

  A          5 launches: a1.json … a5.json
  B          5 launches: b1.json … b5.json
  figure     p50_ns, median of the launches; less is better

                       A          B    B/A       95 % CI       p
  pingpong/8    103.0 ns   203.0 ns  1.971   1.933…2.010  0.0159  B slower
  pingpong/16   1.003 µs   1.003 µs  1.000   0.997…1.003  1.0000  same

B is slower at 1 of 2 sizes, pingpong/8 (B/A 1.971; alpha 0.05).'
expect 'B is slower: 1' 1 "$slower" '' "$tool" "${a[@]}" -- "${b[@]}"
"$tool" "${b[@]}" -- "${a[@]}" >out 2>err
check 'B is faster: 0' test $?/"$(tail -n 1 out)" = '0/B is faster at 1 of 2 sizes, pingpong/8 (B/A 0.507; alpha 0.05).'
"$tool" "${a[@]}" -- "${a2[@]}" >out 2>err
check 'no difference: 0' test $?/"$(tail -n 1 out)" = '0/No difference at any of 2 sizes (alpha 0.05).'
"$tool" a1.json b1.json >out 2>err
check 'one launch each: 4, and why' test $?/"$(tail -n 2 out | tr '\n' ' ')" = \
  '4/Too few launches to call any size different: 2 sizes at alpha 0.05 take 5 on each side, and there is 1 and 1. '
"$tool" --format json "${a[@]}" -- "${b[@]}" >out 2>err
check 'JSON' grep -q '"verdict": "slower"' out

expect 'a file given twice' 2 '' 'bench-compare: error: a1.json is given twice, and a launch counts once' \
  "$tool" a1.json a1.json a1.json a1.json -- "${b[@]}"
ln a1.json hard.json
ln -s a1.json soft.json
for link in ./a1.json hard.json soft.json; do
  expect "a file by two names: $link" 2 '' "bench-compare: error: a1.json and $link are one file, and a launch counts once" \
    "$tool" a1.json a2.json -- b1.json "$link"
done
sed 's/"fabric"/"date": "2026-01-01T00:00:00+00:00", &/' a1.json >dated.json
cp dated.json copy.json
expect 'a copy' 2 '' 'bench-compare: error: dated.json and copy.json have the same date and figures, and a launch counts once' \
  "$tool" dated.json b1.json -- copy.json b2.json

expect 'a missing file' 2 '' 'bench-compare: error: cannot read none.json: No such file or directory' \
  "$tool" none.json a1.json
echo 'a table' >table
expect 'no JSON' 2 '' 'bench-compare: error: table: line 1: not JSON' "$tool" a1.json table
echo '{"tool": "bench-compare"}' >other
expect 'JSON of another program' 2 '' \
  'bench-compare: error: other: not a report of a benchmark: there is no "context" and "benchmarks" in it' \
  "$tool" other a1.json
report 1 NaN >nan
expect 'NaN' 2 '' 'bench-compare: error: nan: line 4: a figure is not a number (NaN or infinity)' "$tool" a1.json nan
expect 'a figure that is not there' 2 '' \
  "bench-compare: error: no size has the figure 'p5_ns'; did you mean 'p50_ns'?" "$tool" --figure p5_ns a1.json b1.json
expect 'a wrong option' 2 '' "bench-compare: error: unknown option '--alhpa'
hint: did you mean '--alpha'? Try 'bench-compare --help'" "$tool" --alhpa 1 a1.json b1.json

echo "# launches by turns"
"$tool" -n 5 --keep kept -- ./fake A 100 -- ./fake B 200 >out 2>err
check 'B is slower: 1' test $? -eq 1
check 'the order changes with each round' test "$(cat order)" = 'A B B A A B B A A B '
check 'the table names the commands' grep -qx '  B          5 launches: ./fake B 200' out
check 'stderr says only how to compare again' test "$(cat err)" = \
  'bench-compare: note: again: bench-compare kept/A-*.json -- kept/B-*.json'
check 'every report is kept' test "$(cd kept && echo *)" = \
  'A-01.json A-02.json A-03.json A-04.json A-05.json B-01.json B-02.json B-03.json B-04.json B-05.json'
sed -n '/^ *pingpong/,$p' out >figures
"$tool" kept/A-*.json -- kept/B-*.json >out 2>err
check 'and gives the same again' test $?/"$(sed -n '/^ *pingpong/,$p' out)" = "1/$(cat figures)"
expect 'a directory with something in it is left alone' 2 '' 'bench-compare: error: --keep kept: not empty' \
  "$tool" -n 5 --keep kept -- ./fake A 100 -- ./fake B 200
rm order
FABRIC=tcp "$tool" -n 5 --keep words -- env FABRIC=shm WORDS=slow ./fake A 100 -- ./fake B 100 >out 2>err
check 'B is not worse: 0' test $? -eq 0
check 'another fabric is named' grep -qx '  differs    fabric: A shm, B tcp' out
check 'what a launch says is not shown, and kept' test "$(grep -c slow err)/$(cat words/A-03.stderr)" = '0/A: slow'

echo "# too few launches are refused before the time is spent"
rm order
expect 'for one size: at once' 2 '' \
  'bench-compare: error: --launches 3: nothing can be told from so few at alpha 0.05; 4 are needed' \
  "$tool" -n 3 -- ./fake A 100 -- ./fake B 100
check 'nothing was launched' test ! -e order
expect 'for two sizes: after the first round' 2 '' \
  'bench-compare: error: --launches 4: nothing can be told from so few about 2 sizes at alpha 0.05; 5 are needed' \
  "$tool" -n 4 -- ./fake A 100 -- ./fake B 100
check 'one round was launched' test "$(cat order)" = 'A B '
rm order
expect 'what cannot be compared too' 2 '' 'bench-compare: error: no size has the figure '\''real_time'\' \
  "$tool" --figure real_time -n 5 -- ./fake A 100 -- ./fake B 100
check 'one round was launched' test "$(cat order)" = 'A B '

echo "# a launch that fails"
# broken HOW WHICH MESSAGE: the launch fails so, and nothing is lost.
broken() {
  local how=$1 which=$2 message=$3
  rm -rf order kept rank asked
  BREAK=$which HOW=$how timeout 60 "$tool" -n 10 --timeout "${4:-60}" --keep kept -- ./fake A 100 -- ./fake B 200 >out 2>err
  check "$how: status 3" test $? -eq 3
  check "$how: $message" test "$(grep -v '^bench-compare: note: again: ' err)" = "bench-compare: error: $message"
}
broken fail 'B 6' "launch 6 of B: exit status 7
  B: no such network"
check 'the order until then' test "$(cat order)" = 'A B B A A B B A A B B '
check 'what there is until then is compared' grep -q '^B is slower at 1 of 2 sizes' out
check 'and can be again' test "$(tail -n 1 err)" = \
  'bench-compare: note: again: bench-compare kept/A-*.json -- kept/B-*.json'
check 'all reports are there, and the half one beside them' test "$(cd kept && echo *)/$(cat kept/B-06.failed)" = \
  'A-01.json A-02.json A-03.json A-04.json A-05.json B-01.json B-02.json B-03.json B-04.json B-05.json B-06.failed B-06.stderr/half a report'
broken kill 'A 1' 'launch 1 of A: signal 11 (Segmentation fault)'
check 'a first launch that fails leaves nothing to compare, now or again' test ! -s out -a "$(grep -c again err)" = 0
broken text 'A 2' 'launch 2 of A: line 1: not JSON
hint: the command prints a report and nothing else on its standard output, by --format json'
check 'two launches and one are too few' grep -q '^Too few launches' out
expect 'a program that is not there' 3 '' "bench-compare: error: launch 1 of A: program 'no-such-program' not found" \
  "$tool" -- no-such-program -- ./fake B 1

# gone PID: within ten seconds, and then it is.
gone() { timeout 10 tail --pid="$1" -f /dev/null; }
for how in hang stubborn; do
  broken $how 'B 2' 'launch 2 of B: no end within 5 s, so it was ended' 5
  check "$how: what it started in a session of its own is ended too" gone "$(cat rank)"
  check "$how: it was asked first" test -e asked -o $how = stubborn
  check "$how: what it printed is kept" test "$(cat kept/B-02.failed)" = 'half a report'
done

echo "# a signal ends the launch under way, and then the tool by itself"
rm -rf order kept rank asked
BREAK='A 1' HOW=hang "$tool" -n 10 --keep kept -- ./fake A 100 -- ./fake B 200 >out 2>err &
pid=$!
until [ -e rank ] || ! kill -0 $pid 2>/dev/null; do :; done
kill -TERM $pid
wait $pid
check 'killed by SIGTERM' test $? -eq 143
check 'the launch was asked to end, and has' test -e asked
check 'with all that it started' gone "$(cat rank)"
check 'and the error says why' grep -qx 'bench-compare: error: launch 1 of A: ended, as SIGTERM asked for it' err

echo "# reports of the benchmarks"
read -r -a mpirun <<<"${MPIRUN:-mpirun --allow-run-as-root --oversubscribe}"
if command -v "${mpirun[0]}" >/dev/null; then
  measure() { timeout 60 "${mpirun[@]}" -np 2 "${@:2}" -o "$1.json" >out 2>err </dev/null; }
  measure alone "$bandwidth" --quick --kernels uni --sizes 64K --window 1
  measure many "$bandwidth" --kernels uni --sizes 64K --min-time 5ms --warmup 3 --buffers off-cache
  "$tool" alone.json many.json >out 2>err
  check 'options that make another measurement are named' test "$(sed -n '/^  differs/,/^$/p' out | tr -s ' \n' ' ')" = \
    ' differs window: A 1, B 64; buffers: A single, B off-cache; min_time: A 0.002s, B 0.005s; max_time: A 0.1s, B 5s; warmup: A default, B 3; quick: A true, B false '
  measure again "$bandwidth" --quick --kernels uni --sizes 64K --window 1
  "$tool" alone.json again.json >out 2>err
  check 'the same options are no difference' test "$(grep -c differs out)" = 0
  measure old "$pingpong" --quick
  measure new "$pingpong" --quick
  "$tool" --figure bandwidth_MB_per_s old.json -- new.json >out 2>err
  check 'bandwidth, which messages of no bytes have not' test $?/"$(grep -c '^  pingpong/8 ' out)/$(grep 'left out' out)" = \
    '4/1/  left out   bandwidth_MB_per_s is 0: pingpong/0'
fi

echo "# the progress line is for terminals"
if command -v script >/dev/null; then
  rm -f order
  script -qec "$tool -n 5 -- ./fake A 100 -- ./fake B 100 >out" typescript >/dev/null 2>err
  check 'it says how far it is' grep -q 'launch 3 of 5 of B, about [0-9]* s left' typescript
fi

echo "# help and version"
"$tool" --help >out 2>err
check '--help: 0, on stdout' test $?/"$(wc -c <err)/$(grep -c '^Usage: ' out)" = 0/0/1
check '--help fits in 80 columns' test "$(LC_ALL=C.UTF-8 wc -L <out)" -le 80
expect '--version' 0 'bench-compare 0.1.0' '' "$tool" --version

if [ "$failures" -gt 0 ]; then
  echo "$failures failed"
  exit 1
fi
echo "all passed"
