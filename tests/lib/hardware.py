"""A node's hardware from hwloc's XML (version 2 of the format), read without hwloc and without the project's own code, so that
the tests can judge the program's layouts by something else than itself."""

import xml.etree.ElementTree as ElementTree


def parse_bitmap(text):
    """hwloc_bitmap_snprintf(3): "0x000000ff,0xffffffff", 32 bits a word, the highest first; an empty word is 0."""
    if text is None or text == "0x0":
        return frozenset()
    value = 0
    for word in text.split(","):
        value = value << 32 | (int(word, 16) if word else 0)
    return frozenset(i for i in range(value.bit_length()) if value >> i & 1)


def parse_list(text):
    """ "0-5,8" """
    cpus = set()
    for part in text.split(",") if text else []:
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def list_text(cpus):
    ordered = sorted(cpus)
    parts = []
    i = 0
    while i < len(ordered):
        j = i
        while j + 1 < len(ordered) and ordered[j + 1] == ordered[j] + 1:
            j += 1
        parts.append(str(ordered[i]) if i == j else f"{ordered[i]}-{ordered[j]}")
        i = j + 1
    return ",".join(parts)


class Hardware:
    """cores: in logical order, each a frozenset of allowed CPUs. package_of, numa_of, cache_of, kind_of: by core. Domains are
    named by the set of their cores' indexes."""

    def __init__(self, path):
        root = ElementTree.parse(path).getroot()
        machine = root.find("object")
        # The root's allowed sets hold for the whole machine (cgroups).
        allowed = parse_bitmap(machine.get("allowed_cpuset", machine.get("cpuset")))
        allowed_nodes = parse_bitmap(machine.get("allowed_nodeset", machine.get("nodeset")))
        self.cores = []
        packages, numas, l3s, l2s = [], [], [], []

        def walk(element):
            kind = element.get("type")
            cpus = parse_bitmap(element.get("cpuset")) & allowed
            if kind == "Core" and cpus:
                self.cores.append(cpus)
            elif kind == "Package" and cpus:
                packages.append(cpus)
            elif kind == "L3Cache" and cpus:
                l3s.append(cpus)
            elif kind == "L2Cache" and cpus:
                l2s.append(cpus)
            elif kind == "NUMANode" and cpus and int(element.get("os_index")) in allowed_nodes:
                numas.append((len(cpus), int(element.get("os_index")), cpus))
            for child in element.findall("object"):
                walk(child)

        walk(machine)
        if not self.cores:  # hardware threads only
            self.cores = [frozenset([cpu]) for cpu in self._processing_units(machine, allowed)]
        everything = self.cpus

        def holders(core, sets):
            return [cpus for cpus in sets if core <= cpus]

        self.package_of, self.numa_of, self.cache_of = [], [], []
        for core in self.cores:
            package = min(holders(core, packages), key=len, default=everything)
            node = min((entry for entry in numas if core <= entry[2]), default=None)
            numa = node[2] if node else package
            l3 = min(holders(core, l3s), key=len, default=None)
            # A shared L2 counts only where there is no L3, and only if it is shared.
            l2 = min(holders(core, l2s), key=len, default=None) if l3 is None else None
            shared_l2 = l2 if l2 is not None and sum(other <= l2 for other in self.cores) > 1 else None
            self.package_of.append(package)
            self.numa_of.append(numa)
            self.cache_of.append((l3 or shared_l2 or numa) & numa)
        # "Smallest node that contains the core": a larger one keeps what the smaller ones leave.
        self.package_of = self._by_core(self.package_of)
        self.numa_of = self._by_core(self.numa_of)
        self.cache_of = self._by_core(list(zip(self.cache_of, self.numa_of)))
        self.kind_of = self._kinds(root)
        self.hyperthreaded = any(len(core) > 1 for core in self.cores)

    @staticmethod
    def _processing_units(machine, allowed):
        for element in machine.iter("object"):
            if element.get("type") == "PU":
                yield from parse_bitmap(element.get("cpuset")) & allowed

    @staticmethod
    def _by_core(names):
        members = {}
        for core, name in enumerate(names):
            members.setdefault(name, []).append(core)
        return [frozenset(members[name]) for name in names]

    def _kinds(self, root):
        """0: the fastest. By forced efficiency, else by the highest frequency; kinds that only differ in base frequency are
        one machine's turbo bins and no hybrid CPU."""
        kinds = []
        for element in root.findall("cpukind"):
            infos = {info.get("name"): info.get("value") for info in element.findall("info")}
            speed = (int(element.get("forced_efficiency", -1)), infos.get("CoreType") == "IntelCore",
                     int(infos.get("FrequencyMaxMHz", 0)), int(infos.get("FrequencyBaseMHz", 0)))
            kinds.append((speed, parse_bitmap(element.get("cpuset"))))
        order = sorted({speed for speed, _ in kinds}, reverse=True)
        return [next((order.index(speed) for speed, cpus in kinds if core & cpus), 0) for core in self.cores]

    @property
    def cpus(self):
        return frozenset().union(*self.cores)

    @property
    def packages(self):
        return list(dict.fromkeys(self.package_of))

    @property
    def numas(self):
        return list(dict.fromkeys(self.numa_of))

    @property
    def caches(self):
        return list(dict.fromkeys(self.cache_of))
