# The real binary under a real, local mpirun: about a minute of measuring in short runs.
shipyard_cli_test(bench_pingpong bench_pingpong.sh $<TARGET_FILE:pingpong>)
# It measures, and it counts on ranks that get their turn.
set_tests_properties(cli.bench_pingpong PROPERTIES RUN_SERIAL TRUE)
shipyard_cli_test(bench_compare bench_compare.sh $<TARGET_FILE:bench-compare>)
