#pragma once

namespace shipyard::batch {

// A configuration with every key of Batch Shipyard's schemas, and of older ones where they have other names.
// Its values differ from what holds without them, so that leaving one out shows.

inline constexpr const char* kEveryJobsKey = R"(job_specifications:
- id: first
  auto_complete: true
  environment_variables:
    JOB_LEVEL: one
  environment_variables_keyvault_secret_id: https://vault.example.com/job
  max_task_retries: 1
  max_wall_time: 02:00:00
  retention_time: 1.12:00:00
  priority: 7
  user_identity:
    default_pool_admin: true
    specific_user:
      uid: 1001
      gid: 1002
  auto_pool:
    keep_alive: true
    pool_lifetime: job_schedule
  recurrence:
    schedule:
      do_not_run_after: 2030-01-01
      do_not_run_until: 2029-01-01
      recurrence_interval: 00:05:00
      start_window: 00:01:00
    job_manager:
      allow_low_priority_node: true
      monitor_task_completion: true
      run_exclusive: true
  allow_run_on_missing_image: true
  remove_container_after_exit: false
  shm_size: 256m
  infiniband: true
  gpu: false
  exit_conditions:
    default:
      exit_options:
        job_action: terminate
        dependency_action: satisfy
  data_volumes:
  - jobvolume
  shared_data_volumes:
  - azurefile
  auto_scratch: true
  input_data:
    azure_batch:
    - job_id: other
      task_id: other-task
      include: ['*.dat']
      exclude: ['*.txt']
      destination: /there
    azure_storage:
    - storage_account_settings: link
      remote_path: jobdata/dir
      local_path: $AZ_BATCH_NODE_SHARED_DIR/jobdata
  default_working_dir: container
  restrict_default_bind_mounts: true
  federation_constraints:
    pool:
      location: somewhere
    compute_node:
      exclusive: true
  tasks:
  - id: mpi-one
    docker_image: solver:1
    name: container-name
    labels:
    - purpose=test
    environment_variables:
      TASK_LEVEL: '2'
    environment_variables_keyvault_secret_id: https://vault.example.com/task
    ports:
    - '8080'
    data_volumes:
    - hostvolume
    shared_data_volumes:
    - azureblob
    - nfs
    resource_files:
    - blob_source: https://data.example.com/input
      file_path: input.dat
      file_mode: '0750'
    input_data:
      azure_batch:
      - job_id: other
        task_id: other-task
      azure_storage:
      - storage_account_settings: link
        remote_path: input/dir
        local_path: $AZ_BATCH_TASK_WORKING_DIR/in
        is_file_share: false
        include: ['*.bin']
        exclude: ['*.tmp']
        blobxfer_extra_options: --fast
    output_data:
      azure_storage:
      - storage_account_settings: link
        remote_path: output/dir
        local_path: $AZ_BATCH_TASK_WORKING_DIR/out
        is_file_share: false
        include: ['*.vtk']
        exclude: ['*.tmp']
        blobxfer_extra_options: --fast
    default_working_dir: container
    remove_container_after_exit: false
    shm_size: 2g
    additional_docker_run_options:
    - --cap-add=SYS_ADMIN
    infiniband: true
    gpu: true
    depends_on:
    - plain
    depends_on_range:
    - 1
    - 10
    max_task_retries: 2
    max_wall_time: 03:00:00
    retention_time: 2.00:00:00
    exit_conditions:
      default:
        exit_options:
          job_action: disable
          dependency_action: block
    multi_instance:
      num_instances: 4
      coordination_command: /coordinate.sh
      pre_execution_command: source /opt/env.sh
      resource_files:
      - blob_source: https://data.example.com/shared
        file_path: shared.dat
        file_mode: '0640'
      mpi:
        runtime: openmpi
        options:
        - --mca pml ob1
        executable_path: /opt/openmpi/bin/mpirun
        processes_per_node: 8
    entrypoint: /entry.sh
    command: ./solver
    singularity_execution:
      cmd: run
      elevated: true
    additional_singularity_options:
    - --contain
  - docker_image: plain:1
    gpus: disable
    command: hostname
  - id: plain
    image: plain:2
    command: hostname
  - id: left-out
    singularity_image: library://mpi
    command: hostname
  - id: made-by-factory
    docker_image: plain:1
    task_factory:
      repeat: 3
    command: echo {}
  merge_task:
    id: merge
    docker_image: plain:3
    command: ./merge
- id: second
  force_enable_task_dependencies: true
  tasks:
  - docker_image: solver:1
    multi_instance:
      num_instances: pool_current_dedicated
    command: mpirun ./solver
)";

