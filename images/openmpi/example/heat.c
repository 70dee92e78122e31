/* A square plate, hot at its upper edge and cold at the others: its temperature at rest, by Jacobi's method on a grid
 * that is cut into bands of rows, a band for each rank. Usage: heat [GRID-SIZE [STEPS]] */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank, ranks, length;
  char node[MPI_MAX_PROCESSOR_NAME];
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Get_processor_name(node, &length);

  const int size = argc > 1 ? atoi(argv[1]) : 256;
  const int steps = argc > 2 ? atoi(argv[2]) : 2000;
  if (size < ranks || steps < 1) {
    if (rank == 0) fprintf(stderr, "usage: heat [GRID-SIZE [STEPS]], with at least a row for each of %d ranks\n", ranks);
    MPI_Finalize();
    return 2;
  }

  /* Rows [first, first + rows) are this rank's; one row of each neighbour stands above and below them. */
  const int first = (int)((long)size * rank / ranks);
  const int rows = (int)((long)size * (rank + 1) / ranks) - first;
  const int width = size + 2;
  double* now = calloc((size_t)(rows + 2) * width, sizeof *now);
  double* next = calloc((size_t)(rows + 2) * width, sizeof *next);
  if (!now || !next) MPI_Abort(MPI_COMM_WORLD, 1);
  if (rank == 0)
    for (int x = 0; x < width; ++x) now[x] = next[x] = 100.0;

  const int above = rank > 0 ? rank - 1 : MPI_PROC_NULL;
  const int below = rank < ranks - 1 ? rank + 1 : MPI_PROC_NULL;
  double change = 0;
  const double begin = MPI_Wtime();
  for (int step = 0; step < steps; ++step) {
    MPI_Sendrecv(now + width, width, MPI_DOUBLE, above, 0, now + (rows + 1) * width, width, MPI_DOUBLE, below, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(now + rows * width, width, MPI_DOUBLE, below, 1, now, width, MPI_DOUBLE, above, 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    change = 0;
    for (int y = 1; y <= rows; ++y)
      for (int x = 1; x <= size; ++x) {
        const int i = y * width + x;
        next[i] = 0.25 * (now[i - width] + now[i + width] + now[i - 1] + now[i + 1]);
        change = fmax(change, fabs(next[i] - now[i]));
      }
    double* swap = now;
    now = next;
    next = swap;
  }

  double sum = 0, total, largest;
  for (int y = 1; y <= rows; ++y)
    for (int x = 1; x <= size; ++x) sum += now[y * width + x];
  MPI_Reduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  MPI_Reduce(&change, &largest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  if (rank == 0)
    printf("%d x %d grid on %d ranks, from %s: mean %.4f after %d steps, last change %.2e, %.2f s\n", size, size, ranks,
           node, total / size / size, steps, largest, MPI_Wtime() - begin);
  free(now);
  free(next);
  MPI_Finalize();
  return 0;
}
