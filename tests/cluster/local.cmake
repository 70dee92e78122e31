if(SHIPYARD_BUILD_LOCAL)
  shipyard_cluster_test(local_pool local_pool.sh)
endif()
