"""mapping_openmpi5.py IMAGE: see mapping_openmpi5.sh."""

import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import hardware
import placement_test
import plans
import topologies


def options_for(cores):
    yield []
    for mode in ("l3", "numa", "socket"):
        yield ["--ppn", mode]
    for ranks in sorted({1, 2, 4, 8, 16, cores // 2} & set(range(1, cores + 1))):
        yield ["-n", str(ranks)]
        yield ["-n", str(ranks), "--threads", "1"]


def native_plans(directory, mpirun):
    """(file name, options, plan), without those that the ranks carry out by themselves."""
    for topology in placement_test.sample_topologies():
        shutil.copy(topology, directory)
    generator = random.Random(1)
    for number in range(20):
        with open(os.path.join(directory, f"shape-{number}.xml"), "w", encoding="utf-8") as file:
            file.write(topologies.xml(**topologies.random_shape(generator)))
    for name in sorted(os.listdir(directory)):
        topology = os.path.join(directory, name)
        seen = set()
        for options in options_for(len(hardware.Hardware(topology).cores)):
            try:
                plan = plans.plan(placement_test.build, topology, options, mpirun=mpirun)
            except plans.NoPlan:
                continue
            flags = plan.word("-np"), plan.word("--map-by"), plan.word("--bind-to")
            if plan.native and flags not in seen:
                seen.add(flags)
                yield name, options, plan


def cores_of_map(text, machine):
    """CPUs by rank from --display map, which names cores by hwloc's logical number, but on a machine without hardware threads
    by the CPU's number (measured on 5.0.7)."""
    by_cpu = all(len(core) == 1 for core in machine.cores)
    found = {}
    for rank, binding in re.findall(r"Process rank: (\d+) Bound: (.*)", text):
        numbers = frozenset().union(*map(hardware.parse_list, re.findall(r"core:([\d,-]+)", binding)))
        found[int(rank)] = numbers if by_cpu else frozenset().union(*(machine.cores[number] for number in numbers))
    return found


def main():
    image = sys.argv[1]
    checks = placement_test.Checks()
    with placement_test.scratch() as directory, placement_test.scratch() as tools:
        os.chmod(directory, 0o755)
        cases = list(native_plans(directory, placement_test.fake_mpirun(tools, "5.0.7")))
        script = ""
        for number, (name, _, plan) in enumerate(cases):
            script += (f'echo "CASE {number}"\nmpirun --allow-run-as-root --prtemca hwloc_use_topo_file "/topologies/{name}" '
                       f"--host localhost:{plan.ranks} -np {plan.ranks} --map-by {plan.word('--map-by')} "
                       f"--bind-to {plan.word('--bind-to')} --display map --do-not-launch true 2>&1 </dev/null\n")
        done = subprocess.run(["docker", "run", "--rm", "-i", "--network", "none", "-v", f"{directory}:/topologies:ro",
                               "--entrypoint", "bash", image], input=script, capture_output=True, text=True, check=False)
        parts = re.split(r"^CASE (\d+)\n", done.stdout, flags=re.M)[1:]
        if len(parts) != 2 * len(cases):
            sys.exit(f"docker run ended with {done.returncode} after {len(parts) // 2} of {len(cases)} maps: {done.stderr[-400:]}")
        for text, (name, options, plan) in zip(parts[1::2], cases):
            machine = hardware.Hardware(os.path.join(directory, name))
            found = cores_of_map(text, machine)
            problems = [f"rank {rank} on {hardware.list_text(found[rank]) if rank in found else 'no CPU'}, "
                        f"planned {hardware.list_text(planned)}"
                        for rank, planned in enumerate(plan.cpusets) if found.get(rank) != planned]
            if not found:
                problems.insert(0, " ".join(text.split())[:300])
            checks.check(f"{placement_test.name_of(name, options)} (--map-by {plan.word('--map-by')})", problems,
                         "by " + re.sub(r"ppr:\d+:(\w+):pe=\d+", r"\1", plan.word("--map-by")))
    checks.finish()


main()
