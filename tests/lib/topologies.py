"""Nodes of any shape, as hwloc XML: for what must hold on machines that nobody has described."""

import itertools


def _bitmap(indexes):
    value = sum(1 << index for index in indexes)
    words = []
    while value or not words:
        words.append(f"0x{value & 0xffffffff:08x}")
        value >>= 32
    return ",".join(reversed(words))


def xml(packages, threads=1, adjacent=True, disallowed=(), memory=True, caches=True):
    """packages: a list of NUMA domains each, a domain a list of the numbers of cores of its L3 caches. The hardware threads
    of core i are the CPUs 2i and 2i + 1, or (not adjacent) i and i + cores. disallowed: CPUs that a cgroup leaves out.
    memory, caches: whether the firmware says anything of NUMA domains and L3 caches."""
    count = sum(map(sum, itertools.chain(*packages)))
    ids = itertools.count(1)

    def element(type_name, cores, nodes, children=(), cpu=None, **attributes):
        cpus = [cpu] if cpu is not None else [c for core in cores for c in threads_of(core)]
        sets = {"cpuset": _bitmap(cpus), "complete_cpuset": _bitmap(cpus), "nodeset": _bitmap(nodes),
                "complete_nodeset": _bitmap(nodes), "gp_index": next(ids)}
        text = "".join(f' {name}="{value}"' for name, value in {**sets, **attributes}.items())
        return f'<object type="{type_name}"{text}>\n{"".join(children)}</object>\n'

    def threads_of(core):
        return [core * threads + i if adjacent else core + i * count for i in range(threads)]

    def core_element(core, nodes):
        units = [element("PU", (), nodes, cpu=cpu, os_index=cpu) for cpu in threads_of(core)]
        return element("Core", [core], nodes, units, os_index=core)

    def cache_element(cores, nodes):
        inside = "".join(core_element(core, nodes) for core in cores)
        if not caches:
            return inside
        return element("L3Cache", cores, nodes, [inside], cache_size=1 << 25, depth=3, cache_linesize=64,
                       cache_associativity=0, cache_type=0)

    def memory_element(number, cores):
        return element("NUMANode", cores, [number], os_index=number, local_memory=1 << 33)

    def domain_element(domain, first, number, alone):
        nodes, cores = [number if memory else 0], range(first, first + sum(domain))
        inside, next_core = [memory_element(number, cores)] if memory else [], first
        for size in domain:
            inside.append(cache_element(range(next_core, next_core + size), nodes))
            next_core += size
        if alone or not memory:
            return "".join(inside)
        return element("Group", cores, nodes, inside, kind=0, subkind=0)  # as hwloc does for a part of a package

    first = number = 0
    inside = [] if memory else [memory_element(0, range(count))]
    for index, package in enumerate(packages):
        package_first, package_number, parts = first, number, []
        for domain in package:
            parts.append(domain_element(domain, first, number, alone=len(package) == 1))
            first += sum(domain)
            number += 1
        nodes = range(package_number, number) if memory else [0]
        inside.append(element("Package", range(package_first, first), nodes, parts, os_index=index))
    nodes = range(number) if memory else [0]
    allowed = set(range(count * threads)) - set(disallowed)
    machine = element("Machine", range(count), nodes, inside, os_index=0, allowed_cpuset=_bitmap(allowed),
                      allowed_nodeset=_bitmap(nodes))
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n'
            f'<topology version="2.0">\n{machine}</topology>\n')


def random_shape(random):
    """Arguments of xml: mostly regular machines, some lopsided ones, some of which a cgroup allows a part."""
    regular = random.random() < 0.6
    cores = random.choice([1, 2, 3, 4, 6, 8, 12])

    def domain():
        return [cores if regular else max(1, cores - random.choice([0, 0, 1, 2])) for _ in range(random.randint(1, 5))]

    packages, domains = random.choice([1, 1, 2, 2, 3]), random.choice([1, 1, 2, 3, 4])
    if regular:
        shape = [[domain()] * domains] * packages
    else:
        shape = [[domain() for _ in range(domains)] for _ in range(packages)]
    threads = random.choice([1, 1, 2])
    cpus = sum(map(sum, itertools.chain(*shape))) * threads
    disallowed = []
    if random.random() < 0.3:
        share = random.choice([0.1, 0.5, 0.9])
        disallowed = [cpu for cpu in range(cpus) if random.random() < share][: cpus - 1]
    return {"packages": shape, "threads": threads, "adjacent": random.random() < 0.5, "disallowed": disallowed,
            "memory": random.random() < 0.93, "caches": random.random() < 0.9}
