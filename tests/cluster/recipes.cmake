if(SHIPYARD_BUILD_LOCAL)
  shipyard_cluster_test(recipes recipes.sh)
endif()
