"""The page with everything: one file, nothing fetched, no JavaScript, in the reader's own light or dark."""

import re
from html import escape

from . import reports

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.3rem; margin-top: 2.5rem; } h3 { font-size: 1.05rem; }
h2, summary { border-bottom: 1px solid rgb(128 128 128 / .4); }
summary { cursor: pointer; padding: .3rem 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem; }
figure { margin: 0; } svg { width: 100%; max-width: 44rem; height: auto; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid rgb(128 128 128 / .25); text-align: right; white-space: nowrap; }
th { vertical-align: bottom; }
th.text, td.text { text-align: left; }
.context th, .context td { vertical-align: top; text-align: left; white-space: normal; overflow-wrap: anywhere; }
.context th { min-width: 7em; }
.note { border-left: .3rem solid #d55e00; padding-left: .7rem; margin: .6rem 0; }
@media print { details > * { display: block; } }
"""

# The context's entries that a reader looks for first, by the names they have here.
CONTEXT = {
    "benchmark": "benchmark",
    "date": "date",
    "mpi_library": "MPI",
    "mpi_standard": "MPI standard",
    "mpi_transport": "transport",
    "fabric": "fabric",
    "vm_size": "VM size",
    "nodes": "nodes",
    "node_names": "node names",
    "ranks": "ranks",
    "pair": "pair",
    "pairs": "pairs",
    "measuring_ranks": "ranks that measure",
    "measuring_hosts": "their hosts",
    "measuring_cpus": "their CPUs",
    "mpi_settings": "settings",
    "notes": "notes",
    "shipyard_version": "version",
}
MOST_LINKS = 30  # rows of a table of links
FEW_NODES = 6  # nodes whose links all have a row


def make_page(runs, pictures):
    body = "".join(section(benchmark, runs, drawn, number) for number, (benchmark, drawn) in enumerate(pictures.items()))
    contexts = "".join(context_of(run) for run in runs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(", ".join(pictures))}: benchmark report</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Benchmark report</h1>
{overview(runs)}
{body}
<h2>How it was measured</h2>
{contexts}
</body>
</html>
"""


def overview(runs):
    lettered = any(run.letter for run in runs)
    titles = [""] * lettered + ["benchmark", "report", "MPI", "fabric", "hosts", "date"]
    head = [(title, True) for title in titles]
    rows = []
    for run in runs:
        context = run.report.context
        row = [run.letter] * lettered
        row += [run.report.benchmark, run.name, context.get("mpi_library", ""), context.get("fabric", "")]
        rows.append(row + [reports.hosts_of(run.report), context.get("date", "")])
    return table(head, rows)


def section(benchmark, runs, pictures, number):
    chosen = [run for run in runs if run.report.benchmark == benchmark]
    notes = []
    for run in chosen:
        prefix = f"{run.letter}: " if run.letter else ""
        notes += [prefix + note for note in run.report.context.get("notes", "").split("; ") if note]
        notes += [f"{prefix}not measured: {text}" for text in run.report.left_out[:20]]
        if len(run.report.left_out) > 20:
            notes.append(f"{prefix}not measured: {len(run.report.left_out) - 20} more")
    figures = "".join(
        f"<figure>{inline_svg(picture, f'p{number}-{index}-')}</figure>\n" for index, picture in enumerate(pictures)
    )
    tables = {"allpairs": link_tables, "noise": noise_tables}.get(benchmark, curve_tables)
    return (
        f"<h2>{escape(benchmark)}</h2>\n"
        + "".join(f'<p class="note">{escape(note)}</p>\n' for note in notes)
        + f'<div class="pictures">\n{figures}</div>\n'
        + "".join(
            f"<details><summary>{escape(title)}</summary>\n{text}</details>\n" for title, text in tables(chosen)
        )
    )


def inline_svg(picture, prefix):
    """matplotlib's SVG as HTML has it: without what is for XML only, with names that no other picture has."""
    from .pictures import INK  # not at the top: tables can be made without matplotlib

    text = picture.svg(transparent=True).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(\bid="|href="#|url\(#)', lambda match: match[1] + prefix, text)
    text = text.replace(INK, "currentColor")
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height|version)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(picture.title)}">{rest.strip()}'


