shipyard_cli_test(local local.sh)
