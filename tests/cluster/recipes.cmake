if(SHIPYARD_BUILD_LOCAL)
  shipyard_cluster_test(strangers.openmpi4 strangers.sh bookworm BESIDE_ANOTHER)
  shipyard_cluster_test(strangers.openmpi5 strangers.sh trixie BESIDE_ANOTHER)
  shipyard_cluster_test(recipes recipes.sh BESIDE_ANOTHER)
  # It builds an image for each, of packages from the network.
  set_property(TEST cluster.recipes PROPERTY TIMEOUT 1800)
endif()
