shipyard_cli_test(hostfile hostfile_test.sh)
shipyard_cli_test(hostfile_ssh hostfile_ssh_test.sh)
