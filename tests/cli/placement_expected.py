"""The layouts of expected.json beside the sample topologies: exactly, but those of the modes `straddle` and `package-block`,
which have several good answers: for them the rules hold."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import hardware
import invariants
import plans
import placement_test


def options_of(case):
    """ "mode=l3", "R=16 t=1", "mode=pure kind=all" """
    options = []
    for word in case.split(" (")[0].split():
        name, value = word.split("=")
        if name == "mode" and value != "pure":
            options += ["--ppn", value]
        elif name == "R":
            options += ["-n", value]
        elif name == "t":
            options += ["--threads", value]
        elif name == "kind":
            options += ["--core-kind", value]
        elif (name, value) != ("mode", "pure"):
            sys.exit(f"unknown case {case}")
    return options


def main():
    path = os.path.join(placement_test.data, "expected.json")
    if not os.path.exists(path):
        placement_test.skip(f"no {path}")
    with open(path, encoding="utf-8") as file:
        expected = json.load(file)
    checks = placement_test.Checks()
    with placement_test.scratch() as directory:
        mpirun = placement_test.fake_mpirun(directory, "4.1.4")
        for case in expected:
            topology = os.path.join(placement_test.data, case["topo"])
            options = options_of(case["case"])
            name = placement_test.name_of(topology, options)
            try:
                plan = plans.plan(placement_test.build, topology, options, mpirun=mpirun)
            except plans.NoPlan as error:
                first = error.message.splitlines()[0]
                numbers = f"{options[1]} ranks", f"{len(hardware.Hardware(topology).cores)} core"
                good = "error" in case and error.status == 125 and all(number in first for number in numbers)
                checks.check(name, [] if good else [str(error)], "errors")
                continue
            if "error" in case:
                checks.check(name, [f"a plan, not the error {case['error']}"], "errors")
            elif case["mode"] in ("straddle", "package-block"):
                checks.check(name, invariants.violations(hardware.Hardware(topology), plan.cpusets, plan.threads),
                             "layouts by rule")
            else:
                wanted = [hardware.parse_list(text) for text in case["cpuset"]]
                problems = [f"rank {rank}: {hardware.list_text(found)}, not {hardware.list_text(want)}"
                            for rank, (found, want) in enumerate(zip(plan.cpusets, wanted)) if found != want]
                if (plan.ranks, plan.threads) != (case["ranks"], case["threads"]):
                    problems.insert(0, f"{plan.ranks} ranks of {plan.threads} cores, not {case['ranks']} of {case['threads']}")
                checks.check(name, problems, "layouts exactly")
    checks.finish()


main()
