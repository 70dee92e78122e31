# Where ranks come to run, judged by what is not the launcher: rules checked on the hardware's XML, and the real Open MPI.
find_package(Python3 3.10 COMPONENTS Interpreter)

add_library(recorded_affinity MODULE ${PROJECT_SOURCE_DIR}/tests/lib/recorded_affinity.cpp)
target_link_libraries(recorded_affinity PRIVATE shipyard_warnings)
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
  # Preloaded into mpirun, which has no sanitizer.
  target_compile_options(recorded_affinity PRIVATE -fno-sanitize=all)
  target_link_options(recorded_affinity PRIVATE -fno-sanitize=all)
endif()
set_target_properties(recorded_affinity PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
add_executable(print_binding ${PROJECT_SOURCE_DIR}/tests/lib/print_binding.cpp)
target_link_libraries(print_binding PRIVATE shipyard_warnings)
set_target_properties(print_binding PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

function(shipyard_placement_test name script)
  if(NOT Python3_Interpreter_FOUND)
    message(STATUS "no Python: without the test cli.${name}")
    return()
  endif()
  add_test(NAME cli.${name} COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${script})
  set_tests_properties(cli.${name} PROPERTIES LABELS cli TIMEOUT 300 SKIP_RETURN_CODE 77
                       ENVIRONMENT "SHIPYARD_BUILD_DIR=${PROJECT_BINARY_DIR};SHIPYARD_TEST_DATA=${SHIPYARD_TEST_DATA};${SHIPYARD_TEST_ENVIRONMENT}")
endfunction()

shipyard_placement_test(placement_rules placement_rules.py)
shipyard_placement_test(placement_expected placement_expected.py)
shipyard_placement_test(placement_invariants placement_invariants.py)
shipyard_placement_test(placement_oracle placement_oracle.py)
# Hundreds of ranks on two CPUs that something else is using: only a hang is to be ended.
if(Python3_Interpreter_FOUND)
  set_tests_properties(cli.placement_oracle PROPERTIES TIMEOUT 900 COST 45)
  set_tests_properties(cli.placement_oracle cli.placement_invariants PROPERTIES PROCESSORS 2)
endif()
