"""What a report holds, checked. Pure: neither matplotlib nor a clock, and nothing is written."""

import json
import os
import pathlib
import re
from dataclasses import dataclass, field

PROGRAMS = "pingpong --out FILE, or another benchmark of the suite"


class BadReport(Exception):
    """What is wrong with a file, and what helps; `text` is what is printed."""

    def __init__(self, path, message, hint=None):
        super().__init__(message)
        self.path, self.message, self.hint = path, message, hint

    def text(self):
        lines = f"plot: error: {printable(self.path)}: {self.message}"
        return lines + (f"\nhint: {self.hint}" if self.hint else "")


@dataclass
class Entry:
    """A measurement: a size of a kernel, a link, a core."""

    name: str  # "pingpong/1024"
    kernel: str  # "pingpong"
    figures: dict  # every number that the report has


@dataclass
class Report:
    path: str
    benchmark: str
    context: dict  # text by name, as Google Benchmark has it; lists are joined
    entries: list
    left_out: list = field(default_factory=list)  # sentences: what was not measured, and why

    def kernels(self):
        return list(dict.fromkeys(entry.kernel for entry in self.entries))

    def of_kernel(self, kernel):
        """Its entries by size."""
        found = [entry for entry in self.entries if entry.kernel == kernel]
        return sorted(found, key=lambda entry: entry.figures["bytes"])

    def node_names(self):
        return self.context["node_names"].split(",")


MOST = 1e18  # thirty years in nanoseconds
LEAST = 1e-9  # on an axis of powers of ten
# Figures that pictures and tables are made from: without them a report is another program's, or damaged.
CURVE = ("bytes", "min_ns", "p50_ns", "p99_ns", "real_time")
NEEDED = {
    "allpairs": ("from", "to", "latency_ns", "bandwidth_MB_per_s"),
    "noise": ("rank", "cpu", "detours", "lost_percent", "longest_ns"),
    "limits": (*CURVE, "limit_ns"),
}


def printable(text):
    """Without what has no place in a line of text or in XML: control characters, halves of characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def read_report(path, partial=False):
    """partial: entries that were not measured are left out and named in the report, instead of an error."""
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadReport(path, "is not text", f"a report is JSON, written by {PROGRAMS}") from None
    except OSError as error:
        raise BadReport(path, error.strerror) from None
    except ValueError:  # a zero byte in the name
        raise BadReport(path, "is not the name of a file") from None
    return parse_report(text, path, partial)


def number_in(text):
    """A number as a context has it, or None."""
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def parse_report(text, path, partial=False):
    if not text.strip():
        raise BadReport(path, "is empty", "the run that was to write it is not over, or failed")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        hint = f"a report is JSON, written by {PROGRAMS}"
        if text.lstrip()[0] == "{":
            hint = "where it breaks off, the run was ended while it wrote"
        raise BadReport(path, f"is not JSON: {place}", hint) from None
    except (RecursionError, ValueError):
        raise BadReport(path, "is JSON that no report has") from None

    context = data.get("context") if isinstance(data, dict) else None
    benchmarks = data.get("benchmarks") if isinstance(data, dict) else None
    if not isinstance(context, dict) or not isinstance(benchmarks, list):
        raise BadReport(path, "is JSON, but no report of a benchmark", f"reports are written by {PROGRAMS}")
    benchmark = context.get("benchmark")
    if not isinstance(benchmark, str) or not benchmark:
        raise BadReport(
            path,
            'is a report of another program: its context has no "benchmark"',
            f"reports that can be drawn are written by {PROGRAMS}",
        )
    if benchmark == "launch":
        raise BadReport(path, "is of launch, of which there is no picture", "bench-compare compares such reports")
    report = Report(path, printable(benchmark), {key: flat(value) for key, value in context.items()}, [])
    if benchmark == "allpairs" and not report.context.get("node_names"):
        raise BadReport(path, 'is of allpairs, but its context has no "node_names"')

    failed = []
    for data in benchmarks:
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            raise BadReport(path, "has a measurement without a name")
        if data.get("run_type", "iteration") != "iteration":
            continue  # Google Benchmark's own aggregates
        entry, problem = read_entry(data, benchmark)
        if problem:
            failed.append(f"{entry.name}: {problem}")
        else:
            check_links(path, report, entry)
            report.entries.append(entry)
    planned = number_in(report.context.get("measurements"))
    if planned is not None and len(failed) + len(report.entries) < planned:
        failed.append(f"{planned - len(failed) - len(report.entries)} of {planned} sizes are missing: the run was ended")
    if failed and not partial:
        raise BadReport(path, failed[0] + more(len(failed) - 1), "--partial draws what was measured")
    if not report.entries:
        raise BadReport(
            path, "has no measurements" + (f": {failed[0]}" if failed else ""), "measure again, with more --time-limit"
        )
    report.left_out = failed
    return report


def more(count):
    return f" (and {count} more)" if count else ""


def flat(value):
    """A value of the context as text."""
    if isinstance(value, list):
        return ", ".join(flat(part) for part in value)
    if isinstance(value, dict):
        return " ".join(f"{key} {flat(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(f"{value:g}" if isinstance(value, float) else value)


def read_entry(data, benchmark):
    """The entry, and what is wrong with it, or None."""
    name = printable(data["name"]).removesuffix("/manual_time")
    numbers = {
        printable(key): value
        for key, value in data.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    parts = name.split("/")
    entry = Entry(name, parts[1] if benchmark == "limits" and len(parts) > 2 else parts[0], numbers)
    if data.get("error_occurred") or data.get("skipped"):
        message = data.get("error_message") or data.get("skip_message") or "not measured"
        return entry, printable(message)
    for key in NEEDED.get(benchmark, CURVE):
        if key not in numbers:
            return entry, f'has no "{key}"'
    for key, value in numbers.items():
        if not -MOST <= value <= MOST:
            return entry, f"{key} is {'NaN' if value != value else 'more than can be'}"
    if "bytes" in NEEDED.get(benchmark, CURVE) and (numbers["bytes"] < 0 or numbers["bytes"] != int(numbers["bytes"])):
        return entry, f"bytes is {numbers['bytes']:g}"
    return entry, None


def check_links(path, report, entry):
    if report.benchmark != "allpairs":
        return
    nodes = len(report.node_names())
    for key in ("from", "to"):
        index = entry.figures[key]
        if index != int(index) or not 0 <= index < nodes:
            count = f"{nodes} name" + ("s" if nodes > 1 else "")
            raise BadReport(path, f"{entry.name}: {key} is {index:g}, and node_names has {count}")


# How it is put


def format_bytes(count):
    """1024 -> 1K, as --sizes has it."""
    count = int(count)
    for unit, size in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return str(count)


def format_number(value):
    """A number of an axis: 0.25, 10, 12,500."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:g}"


