if(SHIPYARD_BUILD_LOCAL)
  shipyard_cluster_test(local_pool local_pool.sh BESIDE_ANOTHER)
  shipyard_cluster_test(local_service local_service.sh BESIDE_ANOTHER)

  # Stands for the service.
  add_executable(serve_node_docker ${PROJECT_SOURCE_DIR}/tests/lib/serve_node_docker.cpp)
  target_link_libraries(serve_node_docker PRIVATE shipyard::node_docker shipyard_warnings)
  set_target_properties(serve_node_docker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_dependencies(serve_node_docker shipyard-node-docker)
  shipyard_cluster_test(node_docker node_docker.sh BESIDE_ANOTHER)
endif()
