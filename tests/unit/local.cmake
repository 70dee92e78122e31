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
