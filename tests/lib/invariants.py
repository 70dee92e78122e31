"""What holds for every good layout of ranks on a node (docs/placement.md), judged from the hardware alone.

violations(hardware, ranks, threads, …) gives a sentence for each broken one:
  1. a rank's CPUs are usable, at least one, and no other rank's
  2. every rank has exactly `threads` cores, with all their hardware threads
  3. no rank crosses a NUMA domain, unless there are fewer ranks than domains or a rank is larger than every domain
  4. no rank shares a cache domain with one that also has cores of another, unless nesting would leave too much idle
  5. ranks per package, NUMA domain and cache domain are within 1 of their share
  6. the order of ranks is the order of the hardware
"""

import functools


class Layout:
    """Which cores (indexes of Hardware.cores) each rank has."""

    def __init__(self, hardware, cpusets, threads, kinds):
        self.hardware, self.cpusets, self.threads = hardware, cpusets, threads
        self.usable = [core for core, kind in enumerate(hardware.kind_of) if kinds == "all" or kind == min(hardware.kind_of)]
        core_of = {cpu: core for core in self.usable for cpu in hardware.cores[core]}
        self.foreign = [cpus - core_of.keys() for cpus in cpusets]
        self.cores = [sorted({core_of[cpu] for cpu in cpus if cpu in core_of}) for cpus in cpusets]

    def domains(self, members):
        """Usable cores of each domain, in order: members is numa_of, cache_of or package_of."""
        found = {}
        for core in self.usable:
            found.setdefault(members[core], []).append(core)
        return list(found.values())


def violations(hardware, cpusets, threads, *, kinds="fast", proportional=True, ordered=True, fixed_threads=False, smt=False):
    """proportional: the ranks were counted, not one per domain. ordered: not by GPU. fixed_threads: the user gave them.
    smt: hardware threads count like cores, and only the first two rules are looked at."""
    layout = Layout(hardware, cpusets, threads, kinds)
    found = list(_usable_and_disjoint(layout))
    if smt:
        return found + [f"rank {rank} has {len(cpus)} hardware threads, not {threads}"
                        for rank, cpus in enumerate(cpusets) if len(cpus) != threads]
    found += _whole_cores(layout)
    if found:
        return found  # nothing else can be judged
    found += _within_numa(layout)
    found += _within_packages(layout)
    found += _nested_in_caches(layout, fixed_threads)
    if proportional:
        found += _proportional(layout)
    if ordered:
        found += _in_order(layout)
    return found


def _usable_and_disjoint(layout):
    if not layout.cpusets:
        yield "no ranks"
    taken = {}
    for rank, cpus in enumerate(layout.cpusets):
        if not cpus:
            yield f"rank {rank} has no CPU"
        if layout.foreign[rank]:
            yield f"rank {rank} has CPUs that are not usable: {sorted(layout.foreign[rank])}"
        for cpu in cpus:
            if cpu in taken:
                yield f"CPU {cpu} belongs to ranks {taken[cpu]} and {rank}"
                break
            taken[cpu] = rank


def _whole_cores(layout):
    for rank, cores in enumerate(layout.cores):
        if len(cores) != layout.threads:
            yield f"rank {rank} has {len(cores)} cores, not {layout.threads}"
        if layout.cpusets[rank] != frozenset().union(*(layout.hardware.cores[core] for core in cores)):
            yield f"rank {rank} has parts of cores"


def _crossing(layout, members):
    return [rank for rank, cores in enumerate(layout.cores) if len({members[core] for core in cores}) > 1]


def _within_numa(layout):
    domains = layout.domains(layout.hardware.numa_of)
    crossing = _crossing(layout, layout.hardware.numa_of)
    if crossing and len(layout.cores) >= len(domains) and layout.threads <= max(map(len, domains)):
        yield f"ranks {crossing[:4]} cross NUMA domains"


