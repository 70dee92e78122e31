"""The rules themselves (tests/lib/invariants.py): a good layout breaks none, and each bad one the rule that it is made for."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import hardware
import invariants
import placement_test
import topologies


def main():
    checks = placement_test.Checks()
    with placement_test.scratch() as directory:

        def machine(*arguments, **keywords):
            path = os.path.join(directory, "shape.xml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(topologies.xml(*arguments, **keywords))
            return hardware.Hardware(path)

        def check(name, node, cpusets, threads, expected, **facts):
            found = invariants.violations(node, [hardware.parse_list(text) for text in cpusets.split()], threads, **facts)
            as_expected = found == expected if not expected else bool(found) and found[0].startswith(expected)
            checks.check(name, [] if as_expected else [f"found {found}, not {expected!r}"])

        # Two packages of two NUMA domains of caches with 4 and 2 cores.
        node = machine([[[4, 2], [4, 2]], [[4, 2], [4, 2]]])
        check("a rank on each domain", node, "0-5 6-11 12-17 18-23", 6, [])
        check("a rank on each cache", node, "0-1 4-5 6-7 10-11 12-13 16-17 18-19 22-23", 2, [], proportional=False)
        check("a rank on each core", node, " ".join(map(str, range(24))), 1, [])
        check("fewer ranks than domains", node, "0-11 12-23", 12, [])
        check("nothing", node, "", 1, "no ranks")
        check("a CPU of two ranks", node, "0-1 1-2", 2, "CPU 1 belongs to ranks 0 and 1")
        check("a CPU that is not there", node, "0-1 23-24", 2, "rank 1 has CPUs that are not usable: [24]")
        check("a core too many", node, "0-1 6-8 12-13 18-19", 2, "rank 1 has 3 cores, not 2")
        check("over domains", node, "0-2 4-6 12-14 18-20", 3, "ranks [1] cross NUMA domains", proportional=False)
        check("over packages, and need not", node, "0-7 8-15", 8, "ranks [1] cross packages", proportional=False)
        check("caches shared for a third more", node, "0-2 3-5 6-8 9-11 12-14 15-17 18-20 21-23", 3, [])
        even = machine([[[4, 4, 4]]])
        check("caches shared where the size is given", even, "0-1 3-4 8-9", 2, "ranks [1] share caches", fixed_threads=True)
        # Nested they would have 7 cores each; 6, which is a quarter less; 5.
        check("caches shared for little", machine([[[7, 9]]]), "0-7 8-15", 8, "ranks [0] share caches")
        check("caches shared for a quarter", machine([[[6, 10]]]), "0-7 8-15", 8, "ranks [0] share caches")
        check("caches shared for more", machine([[[5, 11]]]), "0-7 8-15", 8, [])
        check("a cache with too many", even, "0 1 2 3 4 8", 1, "4 ranks on a cache whose share of 6 is 2.00")
        check("a package with too many", node, " ".join(map(str, [*range(10), 12, 18])), 1, "10 ranks on a package")
        check("out of order", node, "6-11 0-5 12-17 18-23", 6, "the order of ranks is not the order of cores")
        check("out of order on purpose", node, "6-11 0-5 12-17 18-23", 6, [], ordered=False)
        check("half a core", machine([[[2]]], threads=2), "0 2-3", 1, "rank 0 has parts of cores")
        check("hardware threads", machine([[[2]]], threads=2), "0 1 2 3", 1, [], smt=True)
        check("a hardware thread too many", machine([[[2]]], threads=2), "0 1-2 3", 1, "rank 1 has 2 hardware threads", smt=True)
        check("a CPU that the cgroup keeps", machine([[[4]]], disallowed=[1]), "0 1", 1, "rank 1 has CPUs that are not usable")
    checks.finish()


main()
