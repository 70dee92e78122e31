#include "bench/harness/program.hpp"

#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>

#include "base/documents.hpp"
#include "base/terminal.hpp"
#include "bench/harness/leader.hpp"
#include "bench/harness/mpi_environment.hpp"
#include "bench/harness/mpi_facts.hpp"
#include "bench/harness/progress_line.hpp"
#include "bench/harness/screen.hpp"
#include "bench/harness/watchdog.hpp"

namespace shipyard::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Beyond the time limit, for what was under way when it came.
Seconds grace(const Options& options) { return std::max(Seconds{2}, options.time_limit / 2); }

/// A way to end before anything is measured: what to print, where, and the exit status. The same on all
/// ranks.
struct Ending {
  int status = kSuccess;
  std::string text;
};

int end_with(const Ending& ending) {
  std::fflush(stdout);
  std::FILE* stream = ending.status == kSuccess ? stdout : stderr;
  fmt::print(stream, "{}", ending.text);
  std::fflush(stream);
  return ending.status;
}

Ending usage_ending(const Program& program, const Error& error) {
  return {kUsage, format_error(program.text.name, error)};
}

std::optional<Ending> early_ending(const Program& program, const Result<Options>& parsed) {
  if (!parsed) return usage_ending(program, parsed.error());
  if (parsed->help) return Ending{kSuccess, help_text(command_line(program.text))};
  if (parsed->version) {
    return Ending{kSuccess, fmt::format("{} (shipyard-mpirun {})\n", program.text.name, SHIPYARD_VERSION)};
  }
  return std::nullopt;
}

/// Collective: the message of the lowest rank that has one, on all ranks; empty if none has.
std::string agree_on_error(std::string mine) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  constexpr int kNobody = std::numeric_limits<int>::max();
  const int claim = mine.empty() ? kNobody : rank;
  int lowest = kNobody;
  MPI_Allreduce(&claim, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (lowest == kNobody) return {};
  if (rank == lowest && rank != 0) mine = fmt::format("rank {}: {}", rank, mine);
  int length = static_cast<int>(mine.size());
  MPI_Bcast(&length, 1, MPI_INT, lowest, MPI_COMM_WORLD);
  mine.resize(static_cast<std::size_t>(length));
  MPI_Bcast(mine.data(), length, MPI_CHAR, lowest, MPI_COMM_WORLD);
  return mine;
}

/// Collective: whether all ranks were given the same arguments (`mpirun -np 1 a : -np 1 b` can differ).
bool arguments_are_equal(const std::vector<std::string>& arguments) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (const std::string& argument : arguments) {
    // With the final NUL, which keeps "a b" and "ab" apart.
    for (std::size_t i = 0; i <= argument.size(); ++i)
      hash = (hash ^ static_cast<unsigned char>(argument.c_str()[i])) * 1099511628211u;
  }
  std::array<std::uint64_t, 2> mine = {hash, ~hash};
  std::array<std::uint64_t, 2> largest{};
  MPI_Allreduce(mine.data(), largest.data(), 2, MPI_UINT64_T, MPI_MAX, MPI_COMM_WORLD);
  return largest[0] == ~largest[1];
}

/// Google Benchmark calls exit() where it cannot go on (a report that cannot be written): the others are not
/// to wait.
Crew* crew_at_exit = nullptr;

void dismiss_at_exit() {
  if (crew_at_exit == nullptr) return;
  crew_at_exit->dismiss();
  MPI_Finalize();
}

/// Empty if the report can be written; creates the file.
std::string report_problem(const Options& options) {
  if (options.out_file.empty()) return {};
  errno = 0;
  std::FILE* file = std::fopen(options.out_file.c_str(), "a");
  if (file == nullptr) return fmt::format("--out {}: {}", options.out_file, std::strerror(errno));
  std::fclose(file);
  return {};
}

/// Empty where the messages of all ranks that measure on this rank's machine have room there: Linux would
/// promise the memory, and end a rank when it is touched.
std::string memory_problem(const Equipment& equipment, const Placement& placement,
                           const std::vector<int>& measuring, int rank) {
  const auto& here = placement[static_cast<std::size_t>(rank)];
  const auto ranks = static_cast<std::size_t>(std::count_if(measuring.begin(), measuring.end(), [&](int one) {
    const auto& there = placement[static_cast<std::size_t>(one)];
    return there.node == here.node || (!here.machine.empty() && there.machine == here.machine);
  }));
  const auto available = available_memory();
  const std::size_t each = equipment.send_bytes + equipment.receive_bytes;
  if (!available || ranks == 0 || each <= *available / ranks) return {};
  constexpr double kMega = 1e6;
  return fmt::format("the messages of {} ranks on {} need {:.0f} MB each, and {:.0f} MB in all are available",
                     ranks, here.host, static_cast<double>(each) / kMega,
                     static_cast<double>(*available) / kMega);
}

