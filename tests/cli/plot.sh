#!/bin/bash
# scripts/plot, on reports made by hand.
# shellcheck disable=SC2016  # dollar signs are meant as such
set -u

here=$(cd "$(dirname "$0")" && pwd)
plot=$here/../../scripts/plot
for tool in python3 jq; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not in PATH"; exit 77; }
done
has_matplotlib() { "$1" -c 'import matplotlib' 2>/dev/null; }
python=python3
has_matplotlib $python || python=/usr/bin/python3
has_matplotlib $python || { echo "skipped: python3-matplotlib is not installed"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export MPLCONFIGDIR=$work/matplotlib  # its cache of fonts, and nobody's own settings
mkdir "$MPLCONFIGDIR"
failures=0

fail() {
  echo "FAILED: $*"
  sed 's/^/  stdout| /' out
  sed 's/^/  stderr| /' err
  failures=$((failures + 1))
}

# check DESCRIPTION COMMAND…: the command is to succeed.
check() {
  local what=$1
  shift
  if "$@" >why 2>&1; then echo "ok: $what"; else fail "$what: $*: $(tail -n 1 why)"; fi
}

# plot ARGUMENTS…: sets status; fills out and err.
plot() {
  "$plot" "$@" >out 2>err </dev/null
  status=$?
}

report() { python3 -B "$here/../lib/make_report.py" "$@"; }

# refused DESCRIPTION TEXT ARGUMENTS…: with these, stderr is to be TEXT whole, the status 2, and nothing is written.
refused() {
  local what=$1 text=$2
  shift 2
  plot -o refused "$@"
  check "$what: status" test "$status" = 2
  check "$what: message" test "$(cat err)" = "$text"
  check "$what: nothing written" test ! -e refused -a ! -s out
}

report pingpong >before.json
report pingpong 1.3 fabric=tcp "mpi_library=Open MPI 5.0.7" 'notes=4 ranks share <b>CPUs</b>; & $x$ more' >after.json
report bandwidth >bandwidth.json
report msgrate >msgrate.json
report collectives >collectives.json
report allpairs 8 5 1-2 >allpairs.json
report noise 4 >noise.json
report limits >limits.json

# All there is, in one go
plot -o one before.json bandwidth.json msgrate.json collectives.json allpairs.json noise.json limits.json
check "draws every benchmark" test "$status" = 0
check "and says nothing about it" test ! -s err
pictures="pingpong-latency pingpong-bandwidth bandwidth-uni bandwidth-bi msgrate-rate msgrate-bandwidth
collectives-bcast-time collectives-barrier-time allpairs-latency allpairs-bandwidth noise-histogram noise-lost
limits-latency limits-bandwidth"
for name in $pictures; do printf 'one/%s\n' "$name.png" "$name.svg"; done >expected
echo one/report.html >>expected
check "prints the names of its files" diff expected out
check "and there are no others" diff <(sort expected) <(find one -type f | sort)

cat >look.py <<'END'
"""PNG: signature, size, and more than one color; SVG: well-formed, and has the texts; HTML: nothing from outside."""
import html.parser
import re
import struct
import sys
import xml.etree.ElementTree
import zlib


def png(path):
    data = open(path, "rb").read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    width, height = struct.unpack(">II", data[16:24])
    assert 800 <= width <= 1300 and 250 <= height <= 1600, f"{width} x {height}"
    assert b"Software" not in data, "says what made it"
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    assert len(set(zlib.decompress(packed))) > 20, "is empty"


def svg(path, *texts):
    root = xml.etree.ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    found = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for text in texts:
        assert any(text == part or len(text) > 4 and text in part for part in found), f"no {text!r} in {found}"
    source = open(path).read()
    assert "<dc:date>" not in source, "has a date"
    assert not re.search(r'href="(?!#|data:)', source), "refers to something outside"


class Page(html.parser.HTMLParser):
    VOID = {"meta", "br", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.count, self.ids, self.text = [], {}, [], ""

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        for name, value in attributes:
            assert name not in ("src", "srcset", "data") and not name.startswith("on"), f"{tag} has {name}"
            if name.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,")), f"refers to {value[:40]}"
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text += data


def page(path, pictures, *texts):
    source = open(path, encoding="utf-8").read()
    for word in ("http:", "https:", "//fonts", "@import", "<script", "<link"):
        assert word not in source, word
    found = Page()
    found.feed(source)
    assert not found.open, f"not closed: {found.open}"
    assert found.count["svg"] == int(pictures), found.count
    assert len(set(found.ids)) == len(found.ids), "ids are given twice"
    known = set(found.ids)
    for used in re.findall(r'(?:url\(#|href="#)([^)"]+)', source):
        assert used in known, f"no {used}"
    for text in texts:
        assert text in found.text, f"no {text!r}"


{"png": png, "svg": svg, "page": page}[sys.argv[1]](*sys.argv[2:])
END
look() { python3 -B look.py "$@"; }

for name in $pictures; do check "$name.png is a picture" look png "one/$name.png"; done
sizes=(0 1 16 256 4K 64K 1M)
check "latency over sizes" look svg one/pingpong-latency.svg 'pingpong: one-way latency' "${sizes[@]}" median 'min to 99th percentile'
check "bandwidth, which 0 bytes have none of" look svg one/pingpong-bandwidth.svg 'pingpong: bandwidth' "${sizes[@]:1}" MB/s
check "and no place for 0 bytes" test "$(grep -c '>0</text>' one/pingpong-bandwidth.svg)" = 0
check "bandwidth in both directions" look svg one/bandwidth-bi.svg 'bandwidth bi' "${sizes[@]:1}"
check "message rate" look svg one/msgrate-rate.svg 'msgrate: message rate' "${sizes[@]}"
check "a collective" look svg one/collectives-bcast-time.svg 'collectives bcast' "${sizes[@]}"
check "a barrier, which has no size" look svg one/collectives-barrier-time.svg 'collectives barrier' 'mark: median'
check "the map, with its nodes and verdict" look svg one/allpairs-latency.svg allpairs node0 node7 \
  'Slow nodes: node5 (14 of 14 links)' 'Slow links: node1 → node2' 'slow link (15)' 7.17
check "15 frames, two arrows, and both once more in the legend" \
  test "$(grep -c 'stroke: #e0007a; stroke-width: 1.8' one/allpairs-latency.svg)" = 15 -a \
    "$(grep -c '<use .*stroke: #e0007a' one/allpairs-latency.svg)" = 4
check "figures are white on what is dark, and black on what is light" \
  test "$(grep -c '<text.*#ffffff.*>1.[6-9]' one/allpairs-latency.svg)" -ge 40 -a "$(grep -c '<text.*#000001.*>7.' one/allpairs-latency.svg)" = 15
check "the histogram" look svg one/noise-histogram.svg noise '256 ns' 'detours of 4 cores'
check "the time lost, with the core that loses most" look svg one/noise-lost.svg 'most on CPU 3 of rank 3: 1.52 %'
check "MPI beside its limit and what that is made of" look svg one/limits-latency.svg 'limits: one-way latency of MPI' MPI 'its limit' memcpy cma tcp
check "in bandwidth, with the stream" look svg one/limits-bandwidth.svg 'its limit' tcp_stream 'MB/s · median'
check "the page has all, and needs nothing" look page one/report.html 14 'Open MPI 4.1.4' 'ucx (rc)' node0,\ node1 \
  2024-01-01T00:00:00+00:00 'one-way latency' 'Figures of bcast' 'Figures of the 30 worst of 56 links' 'Figures of each core' 'longest, µs' \
  'Figures of mpi_window' 'times the limit'
check "its text has the color of the reader's" grep -q 'fill: currentColor' one/report.html

# Labels have room, and marks are whole
mkdir script  # here "matplotlib" is a directory
cat >script/room.py <<'END'
"""room.py SCRIPTS REPORT…: no label of an axis touches the next one, and every mark is within the axes."""
import itertools
import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])
from matplotlib.backends.backend_agg import FigureCanvasAgg
from plotting import pictures, reports

