#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/result.hpp"
#include "base/terminal.hpp"
#include "batch/client/service.hpp"

namespace shipyard::batch {

/// What the command line asks for.
struct Request {
  enum class Verb {
    kHelp,
    kVersion,
    kRun,
    kSubmit,
    kRender,
    kStatus,
    kLogs,
    kTerminate,
    kCleanup,
    kPoolCreate,
    kPoolStatus,
    kPoolResize,
    kPoolDelete,
    kDiagnose,
    kConvert,
    kSchema,
  };

  Verb verb = Verb::kHelp;
  std::string help;  ///< the text, with kHelp
  Verbosity verbosity = Verbosity::kNormal;

  std::string file;             ///< job file
  std::string shipyard_config;  ///< directory of Batch Shipyard's files, in place of it
  /// Where the job comes from: the file, or that directory.
  [[nodiscard]] const std::string& source() const { return shipyard_config.empty() ? file : shipyard_config; }

  std::string job;   ///< id; empty: the file's
  std::string task;  ///< id; empty: all
  std::string pool;  ///< id
  std::optional<int> nodes;
  std::string image;
  std::vector<std::string> command;  ///< the application command, in place of the file's
  std::optional<std::string> node;   ///< which node's logs: a number or Batch's name of it
  std::optional<int> dedicated, spot;
  int retry_infrastructure = 0;
  bool follow = false;
  bool json = false;
  bool markdown = false;
  bool once_more = false;  ///< a new job, whatever an earlier run has left
  bool delete_job = false;
  std::string output;  ///< file or directory to write
  std::chrono::seconds kill_after{60};
  std::chrono::seconds give_up{600};
  std::chrono::milliseconds poll{5000};
  std::chrono::seconds request_limit{60};
  std::string sign_in = "auto";
  std::string api_version = kApiVersion;
};

/// Of each command, in the order of the overview.
[[nodiscard]] std::vector<CommandLineSpec> command_lines();

/// Fails on words that ask for nothing, with the nearest match. `arguments` without the program's name.
Result<Request> parse_request(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace shipyard::batch
