# Documents and scripts against the sources: nothing is built or run for it.
shipyard_cli_test(shellcheck shellcheck.sh)
set_tests_properties(cli.shellcheck PROPERTIES PROCESSORS 2)
find_package(Python3 3.10 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND)
  # docs/troubleshooting.md, docs/from-batch-shipyard.md
  foreach(part messages shipyard_keys)
    add_test(NAME cli.${part}_documented
             COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/${part}_documented.py ${PROJECT_SOURCE_DIR})
    set_tests_properties(cli.${part}_documented PROPERTIES LABELS cli TIMEOUT 60)
  endforeach()
  add_test(NAME cli.dockerfiles
           COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/dockerfiles.py ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.dockerfiles PROPERTIES LABELS cli TIMEOUT 60)
endif()
