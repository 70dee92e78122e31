/* where_am_i [abort RANK STATUS | kill RANK | exit RANK STATUS]: a line for each rank, once all of them have met: its
   number, how many there are, and the CPUs it may run on. */
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_place(int rank, int size) {
  char line[4096];
  FILE *status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    char cpus[4096];
    if (sscanf(line, "Cpus_allowed_list: %4095s", cpus) == 1) printf("%d of %d on %s\n", rank, size, cpus);
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  int rank = 0, size = 0, sum = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  /* Large enough to leave the eager path between nodes. */
  enum { kCount = 1 << 18 };
  int *block = calloc(kCount, sizeof *block);
  block[kCount - 1] = 1;
  MPI_Allreduce(MPI_IN_PLACE, block, kCount, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  sum = block[kCount - 1];
  print_place(rank, sum == size ? size : -1);
  if (argc > 2 && atoi(argv[2]) == rank) {
    if (strcmp(argv[1], "abort") == 0) MPI_Abort(MPI_COMM_WORLD, atoi(argv[3]));
    if (strcmp(argv[1], "kill") == 0) raise(SIGKILL);
    if (strcmp(argv[1], "exit") == 0) exit(atoi(argv[3]));
  }
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
