/* Preloaded into an MPI program: the CORRUPT-th message that this process receives by MPI_Recv or sends by MPI_Isend, or
   sum that it gets, has one wrong bit. Counted from 1; what carries fewer than 8 bytes does not count. */
#include <mpi.h>
#include <stdlib.h>

static void corrupt(void* buffer, int count, MPI_Datatype type) {
  static long seen;
  static long wanted;
  int size = 0;
  if (wanted == 0) {
    const char* text = getenv("CORRUPT");
    wanted = text != NULL && atol(text) > 0 ? atol(text) : -1;
  }
  MPI_Type_size(type, &size);
  if ((long)count * size < 8 || ++seen != wanted) return;
  ((char*)buffer)[(long)count * size / 2] ^= 1;
}

int MPI_Recv(void* buffer, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status* status) {
  int result = PMPI_Recv(buffer, count, type, source, tag, comm, status);
  if (type == MPI_BYTE) corrupt(buffer, count, type);
  return result;
}

int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int destination, int tag, MPI_Comm comm,
              MPI_Request* request) {
  if (type == MPI_BYTE) corrupt((void*)buffer, count, type);
  return PMPI_Isend(buffer, count, type, destination, tag, comm, request);
}

int MPI_Allreduce(const void* send, void* receive, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  int result = PMPI_Allreduce(send, receive, count, type, op, comm);
  if (type == MPI_FLOAT) corrupt(receive, count, type);
  return result;
}
