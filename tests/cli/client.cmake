# The double of the Batch account is judged by what is published, before the client is judged by it.
shipyard_cli_test(client_docs client_docs.sh ${PROJECT_SOURCE_DIR}/docs)
shipyard_cli_test(client_convert client_convert.sh)
set_property(TEST cli.client_convert APPEND PROPERTY ENVIRONMENT "SHIPYARD_TEST_DATA=${SHIPYARD_TEST_DATA}")

find_package(Python3 3.10 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND)
  add_test(NAME cli.fake_batch COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/fake_batch_test.py)
  set_tests_properties(cli.fake_batch PROPERTIES LABELS cli TIMEOUT 120 SKIP_RETURN_CODE 77
                       ENVIRONMENT "SHIPYARD_TEST_DATA=${SHIPYARD_TEST_DATA}")
endif()

# The submit client, from the command line, against that double.
if(Python3_Interpreter_FOUND AND TARGET shipyard-submit)
  foreach(part run diagnose interrupt misbehaviour killed sign_in render)
    add_test(NAME cli.client_${part}
             COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/client_${part}_test.py)
    set_tests_properties(
      cli.client_${part}
      PROPERTIES LABELS cli TIMEOUT 300 SKIP_RETURN_CODE 77
                 ENVIRONMENT "SHIPYARD_TEST_DATA=${SHIPYARD_TEST_DATA};SHIPYARD_SUBMIT=$<TARGET_FILE:shipyard-submit>")
  endforeach()
  # The longest: first, where nothing is known of earlier runs.
  set_tests_properties(cli.client_misbehaviour cli.client_run PROPERTIES COST 60)
endif()
