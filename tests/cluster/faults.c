// The ranks of the fault tests. Each says "started" once MPI is set up.
//
//   faults exchange [FILE]    talks to the others until rank 0 sees FILE, and ends with 7
//   faults background [FILE]  the same; each rank leaves a process in a session of its own, "sleep 987"
//   faults segv|exit|abort    rank 1 dies of SIGSEGV, exits with 3 without MPI_Finalize, calls MPI_Abort(42)
//   faults absent STATUS      rank 1 never calls MPI_Init and ends with STATUS
//   faults chatter            every rank fills its standard error and never ends
//   faults prattle            the same on standard output
//   faults memory             sends 8 MiB to each other rank
//   faults sum                a short job that ends well
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int rank, size;

static void leave_in_background(void) {
  if (fork() != 0) return;
  setsid();
  execlp("sleep", "sleep", "987", (char*)0);
  _exit(127);
}

static void talk_until(const char* file) {
  for (int mine = 0, all = 0; !all; usleep(5000)) {
    mine = rank == 0 && file != NULL && access(file, F_OK) == 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  }
}

static void send_to_all(void) {
  enum { kBytes = 8 << 20 };
  char *out = calloc(kBytes, 1), *in = calloc(kBytes, 1);
  for (int distance = 1; distance < size; distance++) {
    MPI_Sendrecv(out, kBytes, MPI_BYTE, (rank + distance) % size, 0, in, kBytes, MPI_BYTE,
                 (rank + size - distance) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  const char* number = getenv("OMPI_COMM_WORLD_RANK");
  int sum = 0, status = 0;
#define MODE(name) (strcmp(mode, name) == 0)
  if (MODE("absent") && number != NULL && strcmp(number, "1") == 0) return argc > 2 ? atoi(argv[2]) : 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (MODE("background")) leave_in_background();
  printf("started\n");
  fflush(stdout);
  if (MODE("segv") && rank == 1) raise(SIGSEGV);
  if (MODE("exit") && rank == 1) exit(3);
  if (MODE("abort") && rank == 1) MPI_Abort(MPI_COMM_WORLD, 42);
  while (MODE("chatter")) fprintf(stderr, "rank %d has much to say and nobody to say it to\n", rank);
  while (MODE("prattle")) printf("rank %d has much to say and nobody to say it to\n", rank);
  if (MODE("memory")) send_to_all();
  if (MODE("exchange") || MODE("background")) {
    talk_until(argc > 2 ? argv[2] : NULL);
    status = 7;
  }
  MPI_Reduce(&rank, &sum, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("%d ranks, sum %d\n", size, sum);
  MPI_Finalize();
  return status;
}