def format_time(ns):
    """A duration in the unit that suits it, in three digits or so: 250 ns, 1.25 µs, 31.2 ms."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 1000 * size else f"{ns / size:,.0f} {unit}"
    return f"{ns:.3g} ns"


def format_letters(index):
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


def shorten(text, width, keep_end=False):
    if len(text) <= width:
        return text
    return "…" + text[1 - width :] if keep_end else text[: width - 1] + "…"


def file_name(*parts):
    """Of a picture: nothing that a shell, a web server or another directory would make something of."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part).strip("._") or "_" for part in parts if part)


# How runs are told apart


def hosts_of(report):
    names = list(dict.fromkeys(report.context.get("measuring_hosts", "").split(",")))
    if report.benchmark == "allpairs":
        names = report.node_names()
    if names in ([""], []):
        names = [report.context.get("host_name", "")]
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} … {names[-1]} ({len(names)} hosts)"


def counted(name):
    def fact(report):
        count = report.context.get(f"{name}s", "")
        return f"{count} {name}" + ("" if count == "1" else "s") if count else ""

    return fact


def known(name, prefix=""):
    def fact(report):
        value = report.context.get(name, "")
        return "" if value in ("", "unknown") else prefix + value

    return fact


FACTS = (
    known("mpi_library"),
    known("fabric"),
    hosts_of,
    known("vm_size"),
    counted("node"),
    counted("rank"),
    known("shipyard_version", "shipyard "),
)
# Long, so only where nothing else tells two runs apart.
LAST_FACTS = (known("mpi_transport"), known("mpi_settings"), known("date"))


def short_names(paths):
    """File names without .json, with as many directories as it takes to tell them apart."""
    parts = [pathlib.PurePath(os.path.abspath(path).removesuffix(".json")).parts for path in paths]
    names = []
    for mine in parts:
        others = [other for other in parts if other != mine]
        length = 1
        while length < len(mine) - 1 and any(other[-length:] == mine[-length:] for other in others):
            length += 1
        names.append(printable("/".join(mine[-length:])))
    return names


def tell_apart(reports):
    """What names each run, and what they have in common: a list of texts, and one text."""
    names = short_names([report.path for report in reports])
    values = [[fact(report) for fact in FACTS] for report in reports]
    differ = [len({row[column] for row in values}) > 1 for column in range(len(FACTS))]
    labels = [
        [name] + [value for value, wanted in zip(row, differ) if wanted and value] for name, row in zip(names, values)
    ]
    if not any(differ) and len(reports) > 1:
        for fact in LAST_FACTS:
            last = [fact(report) for report in reports]
            if len(set(last)) > 1:
                labels = [label + [shorten(value, 40)] for label, value in zip(labels, last)]
                break
    common = " · ".join(value for value, differs in zip(values[0], differ) if not differs and value)
    return [" · ".join(label) for label in labels], common


# What is drawn


