shipyard_unit_test(local_test
  LIBRARIES shipyard::local
  SOURCES
    local_batch_variables_test.cpp
    local_cpu_set_test.cpp
    local_engine_test.cpp
    local_options_test.cpp
    local_pool_plan_test.cpp
    local_pool_record_test.cpp
    local_subnet_test.cpp)
# With shipyard-submit's own lines, which are to run on a node as they are.
shipyard_unit_test(node_docker_test
  LIBRARIES shipyard::node_docker shipyard::batch_client
  SOURCES
    node_docker_rewrite_test.cpp
    node_docker_words_test.cpp)
