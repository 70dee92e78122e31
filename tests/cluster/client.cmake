if(SHIPYARD_BUILD_LOCAL)
  shipyard_cluster_test(submit_commands submit_commands.sh bookworm BESIDE_ANOTHER)
endif()
