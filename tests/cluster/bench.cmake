shipyard_cluster_test(allpairs allpairs.sh $<TARGET_FILE:allpairs> 2)
