# An image that is not ours: another Debian release with its own Open MPI, and /opt/shipyard out of the tree's image.
ARG BASE
FROM $BASE
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openmpi-bin openssh-server openssh-client \
 && rm -rf /var/lib/apt/lists/*
COPY --from=shipyard/tree:latest /opt/shipyard /opt/shipyard
# Moved, under a name with a space, and with a link to it from PATH.
RUN mkdir "/srv/a place" && cp -a /opt/shipyard "/srv/a place/ship" \
 && ln -s "/srv/a place/ship/bin/shipyard-mpirun" /usr/local/bin/moved-link \
 && ln -s "../../../srv/a place/ship/bin/shipyard-mpirun" /usr/local/bin/moved-relative
ENV PATH=/opt/shipyard/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/opt/shipyard/bin/shipyard-entrypoint"]
CMD ["sshd"]