inline constexpr const char* kEveryPoolKey = R"(pool_specification:
  id: hpc
  vm_configuration:
    platform_image:
      publisher: canonical
      offer: UbuntuServer
      sku: 18.04-LTS
      version: '18.04.1'
      native: true
      license_type: windows_server
  vm_size: STANDARD_HB120RS_V3
  vm_count:
    dedicated: 4
    low_priority: 2
  max_tasks_per_node: 2
  resize_timeout: 00:20:00
  node_fill_type: pack
  autoscale:
    evaluation_interval: 00:15:00
    scenario:
      name: active_tasks
    formula: x
  inter_node_communication_enabled: false
  per_job_auto_scratch: true
  reboot_on_start_task_failed: true
  attempt_recovery_on_unusable: true
  upload_diagnostics_logs_on_unusable: true
  block_until_all_global_resources_loaded: true
  transfer_files_on_pool_creation: true
  input_data:
    azure_batch:
    - job_id: other
      task_id: other
      destination: /there
  resource_files:
  - blob_source: https://data.example.com/pool
    file_path: pool.dat
    file_mode: '0640'
  ssh:
    username: user
    expiry_days: 30
    ssh_public_key: /key.pub
    ssh_public_key_data: ssh-rsa data
    ssh_private_key: /key
    generate_docker_tunnel_script: true
    generated_file_export_path: /there
    hpn_server_swap: true
    allow_docker_access: true
  rdp:
    username: user
    password: THE-SECRET-of-rdp
    expiry_days: 30
  remote_access_control:
    starting_port: 49000
    allow: ['*']
    deny: ['*']
  virtual_network:
    arm_subnet_id: /subscriptions/s/subnet
    name: net
    resource_group: group
    create_nonexistant: true
    address_space: 10.0.0.0/16
    subnet:
      name: subnet
      address_prefix: 10.0.0.0/20
  public_ips:
  - /subscriptions/s/ip
  certificates:
    0123456789:
      visibility: [task]
  gpu:
    nvidia_driver:
      source: https://data.example.com/driver
    ignore_warnings: true
  additional_node_prep:
    commands:
      pre: [modprobe a]
      post: [modprobe b]
    environment_variables:
      NODE_LEVEL: x y
    environment_variables_keyvault_secret_id: https://vault.example.com/prep
  additional_node_prep_commands:
    pre: [modprobe c]
    post: [modprobe d]
  batch_insights_enabled: true
  prometheus:
    node_exporter:
      enabled: true
      port: 9100
      options: [--x]
    cadvisor:
      enabled: true
      port: 8080
      options: [--x]
  container_runtimes:
    install: [singularity]
    default: kata_containers
)";

inline constexpr const char* kEveryConfigKey = R"(batch_shipyard:
  storage_account_settings: link
  storage_entity_prefix: prefix
  generated_sas_expiry_days: 3
  autogenerated_task_id:
    prefix: auto-
    zfill_width: 3
  encryption:
    enabled: true
    pfx:
      filename: encrypt.pfx
      passphrase: THE-SECRET-of-pfx
      sha1_thumbprint: '0123'
    public_key_pem: encrypt.pem
  fallback_registry: mirror.example.com
  delay_docker_image_preload: true
  store_timing_metrics: true
  use_shipyard_docker_image: true