@dataclass
class Quantity:
    """Something that a curve shows. `of` is given an entry's figures and a time in ns in place of the median."""

    name: str  # in file names
    title: str
    unit: str
    of: object

    def value(self, figures, time="p50_ns"):
        """None where there is none, or where an axis of powers of ten has no place for it."""
        ns = figures.get(time, 0)
        if ns <= 0:
            return None
        value = self.of(figures, ns)
        return value if LEAST < value < MOST else None


def bandwidth(figures, ns):
    return figures.get("bandwidth_MB_per_s", 0) * figures["p50_ns"] / ns


def message_rate(figures, ns):
    """The report's rate is over the mean."""
    return figures.get("messages_per_s", 0) * figures["real_time"] / ns / 1e6


def microseconds(_, ns):
    return ns / 1e3


LATENCY = Quantity("latency", "one-way latency", "µs", microseconds)
TIME = Quantity("time", "time of a call", "µs", microseconds)
BANDWIDTH = Quantity("bandwidth", "bandwidth", "MB/s", bandwidth)
RATE = Quantity("rate", "message rate", "million messages/s", message_rate)
QUANTITIES = {
    "pingpong": (LATENCY, BANDWIDTH),
    "bandwidth": (BANDWIDTH,),
    "msgrate": (RATE, BANDWIDTH),
    "collectives": (TIME,),
}
OTHER_QUANTITIES = (TIME, BANDWIDTH)


def quantities_of(benchmark, entries):
    """Those that at least one of the entries has."""
    found = QUANTITIES.get(benchmark, OTHER_QUANTITIES)
    return [quantity for quantity in found if any(quantity.value(entry.figures) for entry in entries)]


# limits

# The pictures: what MPI is, then the kernels that its limit is made of or that stand beside it.
ONE_WAY = ("mpi", "memcpy", "cma", "tcp")
WINDOW = ("mpi_window", "memcpy", "cma", "tcp_stream")


def limit_rate(figures, ns):
    """The bandwidth that the limit of MPI's window has."""
    return figures["bandwidth_MB_per_s"] * figures["p50_ns"] / figures["limit_ns"] if figures["limit_ns"] > 0 else 0


def limit_time(figures, _):
    return figures["limit_ns"] / 1e3


def limit_lines(report, quantity, kernels, limit):
    """What a picture has: (name, [(bytes, value)]), MPI first and its limit next."""

    def points(kernel, of):
        values = ((entry.figures["bytes"], of.value(entry.figures)) for entry in report.of_kernel(kernel))
        return [(int(size), value) for size, value in values if value]

    lines = [("MPI", points(kernels[0], quantity)), ("its limit", points(kernels[0], Quantity("", "", "", limit)))]
    lines += [(kernel, points(kernel, quantity)) for kernel in kernels[1:]]
    return [(name, line) for name, line in lines if line]


# allpairs


@dataclass
class Links:
    """What allpairs measured, as matrices [from][to] with None where nothing was."""

    names: list
    latency_us: list
    bandwidth: list
    slow: list  # (from, to)

    def suspects(self):
        """Nodes most of whose links are slow, as {node: (slow links, links)}; with two nodes it is either."""
        if len(self.names) < 3:
            return {}
        links, slow = [0] * len(self.names), [0] * len(self.names)
        for source, row in enumerate(self.latency_us):
            for target, value in enumerate(row):
                if value is not None and source != target:
                    links[source] += 1
                    links[target] += 1
        for source, target in self.slow:
            slow[source] += 1
            slow[target] += 1
        return {node: (slow[node], links[node]) for node in range(len(self.names)) if 2 * slow[node] > links[node]}


def links_of(report):
    names = report.node_names()
    latency, rate = ([[None] * len(names) for _ in names] for _ in range(2))
    slow = []
    for entry in report.entries:
        source, target = int(entry.figures["from"]), int(entry.figures["to"])
        latency[source][target] = entry.figures["latency_ns"] / 1e3
        rate[source][target] = entry.figures["bandwidth_MB_per_s"]
        if entry.figures.get("slow"):
            slow.append((source, target))
    return Links(names, latency, rate, sorted(set(slow)))


def thin_labels(count, room, wanted=()):
    """Which of so many labels to show in a row with room for so many: the wanted first, then evenly."""
    step = next(step for step in nice_steps() if count <= room * step)
    shown = []
    for index in [*wanted, *range(0, count, step)]:
        if all(abs(index - other) * room >= count for other in shown):
            shown.append(index)
    return sorted(shown)


def nice_steps():
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


# noise


def histogram_of(report):
    """How many detours there were of each length, over all cores: {shortest ns of the bin: count}."""
    counts = {}
    for entry in report.entries:
        for start, count in detours_of(entry).items():
            counts[start] = counts.get(start, 0) + count
    return dict(sorted(counts.items()))


def detours_of(entry):
    found = {}
    for key, value in entry.figures.items():
        match = re.fullmatch(r"detours_from_(\d{1,15})ns", key)
        if match and int(match[1]):
            found[int(match[1])] = value
    return found
