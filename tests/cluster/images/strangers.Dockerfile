# MPI programs of other people's, as Debian packages them, and MPICH's examples, compiled by this image's own mpicc.
ARG IMAGE
FROM $IMAGE
WORKDIR /tmp
# Slim images leave /usr/share/doc out.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      -o Dpkg::Options::='--path-include=/usr/share/doc/hpcc/*' hpcc lammps netpipe-openmpi scalapack-mpi-test \
 && apt-get download mpich-doc && dpkg-deb -x mpich-doc_*.deb . \
 && for example in cpi icpi; do mpicc -O2 -o /usr/local/bin/$example usr/share/doc/mpich/examples/$example.c -lm || exit; done \
 && rm -rf /tmp/* /var/lib/apt/lists/*
WORKDIR /
COPY in.melt /opt/recipe/
