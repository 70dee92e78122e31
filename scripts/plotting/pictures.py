"""Pictures of reports, with matplotlib: bytes of SVG and PNG, the same for the same report."""

import io
import math
import textwrap

import matplotlib
from matplotlib import colors, ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from . import reports

# Text and axes. The page has the color of its own text in its place, so it is to be nobody else's.
INK = "#1f2329"
GRID = "#808080"
# Okabe and Ito's colors, which the color-blind can tell apart, without black and yellow: they are to be seen on white and
# on black. Their number has no factor in common with that of the markers and dashes: many runs pass before one repeats.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*", "<", ">", "p")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MOST_BANDS = 3  # of as many runs bands can be told apart where they overlap
SLOW = "#e0007a"
NOT_MEASURED = "#9a9a9a"

WIDTH = 6.0  # inches: what is 12 points here is still 8 on a telephone
PNG_DPI = 150
SETTINGS = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text: to search for, and to read aloud
    "svg.hashsalt": "shipyard",
    "path.simplify": False,
}


class Picture:
    def __init__(self, name, title, figure):
        self.name, self.title, self.figure = name, title, figure

    def svg(self, transparent=False):
        return self.save("svg", "none" if transparent else "white", 300)

    def png(self):
        FigureCanvasAgg(self.figure)
        return self.save("png", "white", PNG_DPI, {"Software": None})

    def save(self, kind, background, dpi, metadata=None):
        out = io.BytesIO()
        with matplotlib.rc_context(SETTINGS):
            metadata = metadata or {"Date": None, "Creator": None, "Title": self.title}
            self.figure.savefig(out, format=kind, facecolor=background, dpi=dpi, metadata=metadata)
        return out.getvalue()


def draw_all(runs):
    """runs: (report, letter or "", label) of all reports; in order, the pictures of each benchmark: {name: [Picture]}"""
    matplotlib.rcdefaults()
    pictures = {}
    with matplotlib.rc_context(SETTINGS):
        for benchmark in dict.fromkeys(run.report.benchmark for run in runs):
            chosen = [run for run in runs if run.report.benchmark == benchmark]
            draw = {"allpairs": maps, "noise": noise, "limits": distances}.get(benchmark, curves)
            pictures[benchmark] = list(draw(benchmark, chosen))
    return pictures


def plain(text):
    """Text that has no formulas: matplotlib would make one of what stands between two dollar signs."""
    return "\n".join(map(reports.printable, text.split("\n"))).replace("$", r"\$")