for path in sys.argv[2:]:
    run = SimpleNamespace(report=reports.read_report(path), letter="", label="a", name="a")
    for drawn in sum(pictures.draw_all([run]).values(), []):
        canvas = FigureCanvasAgg(drawn.figure)
        canvas.draw()
        axes, pixels = drawn.figure.axes[0], drawn.figure.dpi / 72
        for axis, side in ((axes.xaxis, 0), (axes.yaxis, 1)):
            boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
            for a, b in itertools.pairwise(sorted((box.min[side], box.max[side]) for box in boxes)):
                assert a[1] + 4 * pixels * (1 - side) <= b[0], f"{path}: {drawn.name}: labels touch"
        for line in axes.lines:
            if line.get_marker() == "None":
                continue
            for _, y in axes.transData.transform(list(zip(*line.get_data()))):
                room = line.get_markersize() / 2 * pixels
                assert axes.bbox.y0 + room <= y <= axes.bbox.y1 - room, f"{path}: {drawn.name}: a mark is cut off"
END
# Detours of all lengths from 64 ns to 4 ms, and times from 3 ns to 250 µs.
jq '.benchmarks[] += ([range(6; 23) | {key: "detours_from_\(pow(2; .))ns", value: 30}] | from_entries)' noise.json >long.json
jq '(.benchmarks[] | select(.name | startswith("limits/memcpy/8/")) | .p50_ns) = 3' limits.json >wide.json
check "labels do not touch, and no mark is cut off" \
  $python -B script/room.py "$here/../../scripts" before.json bandwidth.json msgrate.json collectives.json noise.json long.json limits.json wide.json

