"""Plans of shipyard-mpirun, as --dry-run --json prints them."""

import json
import os
import subprocess

import hardware


class NoPlan(Exception):
    """The launcher refuses; status and message."""

    def __init__(self, status, message):
        super().__init__(f"exit status {status}: {message}")
        self.status, self.message = status, message


class Plan:
    def __init__(self, document):
        self.document = document
        self.command = document["command"]
        self.environment = document["environment"]
        self.files = document["files"]
        node = document["nodes"][0]
        self.ranks, self.threads = node["ranks"], node["threads"]
        self.cpusets = [hardware.parse_list(text) for text in node["cpuset"]]

    def word(self, option):
        return self.command[self.command.index(option) + 1]

    @property
    def native(self):
        return self.word("--bind-to") != "none"


# The machine's own settings must not decide what is tested.
def clean_environment():
    foreign = ("SHIPYARD_", "AZ_BATCH_", "CCP_NODES", "OMPI_", "PRTE_", "PMIX_", "OPAL_", "HWLOC_", "OMP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def plan(build, topology, options, program="true", mpirun=None):
    """One node as in the hwloc XML file `topology`."""
    command = [os.path.join(build, "bin", "shipyard-mpirun"), "--topology", topology, *options, "--dry-run", "--json"]
    if mpirun is not None:
        command += ["--mpirun", mpirun]
    done = subprocess.run([*command, program], env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise NoPlan(done.returncode, done.stderr.strip())
    return Plan(json.loads(done.stdout))
