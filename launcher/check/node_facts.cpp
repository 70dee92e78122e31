#include "launcher/check/node_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace shipyard::launcher::check {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestString = 4096;  // PATH_MAX
constexpr std::size_t kMostPorts = 256;
constexpr int kMostCpus = 1 << 20;
constexpr int kMostErrno = 4095;                                    // MAX_ERRNO of the kernel
constexpr std::int64_t kMicrosecondsOfAge = 4'000'000'000'000'000;  // 127 years
constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int64_t>::max();

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// nlohmann's parser, whose exceptions end here.
Result<Json> parse_object(std::string_view text, const char* what) {
  try {
    Json json = Json::parse(text);
    if (json.is_object()) return json;
    return Error{
        Error::Code::kInput, fmt::format("{}: an object expected", what), {}, {std::string(text), 0}};
  } catch (const Json::parse_error& error) {
    // The byte is counted from 1, and is one more at an unexpected end.
    const std::size_t offset = error.byte > 0 ? std::min(error.byte - 1, text.size()) : 0;
    return Error{Error::Code::kInput, fmt::format("{}: not JSON", what), {}, {std::string(text), offset}};
  } catch (const Json::out_of_range&) {  // 6e7000000
    return input_error(fmt::format("{}: a number that is too large", what));
  }
}

