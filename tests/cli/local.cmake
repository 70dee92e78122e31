shipyard_cli_test(local local.sh)

# The account behind HTTP, with tasks that are over at once, against real clients and what is published.
add_executable(instant_batch ${PROJECT_SOURCE_DIR}/tests/lib/instant_batch.cpp)
target_link_libraries(instant_batch PRIVATE shipyard::local_service fmt::fmt Threads::Threads shipyard_warnings)
set_target_properties(instant_batch PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
find_package(Python3 3.10 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND)
  add_test(NAME cli.local_service
           COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/local_service_test.py)
  # Debian's packages of Python modules are for Debian's Python alone.
  add_test(NAME cli.local_service_azure
           COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/local_service_azure_test.py)
  set_tests_properties(
    cli.local_service cli.local_service_azure
    PROPERTIES LABELS cli TIMEOUT 300 SKIP_RETURN_CODE 77
               ENVIRONMENT "SHIPYARD_TEST_DATA=${SHIPYARD_TEST_DATA};SHIPYARD_SUBMIT=$<TARGET_FILE:shipyard-submit>;SHIPYARD_INSTANT_BATCH=$<TARGET_FILE:instant_batch>")
endif()
