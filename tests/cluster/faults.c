// The ranks of the fault tests. Each says "started" once MPI is set up.
//
//   faults exchange        talks to the others all the time, for ten minutes
//   faults rest            is in MPI, and does nothing there
//   faults segv|exit|abort rank 1 dies of SIGSEGV, exits with 3, calls MPI_Abort(42)
//   faults absent STATUS   rank 1 never calls MPI_Init and ends with STATUS
//   faults chatter         every rank fills its standard error, and never ends
//   faults memory          sends 8 MiB to each other rank, which the node's ranks do through /dev/shm
//   faults background      as exchange; each rank has left a process in a session of its own, "sleep 987"
//   faults sum             a short job that ends well
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void leave_in_background(void) {
  if (fork() != 0) return;
  setsid();
  execlp("sleep", "sleep", "987", (char *)0);
  _exit(127);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  const char *number = getenv("OMPI_COMM_WORLD_RANK");
  int rank = 0, size = 0, sum = 0;
  if (strcmp(mode, "absent") == 0 && number != NULL && strcmp(number, "1") == 0) return atoi(argv[2]);
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (strcmp(mode, "background") == 0) leave_in_background();
  printf("started\n");
  fflush(stdout);
  if (rank == 1 && strcmp(mode, "segv") == 0) raise(SIGSEGV);
  if (rank == 1 && strcmp(mode, "exit") == 0) exit(3);
  if (rank == 1 && strcmp(mode, "abort") == 0) MPI_Abort(MPI_COMM_WORLD, 42);
  if (strcmp(mode, "rest") == 0) sleep(600);
  if (strcmp(mode, "chatter") == 0) {
    for (;;) fprintf(stderr, "rank %d has much to say and nobody to say it to\n", rank);
  }
  if (strcmp(mode, "memory") == 0) {
    enum { kBytes = 8 << 20 };
    char *out = calloc(kBytes, 1), *in = calloc(kBytes, 1);
    for (int distance = 1; distance < size; distance++) {
      MPI_Sendrecv(out, kBytes, MPI_BYTE, (rank + distance) % size, 0, in, kBytes, MPI_BYTE,
                   (rank + size - distance) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
  }
  const int endless = strcmp(mode, "exchange") == 0 || strcmp(mode, "background") == 0;
  const double end = MPI_Wtime() + (endless ? 600 : 0);
  do {
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (endless) usleep(5000);
  } while (MPI_Wtime() < end);
  if (rank == 0) printf("%d ranks, sum %d\n", size, sum);
  MPI_Finalize();
  return 0;
}
