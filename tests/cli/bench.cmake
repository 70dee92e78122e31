# The real binaries under a real, local mpirun: about two minutes of measuring in short runs.
shipyard_cli_test(bench_pingpong bench_pingpong.sh $<TARGET_FILE:pingpong>)

find_package(MPI REQUIRED COMPONENTS C)
add_library(corrupt_messages MODULE corrupt_messages.c)
target_link_libraries(corrupt_messages PRIVATE MPI::MPI_C)
add_library(places_of_messages MODULE places_of_messages.c)
target_link_libraries(places_of_messages PRIVATE MPI::MPI_C)
add_library(slow_rank MODULE slow_rank.c)
target_link_libraries(slow_rank PRIVATE MPI::MPI_C)
shipyard_cli_test(bench_programs bench_programs.sh $<TARGET_FILE_DIR:pingpong> $<TARGET_FILE:corrupt_messages>
                  $<TARGET_FILE:places_of_messages> $<TARGET_FILE:slow_rank>)
shipyard_cli_test(bench_noise bench_noise.sh $<TARGET_FILE:noise>)

shipyard_cli_test(bench_limits bench_limits.sh $<TARGET_FILE:limits>)

# They measure, and they count on ranks that get their turn.
set_tests_properties(cli.bench_pingpong cli.bench_programs cli.bench_noise cli.bench_limits PROPERTIES RUN_SERIAL TRUE)

shipyard_cli_test(bench_compare bench_compare.sh $<TARGET_FILE:bench-compare> $<TARGET_FILE:bandwidth>
                  $<TARGET_FILE:pingpong>)
shipyard_cli_test(bench_launch bench_launch.sh $<TARGET_FILE:launch> $<TARGET_FILE:bench-compare>)