class Sheet:
    """A figure with a title, lines below it, axes of a known size, and a legend under them; all in inches."""

    TITLE, LINE, TICKS = 0.34, 0.21, 0.62

    def __init__(
        self, title, facts, unit, height, legend=(), *,
        left=0.95, right=0.25, ticks=TICKS, width=WIDTH, notes=(), above=0,
    ):
        columns = int(width * 12.5)  # characters of the small font that surely fit
        facts = textwrap.wrap(facts, columns) if facts else []
        notes = [line for note in notes for line in textwrap.wrap(note, columns)]
        legend = [(handle, textwrap.fill(label, columns - 14)) for handle, label in legend]
        self.legend_columns = self.columns_for(max((len(label) for _, label in legend), default=0))
        rows = math.ceil(len(legend) / self.legend_columns)
        lines = sum(max(1 + 0.85 * label.count("\n") for _, label in legend[row :: rows or 1]) for row in range(rows))
        top = 0.12 + self.TITLE + self.LINE * len(facts) + 0.14 + self.LINE + above
        bottom = ticks + (0.12 + 0.2 * lines if legend else 0) + self.LINE * len(notes) + 0.1
        self.width, self.height, self.left = width, top + height + bottom, left
        self.figure = Figure(figsize=(self.width, self.height))
        box = (left / width, bottom / self.height, (width - left - right) / width, height / self.height)
        self.axes = self.figure.add_axes(box)
        self.axes.set_axisbelow(True)
        self.axes.set_facecolor("none")

        self.write(title, 0.12, size=13, weight="bold")
        for row, line in enumerate(facts):
            self.write(line, 0.12 + self.TITLE + row * self.LINE, size=10)
        self.write(unit, top - self.LINE - 0.02 - above, size=10, x=0.12)
        y = self.height - bottom + ticks
        if legend:
            self.draw_legend(legend, y)
        for row, note in enumerate(notes):
            self.write(note, self.height - 0.1 - self.LINE * (len(notes) - row), size=9.5)

    @staticmethod
    def columns_for(longest):
        return 3 if longest <= 13 else 2 if longest <= 24 else 1

    def write(self, text, y, x=0.12, **font):
        """y: inches from the upper edge."""
        self.figure.text(x / self.width, 1 - y / self.height, plain(text), va="top", ha="left", **font)

    def draw_legend(self, legend, y):
        # Labels are set afterwards: matplotlib leaves out those that begin with an underscore.
        drawn = self.figure.legend(
            [handle for handle, _ in legend],
            ["-"] * len(legend),
            loc="upper left",
            bbox_to_anchor=(0.12 / self.width, 1 - y / self.height),
            borderaxespad=0,
            borderpad=0.2,
            frameon=False,
            ncol=self.legend_columns,
            handlelength=3.6,
            fontsize=10,
            labelspacing=0.4,
        )
        for text, (_, label) in zip(drawn.get_texts(), legend):
            text.set_text(plain(label))

    def grid(self, axis="both"):
        self.axes.grid(True, axis=axis, color=GRID, alpha=0.35, linewidth=0.6)
        for side in ("top", "right"):
            self.axes.spines[side].set_visible(False)


