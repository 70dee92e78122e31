#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
  const long steps = 400000000;
  int rank, ranks, length;
  double part = 0, pi;
  char node[MPI_MAX_PROCESSOR_NAME];
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Get_processor_name(node, &length);

  double start = MPI_Wtime();
  for (long i = rank; i < steps; i += ranks) {
    double x = (i + 0.5) / steps;
    part += 4 / (1 + x * x);
  }
  MPI_Reduce(&part, &pi, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  printf("rank %d of %d on %s: %.2f s\n", rank, ranks, node, MPI_Wtime() - start);
  if (rank == 0) printf("pi = %.12f\n", pi / steps);
  MPI_Finalize();
}
