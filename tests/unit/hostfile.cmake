shipyard_unit_test(hostfile_test
  LIBRARIES shipyard::hostfile_tool nlohmann_json::nlohmann_json
  SOURCES
    hostfile_host_test.cpp
    hostfile_host_list_test.cpp
    hostfile_host_source_test.cpp
    hostfile_hostfile_test.cpp
    hostfile_passwd_test.cpp
    hostfile_ssh_config_block_test.cpp
    hostfile_ssh_config_test.cpp
    hostfile_tool_test.cpp)
