shipyard_unit_test(bench_test
  LIBRARIES shipyard::bench_core
  SOURCES
    bench_expectations_test.cpp
    bench_limits_test.cpp
    bench_links_test.cpp
    bench_mpi_text_test.cpp
    bench_noise_test.cpp
    bench_options_test.cpp
    bench_placement_test.cpp
    bench_progress_line_test.cpp
    bench_screen_test.cpp
    bench_sizes_test.cpp
    bench_statistics_test.cpp
    bench_table_test.cpp)
# Without MPI and Google Benchmark as well.
shipyard_unit_test(bench_compare_test
  LIBRARIES shipyard::bench_compare
  SOURCES
    bench_compare_options_test.cpp
    bench_comparison_test.cpp
    bench_rank_statistics_test.cpp
    bench_report_test.cpp)
shipyard_unit_test(bench_launch_test
  LIBRARIES shipyard::bench_launch shipyard::bench_compare
  SOURCES
    bench_launch_options_test.cpp
    bench_launch_phases_test.cpp
    bench_launch_report_test.cpp
    bench_launch_schedule_test.cpp)