def table(head, rows):
    """head: (title, whether it is text)"""

    def cells(tag, values):
        return "".join(
            f'<{tag} class="text">{escape(value)}</{tag}>' if text else f"<{tag}>{escape(value)}</{tag}>"
            for value, (_, text) in zip(values, head)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    titles = cells("th", [title for title, _ in head])
    return f'<div class="wide"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table></div>\n'


def micro(ns):
    return f"{ns / 1e3:,.3f}"


def plain(value):
    return f"{value:,.0f}"


CURVE_COLUMNS = (
    ("bytes", "bytes", plain),
    ("min_ns", "min, µs", micro),
    ("p50_ns", "median, µs", micro),
    ("p90_ns", "p90, µs", micro),
    ("p99_ns", "p99, µs", micro),
    ("p99.9_ns", "p99.9, µs", micro),
    ("max_ns", "max, µs", micro),
    ("real_time", "mean, µs", micro),
    ("bandwidth_MB_per_s", "MB/s (median)", lambda value: f"{value:,.2f}"),
    ("mean_MB_per_s", "MB/s (mean)", lambda value: f"{value:,.2f}"),
    ("limit_ns", "limit, µs", lambda ns: micro(ns) if ns else "–"),
    ("of_limit", "times the limit", lambda value: f"{value:,.2f}" if value else "–"),
    ("messages_per_s", "messages/s (mean)", plain),
    ("samples", "samples", plain),
    ("iterations", "iterations", plain),
)


def curve_tables(runs):
    for kernel in dict.fromkeys(kernel for run in runs for kernel in run.report.kernels()):
        entries = [(run, entry) for run in runs for entry in run.report.of_kernel(kernel)]
        entries.sort(key=lambda pair: pair[1].figures["bytes"])  # stable: the runs stay in order
        columns = [column for column in CURVE_COLUMNS if any(column[0] in entry.figures for _, entry in entries)]
        head = [("run", True)] * bool(runs[0].letter) + [(title, False) for _, title, _ in columns]
        rows = []
        for run, entry in entries:
            figures = entry.figures
            row = [form(figures[key]) if key in figures else "–" for key, _, form in columns]
            rows.append([run.letter] * bool(run.letter) + row)
        yield f"Figures of {kernel}", table(head, rows)


def median(values):
    values = sorted(values)
    return values[(len(values) - 1) // 2]


def link_tables(runs):
    for run in runs:
        links = reports.links_of(run.report)
        title = f" ({run.letter})" if run.letter else ""
        yield f"Figures of each node{title}", table(*node_rows(links))
        slow = set(links.slow)
        measured = [
            (source, target)
            for source, row in enumerate(links.latency_us)
            for target, value in enumerate(row)
            if value is not None and source != target
        ]
        if len(links.names) > FEW_NODES:
            measured.sort(key=lambda link: (link not in slow, -links.latency_us[link[0]][link[1]]))
        rows = [
            [
                links.names[source],
                links.names[target],
                f"{links.latency_us[source][target]:,.3f}",
                f"{links.bandwidth[source][target]:,.2f}",
                "slow" if (source, target) in slow else "",
            ]
            for source, target in measured
        ]
        what = "Figures of each link"
        if len(rows) > MOST_LINKS:
            what = f"Figures of the {MOST_LINKS} worst of {len(rows):,} links"
        head = [("from", True), ("to", True), ("latency, µs", False), ("MB/s", False), ("", True)]
        yield f"{what}{title}", table(head, rows[:MOST_LINKS])


def node_rows(links):
    slow_of = [0] * len(links.names)
    for source, target in links.slow:
        slow_of[source] += 1
        slow_of[target] += 1
    rows = []
    for node, name in enumerate(links.names):
        latency, rate = [], []
        for other in range(len(links.names)):
            for source, target in {(node, other), (other, node)} if other != node else ():
                if links.latency_us[source][target] is not None:
                    latency.append(links.latency_us[source][target])
                    rate.append(links.bandwidth[source][target])
        figures = ["–"] * 4  # a node that nothing was measured of
        if latency:
            figures = [f"{median(latency):,.3f}", f"{max(latency):,.3f}", f"{median(rate):,.2f}", f"{min(rate):,.2f}"]
        rows.append([name, *figures, str(slow_of[node]), str(len(latency))])
    titles = ("median latency, µs", "highest, µs", "median MB/s", "lowest MB/s", "slow links", "links")
    return [("node", True)] + [(title, False) for title in titles], rows


def noise_tables(runs):
    for run in runs:
        entries = sorted(run.report.entries, key=lambda entry: (entry.figures["rank"], entry.figures["cpu"]))
        bins = sorted({start for entry in entries for start in reports.detours_of(entry)})
        titles = ["rank", "CPU", "detours", "lost, %", "longest, µs"]
        titles += [f"from {reports.format_time(start)}" for start in bins]
        rows = []
        for entry in entries:
            figures = entry.figures
            row = [plain(figures[key]) for key in ("rank", "cpu", "detours")]
            row += [f"{figures['lost_percent']:.4f}", micro(figures["longest_ns"])]
            rows.append(row + [plain(reports.detours_of(entry).get(start, 0)) for start in bins])
        title = f" ({run.letter})" if run.letter else ""
        yield f"Figures of each core{title}", table([(text, False) for text in titles], rows)


def context_of(run):
    context = run.report.context
    known = [(title, context[key]) for key, title in CONTEXT.items() if context.get(key)]
    others = [(key, value) for key, value in context.items() if key not in CONTEXT and value]
    lines = "".join(
        f'<tr><th scope="row">{escape(title)}</th><td>{escape(value.replace(",", ", ").replace(",  ", ", "))}</td></tr>\n'
        for title, value in known + others
    )
    heading = escape(" ".join([run.report.benchmark] + [run.letter] * bool(run.letter)) + f": {run.label}")
    return f'<h3>{heading}</h3>\n<div class="wide"><table class="context">\n{lines}</table></div>\n'
