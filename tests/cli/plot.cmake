# Pictures of reports made by hand: no MPI, nothing measured.
find_package(Python3 3.10 COMPONENTS Interpreter)
shipyard_cli_test(plot plot.sh)
set_tests_properties(cli.plot PROPERTIES PROCESSORS 2)
if(Python3_Interpreter_FOUND)
  add_test(NAME cli.plot_parts COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_SOURCE_DIR}/plot_parts.py)
  set_tests_properties(cli.plot_parts PROPERTIES LABELS cli TIMEOUT 60)
endif()