# The same again is the same again
plot -o two before.json bandwidth.json msgrate.json collectives.json allpairs.json noise.json limits.json
check "draws the same from the same" diff -r one two

# Several runs
plot -o several before.json after.json
check "runs are told apart by what differs" look svg several/pingpong-latency.svg 'A: before · Open MPI 4.1.4 · ib' \
  'B: after · Open MPI 5.0.7 · tcp' 'node0, node1 · 2 nodes · 2 ranks' 'band: min to 99th percentile'
check "without colors as well" grep -q 'stroke-dasharray' several/pingpong-latency.svg
check "each has its points, and a band" test "$(grep -c '<use .*: #0072b2' several/pingpong-latency.svg)" -ge 14 -a \
  "$(grep -c '<use .*: #d55e00' several/pingpong-latency.svg)" -ge 14 -a \
  "$(grep -c 'id="FillBetween\|id="PolyCollection' several/pingpong-latency.svg)" = 2
check "and in the page, with its notes as they are" look page several/report.html 2 'A: before' 'B: after' \
  'B: 4 ranks share <b>CPUs</b>' 'B: & $x$ more'
runs=()
for run in _1 '$2$' 3 4 '$5'; do report pingpong >"run$run.json"; runs+=("run$run.json"); done
plot -o many --format=svg "${runs[@]}"
check "five have no bands, and names that are no formulas" look svg many/pingpong-latency.svg 'A: run_1' 'B: run$2$' 'E: run$5' '· line: median'
check "nor are bands drawn" test "$(grep -c 'id="FillBetween\|id="PolyCollection' many/pingpong-latency.svg)" = 0
check "--format svg: no PNG" test "$(find many -name '*.png' | wc -l)" = 0
check "but the page" test -s many/report.html
mkdir -p x y && cp allpairs.json x/a.json && report allpairs 3 >y/a.json
plot -o maps --format png x/a.json y/a.json
check "a map for each run of allpairs" test -s maps/allpairs-latency-x_a.png -a -s maps/allpairs-latency-y_a.png

# Many nodes, and few
report allpairs 100 17 3-40 >hundred.json
report allpairs 2 0-1 >pair.json
plot -o hundred hundred.json
check "100 nodes: labels are thinned out" test "$(grep -c '>node[0-9]*</text>' hundred/allpairs-latency.svg)" -lt 54
check "but the slow one has its own, twice" test "$(grep -c '>node17</text>' hundred/allpairs-latency.svg)" = 2
check "100 nodes: verdict" look svg hundred/allpairs-latency.svg 'node17 (198 of 198 links)' 'other slow link (1)'
check "and the page is no monster" test "$(stat -c %s hundred/report.html)" -lt 1000000
plot -o pair pair.json
check "two nodes" look svg pair/allpairs-bandwidth.svg node0 node1 'slow link (1)'

