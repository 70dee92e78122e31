shipyard_cluster_test(allpairs allpairs.sh $<TARGET_FILE:allpairs> 2)
shipyard_cluster_test(limits limits.sh $<TARGET_FILE:limits>)