def style(index):
    """How a run looks in every picture of its benchmark."""
    return {
        "color": COLORS[index % len(COLORS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[index % len(DASHES)],
        "linewidth": 1.8,
        "markersize": 5.5,
    }


def named(run):
    return f"{run.letter}: {run.label}" if run.letter else run.label


def facts_of(runs):
    labels, common = reports.tell_apart([run.report for run in runs])
    return " · ".join(filter(None, (labels[0] if len(runs) == 1 else "", common)))


def decimal_axis(axis, low, high):
    """An axis of powers of ten, with ticks enough whether it spans a tenth of one or ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9)
    for steps in (fine, (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= 8:
            break
    axis.set_major_locator(ticker.FixedLocator(ticks[:: math.ceil(len(ticks) / 8) or 1]))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: reports.format_number(float(f"{value:.6g}"))))


def limits(values):
    """Of an axis of powers of ten: room for a mark on both sides, and never less than a factor of two."""
    low, high = min(values), max(values)
    room = max(1.15, math.sqrt(2 * low / high)) if high < 2 * low else max(1.15, (high / low) ** 0.03)
    return low / room, high * room


# Curves over the size of the message


def curves(benchmark, runs):
    for kernel in dict.fromkeys(kernel for run in runs for kernel in run.report.kernels()):
        having = [run for run in runs if kernel in run.report.kernels()]
        entries = [entry for run in having for entry in run.report.of_kernel(kernel)]
        for quantity in reports.quantities_of(benchmark, entries):
            sizes = sorted({int(entry.figures["bytes"]) for entry in entries if quantity.value(entry.figures)})
            subject = [benchmark] + [kernel] * (kernel != benchmark)
            what = [quantity.name] * (quantity.name != benchmark)  # not "bandwidth uni: bandwidth"
            name = reports.file_name(*subject, *what)
            title = " ".join(subject) + (f": {quantity.title}" if what else "")
            draw = curve if len(sizes) > 1 else dots
            yield Picture(name, title, draw(title, quantity, kernel, having, runs, sizes))


def points(run, kernel, quantity):
    """(bytes, median, the end of the band that is min's, and that of p99) of each size that has the quantity."""
    for entry in run.report.of_kernel(kernel):
        figures = entry.figures
        median = quantity.value(figures)
        if median:
            band = [quantity.value(figures, time) or median for time in ("min_ns", "p99_ns")]
            yield int(figures["bytes"]), median, *band


class SizeAxis:
    """Sizes as powers of two, 1K, 64K, 1M; the message of 0 bytes stands left of them, though it has no logarithm."""

    def __init__(self, sizes):
        positive = [size for size in sizes if size > 0]
        self.low, self.high = (math.log2(f(positive)) if positive else 0.0 for f in (min, max))
        self.zero = self.low - max(1.0, 0.07 * (self.high - self.low))
        self.first = self.zero if 0 in sizes else self.low
        self.sizes = sizes

    def at(self, size):
        return math.log2(size) if size > 0 else self.zero

    def ticks(self, most=9):
        span = (self.high - self.first) or 1
        places = [self.at(size) for size in self.sizes]
        if len(self.sizes) <= most and all(b - a >= span / (most + 2) for a, b in zip(places, places[1:])):
            return {self.at(size): reports.format_bytes(size) for size in self.sizes}
        step = next(step for step in (1, 2, 4, 5, 10, 20) if span / step <= most - 1)
        powers = range(math.ceil(self.low), math.floor(self.high) + 1)
        ticks = {float(power): reports.format_bytes(2**power) for power in powers if power >= 0 and power % step == 0}
        if 0 in self.sizes:
            ticks[self.zero] = "0"
            near = min((place for place in ticks if place > self.zero), default=None)
            if near is not None and near - self.zero < span / 30:
                del ticks[near]
        return ticks


def over_sizes(sheet, axis, values):
    """Both axes of curves with these values."""
    axes = sheet.axes
    axes.set_yscale("log")
    low, high = limits(values)
    axes.set_ylim(low, high)
    decimal_axis(axes.yaxis, low, high)
    room = 0.03 * ((axis.high - axis.first) or 1)
    axes.set_xlim(axis.first - room, axis.high + room)
    ticks = axis.ticks()
    axes.set_xticks(list(ticks), list(ticks.values()))


def curve(title, quantity, kernel, runs, all_runs, sizes):
    banded = len(runs) <= MOST_BANDS
    axis = SizeAxis(sizes)
    legend, values, lines = [], [], []
    for run in runs:
        look = style(all_runs.index(run))
        data = list(points(run, kernel, quantity))
        lines.append((look, data))
        values += [value for point in data for value in (point[1:] if banded else point[1:2])]
        legend.append((Line2D([], [], **look), named(run)))
    if len(runs) == 1:
        look = lines[0][0]
        legend = [(legend[0][0], "median"), (Patch(facecolor=look["color"], alpha=0.22), "min to 99th percentile")]
    unit = quantity.unit
    if len(runs) > 1:
        unit += " · line: median" + ("; band: min to 99th percentile" if banded else "")
    sheet = Sheet(title, facts_of(runs), unit, 3.1, legend)
    axes = sheet.axes
    for look, data in lines:
        places = [axis.at(point[0]) for point in data]
        axes.plot(places, [point[1] for point in data], **look)
        if banded:
            low, high = ([point[side] for point in data] for side in (2, 3))
            axes.fill_between(places, low, high, color=look["color"], alpha=0.22 if len(runs) == 1 else 0.14, linewidth=0)
    over_sizes(sheet, axis, values)
    axes.set_xlabel("bytes of a message" if kernel in ("pingpong", "msgrate", "uni", "bi") else "bytes")
    sheet.grid()
    return sheet.figure


def dots(title, quantity, kernel, runs, all_runs, sizes):
    """Where there is one size only: a row for each run, its band as a bar."""
    size = f" · {reports.format_bytes(sizes[0])} bytes" if sizes[0] else ""
    legend = [] if len(runs) == 1 else [(Line2D([], [], **style(all_runs.index(run))), named(run)) for run in runs]
    unit = f"{quantity.unit}{size} · mark: median; bar: min to 99th percentile"
    sheet = Sheet(title, facts_of(runs), unit, 0.35 + 0.3 * len(runs), legend, left=0.5, ticks=0.4)
    axes = sheet.axes
    values = []
    for row, run in enumerate(runs):
        look = style(all_runs.index(run)) | {"markersize": 7}
        for _, median, low, high in points(run, kernel, quantity):
            axes.plot([low, high], [row, row], color=look["color"], linewidth=7, alpha=0.3, solid_capstyle="butt")
            axes.plot([median], [row], **look)
            values += [median, low, high]
    axes.set_xscale("log")
    low, high = limits(values)
    axes.set_xlim(low, high)
    decimal_axis(axes.xaxis, low, high)
    axes.set_ylim(len(runs) - 0.4, -0.6)
    axes.set_yticks(range(len(runs)), [run.letter for run in runs])
    axes.tick_params(axis="y", length=0)
    sheet.grid("x")
    return sheet.figure


# MPI and its limit


def distances(benchmark, runs):
    """A picture for each run: its lines are kernels, so that several runs have no place in one."""
    for run in runs:
        for quantity, kernels, limit in (
            (reports.LATENCY, reports.ONE_WAY, reports.limit_time),
            (reports.BANDWIDTH, reports.WINDOW, reports.limit_rate),
        ):
            lines = reports.limit_lines(run.report, quantity, kernels, limit)
            if not lines:
                continue
            name = reports.file_name(benchmark, quantity.name, run.name if run.letter else "")
            title = f"{benchmark}: {quantity.title} of MPI and of the machine"
            yield Picture(name, title + (f", {run.label}" if run.letter else ""), distance(title, quantity, run, lines, runs))


def distance(title, quantity, run, lines, runs):
    axis = SizeAxis(sorted({size for _, line in lines for size, _ in line}))
    legend = [(Line2D([], [], **style(index)), name) for index, (name, _) in enumerate(lines)]
    facts = " · ".join(filter(None, (named(run) if run.letter else "", facts_of(runs))))
    sheet = Sheet(title, facts, f"{quantity.unit} · median", 3.1, legend)
    for index, (_, line) in enumerate(lines):
        sheet.axes.plot([axis.at(size) for size, _ in line], [value for _, value in line], **style(index))
    over_sizes(sheet, axis, [value for _, line in lines for _, value in line])
    sheet.axes.set_xlabel("bytes of a message")
    sheet.grid()
    return sheet.figure


# The map of allpairs

MAP_SIZE = 4.1  # inches
ROOM_FOR_FRAME = 9  # points
FEW_NODES = 10  # as many can have their figures written on them


def maps(benchmark, runs):
    measured = [(run, reports.links_of(run.report)) for run in runs]
    for run, links in measured:
        for quantity, unit, better in (("latency", "µs", "low"), ("bandwidth", "MB/s", "high")):
            # All runs with the same colors, to be compared.
            attribute = "latency_us" if quantity == "latency" else "bandwidth"
            values = [v for _, some in measured for row in getattr(some, attribute) for v in row if v is not None]
            name = reports.file_name(benchmark, quantity, run.name if run.letter else "")
            title = f"{benchmark}: {quantity} of each link"
            drawn = heat_map(title, run, facts_of(runs), links, getattr(links, attribute), unit, better, values)
            yield Picture(name, title + (f", {run.label}" if run.letter else ""), drawn)


def heat_map(title, run, common, links, matrix, unit, better, values):
    names, count = links.names, len(links.names)
    suspects = links.suspects()
    longest = max(len(reports.shorten(name, 16, True)) for name in names)
    room = 0.12 + 0.085 * longest
    turned = longest * 0.085 > MAP_SIZE / min(count, 26) * 0.9
    ticks = (room if turned else 0.3) + 0.12
    room += 0.13 * bool(suspects)
    width = room + 0.15 + MAP_SIZE + 1.25
    cell = MAP_SIZE * 72 / count  # points
    legend = []
    if suspects:
        handle = Line2D([], [], color=SLOW, marker=">", markersize=8, linestyle="none")
        legend.append((handle, f"node with most of its links slow ({len(suspects)})"))
    framed = slow_cells(links, suspects, cell)
    if framed:
        other = "" if len(framed) == len(links.slow) else "other "
        legend.append((slow_handle(cell), f"{other}slow link ({len(framed)})"))
    gaps = any(value is None for i, row in enumerate(matrix) for j, value in enumerate(row) if i != j)
    if gaps:
        legend.append((Patch(facecolor=NOT_MEASURED, hatch="////", edgecolor="white"), "not measured"))
    facts = named(run) if run.letter else ""
    sheet = Sheet(
        title,
        " · ".join(filter(None, (facts, common))),
        f"{unit} · row: from, column: to",
        MAP_SIZE,
        legend,
        left=room + 0.15,
        right=1.25,
        ticks=ticks,
        width=width,
        notes=slow_notes(links, suspects),
        above=0.13 if suspects else 0,
    )
    axes = sheet.axes
    cells = [[math.nan if value is None else value for value in row] for row in matrix]
    scale = scale_of(values, better)
    # What is worse is lighter, in both maps; seen in grey as well.
    palette = matplotlib.colormaps["viridis" if better == "low" else "viridis_r"]
    edges = (-0.5, count - 0.5)
    if gaps:
        look = {"facecolor": NOT_MEASURED, "hatch": "////", "edgecolor": "white", "linewidth": 0}
        axes.add_patch(Rectangle((-0.5, -0.5), count, count, **look))
        for node in range(count):  # which has no link to itself
            if math.isnan(cells[node][node]):
                axes.add_patch(Rectangle((node - 0.5, node - 0.5), 1, 1, facecolor="white", edgecolor="none"))
    image = axes.imshow(cells, cmap=palette, norm=scale, interpolation="nearest", aspect="auto", zorder=1)
    axes.set_xlim(*edges)
    axes.set_ylim(*reversed(edges))
    if count <= FEW_NODES:
        write_values(axes, cells, palette, scale, count)
    mark_slow(axes, links, suspects, cell)
    label_nodes(axes, names, suspects, turned)

    bar = sheet.figure.add_axes(((width - 1.05) / width, axes.get_position().y0, 0.16 / width, MAP_SIZE / sheet.height))
    sheet.figure.colorbar(image, cax=bar)
    if isinstance(scale, colors.LogNorm):
        decimal_axis(bar.yaxis, scale.vmin, scale.vmax)
    else:
        bar.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: reports.format_number(float(f"{value:.6g}"))))
    bar.tick_params(labelsize=9.5)
    bar.set_title("slow" if better == "low" else "fast", fontsize=9.5, pad=5)
    bar.set_xlabel("fast" if better == "low" else "slow", fontsize=9.5, labelpad=5)
    return sheet.figure


def scale_of(values, better):
    """Over a factor of two at least, so that a network without a fault looks like one."""
    low, high = min(values), max(values)
    if low <= 0:
        return colors.Normalize(low, high if high > low else low + 1)
    if high < 2 * low:
        low, high = (low, 2 * low) if better == "low" else (high / 2, high)
    return colors.LogNorm(low, high) if high > 8 * low else colors.Normalize(low, high)


def write_values(axes, cells, palette, scale, count):
    size = min(11, 3.2 * MAP_SIZE * 10 / count / 1.6)
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            if math.isnan(value):
                continue
            red, green, blue, _ = palette(scale(value))
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
            text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            axes.text(
                j, i, text, ha="center", va="center", size=size if len(text) < 6 else size * 0.85,
                color="#000001" if light else "#ffffff", zorder=3,
            )


def slow_handle(cell):
    marker = "s" if cell >= ROOM_FOR_FRAME else "o"
    return Line2D([], [], marker=marker, color="none", markeredgecolor=SLOW, markeredgewidth=2, markersize=9)


def slow_cells(links, suspects, cell):
    """Where cells are small, an arrow says enough of a slow node: frames would hide what is around."""
    return links.slow if cell >= ROOM_FOR_FRAME else [link for link in links.slow if not set(link) & suspects.keys()]


def mark_slow(axes, links, suspects, cell):
    """A frame where a cell has room for one, a ring around it where not."""
    marked = slow_cells(links, suspects, cell)
    for color, width in (("white", 3.4), (SLOW, 1.8)):
        if cell >= ROOM_FOR_FRAME:
            inset = min(0.12, 1.6 / cell)
            for source, target in marked:
                corner = (target - 0.5 + inset, source - 0.5 + inset)
                box = Rectangle(corner, 1 - 2 * inset, 1 - 2 * inset, fill=False, edgecolor=color, lw=width, zorder=2)
                axes.add_patch(box)
        elif marked:
            axes.plot(
                [link[1] for link in marked], [link[0] for link in marked], linestyle="none", marker="o",
                markersize=7, fillstyle="none", markeredgecolor=color, markeredgewidth=width, zorder=2,
            )
    outside = -0.5 - 5.5 / cell
    for node in suspects:
        for place, marker in (((outside, node), ">"), ((node, outside), "v")):
            axes.plot(*place, marker=marker, color=SLOW, markersize=8, clip_on=False, zorder=4)


def label_nodes(axes, names, suspects, turned):
    shown = reports.thin_labels(len(names), 26, sorted(suspects))
    texts = [plain(reports.shorten(names[node], 16, True)) for node in shown]
    axes.set_xticks(shown, texts, rotation=90 if turned else 0)
    axes.set_yticks(shown, texts)
    axes.tick_params(labelsize=9.5, length=0, pad=4)
    if suspects:
        axes.tick_params(axis="y", pad=13)
    for axis in (axes.xaxis, axes.yaxis):
        for node, label in zip(shown, axis.get_ticklabels()):
            if node in suspects:
                label.set_fontweight("bold")
    for side in axes.spines.values():
        side.set_visible(False)


def slow_notes(links, suspects, most=6):
    if not links.slow:
        return []
    notes = []
    if suspects:
        nodes = [f"{links.names[node]} ({slow} of {measured} links)" for node, (slow, measured) in suspects.items()]
        notes.append("Slow nodes: " + listing(nodes, most))
    others = [link for link in links.slow if not set(link) & suspects.keys()]
    if others:
        arrows = [f"{links.names[source]} → {links.names[target]}" for source, target in others]
        notes.append("Slow links: " + listing(arrows, most))
    return notes


def listing(texts, most):
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


# Noise


def noise(benchmark, runs):
    histograms = [reports.histogram_of(run.report) for run in runs]
    if any(histograms):
        title = f"{benchmark}: detours by length"
        name = reports.file_name(benchmark, "histogram")
        yield Picture(name, title, histogram(title, runs, histograms))
    title = f"{benchmark}: time lost on each core"
    yield Picture(reports.file_name(benchmark, "lost"), title, lost_time(title, runs))


def histogram(title, runs, histograms):
    """A lone run as bars, several as lines through the middle of their bins."""
    starts = sorted({start for counts in histograms for start in counts})
    first, last = (round(math.log2(f(starts))) for f in (min, max))
    legend = [] if len(runs) == 1 else [(Line2D([], [], **style(i)), named(run)) for i, run in enumerate(runs)]
    cores = {len(run.report.entries) for run in runs}
    of_cores = f" of {cores.pop()} cores" if len(cores) == 1 else ", over all cores"
    sheet = Sheet(title, facts_of(runs), f"detours{of_cores} · each bin from its mark to the next", 3.1, legend)
    axes = sheet.axes
    highest = max((count for counts in histograms for count in counts.values()), default=1)
    for index, counts in enumerate(histograms):
        places = [round(math.log2(start)) for start in counts]
        if len(runs) == 1:
            axes.bar(places, counts.values(), width=0.92, align="edge", color=COLORS[0], bottom=0)
        else:
            shown = [(place + 0.5, count) for place, count in zip(places, counts.values()) if count > 0]
            axes.plot([place for place, _ in shown], [count for _, count in shown], **style(index))
    axes.set_yscale("log")
    axes.set_ylim(0.6, max(highest, 1) * 2)
    decimal_axis(axes.yaxis, 0.6, max(highest, 1) * 2)
    axes.set_xlim(first - 0.3, last + 1.3)
    step = math.ceil((last + 2 - first) / 7)  # "1.05 ms" takes a seventh of the width
    ticks = range(first, last + 2, step)
    axes.set_xticks(ticks, [reports.format_time(2**power) for power in ticks])
    axes.tick_params(axis="x", labelsize=9.5)
    axes.set_xlabel("length of a detour")
    sheet.grid("y")
    return sheet.figure


def lost_time(title, runs):
    legend = []
    if len(runs) > 1:
        looks = [style(index) | {"linestyle": "none", "fillstyle": "none"} for index in range(len(runs))]
        legend = [(Line2D([], [], **look), named(run)) for look, run in zip(looks, runs)]
    cores = [cores_of(run.report) for run in runs]
    longest = max(cores, key=len)
    worst = [max(entries, key=lambda entry: entry.figures["lost_percent"]) for entries in cores]
    notes = [
        (f"{run.letter}: " if run.letter else "")
        + f"most on CPU {entry.figures['cpu']:g} of rank {entry.figures['rank']:g}: "
        + f"{entry.figures['lost_percent']:.3g} %, longest detour {reports.format_time(entry.figures['longest_ns'])}"
        for run, entry in zip(runs, worst)
    ]
    values = [entry.figures["lost_percent"] for entries in cores for entry in entries]
    logarithmic = min(values) > 0 and max(values) > 20 * min(values)
    ends = limits(values) if logarithmic else (0, (max(values) or 1) * 1.1)
    sheet = Sheet(title, facts_of(runs), "% of the time", 3.1, legend, notes=notes)
    axes = sheet.axes
    for index, entries in enumerate(cores):
        lost = [entry.figures["lost_percent"] for entry in entries]
        look = style(index) | {"linestyle": "none"}
        if len(runs) == 1:
            thickness = max(0.8, min(6, 180 / len(lost)))
            axes.vlines(range(len(lost)), ends[0], lost, color=look["color"], linewidth=thickness, alpha=0.35)
        look["fillstyle"] = "full" if len(runs) == 1 else "none"  # runs lie on each other
        axes.plot(range(len(lost)), lost, **look | {"markersize": 5.5 if len(lost) < 60 else 3.5})
    axes.set_ylim(*ends)
    if logarithmic:
        axes.set_yscale("log")
        decimal_axis(axes.yaxis, *ends)
    axes.set_xlim(-0.6, len(longest) - 0.4)
    shown = reports.thin_labels(len(longest), 12)
    same = all(names(entries) == names(longest) for entries in cores)
    axes.set_xticks(shown, [f"{names(longest)[i][1]:g}" if same else str(i) for i in shown])
    axes.set_xlabel("CPU, in the order of ranks" if same else "core, in the order of ranks")
    sheet.grid("y")
    return sheet.figure


def cores_of(report):
    return sorted(report.entries, key=lambda entry: (entry.figures["rank"], entry.figures["cpu"]))


def names(entries):
    return [(entry.figures["rank"], entry.figures["cpu"]) for entry in entries]