data_replication:
  concurrent_source_downloads: 3
  peer_to_peer:
    enabled: true
    compression: true
    direct_download_seed_bias: 2
global_resources:
  additional_registries:
    docker:
    - other.example.com
    singularity:
    - other.example.com
  docker_images:
  - solver:1
  singularity_images:
    unsigned:
    - image: library://x
    signed:
    - image: library://y
      signing_key:
        fingerprint: '0123'
        file: y.asc
  volumes:
    data_volumes:
      jobvolume:
        container_path: /jobvolume
        bind_options: ro
      hostvolume:
        container_path: /inside
        host_path: /outside
        bind_options: ro
    shared_data_volumes:
      azurefile:
        volume_driver: azurefile
        storage_account_settings: link
        azure_file_share_name: share
        container_path: $AZ_BATCH_NODE_SHARED_DIR/azurefile
        mount_options:
        - file_mode=0777
        - dir_mode=0777
        bind_options: ro
      azureblob:
        volume_driver: azureblob
        storage_account_settings: link
        azure_blob_container_name: blobs
        container_path: /blobs
        mount_options:
        - --use-attr-cache=true
        bind_options: ro
      nfs:
        volume_driver: custom_linux_mount
        container_path: /nfs
        fstab_entry:
          fs_spec: 10.0.0.9:/export
          fs_vfstype: nfs4
          fs_mntops: hard
          fs_freq: 1
          fs_passno: 2
        bind_options: ro
      gluster:
        volume_driver: glusterfs_on_compute
        volume_type: replica
        volume_options: [x]
        container_path: /gluster
  files:
  - source:
      path: /local
      include: ['*']
      exclude: ['*']
    destination:
      relative_destination_path: there
      shared_data_volume: gluster
      storage_account_settings: link
      data_transfer:
        method: scp
)";

inline constexpr const char* kEveryCredentialsKey = R"(credentials:
  aad:
    directory_id: directory
    application_id: application
    auth_key: THE-SECRET-of-aad
    password: THE-SECRET-of-user
  batch:
    aad:
      endpoint: https://batch.example.com/
      auth_key: THE-SECRET-of-batch-aad
    account_key: THE-SECRET-of-batch
    account_key_keyvault_secret_id: https://vault.example.com/batch
    account_service_url: https://mybatch.westeurope.batch.azure.com/
    test_cluster: true
    resource_group: group
    application_insights:
      application_id: id
      instrumentation_key: THE-SECRET-of-insights
  storage:
    aad:
      endpoint: https://storage.example.com/
      auth_key: THE-SECRET-of-storage-aad
    link:
      account: mystorage
      account_key: THE-SECRET-of-storage
      account_key_keyvault_secret_id: https://vault.example.com/storage
      endpoint: core.example.net
      resource_group: group
  docker_registry:
    hub:
      username: huber
      password: THE-SECRET-of-hub
      password_keyvault_secret_id: https://vault.example.com/hub
    other.example.com:
      username: other
      password: THE-SECRET-of-other
      password_keyvault_secret_id: https://vault.example.com/other
  singularity_registry:
    other.example.com:
      username: other
      password: THE-SECRET-of-singularity
  management:
    aad:
      endpoint: https://management.example.com/
      auth_key: THE-SECRET-of-management
    subscription_id: subscription
  keyvault:
    aad:
      endpoint: https://vault.example.com/
      auth_key: THE-SECRET-of-vault
    credentials_secret_id: https://vault.example.com/all
    uri: https://vault.example.com/
  monitoring:
    grafana:
      admin:
        username: admin
        password: THE-SECRET-of-grafana
  slurm:
    db_password: THE-SECRET-of-slurm
)";

}  // namespace shipyard::batch
