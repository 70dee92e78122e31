shipyard_unit_test(client_test
  LIBRARIES shipyard::batch_client nlohmann_json::nlohmann_json
  SOURCES
    client_shared_key_test.cpp
    client_shipyard_config_keys_test.cpp
    client_shipyard_config_shell_test.cpp
    client_shipyard_config_test.cpp
    client_shipyard_config_text_test.cpp)
