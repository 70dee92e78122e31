# What recipes for MPI in containers on Azure Batch have done for years: the distribution's sshd and ssh as they come, an
# RSA key baked in, Port 23 in the ssh config.
ARG BASE
FROM $BASE
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openmpi-bin openssh-server openssh-client \
 && rm -rf /var/lib/apt/lists/* && mkdir -p /run/sshd /root/.ssh \
 && ssh-keygen -q -t rsa -N '' -f /root/.ssh/id_rsa && cp /root/.ssh/id_rsa.pub /root/.ssh/authorized_keys \
 && printf 'Host 10.*\n  Port 23\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n' >/root/.ssh/config
EXPOSE 23
CMD ["/usr/sbin/sshd", "-D", "-e", "-p", "23"]