/// Takes fields out of an object and keeps the first error, with the field's name as its place.
class Reader {
 public:
  Reader(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

  void text(const char* name, std::string& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return wanted(name, "a text");
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > kLongestString)
      return wanted(name, fmt::format("a text of {} bytes at most", kLongestString));
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (std::any_of(text.begin(), text.end(), is_control))
      return wanted(name, "a text without control characters");
    target = text;
  }
  void flag(const char* name, bool& target) {
    const Json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return wanted(name, "true or false");
    target = value->get<bool>();
  }
  template <typename Number>
  void number(const char* name, Number least, Number most, Number& target) {
    if (const Json* value = find(name)) take(name, *value, least, most, target);
  }
  /// null: nothing.
  template <typename Number>
  void optional_number(const char* name, Number least, Number most, std::optional<Number>& target) {
    const Json* value = find(name);
    if (value == nullptr || value->is_null()) return;
    Number number{};
    if (take(name, *value, least, most, number)) target = number;
  }
  /// A member object, or null where `optional`; nullptr where there is none or it is wrong.
  const Json* object(const char* name, bool optional) {
    const Json* value = find(name);
    if (value == nullptr || (optional && value->is_null())) return nullptr;
    if (value->is_object()) return value;
    wanted(name, optional ? "an object or null" : "an object");
    return nullptr;
  }
  const Json* array(const char* name, std::size_t most) {
    const Json* value = find(name);
    if (value == nullptr) return nullptr;
    if (value->is_array() && value->size() <= most) return value;
    wanted(name, fmt::format("a list of {} at most", most));
    return nullptr;
  }
  void take_error(const Reader& inner) {
    if (!error_ && inner.error_) error_ = inner.error_;
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const Json* find(const char* name) {
    auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    fail(fmt::format("{}: '{}' is missing", place_, name));
    return nullptr;
  }
  void wanted(const char* name, std::string_view what) {
    fail(fmt::format("{}: '{}': {} expected", place_, name, what));
  }
  void fail(std::string message) {
    if (!error_) error_ = input_error(std::move(message));
  }
  template <typename Number>
  bool take(const char* name, const Json& value, Number least, Number most, Number& target) {
    const auto out = [&] { return wanted(name, fmt::format("a number from {} to {}", least, most)), false; };
    if constexpr (std::is_floating_point_v<Number>) {
      if (!value.is_number()) return out();
      const auto number = value.get<Number>();
      if (!(number >= least && number <= most)) return out();
      target = number;
    } else {
      if (!value.is_number_integer()) return out();
      // 2^63 and more are unsigned for nlohmann, and no field goes so far.
      if (value.is_number_unsigned() && value.get<std::uint64_t>() > kMostBytes) return out();
      const auto number = value.get<std::int64_t>();
      if (std::cmp_less(number, least) || std::cmp_greater(number, most)) return out();
      target = static_cast<Number>(number);
    }
    return true;
  }

  const Json& object_;
  std::string place_;
  std::optional<Error> error_;
};

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::string format_request(const FactsRequest& request) {
  return dumped({{"mpirun", request.mpirun},
                 {"daemon", request.daemon},
                 {"mpi_env", request.mpi_env},
                 {"program", request.program},
                 {"working_directory", request.working_directory},
                 {"rank_program", request.rank_program},
                 {"report_address", request.report_address},
                 {"report_port", request.report_port},
                 {"token", request.token},
                 {"limit_seconds", request.limit_seconds}}) +
         "\n";
}

Result<FactsRequest> parse_request(std::string_view text) {
  constexpr const char* kPlace = "request for a node's facts";
  if (text.size() > kLongestText)
    return input_error(fmt::format("{}: more than {} bytes", kPlace, kLongestText));
  auto json = parse_object(text, kPlace);
  if (!json) return json.error();
  FactsRequest request;
  Reader reader(*json, kPlace);
  reader.text("mpirun", request.mpirun);
  reader.text("daemon", request.daemon);
  reader.text("mpi_env", request.mpi_env);
  reader.text("program", request.program);
  reader.text("working_directory", request.working_directory);
  reader.text("rank_program", request.rank_program);
  reader.text("report_address", request.report_address);
  reader.number("report_port", 0, 65535, request.report_port);
  reader.text("token", request.token);
  reader.number("limit_seconds", 1, 3600, request.limit_seconds);
  if (reader.error()) return *reader.error();
  return request;
}

Json facts_as_json(const NodeFacts& facts) {
  Json links = Json::array();
  for (const auto& link : facts.infiniband)
    links.push_back({{"name", link.name}, {"state", link.state}, {"rate", link.rate}});
  Json json = {{"shipyard", facts.shipyard},
               {"name", facts.name},
               {"mpi",
                {{"mpirun", facts.mpi.mpirun},
                 {"version", facts.mpi.version},
                 {"daemon", facts.mpi.daemon},
                 {"problem", facts.mpi.problem}}},
               {"cores", facts.cores},
               {"hardware_threads", facts.hardware_threads},
               {"cpu_quota", or_null(facts.cpu_quota)},
               {"memory_bytes", facts.memory_bytes},
               {"memory_limit", or_null(facts.memory_limit)},
               {"shared_memory_bytes", facts.shared_memory_bytes},
               {"shared_memory_free", facts.shared_memory_free},
               {"locked_memory", or_null(facts.locked_memory)},
               {"single_copy", facts.single_copy},
               {"infiniband", std::move(links)},
               {"program", or_null(facts.program)},
               {"working_directory", facts.working_directory},
               {"rank_program", facts.rank_program},
               {"connect_back", nullptr}};
  if (const auto& back = facts.connect_back) {
    json["connect_back"] = {{"problem", back->problem},
                            {"round_trip_us", back->round_trip_us},
                            {"clock_ahead_us", back->clock_ahead_us}};
  }
  return json;
}

std::string format_facts(const NodeFacts& facts) {
  return std::string(kFactsMark) + dumped(facts_as_json(facts)) + "\n";
}

Result<NodeFacts> parse_facts(std::string_view output) {
  constexpr const char* kPlace = "a node's facts";
  if (output.size() > kLongestText)
    return input_error(fmt::format("{}: more than {} bytes", kPlace, kLongestText));
  std::size_t start = output.rfind(kFactsMark);
  while (start != std::string_view::npos && start > 0 && output[start - 1] != '\n')
    start = output.rfind(kFactsMark, start - 1);
  if (start == std::string_view::npos) return input_error(fmt::format("{}: none in the answer", kPlace));
  std::string_view line = output.substr(start + kFactsMark.size());
  line = line.substr(0, line.find('\n'));
  auto json = parse_object(line, kPlace);
  if (!json) return json.error();

  NodeFacts facts;
  Reader reader(*json, kPlace);
  reader.text("shipyard", facts.shipyard);
  reader.text("name", facts.name);
  if (const Json* mpi = reader.object("mpi", false)) {
    Reader inner(*mpi, fmt::format("{}: 'mpi'", kPlace));
    inner.text("mpirun", facts.mpi.mpirun);
    inner.text("version", facts.mpi.version);
    inner.text("daemon", facts.mpi.daemon);
    inner.text("problem", facts.mpi.problem);
    reader.take_error(inner);
  }
  reader.number("cores", 0, kMostCpus, facts.cores);
  reader.number("hardware_threads", 0, kMostCpus, facts.hardware_threads);
  reader.optional_number("cpu_quota", 0.0, 1e6, facts.cpu_quota);
  const std::uint64_t none = 0;
  reader.number("memory_bytes", none, kMostBytes, facts.memory_bytes);
  reader.optional_number("memory_limit", none, kMostBytes, facts.memory_limit);
  reader.number("shared_memory_bytes", none, kMostBytes, facts.shared_memory_bytes);
  reader.number("shared_memory_free", none, kMostBytes, facts.shared_memory_free);
  reader.optional_number("locked_memory", none, kMostBytes, facts.locked_memory);
  reader.flag("single_copy", facts.single_copy);
  if (const Json* links = reader.array("infiniband", kMostPorts)) {
    for (const auto& link : *links) {
      topology::InfiniBandLink one;
      Reader inner(link, fmt::format("{}: 'infiniband'", kPlace));
      if (!link.is_object()) {
        return input_error(fmt::format("{}: 'infiniband': a list of objects expected", kPlace));
      }
      inner.text("name", one.name);
      inner.text("state", one.state);
      inner.text("rate", one.rate);
      reader.take_error(inner);
      facts.infiniband.push_back(std::move(one));
    }
  }
  reader.optional_number("program", 0, kMostErrno, facts.program);
  reader.number("working_directory", 0, kMostErrno, facts.working_directory);
  reader.number("rank_program", 0, kMostErrno, facts.rank_program);
  if (const Json* back = reader.object("connect_back", true)) {
    ConnectBack found;
    Reader inner(*back, fmt::format("{}: 'connect_back'", kPlace));
    inner.text("problem", found.problem);
    inner.number("round_trip_us", std::int64_t{0}, kMicrosecondsOfAge, found.round_trip_us);
    inner.number("clock_ahead_us", -kMicrosecondsOfAge, kMicrosecondsOfAge, found.clock_ahead_us);
    reader.take_error(inner);
    facts.connect_back = found;
  }
  if (reader.error()) return *reader.error();
  return facts;
}

}  // namespace shipyard::launcher::check
