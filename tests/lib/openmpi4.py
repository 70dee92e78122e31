"""Asks the Open MPI 4.1 of this machine where it puts ranks on a machine that is not here."""

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

import plans


class Refused(Exception):
    """mpirun did not place all ranks; its own words."""


def missing(build):
    """Why it cannot be asked here, or None."""
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        return "no mpirun in PATH"
    version = subprocess.run([mpirun, "--version"], capture_output=True, text=True, check=False).stdout
    if "(Open MPI) 4." not in version:
        return "the mpirun here is not Open MPI 4"
    for name in ("librecorded_affinity.so", "print_binding"):
        if not os.path.exists(os.path.join(build, "tests", name)):
            return f"{name} was not built"
    return None


def bindings(build, plan, topology, limit=120):
    """One set of CPUs a rank (None: not bound), as the command of a plan (plans.Plan, for print_binding) binds them on the
    hwloc XML file `topology`. mpirun with dozens of ranks and few CPUs often hangs after they have ended, so it is stopped
    once all have said where they are."""
    with tempfile.TemporaryDirectory(prefix="openmpi4.", ignore_cleanup_errors=True) as records:
        run_directory = os.path.dirname(next(iter(plan.files)))
        for path, content in plan.files.items():
            path = path.replace(run_directory, records)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        mpirun, *words = [word.replace(run_directory, records) for word in plan.command]
        command = [mpirun, "--mca", "hwloc_base_topo_file", os.path.realpath(topology), *words]
        environment = {**plans.clean_environment(), **plan.environment,
                       "LD_PRELOAD": os.path.join(build, "tests", "librecorded_affinity.so"), "RECORDED_AFFINITY": records,
                       "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "TMPDIR": records}
        os.mkfifo(os.path.join(records, "answers"))
        # Opened for writing, too, so that it never ends.
        answers = os.open(os.path.join(records, "answers"), os.O_RDWR | os.O_NONBLOCK)
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=said,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            found = {}
            try:
                for line in _lines(answers, process, time.monotonic() + limit):
                    rank, *cpus = line.split()
                    found[int(rank)] = None if cpus == ["all"] else frozenset(map(int, cpus))
                    if len(found) == plan.ranks:
                        break
            finally:
                os.close(answers)
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
            if sorted(found) != list(range(plan.ranks)):
                said.seek(0)
                words = [line.strip() for line in said if line.strip() and not line.startswith("-----")]
                raise Refused(f"{len(found)} of {plan.ranks} ranks placed: " + " ".join(words)[:400])
        return [found[rank] for rank in range(plan.ranks)]


def _lines(pipe, process, end):
    """Lines until the process or the time ends."""
    rest = b""
    while time.monotonic() < end:
        running = process.poll() is None
        if select.select([pipe], [], [], 0.1 if running else 0)[0]:
            *lines, rest = (rest + os.read(pipe, 65536)).split(b"\n")
            for line in lines:
                yield line.decode()
        elif not running:
            return
