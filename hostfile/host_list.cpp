#include "hostfile/host_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "hostfile/host_fault.hpp"

namespace shipyard::hostfile {
namespace {

constexpr std::string_view kBlanks = " \t";

Error fault_at(std::string message, std::string_view text, std::size_t offset, std::string hint = {}) {
  Error error = input_error(std::move(message), std::move(hint));
  error.excerpt = {std::string(text), offset};
  return error;
}

/// Where each host was first seen: an entry's or a line's number.
class SeenHosts {
 public:
  /// For a text of about `count` hosts, or of so many separators and nothing else.
  explicit SeenHosts(std::ptrdiff_t count) {
    constexpr std::ptrdiff_t kMostAtOnce = 1 << 17;
    places_.reserve(static_cast<std::size_t>(std::min(count, kMostAtOnce)));
  }

  /// The number of the place that already has this host; 0 where it is new.
  std::size_t add(const Host& host, std::size_t place) {
    auto [found, inserted] = places_.emplace(identity(host), place);
    return inserted ? 0 : found->second;
  }

 private:
  std::unordered_map<std::string, std::size_t> places_;
};

struct ListGrammar {
  char separator;
  std::string_view hint;
  std::variant<Host, HostFault> (*read)(std::string_view);
};

Result<HostList> parse_list(std::string_view text, std::string_view origin, const ListGrammar& grammar) {
  if (text.empty()) return input_error(fmt::format("{} is empty", origin), std::string(grammar.hint));
  HostList result{{}, std::string(origin)};
  SeenHosts seen(std::ranges::count(text, grammar.separator) + 1);
  std::size_t begin = 0;
  for (std::size_t entry = 1;; ++entry) {
    const std::size_t end = std::min(text.find(grammar.separator, begin), text.size());
    auto host = grammar.read(text.substr(begin, end - begin));
    if (auto* fault = std::get_if<HostFault>(&host)) {
      const std::size_t offset = begin + fault->offset;
      // The hint is about separators: of no use where the fault lies inside an address.
      const bool at_separator =
          offset == end || std::string_view(" \t\r\n,;|/").find(text[offset]) != std::string_view::npos;
      return fault_at(fmt::format("{}: entry {} {}", origin, entry, fault->predicate), text, offset,
                      at_separator ? std::string(grammar.hint) : std::string());
    }
    if (auto first = seen.add(std::get<Host>(host), entry); first != 0) {
      return fault_at(fmt::format("{}: entry {} is the same host as entry {}", origin, entry, first), text,
                      begin, "name each host once");
    }
    result.hosts.push_back(std::get<Host>(std::move(host)));
    if (end == text.size()) return result;
    begin = end + 1;
  }
}

/// The next word from `position` on, which moves behind it; empty at the end. `offset` is its place.
std::string_view next_word(std::string_view text, std::size_t& position, std::size_t& offset) {
  offset = std::min(text.find_first_not_of(kBlanks, position), text.size());
  position = std::min(text.find_first_of(kBlanks, offset), text.size());
  return text.substr(offset, position - offset);
}

/// A line of a hostfile without its comment. `where` is "hosts.txt: line 3".
class HostfileLine {
 public:
  HostfileLine(std::string_view line, std::string where) : line_(line), where_(std::move(where)) {}

  Result<Host> parse() {
    std::size_t offset = 0;
    auto word = next_word(line_, position_, offset);
    auto parsed = read_host_with_slots(word);
    if (auto* bad = std::get_if<HostFault>(&parsed)) {
      return fault("the host " + bad->predicate, offset + bad->offset);
    }
    Host host = std::get<Host>(std::move(parsed));
    while (true) {
      position_ = std::min(line_.find_first_not_of(kBlanks, position_), line_.size());
      if (position_ == line_.size()) break;
      if (auto status = parse_setting(host); !status) return status.error();
    }
    if (host.slots && host.max_slots && *host.max_slots < *host.slots) {
      return fault("max_slots is less than slots", max_slots_offset_);
    }
    return host;
  }

