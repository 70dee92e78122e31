"""What is emitted does what was planned: the command of each plan is run by this machine's Open MPI 4.1 as if on the sample
topology, and every rank says which CPUs it got. SHIPYARD_SOAK=1: many more counts and shapes (half an hour)."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import hardware
import openmpi4
import placement_test
import plans
import topologies

soak = bool(os.environ.get("SHIPYARD_SOAK"))


def usual_options(cores):
    """A few of each way to count ranks."""
    yield []
    for mode in ("l3", "numa", "socket", "gpu"):
        yield ["--ppn", mode]
    yield ["-n", "2"]
    yield ["-n", str(max(1, cores // 2))]
    yield ["-n", "5", "--threads", "1"]


def more_options(cores):
    yield from usual_options(cores)
    yield ["--ppn", "hwthread"]
    yield ["--core-kind", "all"]
    for ranks in {1, 3, 4, 6, 7, 8, 12, 16, 30, 60, cores // 3, cores // 4, cores - 1}:
        if 1 <= ranks <= cores:
            yield ["-n", str(ranks)]
            yield ["-n", str(ranks), "--threads", "1"]
            yield ["-n", str(ranks), "--smt"]
    for kind in ("hwthread", "l3", "numa", "socket"):
        yield ["-n", str(max(1, cores // 4)), "--bind-to", kind]


def made_up_topologies(directory, count):
    seed = int(os.environ.get("SHIPYARD_SEED", "1"))
    print(f"SHIPYARD_SEED={seed}")
    generator = random.Random(seed)
    for number in range(count):
        path = os.path.join(directory, f"shape-{seed}-{number}.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(topologies.xml(**topologies.random_shape(generator)))
        yield path


def check(checks, topology, options):
    machine = hardware.Hardware(topology)
    try:
        plan = plans.plan(placement_test.build, topology, options, program=placement_test.print_binding)
    except plans.NoPlan as error:
        # That ranks do not fit, or that there is no GPU, is not what is tested here.
        checks.check(placement_test.name_of(topology, options), [] if error.status == 125 else [str(error)], "refused")
        return
    name = f"{placement_test.name_of(topology, options)} (--map-by {plan.word('--map-by')} --bind-to {plan.word('--bind-to')})"
    try:
        bound = openmpi4.bindings(placement_test.build, plan, topology)
    except openmpi4.Refused as error:
        checks.check(name, [str(error)], "refused by mpirun")
        return
    problems = []
    for rank, (cpus, planned) in enumerate(zip(bound, plan.cpusets)):
        # Asked for all CPUs, hwloc binds to those of the whole machine, and the kernel lets the cgroup's remain.
        found = None if cpus is None else cpus & machine.cpus
        if found != planned:
            problems.append(f"rank {rank} on {'all CPUs' if found is None else hardware.list_text(found)}, "
                            f"planned {hardware.list_text(planned)}")
    checks.check(name, problems, "by mpirun's flags" if plan.native else "by shipyard-rank")


def main():
    if reason := openmpi4.missing(placement_test.build):
        placement_test.skip(reason)
    samples = placement_test.sample_topologies()
    checks = placement_test.Checks()
    with placement_test.scratch() as directory:
        options_for = more_options if soak else usual_options
        for topology in [*samples, *made_up_topologies(directory, 60 if soak else 12)]:
            cores = len(hardware.Hardware(topology).cores)
            seen = []
            for options in options_for(cores):
                if options not in seen:
                    seen.append(options)
                    check(checks, topology, options)
    if not samples:
        print(f"no sample topologies in {placement_test.data}: made-up ones only")
    checks.finish()


main()
