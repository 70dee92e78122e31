/* Preloaded into an MPI program: how many messages of 64 KiB this process has sent by MPI_Send from the same place as the one
   before, and from another, on standard error at the end. */
#include <mpi.h>
#include <stdio.h>

static long same, other;

int MPI_Send(const void* buffer, int count, MPI_Datatype type, int destination, int tag, MPI_Comm comm) {
  static const void* last;
  if (count == 65536) {
    ++*(buffer == last ? &same : &other);
    last = buffer;
  }
  return PMPI_Send(buffer, count, type, destination, tag, comm);
}

int MPI_Finalize(void) {
  fprintf(stderr, "places: same %ld, other %ld\n", same, other);
  return PMPI_Finalize();
}