# What is no report
echo 'pingpong 0.1.0' >table.json
head -c 900 before.json >torn.json
: >empty.json
echo '{"a": 1}' >other.json
jq 'del(.context.benchmark)' before.json >google.json
jq '.benchmarks = []' before.json >nothing.json
jq '.benchmarks[3] += {error_occurred: true, error_message: "not measured: the time limit was reached"}' before.json >limit.json
jq '.benchmarks[0].p50_ns = "X"' before.json | sed 's/"X"/NaN/' >nan.json
maker='pingpong --out FILE, or another benchmark of the suite'
refused "a table" "plot: error: table.json: is not JSON: line 1, column 1: Expecting value
hint: a report is JSON, written by $maker" table.json
plot -o refused torn.json
check "a torn report" grep -qx 'hint: where it breaks off, the run was ended while it wrote' err
check "is refused" test "$status" = 2 -a ! -e refused
refused "an empty file" "plot: error: empty.json: is empty
hint: the run that was to write it is not over, or failed" empty.json
refused "other JSON" "plot: error: other.json: is JSON, but no report of a benchmark
hint: reports are written by $maker" other.json
refused "another program's report" "plot: error: google.json: is a report of another program: its context has no \"benchmark\"
hint: reports that can be drawn are written by $maker" google.json
refused "a report of nothing" "plot: error: nothing.json: has no measurements
hint: measure again, with more --time-limit" nothing.json
refused "a size that was not measured" "plot: error: limit.json: pingpong/16: not measured: the time limit was reached
hint: --partial draws what was measured" limit.json
refused "NaN" "plot: error: nan.json: pingpong/0: p50_ns is NaN
hint: --partial draws what was measured" nan.json
refused "a file that is not there" "plot: error: gone.json: No such file or directory" before.json gone.json
refused "several at once" "plot: error: gone.json: No such file or directory
plot: error: empty.json: is empty
hint: the run that was to write it is not over, or failed" gone.json before.json empty.json
refused "no file" "plot: error: no report
Try 'plot --help'"
refused "another format" "plot: error: --format: 'pdf' is not png, svg or png,svg
Try 'plot --help'" --format pdf before.json
refused "an unknown option" "plot: error: option --nonsense not recognized
Try 'plot --help'" --nonsense before.json

plot -o partial --partial --format svg limit.json
check "--partial draws the rest" test "$status" = 0 -a -s partial/pingpong-latency.svg
check "and says what is missing" grep -qx 'plot: note: limit.json: left out: pingpong/16: not measured: the time limit was reached' err
check "on the page too" look page partial/report.html 2 'not measured: pingpong/16: not measured: the time limit was reached'

# Failures
echo mine >file
plot -o file before.json
check "a directory that cannot be made: status" test "$status" = 1
check "a directory that cannot be made: message" test "$(cat err)" = "plot: error: file: File exists"
mkdir old && echo mine >old/report.html
(ulimit -f 8; trap '' XFSZ; "$plot" -o old before.json >out 2>err; echo $? >status)
check "a disk without room: status" test "$(cat status)" = 1
check "a disk without room: message" grep -qE '^plot: error: .*: File too large$' err
check "and what was there is still there, alone" test "$(ls -A old)$(cat old/report.html)" = report.htmlmine
mkdir -p without/matplotlib && echo 'raise ImportError("not here")' >without/matplotlib/__init__.py
PYTHONPATH=$work/without plot -o without-it before.json
check "without matplotlib: status" test "$status" = 1
check "without matplotlib: message" test "$(cat err)" = "plot: error: matplotlib cannot be loaded: not here
hint: apt-get install python3-matplotlib"
plot --help
check "--help: on stdout, 80 columns" test "$status" = 0 -a ! -s err -a -z "$(grep -E '.{81}' out)"
check "--help: has every option" test "$(grep -cE '^ +(-o, --output|--format|--partial|-h, --help) ' out)" = 4

echo
if [ "$failures" != 0 ]; then echo "$failures checks failed"; exit 1; fi
echo "all checks passed"
