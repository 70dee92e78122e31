shipyard_unit_test(client_test
  LIBRARIES shipyard::batch_client nlohmann_json::nlohmann_json
  SOURCES
    client_commands_test.cpp
    client_document_test.cpp
    client_job_file_test.cpp
    client_options_test.cpp
    client_requests_test.cpp
    client_retry_test.cpp
    client_schema_test.cpp
    client_service_test.cpp
    client_shared_key_test.cpp
    client_sign_in_test.cpp
    client_submission_record_test.cpp
    client_submit_test.cpp
    client_task_view_test.cpp
    client_text_table_test.cpp
    client_vm_size_test.cpp)
