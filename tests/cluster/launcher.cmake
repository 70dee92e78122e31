shipyard_cluster_test(launch.openmpi4 launch.sh bookworm)
shipyard_cluster_test(launch.openmpi5 launch.sh trixie)
shipyard_cluster_test(moved_openmpi moved_openmpi.sh)
shipyard_cluster_test(seventy_nodes seventy_nodes.sh)
