"""What the placement tests share: where things are, samples, and how results are counted."""

import glob
import os
import sys
import tempfile

build = os.environ.get("SHIPYARD_BUILD_DIR") or sys.exit("SHIPYARD_BUILD_DIR is not set")
data = os.path.join(os.environ.get("SHIPYARD_TEST_DATA", ""), "topologies")
print_binding = os.path.join(build, "tests", "print_binding")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def sample_topologies():
    """Paths of the hwloc XML files of real machines."""
    return sorted(glob.glob(os.path.join(data, "*.xml")))


class Checks:
    """Counts what was checked and prints what failed; leaving it ends the program."""

    def __init__(self):
        self.passed, self.failed, self.counts = 0, 0, {}

    def check(self, name, problems, kind="checks"):
        """problems: sentences; none: passed."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if not problems:
            self.passed += 1
            return
        self.failed += 1
        if self.failed <= 40:
            print(f"FAILED {name}")
            for problem in problems[:4]:
                print(f"  {problem}")

    def finish(self):
        print(", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items())) + f": {self.failed} failed")
        sys.exit(0 if self.passed and not self.failed else 1)


def name_of(topology, options):
    return f"{os.path.basename(topology)} {' '.join(options) or '(nothing given)'}"


def fake_mpirun(directory, version):
    """An mpirun that says which Open MPI it is and nothing more: plans need no other."""
    path = os.path.join(directory, f"mpirun-{version}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\necho "mpirun (Open MPI) {version}"\n')
    os.chmod(path, 0o755)
    return path


def scratch():
    return tempfile.TemporaryDirectory(prefix="placement.")
