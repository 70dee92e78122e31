/* Preloaded into an MPI program: the CORRUPT-th message that this process receives by MPI_Recv or sends by MPI_Isend, or
   sum that it gets, has one wrong bit. Counted from 1; what carries fewer than 8 bytes does not count. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

/* Whether it is this one's turn. */
static int is_wanted(int count, MPI_Datatype type) {
  static long seen;
  static long wanted;
  int size = 0;
  if (wanted == 0) {
    const char* text = getenv("CORRUPT");
    wanted = text != NULL && atol(text) > 0 ? atol(text) : -1;
  }
  MPI_Type_size(type, &size);
  return (long)count * size >= 8 && ++seen == wanted;
}

static void turn_a_bit(void* buffer, int count, MPI_Datatype type) {
  int size = 0;
  MPI_Type_size(type, &size);
  ((char*)buffer)[(long)count * size / 2] ^= 1;
}

int MPI_Recv(void* buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status* status) {
  int result = PMPI_Recv(buffer, count, type, source, tag, comm, status);
  if (type == MPI_BYTE && is_wanted(count, type)) turn_a_bit(buffer, count, type);
  return result;
}

int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int destination, int tag, MPI_Comm comm,
              MPI_Request* request) {
  /* In a copy, since the next message may come from the same memory. It is one, and stays. */
  if (type == MPI_BYTE && is_wanted(count, type)) {
    void* copy = malloc((size_t)count);
    if (copy == NULL) abort();
    memcpy(copy, buffer, (size_t)count);
    turn_a_bit(copy, count, type);
    buffer = copy;
  }
  return PMPI_Isend(buffer, count, type, destination, tag, comm, request);
}

int MPI_Allreduce(const void* send, void* receive, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  int result = PMPI_Allreduce(send, receive, count, type, op, comm);
  if (type == MPI_FLOAT && is_wanted(count, type)) turn_a_bit(receive, count, type);
  return result;
}
