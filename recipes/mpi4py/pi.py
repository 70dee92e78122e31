"""Pi, as the sum of strips below 4 / (1 + x^2), and a message around the ring of all ranks."""

import sys

import numpy
from mpi4py import MPI

STRIPS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000

world = MPI.COMM_WORLD
rank, ranks = world.Get_rank(), world.Get_size()

# Arrays travel as they are (Reduce, upper case).
x = (numpy.arange(rank, STRIPS, ranks) + 0.5) / STRIPS
part = numpy.array([numpy.sum(4 / (1 + x * x)) / STRIPS])
total = numpy.zeros(1)
world.Reduce(part, total, op=MPI.SUM, root=0)

# Any object does as a pickle (sendrecv, lower case): each rank hands on what it has and adds itself.
seen = []
for _ in range(ranks):
    seen = world.sendrecv(seen + [(rank, MPI.Get_processor_name())], dest=(rank + 1) % ranks, source=(rank - 1) % ranks)

if rank == 0:
    nodes = len({node for _, node in seen})
    print(f"{ranks} ranks on {nodes} nodes; around the ring: {' '.join(str(number) for number, _ in seen)}")
    print(f"pi = {total[0]:.12f}, off by {abs(total[0] - numpy.pi):.0e}")
