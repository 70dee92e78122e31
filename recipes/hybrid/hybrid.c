/* Where each thread of each rank runs, and 1 + 1/4 + 1/9 + … by all of them together: pi^2 / 6. */
#define _GNU_SOURCE
#include <mpi.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { line_size = 512 };

/* The CPUs that the caller may use, as in 0-3,8. */
static void cpus(char *text, size_t size) {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  *text = 0;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &set)) continue;
    int last = i;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) last++;
    size_t used = strlen(text);
    snprintf(text + used, size - used, last > i ? "%s%d-%d" : "%s%d", used ? "," : "", i, last);
    i = last;
  }
}

int main(int argc, char **argv) {
  const long terms = argc > 1 ? atol(argv[1]) : 100000000;
  int rank, ranks, length, provided;
  char node[MPI_MAX_PROCESSOR_NAME], line[line_size], mask[64];
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  MPI_Get_processor_name(node, &length);

  int threads = omp_get_max_threads();
  char(*masks)[64] = calloc((size_t)threads, sizeof *masks);
  double part = 0, sum = 0, start = MPI_Wtime();
#pragma omp parallel num_threads(threads)
  {
    cpus(masks[omp_get_thread_num()], sizeof *masks);
#pragma omp for reduction(+ : part)
    for (long i = rank; i < terms; i += ranks) part += 1.0 / ((double)(i + 1) * (double)(i + 1));
  }
  MPI_Reduce(&part, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  double seconds = MPI_Wtime() - start;

  cpus(mask, sizeof mask);
  snprintf(line, sizeof line, "rank %d on %s:", rank, node);
  for (int i = 0; i < threads; i++) {
    size_t used = strlen(line);
    snprintf(line + used, sizeof line - used, " %s", masks[i]);
  }
  char *lines = rank ? NULL : malloc((size_t)ranks * line_size);
  MPI_Gather(line, line_size, MPI_CHAR, lines, line_size, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (rank == 0) {
    printf("%d ranks of %d threads, the CPUs of each thread:\n", ranks, threads);
    for (int i = 0; i < ranks; i++) puts(lines + (size_t)i * line_size);
    printf("sum %.8f, pi^2/6 - 1/terms %.8f, %.2f s\n", sum, 1.6449340668482264 - 1.0 / (double)terms, seconds);
  }
  free(lines);
  free(masks);
  MPI_Finalize();
}
