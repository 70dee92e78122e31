"""The parts of scripts/plot that need no matplotlib: what a report holds, and how it is put."""

import copy
import json
import os
import sys
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "..", "scripts"), os.path.join(here, "..", "lib")]
import make_report  # noqa: E402
from plotting import page, reports  # noqa: E402


def report(*arguments, path="a.json", partial=False, change=None):
    data = make_report.make(*arguments)
    if change:
        change(data)
    return reports.parse_report(json.dumps(data), path, partial)


def refusal(*arguments, **keywords):
    try:
        report(*arguments, **keywords)
    except reports.BadReport as error:
        return error.text()
    return None


def with_context(path, *context):
    return report("pingpong", "1", *context, path=path)


def labels(*found):
    return reports.tell_apart(found)[0]


class Reading(unittest.TestCase):
    def test_has_the_kernels_in_their_order_and_the_sizes_ascending(self):
        found = report("collectives", change=lambda data: data["benchmarks"].reverse())
        self.assertEqual(found.kernels(), ["barrier", "bcast"])
        self.assertEqual([entry.figures["bytes"] for entry in found.of_kernel("bcast")][:4], [0, 1, 4, 16])

    def test_passes_over_aggregates(self):
        def aggregate(data):
            data["benchmarks"].append({"name": "pingpong/1_mean", "run_type": "aggregate"})

        self.assertEqual(len(report("pingpong", change=aggregate).entries), 13)

    def test_a_report_of_a_run_that_was_ended_is_a_part(self):
        def plan(number):
            def change(data):
                data["context"]["measurements"] = str(number(len(data["benchmarks"])))

            return change

        self.assertTrue(report("pingpong", change=plan(lambda there: there)).entries)
        self.assertIn(
            "sizes are missing: the run was ended", refusal("pingpong", change=plan(lambda there: there + 3))
        )
        self.assertTrue(report("pingpong", change=plan(lambda there: there + 3), partial=True).entries)

    def test_refuses_an_entry_that_was_not_measured(self):
        def fail(data):
            data["benchmarks"][3] |= {"error_occurred": True, "error_message": "not measured: the time limit was reached"}
            data["benchmarks"][4] |= {"skipped": True, "skip_message": "no time"}

        self.assertEqual(
            refusal("pingpong", change=fail),
            "plot: error: a.json: pingpong/16: not measured: the time limit was reached (and 1 more)\n"
            "hint: --partial draws what was measured",
        )
        found = report("pingpong", change=fail, partial=True)
        self.assertEqual(len(found.entries), 11)
        self.assertEqual(found.left_out[1], "pingpong/64: no time")

    def test_refuses_nan_and_infinity(self):
        most = "more than can be"
        for value, word in ((float("nan"), "NaN"), (float("inf"), most), (-1e300, most), (10**400, most)):
            text = refusal("pingpong", change=lambda data: data["benchmarks"][1].update(p99_ns=value))
            self.assertIn(f"a.json: pingpong/1: p99_ns is {word}\n", text)

    def test_refuses_a_size_that_no_message_has(self):
        for value in (-1, 0.5):
            text = refusal("pingpong", change=lambda data: data["benchmarks"][1].update(bytes=value))
            self.assertIn(f"a.json: pingpong/1: bytes is {value}\n", text)

    def test_refuses_an_entry_without_a_figure(self):
        text = refusal("noise", "2", change=lambda data: data["benchmarks"][1].pop("lost_percent"))
        self.assertIn('a.json: noise/1: has no "lost_percent"\n', text)

    def test_refuses_what_there_is_no_picture_of(self):
        text = refusal("pingpong", change=lambda data: data["context"].update(benchmark="launch"))
        self.assertEqual(
            text,
            "plot: error: a.json: is of launch, of which there is no picture\n"
            "hint: bench-compare compares such reports",
        )

    def test_refuses_a_link_of_a_node_without_a_name(self):
        for value in (3, -1, 0.5):
            text = refusal("allpairs", "3", change=lambda data: data["benchmarks"][2].update({"to": value}))
            self.assertEqual(text, f"plot: error: a.json: allpairs/1/0: to is {value}, and node_names has 3 names")

    def test_says_why_nothing_is_left(self):
        def fail_all(data):
            for entry in data["benchmarks"]:
                entry["error_occurred"] = True

        self.assertEqual(
            refusal("noise", "2", change=fail_all, partial=True),
            "plot: error: a.json: has no measurements: noise/0: not measured\n"
            "hint: measure again, with more --time-limit",
        )

    def test_takes_or_refuses_whatever_stands_where_something_else_is_expected(self):
        odd = [None, True, "", "x\n\x00\ud800", [], {}, [[]], -1, 0, 0.5, 1e308, float("nan"), 10**400]
        for arguments in (["pingpong"], ["allpairs", "2"], ["noise", "2"]):
            whole = make_report.make(*arguments)
            places = [(key,) for key in whole] + [("context", key) for key in whole["context"]]
            places += [("benchmarks", 0)] + [("benchmarks", 0, key) for key in whole["benchmarks"][0]]
            for place in places:
                for value in odd:
                    data = copy.deepcopy(whole)
                    at = data
                    for key in place[:-1]:
                        at = at[key]
                    at[place[-1]] = value
                    for partial in (False, True):
                        with self.subTest(place=place, value=value):
                            try:
                                found = reports.parse_report(json.dumps(data), "a.json", partial)
                                reports.tell_apart([found])
                            except reports.BadReport as error:
                                self.assertNotIn("\n", error.text().split("\nhint: ")[0])


