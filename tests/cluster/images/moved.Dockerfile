# An Open MPI that lives where no ldconfig, no PATH and no compiled-in path leads: what HPC-X looks like to a launcher.
# Debian's own, moved whole to /opt/mpi with its inner layout.
ARG BASE
FROM $BASE
RUN set -e; \
    libdir=/usr/lib/$(uname -m)-linux-gnu; inner=/opt/mpi/lib/$(uname -m)-linux-gnu; \
    mkdir -p /opt/mpi/bin /opt/mpi/share /opt/mpi/etc "$inner"; \
    mv /usr/bin/orterun /usr/bin/orted /opt/mpi/bin/; ln -s orterun /opt/mpi/bin/mpirun; \
    mv "$libdir/openmpi" "$inner/"; mv /usr/share/openmpi /opt/mpi/share/; mv /etc/openmpi /opt/mpi/etc/; \
    mv "$libdir"/libmpi*.so* "$libdir"/libopen-*.so* "$libdir"/libmca_common*.so* /opt/mpi/lib/; \
    rm -f /usr/bin/mpirun* /usr/bin/mpiexec* /etc/alternatives/mpirun*; ldconfig; \
    printf '%s\n' 'export OPAL_PREFIX=/opt/mpi PATH=/opt/mpi/bin:$PATH' \
      'export LD_LIBRARY_PATH=/opt/mpi/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}' >/opt/mpi/env.sh; \
    ! command -v mpirun
