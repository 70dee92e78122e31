# Our image and NetPIPE beside it, built against the same MPI library.
ARG BASE=shipyard/openmpi:bookworm
FROM ${BASE}
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends netpipe-openmpi && rm -rf /var/lib/apt/lists/*
