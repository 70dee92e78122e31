#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "launcher/preflight/decision.hpp"
#include "launcher/preflight/link_report.hpp"

namespace shipyard::launcher::preflight {

/// What a preflight has found, for the user and for the report.
struct Account {
  std::vector<std::string> hosts = {};     ///< that took part, in the job's order
  std::vector<std::string> measured = {};  ///< those of them that allpairs ran on
  std::optional<LinkReport> links = {};    ///< by their place in `measured`
  std::vector<UnfitNode> left_out = {};
  std::vector<std::string> used = {};  ///< that the program gets; empty: it was refused
  std::chrono::milliseconds time{0};
};

/// "1.83 µs", "51.2 ms"; "462 MB/s", "23.1 GB/s".
[[nodiscard]] std::string latency_text(double nanoseconds);
[[nodiscard]] std::string bandwidth_text(double megabytes_per_second);

/// Why a node or a link is slow: "slow: 3.10 µs and 5.0 GB/s, typical are 1.83 µs and 23.1 GB/s".
[[nodiscard]] std::string slow_text(const LinkFigures& figures, const LinkFigures& typical);

/// "4 nodes in 9.4 s: latency 1.83 µs, bandwidth 23.1 GB/s, no node is slow". Pure.
[[nodiscard]] std::string verdict_line(const Account& account);

/// "10.0.0.7 is left out: slow: …", a line for each, the first ten of them; then links that are slow by
/// themselves. Pure.
[[nodiscard]] std::vector<std::string> complaints(const Account& account);

/// The `preflight` of a report (report.hpp). Pure.
[[nodiscard]] nlohmann::ordered_json account_as_json(const Account& account);

}  // namespace shipyard::launcher::preflight
