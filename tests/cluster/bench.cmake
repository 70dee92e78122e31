shipyard_cluster_test(allpairs allpairs.sh $<TARGET_FILE:allpairs> 2)
shipyard_cluster_test(benchmarks.openmpi4 benchmarks.sh bookworm)
shipyard_cluster_test(benchmarks.openmpi5 benchmarks.sh trixie)
shipyard_cluster_test(benchmarks.mpich benchmarks.sh mpich)