def _within_packages(layout):
    packages = layout.domains(layout.hardware.package_of)
    crossing = _crossing(layout, layout.hardware.package_of)
    if crossing and sum(len(package) // layout.threads for package in packages) >= len(layout.cores):
        yield f"ranks {crossing[:4]} cross packages"


def largest_inside(caches, ranks):
    """The most cores that each of so many ranks can have inside of a cache, with caches of these sizes."""
    return max((size for size in range(1, max(caches) + 1) if sum(cores // size for cores in caches) >= ranks), default=0)


@functools.lru_cache(maxsize=None)
def _even_groups(caches, groups):
    """The smallest sum of the best division into so many groups side by side: ranks with whole caches of their own."""
    if groups == 1:
        return sum(caches)
    return max(min(sum(caches[:first]), _even_groups(caches[first:], groups - 1))
               for first in range(1, len(caches) - groups + 2))


def _nested_in_caches(layout, fixed_threads):
    """The idle rule: nesting is given up only where it would leave idle more than 25 % (12.5 % where a rank has several
    caches) of the cores that the layout has."""
    cache_of, numa_of = layout.hardware.cache_of, layout.hardware.numa_of
    if _crossing(layout, numa_of):
        return
    crossing = set(_crossing(layout, cache_of))
    shared = {}
    for rank, cores in enumerate(layout.cores):
        for cache in {cache_of[core] for core in cores}:
            shared.setdefault(cache, set()).add(rank)
    guilty = sorted({rank for ranks in shared.values() if len(ranks) > 1 for rank in ranks & crossing})
    if not guilty:
        return
    inside = nested = layout.threads
    for domain in layout.domains(list(zip(layout.hardware.package_of, numa_of))):
        ranks = sum(cores[0] in domain for cores in layout.cores)
        if ranks == 0:
            continue
        sizes = {}
        for core in domain:
            sizes[cache_of[core]] = sizes.get(cache_of[core], 0) + 1
        caches = tuple(sizes.values())
        largest = largest_inside(caches, ranks)
        inside = min(inside, largest)
        nested = min(nested, max(largest, _even_groups(caches, ranks) if ranks <= len(caches) else 0))
    part, several = (1, 1) if fixed_threads else (0.75, 0.875)
    if inside >= part * layout.threads or nested >= several * layout.threads:
        yield (f"ranks {guilty[:4]} share caches with others while they have cores of several; {inside} cores a rank would fit "
               f"inside caches, {nested} with whole ones, and not {layout.threads}")


def _proportional(layout):
    """The share is that of the whole node's cores, or of the ranks that fit beside each other, which differs where ranks leave
    cores idle."""
    hardware = layout.hardware
    home = [{level: members[cores[0]] for level, members in
             (("package", hardware.package_of), ("NUMA", hardware.numa_of), ("cache", hardware.cache_of))}
            for cores in layout.cores]

    def check(level, members, parent, inside):
        if any(len({members[core] for core in layout.cores[rank]}) > 1 for rank in inside):
            return  # a rank that has several domains is no domain's
        sizes = {}
        for core in parent:
            sizes[members[core]] = sizes.get(members[core], 0) + 1
        counts = {name: sum(home[rank][level] == name for rank in inside) for name in sizes}
        room = {name: size // layout.threads for name, size in sizes.items()}
        if sum(room.values()) == 0:
            return
        by_cores = {name: len(layout.cores) * size / len(layout.usable) for name, size in sizes.items()}
        by_room = {name: len(inside) * room[name] / sum(room.values()) for name in sizes}
        for name in sizes:
            excess = min((counts[name] - share[name] for share in (by_cores, by_room)), key=abs)
            if abs(excess) < 1:
                continue
            others = [other for other in sizes if other != name]
            could_move = (any(counts[o] < room[o] and counts[o] < by_cores[o] for o in others) if excess > 0
                          else counts[name] < room[name])
            if could_move:
                yield f"{counts[name]} ranks on a {level} whose share of {len(layout.cores)} is {by_cores[name]:.2f}"

    every = range(len(layout.cores))
    yield from check("package", hardware.package_of, layout.usable, every)
    for package in layout.domains(hardware.package_of):
        inside = [rank for rank in every if home[rank]["package"] == hardware.package_of[package[0]]]
        yield from check("NUMA", hardware.numa_of, package, inside)
    for numa in layout.domains(hardware.numa_of):
        inside = [rank for rank in every if home[rank]["NUMA"] == hardware.numa_of[numa[0]]]
        yield from check("cache", hardware.cache_of, numa, inside)


def _in_order(layout):
    hardware = layout.hardware

    def place(core):  # the cores of a domain need not stand together
        return min(hardware.package_of[core]), min(hardware.numa_of[core]), min(hardware.cache_of[core]), core

    first = [min(map(place, cores)) for cores in layout.cores]
    if first != sorted(first):
        yield "the order of ranks is not the order of cores"