class TellingApart(unittest.TestCase):
    def test_takes_what_differs_after_the_file(self):
        a = with_context("runs/a.json")
        b = with_context("runs/b.json", "fabric=tcp", "mpi_library=Open MPI 5.0.7")
        self.assertEqual(labels(a, b), ["a · Open MPI 4.1.4 · ib", "b · Open MPI 5.0.7 · tcp"])
        self.assertEqual(reports.tell_apart([a, b])[1], "node0, node1 · 2 nodes · 2 ranks")

    def test_takes_the_file_alone_where_nothing_differs(self):
        self.assertEqual(labels(with_context("a.json"), with_context("b.json")), ["a", "b"])

    def test_takes_what_is_long_where_nothing_short_differs(self):
        a, b = with_context("a.json"), with_context("b.json", "mpi_transport=ucx (ud)")
        self.assertEqual(labels(a, b), ["a · ucx (rc)", "b · ucx (ud)"])

    def test_takes_directories_where_files_have_the_same_name(self):
        paths = ["/x/one/a.json", "/x/two/a.json", "/x/two/b.json"]
        self.assertEqual(reports.short_names(paths), ["one/a", "two/a", "b"])
        self.assertEqual(reports.short_names(["/a.json", "/a.json"]), ["a", "a"])

    def test_counts_many_hosts(self):
        a = with_context("a.json", "measuring_hosts=n0,n1,n2,n0")
        self.assertEqual(reports.hosts_of(a), "n0 … n2 (3 hosts)")


class Words(unittest.TestCase):
    def test_puts_sizes_as_the_options_have_them(self):
        sizes = [0, 1, 1000, 1024, 1536, 64 << 10, 1 << 20, 3 << 20, 1 << 30]
        expected = ["0", "1", "1000", "1K", "1536", "64K", "1M", "3M", "1G"]
        self.assertEqual([reports.format_bytes(size) for size in sizes], expected)

    def test_puts_times_in_their_unit(self):
        times = {256: "256 ns", 1024: "1.02 µs", 31234567: "31.2 ms", 2e9: "2 s", 5e12: "5,000 s"}
        self.assertEqual([reports.format_time(ns) for ns in times], list(times.values()))

    def test_puts_numbers_of_axes_without_powers(self):
        numbers = {0.05: "0.05", 1.5: "1.5", 2.0: "2", 12500.0: "12,500", 1e6: "1,000,000"}
        self.assertEqual([reports.format_number(number) for number in numbers], list(numbers.values()))

    def test_letters_go_on_after_z(self):
        letters = [reports.format_letters(index) for index in (0, 25, 26, 51, 52, 702)]
        self.assertEqual(letters, "A Z AA AZ BA AAA".split())

    def test_makes_harmless_names_of_files(self):
        self.assertEqual(reports.file_name("../../etc", "", "a b/c"), "etc-a_b_c")
        self.assertEqual(reports.file_name("..", "x"), "_-x")


class Figures(unittest.TestCase):
    def entry(self):
        return report("pingpong").of_kernel("pingpong")[6].figures  # 1024 bytes

    def test_bandwidth_of_another_percentile_goes_with_its_time(self):
        figures = self.entry()
        self.assertAlmostEqual(reports.BANDWIDTH.value(figures), 1024e3 / figures["p50_ns"])
        self.assertAlmostEqual(reports.BANDWIDTH.value(figures, "p99_ns"), 1024e3 / figures["p99_ns"])

    def test_message_rate_is_of_the_median(self):
        figures = self.entry()
        self.assertAlmostEqual(reports.RATE.value(figures), 1e3 / figures["p50_ns"])

    def test_a_time_of_zero_has_no_place_on_the_axis(self):
        self.assertIsNone(reports.LATENCY.value(self.entry() | {"p50_ns": 0}))
        self.assertIsNone(reports.LATENCY.value(self.entry() | {"p50_ns": -1}))

    def test_draws_what_a_benchmark_is_for(self):
        def names(*arguments):
            found = report(*arguments)
            return [quantity.name for quantity in reports.quantities_of(found.benchmark, found.entries)]

        self.assertEqual(names("pingpong"), ["latency", "bandwidth"])
        self.assertEqual(names("bandwidth"), ["bandwidth"])
        self.assertEqual(names("msgrate"), ["rate", "bandwidth"])
        self.assertEqual(names("collectives"), ["time"])


