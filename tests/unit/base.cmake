shipyard_unit_test(base_test
  LIBRARIES shipyard::base
  SOURCES
    base_base64_test.cpp
    base_bash_completion_test.cpp
    base_command_line_test.cpp
    base_cpu_list_test.cpp
    base_environment_test.cpp
    base_file_descriptor_test.cpp
    base_file_test.cpp
    base_ip_network_test.cpp
    base_man_page_test.cpp
    base_shell_quote_test.cpp
    base_signals_test.cpp
    base_subprocess_test.cpp
    base_temporary_directory_test.cpp
    base_terminal_test.cpp)
