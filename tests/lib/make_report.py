"""Reports made by hand, of the shape that the benchmarks write: the same arguments, the same report.

usage: make_report.py pingpong|bandwidth|msgrate|collectives [FACTOR [CONTEXT=VALUE…]]
       make_report.py allpairs NODES [SLOW NODE…] [FROM-TO…]     slow nodes and links, by number
       make_report.py noise CORES
       make_report.py limits [ib]                                 ib: without limits
"""

import json
import math
import sys

KERNELS = {
    "pingpong": ("pingpong",),
    "bandwidth": ("uni", "bi"),
    "msgrate": ("msgrate",),
    "collectives": ("bcast", "barrier"),
}


def context(benchmark, **more):
    return {
        "date": "2024-01-01T00:00:00+00:00",
        "host_name": "node0",
        "load_avg": [0.5, 0.25, 0.125],
        "benchmark": benchmark,
        "mpi_library": "Open MPI 4.1.4",
        "mpi_transport": "ucx (rc)",
        "fabric": "ib",
        "measuring_hosts": "node0,node1",
        "measuring_cpus": "0;0",
        "ranks": "2",
        "nodes": "2",
        "notes": "",
        "vm_size": "unknown",
    } | more


def entry(name, **figures):
    return {
        "name": f"{name}/manual_time",
        "run_type": "iteration",
        "iterations": 1000,
        "cpu_time": 1.0,
        "time_unit": "ns",
    } | figures


def curve(kernel, factor):
    for size in [0] if kernel == "barrier" else [0] + [1 << power for power in range(0, 23, 2)]:
        median = factor * (1500.0 + size / 12.0)
        figures = {f"p{percent}_ns": median * (1 + percent / 500) for percent in (90, 99, 99.9)}
        figures |= {"p50_ns": median, "min_ns": 0.9 * median, "max_ns": 3 * median, "real_time": 1.1 * median}
        if size:
            figures |= {"bandwidth_MB_per_s": size * 1e3 / median, "mean_MB_per_s": size * 1e3 / median / 1.1}
        figures |= {"messages_per_s": 1e9 / median / 1.1, "bytes": size, "samples": 10000}
        yield entry(f"{kernel}/{size}", **figures)


def link(source, target, slow):
    factor = 1 + 0.1 * math.sin(source * 12.9898 + target * 78.233) + (3.0 if slow else 0)
    figures = {"from": source, "to": target, "latency_ns": 1800.0 * factor, "bandwidth_MB_per_s": 12000 / factor}
    return entry(f"allpairs/{source}/{target}", **figures, real_time=1800.0 * factor, slow=int(slow))


def core(rank):
    lost = 0.02 + 0.01 * math.sin(rank * 7.3) + (1.5 if rank == 3 else 0)
    bins = {f"detours_from_{1 << power}ns": int(20000 / 3 ** (power - 8)) for power in range(8, 18)}
    figures = {"rank": rank, "cpu": rank, "detours": sum(bins.values()), "lost_percent": lost, "longest_ns": 200e3}
    return entry(f"noise/{rank}", **figures, **bins, real_time=1e9)


def distance(kernel, size, limited):
    time = {"mpi": 300, "mpi_window": 4800, "memcpy": 20, "cma": 400, "tcp": 5000, "tcp_stream": 9000}[kernel]
    median = time + size / (2 if kernel == "memcpy" else 8)
    messages = 16 if kernel in ("mpi_window", "tcp_stream") else 1
    limit = median / 2 if limited and kernel in ("mpi", "mpi_window") else 0
    figures = {"p50_ns": median, "min_ns": 0.9 * median, "p99_ns": 2 * median, "max_ns": 2 * median, "samples": 11}
    figures |= {"bandwidth_MB_per_s": messages * size * 1e3 / median, "limit_ns": limit, "of_limit": 2 if limit else 0}
    return entry(f"limits/{kernel}/{size}", **figures, bytes=size, real_time=1.1 * median)


def make(benchmark, *arguments):
    if benchmark == "limits":
        kernels = ("mpi", "mpi_window", "memcpy", "cma", "tcp", "tcp_stream")
        sizes = (0, 8, 512, 32 << 10, 2 << 20)
        entries = [distance(kernel, size, "ib" not in arguments) for size in sizes for kernel in kernels]
        return {"context": context(benchmark), "benchmarks": entries}
    if benchmark == "allpairs":
        count = int(arguments[0])
        names = ",".join(f"node{index}" for index in range(count))
        slow = set(arguments[1:])
        entries = [
            link(source, target, bool({str(source), str(target), f"{source}-{target}"} & slow))
            for source in range(count)
            for target in range(count)
            if source != target
        ]
        return {"context": context(benchmark, node_names=names, nodes=str(count)), "benchmarks": entries}
    if benchmark == "noise":
        return {"context": context(benchmark), "benchmarks": [core(rank) for rank in range(int(arguments[0]))]}
    factor = float(arguments[0]) if arguments else 1
    entries = [entry for kernel in KERNELS[benchmark] for entry in curve(kernel, factor)]
    more = dict(argument.split("=", 1) for argument in arguments[1:])
    return {"context": context(benchmark, **more), "benchmarks": entries}


if __name__ == "__main__":
    json.dump(make(*sys.argv[1:]), sys.stdout, indent=1)