class Links(unittest.TestCase):
    def test_a_node_most_of_whose_links_are_slow_is_named(self):
        links = reports.links_of(report("allpairs", "5", "3", "0-1"))
        self.assertEqual(links.suspects(), {3: (8, 8)})
        self.assertEqual(len(links.slow), 9)
        self.assertIn((0, 1), links.slow)

    def test_of_two_nodes_neither_is(self):
        self.assertEqual(reports.links_of(report("allpairs", "2", "0")).suspects(), {})

    def test_a_single_slow_link_is_of_no_node(self):
        self.assertEqual(reports.links_of(report("allpairs", "4", "1-2")).suspects(), {})

    def test_what_was_not_measured_stays_empty(self):
        links = reports.links_of(report("allpairs", "3", change=lambda data: data["benchmarks"].pop(0)))
        self.assertIsNone(links.latency_us[0][1])
        self.assertIsNotNone(links.latency_us[1][0])

    def test_labels_are_thinned_out_but_for_those_that_are_wanted(self):
        self.assertEqual(reports.thin_labels(5, 26), [0, 1, 2, 3, 4])
        shown = reports.thin_labels(300, 26, [17, 299])
        self.assertEqual(shown[:4], [0, 17, 40, 60])
        self.assertIn(299, shown)
        self.assertTrue(all(b - a >= 300 / 26 for a, b in zip(shown, shown[1:])))


class Limits(unittest.TestCase):
    def lines(self, found, quantity=reports.LATENCY, kernels=reports.ONE_WAY, limit=reports.limit_time):
        return dict(reports.limit_lines(found, quantity, kernels, limit))

    def test_are_of_the_kernel_in_the_middle_of_the_name(self):
        self.assertEqual(report("limits").kernels()[:3], ["mpi", "mpi_window", "memcpy"])

    def test_stand_beside_mpi(self):
        found = self.lines(report("limits"))
        self.assertEqual(list(found), ["MPI", "its limit", "memcpy", "cma", "tcp"])
        self.assertEqual(found["MPI"][1], (8, 0.301))
        self.assertEqual(found["its limit"][1], (8, 0.1505))

    def test_of_bandwidth_are_higher_than_mpis(self):
        found = self.lines(report("limits"), reports.BANDWIDTH, reports.WINDOW, reports.limit_rate)
        self.assertEqual(list(found), ["MPI", "its limit", "memcpy", "cma", "tcp_stream"])
        for (size, mpi), (limited, limit) in zip(found["MPI"], found["its limit"]):
            self.assertEqual(size, limited)
            self.assertAlmostEqual(limit, 2 * mpi)

    def test_are_no_line_where_there_are_none(self):
        self.assertEqual(list(self.lines(report("limits", "ib"))), ["MPI", "memcpy", "cma", "tcp"])


class Noise(unittest.TestCase):
    def test_the_histogram_is_over_all_cores(self):
        counts = reports.histogram_of(report("noise", "3"))
        self.assertEqual(list(counts)[:2], [256, 512])
        self.assertEqual(counts[256], 3 * 20000)


class Page(unittest.TestCase):
    def test_escapes_what_a_report_says(self):
        text = page.table([("<b>", True)], [["<script>&"]])
        self.assertIn("<th class=\"text\">&lt;b&gt;</th>", text)
        self.assertIn("&lt;script&gt;&amp;", text)

    def test_a_node_without_a_link_has_no_figures(self):
        def keep_one(data):
            data["benchmarks"] = data["benchmarks"][:1]

        links = reports.links_of(report("allpairs", "3", change=keep_one))
        self.assertEqual(page.node_rows(links)[1][2], ["node2", "–", "–", "–", "–", "0", "0"])

    def test_of_many_links_shows_the_slow_ones_first_then_by_latency(self):
        def slow_in_bandwidth_only(data):
            data["benchmarks"][10]["slow"] = 1

        class Run:
            letter = ""
            report = report("allpairs", "9", change=slow_in_bandwidth_only)

        tables = dict(page.link_tables([Run]))
        rows = tables["Figures of the 30 worst of 72 links"].split("<tr>")[2:]
        self.assertIn('<td class="text">node1</td><td class="text">node3</td>', rows[0])
        self.assertIn(">slow<", rows[0])
        self.assertEqual(len(rows), 30)
        latencies = [float(row.split("<td>")[1].split("<")[0]) for row in rows]
        self.assertLess(latencies[0], latencies[1])
        self.assertEqual(latencies[1:], sorted(latencies[1:], reverse=True))



if __name__ == "__main__":
    unittest.main()
