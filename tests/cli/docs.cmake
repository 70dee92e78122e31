# docs/troubleshooting.md against the messages in the sources: nothing is built or run for it.
find_package(Python3 3.10 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND)
  add_test(NAME cli.messages_documented
           COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/messages_documented.py ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.messages_documented PROPERTIES LABELS cli TIMEOUT 60)
endif()
