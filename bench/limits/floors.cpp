#include "bench/limits/floors.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bench/harness/sizes.hpp"
#include "bench/harness/table.hpp"

namespace shipyard::bench {
namespace {

std::optional<Limit> faster_copy(const Medians& medians) {
  std::optional<Limit> copy;
  if (medians.memcpy_ns) copy = {*medians.memcpy_ns, "memcpy"};
  if (medians.cma_ns && (!copy || *medians.cma_ns < copy->ns)) copy = {*medians.cma_ns, "CMA"};
  return copy;
}

std::optional<Limit> raw_tcp(const std::optional<double>& ns) {
  return ns ? std::optional(Limit{*ns, "raw TCP"}) : std::nullopt;
}

/// A line of the table, and behind it what the limit is.
std::string row(const Table& table, const Figures& figures, const std::optional<Limit>& limit) {
  std::string line = format_row(table, figures);
  if (!limit) return line;
  line.pop_back();
  return line + "   " + limit->what + "\n";
}

/// The best of all sizes, by rate.
struct Best {
  double rate = 0;
  std::int64_t bytes = 0;
};

std::optional<Best> best_rate(const std::vector<Medians>& sizes, std::optional<double> Medians::*ns,
                              int messages) {
  std::optional<Best> best;
  for (const Medians& one : sizes) {
    if (!(one.*ns) || one.bytes == 0) continue;
    const double rate = rate_MB(one.bytes * messages, *(one.*ns));
    if (!best || rate > best->rate) best = {rate, one.bytes};
  }
  return best;
}

}  // namespace

double rate_MB(std::int64_t bytes, double ns) { return ns > 0 ? static_cast<double>(bytes) * 1e3 / ns : 0; }

bool has_limit(std::optional<Fabric> fabric) {
  return fabric == Fabric::kSharedMemory || fabric == Fabric::kTcp;
}

std::optional<Limit> one_way_limit(std::optional<Fabric> fabric, const Medians& medians) {
  if (fabric != Fabric::kSharedMemory) return raw_tcp(medians.tcp_ns);
  const auto copy = faster_copy(medians);
  if (!medians.hop_ns || !copy) return std::nullopt;
  if (medians.bytes == 0) return Limit{*medians.hop_ns, "hop"};
  return Limit{*medians.hop_ns + copy->ns, "hop + " + copy->what};
}

std::optional<Limit> window_limit(std::optional<Fabric> fabric, const Medians& medians, int window) {
  if (fabric != Fabric::kSharedMemory) return raw_tcp(medians.tcp_stream_ns);
  const auto copy = faster_copy(medians);
  if (!medians.hop_ns || !copy) return std::nullopt;
  return Limit{2 * *medians.hop_ns + window * copy->ns, copy->what};
}

std::string describe_limit(std::optional<Fabric> fabric, const std::string& tcp_path) {
  if (fabric == Fabric::kSharedMemory)
    return "a cache line's hop and one copy of the bytes, by memcpy or CMA, whichever is faster";
  const std::string raw = tcp_path.empty() ? "" : "raw TCP, " + tcp_path;
  if (fabric == Fabric::kTcp) return raw.empty() ? "not measured: no raw TCP" : raw;
  const std::string beside = raw.empty() ? "" : "; beside it " + raw;
  return (fabric ? "not measured: that of InfiniBand needs verbs"
                 : "not known, since what carried the messages is not") +
         beside;
}

std::string limits_text(std::optional<Fabric> fabric, const std::vector<Medians>& sizes, int window,
                        std::optional<double> dram_MB) {
  const bool limited = has_limit(fabric);
  const Column bytes{.title = "bytes", .figure = "bytes", .width = 10};
  const Table latency{
      .spans = {{.title = "one way, µs", .first = 1, .last = 2}},
      .columns = {
          bytes,
          {.title = "MPI", .figure = "mpi", .scale = 1e-3, .decimals = 3, .width = 13},
          {.title = limited ? "limit" : "TCP", .figure = "limit", .scale = 1e-3, .decimals = 3, .width = 13},
          {.title = limited ? "MPI/limit" : "MPI/TCP", .figure = "ratio", .decimals = 2, .width = 12}}};
  const Table bandwidth{
      .spans = {{.title = fmt::format("{} in the air, MB/s", window), .first = 1, .last = 2}},
      .columns = {
          bytes,
          {.title = "MPI", .figure = "mpi", .decimals = 1, .width = 13},
          {.title = limited ? "limit" : "TCP", .figure = "limit", .decimals = 1, .width = 13},
          {.title = limited ? "% of limit" : "% of TCP", .figure = "ratio", .decimals = 1, .width = 12}}};

  std::string text = "\n" + format_head(latency);
  for (const Medians& one : sizes) {
    const auto limit = one_way_limit(fabric, one);
    Figures figures{{"bytes", static_cast<double>(one.bytes)}, {"mpi", one.mpi_ns}};
    if (limit) figures.insert({{"limit", limit->ns}, {"ratio", one.mpi_ns / limit->ns}});
    text += row(latency, figures, limit);
  }
  text += "\n" + format_head(bandwidth);
  for (const Medians& one : sizes) {
    if (one.bytes == 0) continue;
    const auto limit = window_limit(fabric, one, window);
    const std::int64_t moved = window * one.bytes;
    Figures figures{{"bytes", static_cast<double>(one.bytes)}, {"mpi", rate_MB(moved, one.mpi_window_ns)}};
    if (limit)
      figures.insert({{"limit", rate_MB(moved, limit->ns)}, {"ratio", 100 * limit->ns / one.mpi_window_ns}});
    text += row(bandwidth, figures, limit);
  }

  std::string floors;
  const auto floor = [&](const std::string& name, const std::string& value) {
    floors += fmt::format("  {:<33}{:>14}\n", name, value);
  };
  const auto best = [&](const char* name, std::optional<double> Medians::*ns, int messages) {
    if (const auto found = best_rate(sizes, ns, messages))
      floor(fmt::format("{}, best at {}", name, format_bytes(found->bytes)),
            fmt::format("{:.1f} MB/s", found->rate));
  };
  if (!sizes.empty() && sizes.front().hop_ns)
    floor("a cache line's hop", fmt::format("{:.3f} µs", *sizes.front().hop_ns / 1e3));
  best("memcpy", &Medians::memcpy_ns, 1);
  if (dram_MB) floor("memcpy, memory to memory", fmt::format("{:.1f} MB/s", *dram_MB));
  best("CMA", &Medians::cma_ns, 1);
  if (!sizes.empty() && sizes.front().tcp_ns)
    floor(fmt::format("raw TCP, one way, {}",
                      sizes.front().bytes > 1 ? fmt::format("{} bytes", sizes.front().bytes) : "1 byte"),
          fmt::format("{:.3f} µs", *sizes.front().tcp_ns / 1e3));
  best("raw TCP", &Medians::tcp_stream_ns, window);
  return floors.empty() ? text : text + "\n" + floors;
}

}  // namespace shipyard::bench
