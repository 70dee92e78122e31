# The pure parts and the value types in between.
shipyard_unit_test(launcher_plan_test
  LIBRARIES shipyard::launcher nlohmann_json::nlohmann_json
  SOURCES
    launcher_binding_check_test.cpp
    launcher_diagnosis_test.cpp
    launcher_fabric_test.cpp
    launcher_gate_text_test.cpp
    launcher_hydra_command_test.cpp
    launcher_installation_test.cpp
    launcher_intel_mpi_command_test.cpp
    launcher_mpi_files_test.cpp
    launcher_mpirun_command_test.cpp
    launcher_node_topologies_test.cpp
    launcher_options_test.cpp
    launcher_outcome_test.cpp
    launcher_plan_test.cpp
    launcher_report_test.cpp
    launcher_subnet_test.cpp)
# The node's hardware as a value, and the layout of ranks on it.
shipyard_unit_test(topology_layout_test
  LIBRARIES shipyard::topology
  SOURCES
    topology_layout_test.cpp)
# Where that value comes from.
shipyard_unit_test(topology_discover_test
  LIBRARIES shipyard::topology
  SOURCES
    topology_cgroup_test.cpp
    topology_corrections_test.cpp
    topology_discover_test.cpp
    topology_infiniband_test.cpp
    topology_restrict_test.cpp
    topology_signature_test.cpp
    topology_xml_scanner_test.cpp)
# What talks to the kernel: sockets on loopback, files, child processes.
shipyard_unit_test(launcher_edge_test
  LIBRARIES shipyard::launcher
  SOURCES
    launcher_reaper_test.cpp
    launcher_gate_test.cpp
    launcher_job_key_test.cpp
    launcher_run_directory_test.cpp)
# The program beside every rank, and what hears from it.
shipyard_unit_test(launcher_rank_test
  LIBRARIES shipyard::rank shipyard::supervise
  SOURCES
    launcher_pmix_clients_test.cpp
    launcher_rank_binding_test.cpp
    launcher_rank_infiniband_test.cpp
    launcher_rank_layout_test.cpp
    launcher_error_output_test.cpp
    launcher_error_relay_test.cpp
    launcher_job_test.cpp
    launcher_rank_monitor_test.cpp
    launcher_reap_test.cpp
    launcher_rank_protocol_test.cpp)
# What a cloud's metadata service says of a node's end.
shipyard_unit_test(launcher_preempt_test
  LIBRARIES shipyard::preempt
  SOURCES
    launcher_http_response_test.cpp
    launcher_metadata_service_test.cpp
    launcher_preemption_watch_test.cpp
    launcher_scheduled_events_test.cpp)
# --check: what nodes say, how it is judged and shown, and the asking itself with a script as ssh.
shipyard_unit_test(launcher_check_test
  LIBRARIES shipyard::launcher nlohmann_json::nlohmann_json
  SOURCES
    check_judge_test.cpp
    check_matrix_test.cpp
    check_node_check_test.cpp
    check_node_facts_test.cpp
    check_ssh_failure_test.cpp)
# --stage: where directories lie, what is in them, which nodes get them, and the sending, with shells as nodes.
shipyard_unit_test(launcher_stage_test
  LIBRARIES shipyard::launcher
  SOURCES
    stage_conversation_test.cpp
    stage_decision_test.cpp
    stage_fetch_test.cpp
    stage_partial_test.cpp
    stage_place_test.cpp
    stage_staged_path_test.cpp
    stage_protocol_test.cpp
    stage_tar_test.cpp
    stage_tree_test.cpp)
# How mpirun is told a layout.
shipyard_unit_test(launcher_mapping_test
  LIBRARIES shipyard::mapping
  SOURCES
    launcher_mapping_test.cpp)
shipyard_unit_test(launcher_topology_map_test
  LIBRARIES shipyard::topology_map
  SOURCES
    launcher_map_text_test.cpp
    launcher_topology_map_test.cpp)
# --preflight: what allpairs has measured, which nodes that leaves, and how it is said.
shipyard_unit_test(launcher_preflight_test
  LIBRARIES shipyard::launcher nlohmann_json::nlohmann_json
  SOURCES
    preflight_account_test.cpp
    preflight_decision_test.cpp
    preflight_link_report_test.cpp)
