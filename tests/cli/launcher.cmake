shipyard_cli_test(launcher_usage launcher_usage.sh)
shipyard_cli_test(launcher_fake launcher_fake.sh)
shipyard_cli_test(launcher_gate launcher_gate.sh)
shipyard_cli_test(launcher_job_key launcher_job_key.sh)
shipyard_cli_test(launcher_unlike_nodes launcher_unlike_nodes.sh)
shipyard_cli_test(launcher_check launcher_check.sh)
shipyard_cli_test(launcher_preflight launcher_preflight.sh)
# With the machine's own Open MPI, where it has one.
shipyard_cli_test(launcher_run launcher_run.sh)
shipyard_cli_test(launcher_signals launcher_signals.sh)
# shipyard-rank alone; on other topologies where the data for it is there.
shipyard_cli_test(launcher_rank_binding launcher_rank_binding.sh ${SHIPYARD_TEST_DATA})
shipyard_cli_test(launcher_hardware_table launcher_hardware_table.sh)
# The watch for preemptions against a metadata service of the test's own.
add_executable(watch_preemption ${PROJECT_SOURCE_DIR}/tests/lib/watch_preemption.cpp)
target_link_libraries(watch_preemption PRIVATE shipyard::preempt shipyard_warnings)
set_target_properties(watch_preemption PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
shipyard_cli_test(launcher_preemption_watch launcher_preemption_watch.sh)
shipyard_cli_test(launcher_preempt launcher_preempt.sh)