std::string memory_hint(const Offers& offers, const Options& options) {
  const bool window = options.validate || options.buffers != Buffers::kSingle;
  return std::string("fewer ranks") + (offers.sizes ? ", or smaller --sizes" : "") +
         (window && offers.window > 0 ? ", or a smaller --window" : "") +
         (options.validate ? ", or no --validate" : "") +
         (options.buffers != Buffers::kSingle ? ", or --buffers single" : "") +
         (offers.kernels.empty() ? "" : ", or fewer --kernels");
}

/// What the watchdog says when MPI never came back.
std::string hang_report(const Options& options, std::int64_t progress) {
  std::string where = fmt::format("at {} bytes", progress);
  if (progress == kStarting) where = "before the first measurement";
  if (progress == kEnding) where = "after the last measurement";
  return fmt::format(
      "no end in sight {:g} s after the time limit of {:g} s: MPI did not return {}\n"
      "hint: a rank may have stopped, or MPI may have chosen a network on which the ranks do not\n"
      "      reach each other, such as a container bridge; with Open MPI, name the right one in\n"
      "      btl_tcp_if_include",
      grace(options).count(), options.time_limit.count(), where);
}

/// Everything between MPI_Init and MPI_Finalize.
int run_in_mpi(const Program& program, const char* executable, const std::vector<std::string>& arguments,
               const Result<Options>& parsed, const Environment& environment, Progress& progress) {
  const auto start = Clock::now();
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const bool is_leader = rank == 0;
  const auto end = [&](const Ending& ending) { return is_leader ? end_with(ending) : ending.status; };
  const auto refuse = [&](const Error& error) { return end(usage_ending(program, error)); };

  // The hint is the same for all who have the same error.
  if (const auto error = agree_on_error(parsed ? "" : parsed.error().message); !error.empty())
    return refuse(input_error(error, parsed ? std::string() : parsed.error().hint));
  if (!arguments_are_equal(arguments)) return refuse(input_error("the ranks were given different options"));
  if (const auto ending = early_ending(program, parsed)) return end(*ending);

  const Options& options = *parsed;
  const Placement placement = gather_placement();
  const auto selection = program.select(placement, options);
  if (!selection) return refuse(selection.error());
  if (const auto error = agree_on_error(is_leader ? report_problem(options) : ""); !error.empty())
    return refuse(input_error(error));

  const auto& sizes = sizes_for(program, options);
  const Equipment equipment =
      equipment_for(program.kernels, options, std::max(kProbeBytes, sizes.empty() ? 0 : sizes.back()),
                    selection->ranks.size(), last_cache_bytes());
  if (const auto error = agree_on_error(memory_problem(equipment, placement, selection->ranks, rank));
      !error.empty())
    return refuse(input_error(error, memory_hint(program.text.offers, options)));
  Crew crew(program.kernels, selection->ranks, equipment);
  if (!is_leader) {
    crew.work();
    return kSuccess;
  }
  for (const std::string& note : selection->notes) say(program, "note", note);
  crew_at_exit = &crew;
  std::atexit(dismiss_at_exit);
  // A table has its terminal to itself but for the line; JSON and CSV have all of it.
  const auto screen = choose_screen(ancestors());
  const bool shown = screen && (!screen->standard_output || options.format == Format::kTable ||
                                options.format == Format::kOsu);
  ProgressLine progress_line(screen && screen->standard_output ? std::cout : std::cerr,
                             shown ? std::optional(screen->columns) : std::nullopt);
  const int status =
      lead({program, options, *selection, placement, environment, crew, progress, progress_line, start,
            start + std::chrono::duration_cast<Clock::duration>(options.time_limit)},
           executable);
  progress = kEnding;
  crew.dismiss();
  crew_at_exit = nullptr;
  return status;
}

}  // namespace

int run_program(int argc, char** argv, const Program& program) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (asks_for_documents(arguments))
    return print_documents(program.text.name, {command_line(program.text)}, arguments, std::cout, std::cerr);
  const Result<Options> parsed = parse_options(program.text, arguments);
  const Environment environment = Environment::capture();
  // Which of several processes this is takes MPI_Init to know; a single one answers --help and a wrong option
  // without MPI.
  if (!started_by_launcher(environment)) {
    if (const auto ending = early_ending(program, parsed)) return end_with(*ending);
  }

  int provided = MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);  // the watchdog's thread calls no MPI
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  Progress progress = kStarting;
  std::optional<Watchdog> watchdog;
  if (rank == 0) {
    const Options options = parsed ? *parsed : Options{};
    watchdog.emplace(options.time_limit + grace(options), [&program, &progress, options] {
      say(program, "error", hang_report(options, progress));
      _exit(kFailure);  // not MPI_Abort: MPI is what hangs, on another thread; mpirun ends the others
    });
  }

  int status = kFailure;
  try {
    status = run_in_mpi(program, argv[0], arguments, parsed, environment, progress);
  } catch (const std::exception& error) {
    say(program, "error", fmt::format("rank {}: {}", rank, error.what()));
    MPI_Abort(MPI_COMM_WORLD, kFailure);
  }
  MPI_Finalize();
  return status;
}

}  // namespace shipyard::bench
