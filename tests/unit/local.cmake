shipyard_unit_test(local_test
  LIBRARIES shipyard::local
  SOURCES
    local_batch_variables_test.cpp
    local_command_line_test.cpp
    local_cpu_set_test.cpp
    local_engine_test.cpp
    local_options_test.cpp
    local_pool_plan_test.cpp
    local_pool_record_test.cpp
    local_subnet_test.cpp
    local_task_files_test.cpp)
# With shipyard-submit's own lines, which are to run on a node as they are.
shipyard_unit_test(node_docker_test
  LIBRARIES shipyard::node_docker shipyard::batch_client
  SOURCES
    node_docker_broker_test.cpp
    node_docker_message_test.cpp
    node_docker_rewrite_test.cpp
    node_docker_words_test.cpp)
target_compile_definitions(node_docker_test PRIVATE
  SHIPYARD_NODE_DOCKER="$<TARGET_FILE:shipyard-node-docker>")
add_dependencies(node_docker_test shipyard-node-docker)

shipyard_unit_test(local_service_test
  LIBRARIES shipyard::local_service
  SOURCES
    local_account_test.cpp
    local_batch_time_test.cpp
    local_definitions_test.cpp
    local_http_server_test.cpp
    local_routes_test.cpp)