 private:
  /// `KEY = N`, the blanks being optional. The names are those that Open MPI reads.
  Status parse_setting(Host& host) {
    static constexpr std::string_view kSlots[] = {"slots", "cpu", "count"};
    static constexpr std::string_view kMax[] = {"max_slots", "max-slots", "slots_max", "slots-max",
                                                "max_cpu",   "max-cpu",   "cpu_max",   "cpu-max",
                                                "max_count", "max-count", "count_max", "count-max"};
    const std::size_t key_begin = position_;
    const std::size_t key_end = std::min(line_.find_first_of(" \t=", key_begin), line_.size());
    const auto key = line_.substr(key_begin, key_end - key_begin);
    const bool is_slots = std::ranges::find(kSlots, key) != std::end(kSlots);
    const bool is_max = std::ranges::find(kMax, key) != std::end(kMax);
    if (!is_slots && !is_max) return fault("this is neither slots=N nor max_slots=N", key_begin);
    const std::size_t equals = std::min(line_.find_first_not_of(kBlanks, key_end), line_.size());
    if (equals == line_.size() || line_[equals] != '=') {
      return fault(fmt::format("'=' is missing after {}", key), equals);
    }
    position_ = equals + 1;
    std::size_t offset = 0;
    const auto number = read_slots(next_word(line_, position_, offset));
    if (!number) {
      return fault(fmt::format("{} is not a whole number from 1 to {}", key, kMaxSlots), offset);
    }
    auto& target = is_slots ? host.slots : host.max_slots;
    if (target) return fault(fmt::format("{} is given twice", is_slots ? "slots" : "max_slots"), key_begin);
    if (is_max) max_slots_offset_ = offset;
    target = number;
    return Ok{};
  }

  Error fault(const std::string& message, std::size_t offset) const {
    return fault_at(fmt::format("{}: {}", where_, message), line_, offset,
                    "a line is HOST, 'HOST slots=N', 'HOST slots=N max_slots=M' or HOST:N");
  }

  std::string_view line_;
  std::string where_;
  std::size_t position_ = 0;
  std::size_t max_slots_offset_ = 0;
};

}  // namespace

Result<HostList> parse_batch_host_list(std::string_view text, std::string_view origin) {
  return parse_list(text, origin,
                    {',', "entries are separated by commas, as Azure Batch writes them", &read_host});
}

Result<HostList> parse_batch_node_list(std::string_view text, std::string_view origin) {
  return parse_list(text, origin,
                    {';', "entries are separated by semicolons, as Azure Batch writes them", &read_host});
}

Result<HostList> parse_host_names(std::string_view text, std::string_view origin) {
  return parse_list(text, origin,
                    {',', "write HOST or HOST:SLOTS, with commas between", &read_host_with_slots});
}

Result<HostList> parse_ccp_nodes(std::string_view text, std::string_view origin) {
  const std::string hint =
      "it is the number of nodes, then for each its name and its cores: 2 10.0.0.4 1 10.0.0.5 1";
  HostList result{{}, std::string(origin)};
  SeenHosts seen(std::ranges::count(text, ' ') / 2);
  std::size_t position = 0;
  std::size_t count_offset = 0;
  const auto count_word = next_word(text, position, count_offset);
  if (count_word.empty()) return input_error(fmt::format("{} is empty", origin), hint);
  const auto count = read_slots(count_word);
  if (!count) {
    return fault_at(
        fmt::format("{}: the number of nodes is not a whole number from 1 to {}", origin, kMaxSlots), text,
        count_offset, hint);
  }
  for (std::size_t entry = 1;; ++entry) {
    std::size_t offset = 0;
    const auto name = next_word(text, position, offset);
    if (name.empty()) break;
    auto host = read_host(name);
    if (auto* fault = std::get_if<HostFault>(&host)) {
      return fault_at(fmt::format("{}: node {} {}", origin, entry, fault->predicate), text,
                      offset + fault->offset, hint);
    }
    if (auto first = seen.add(std::get<Host>(host), entry); first != 0) {
      return fault_at(fmt::format("{}: node {} is the same host as node {}", origin, entry, first), text,
                      offset, "name each host once");
    }
    std::size_t cores_offset = 0;
    const auto cores = read_slots(next_word(text, position, cores_offset));
    if (!cores) {
      return fault_at(fmt::format("{}: the cores of node {} are not a whole number from 1 to {}", origin,
                                  entry, kMaxSlots),
                      text, cores_offset, hint);
    }
    result.hosts.push_back(std::get<Host>(std::move(host)));
    result.hosts.back().slots = cores;
  }
  if (result.hosts.size() != static_cast<std::size_t>(*count)) {
    return fault_at(fmt::format("{}: it says {} nodes and names {}", origin, *count, result.hosts.size()),
                    text, count_offset, hint);
  }
  return result;
}

Result<HostList> parse_hostfile(std::string_view text, std::string_view origin) {
  HostList result{{}, std::string(origin)};
  SeenHosts seen(std::ranges::count(text, '\n') + 1);
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = line.substr(0, line.find('#'));
    const std::size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) continue;
    auto where = fmt::format("{}: line {}", origin, number);
    auto host = HostfileLine(line, where).parse();
    if (!host) return host.error();
    if (auto place = seen.add(*host, number); place != 0) {
      return fault_at(fmt::format("{}: the host already stands in line {}", where, place), line, first,
                      "name each host once, with all its slots: 'HOST slots=N'");
    }
    result.hosts.push_back(*std::move(host));
  }
  if (result.hosts.empty()) return input_error(fmt::format("{} names no host", origin));
  return result;
}

}  // namespace shipyard::hostfile
