#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
  int rank, ranks, length, sum;
  char node[MPI_MAX_PROCESSOR_NAME];
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Get_processor_name(node, &length);
  printf("rank %d of %d on %s\n", rank, ranks, node);
  MPI_Reduce(&rank, &sum, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("sum of the ranks: %d\n", sum);
  MPI_Finalize();
}
