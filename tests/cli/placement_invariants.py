"""The rules that every layout keeps (tests/lib/invariants.py), on the sample topologies and on shapes made at random, with random
modes and counts. SHIPYARD_SEED=N: other ones; SHIPYARD_SOAK=1: 30 times as many."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import hardware
import invariants
import placement_test
import plans
import topologies

soak = bool(os.environ.get("SHIPYARD_SOAK"))
modes = ("core", "l3", "numa", "socket")


def random_options(generator, machine):
    """Options, and what the rules must know of them."""
    kinds = "all" if generator.random() < 0.3 else "fast"
    cores = sum(1 for kind in machine.kind_of if kinds == "all" or kind == 0)
    options = ["--core-kind", "all"] if kinds == "all" else []
    facts = {"kinds": kinds}
    choice = generator.random()
    if choice < 0.25:
        mode = generator.choice(modes)
        options += ["--ppn", mode]
        facts["proportional"] = mode == "core"
        ranks = None
    else:
        ranks = generator.randint(1, cores)
        options += [generator.choice(["-n", "--ppn"]), str(ranks)]
        if choice > 0.8:
            options += ["--threads", str(generator.randint(1, max(1, cores // ranks)))]
            facts["fixed_threads"] = True
        elif choice > 0.75:
            options += ["--threads", "auto"]
    return options, facts


def check(checks, mpirun, topology, machine, name, options, facts):
    def make():
        return plans.plan(placement_test.build, topology, options, mpirun=mpirun)

    try:
        plan = make()
    except plans.NoPlan as error:
        # Whole ranks of a fixed size may not fit although their sum does; anything else is no reason.
        reason = "no GPU" in error.message if "gpu" in options else "--threads" in options and "auto" not in options
        checks.check(name, [] if error.status == 125 and reason else [str(error)], "refused")
        return
    problems = invariants.violations(machine, plan.cpusets, plan.threads, **facts)
    if len(plan.cpusets) != plan.ranks:
        problems.append(f"{plan.ranks} ranks, but {len(plan.cpusets)} CPU sets")
    if checks.passed % 8 == 0:
        checks.check(f"{name}: once more", [] if make().cpusets == plan.cpusets else ["another layout"], "repeated")
    checks.check(name, problems + [f"ranks on {plan.document['nodes'][0]['cpuset'][:8]} …"] if problems else [], "layouts")


def main():
    seed = int(os.environ.get("SHIPYARD_SEED", "1"))
    print(f"SHIPYARD_SEED={seed}")
    generator = random.Random(seed)
    checks = placement_test.Checks()
    many = 30 if soak else 1
    with placement_test.scratch() as directory:
        mpirun = placement_test.fake_mpirun(directory, "4.1.4")
        for topology in placement_test.sample_topologies():
            machine = hardware.Hardware(topology)
            for mode in modes:
                check(checks, mpirun, topology, machine, placement_test.name_of(topology, ["--ppn", mode]), ["--ppn", mode],
                      {"proportional": mode == "core"})
            check(checks, mpirun, topology, machine, placement_test.name_of(topology, ["--ppn", "gpu"]), ["--ppn", "gpu"],
                  {"proportional": False, "ordered": False})
            for options in (["--ppn", "hwthread"], ["--smt", "-n", str(generator.randint(1, len(machine.cores)))]):
                check(checks, mpirun, topology, machine, placement_test.name_of(topology, options), options, {"smt": True})
            for _ in range(8 * many):
                options, facts = random_options(generator, machine)
                check(checks, mpirun, topology, machine, placement_test.name_of(topology, options), options, facts)
        for _ in range(200 * many):
            shape = topologies.random_shape(generator)
            topology = os.path.join(directory, "shape.xml")
            with open(topology, "w", encoding="utf-8") as file:
                file.write(topologies.xml(**shape))
            machine = hardware.Hardware(topology)
            for _ in range(4):
                options, facts = random_options(generator, machine)
                check(checks, mpirun, topology, machine, f"{' '.join(options)} on {shape}", options, facts)
    checks.finish()


main()
