shipyard_cli_test(launcher_usage launcher_usage.sh)
shipyard_cli_test(launcher_fake launcher_fake.sh)
shipyard_cli_test(launcher_gate launcher_gate.sh)
shipyard_cli_test(launcher_job_key launcher_job_key.sh)
shipyard_cli_test(launcher_unlike_nodes launcher_unlike_nodes.sh)
# With the machine's own Open MPI, where it has one.
shipyard_cli_test(launcher_run launcher_run.sh)
shipyard_cli_test(launcher_signals launcher_signals.sh)
# shipyard-rank alone; on other topologies where the data for it is there.
shipyard_cli_test(launcher_rank_binding launcher_rank_binding.sh ${SHIPYARD_TEST_DATA})
shipyard_cli_test(launcher_man launcher_man.sh ${PROJECT_SOURCE_DIR}/docs/shipyard-mpirun.1)
shipyard_cli_test(launcher_hardware_table launcher_hardware_table.sh)
