#include "launcher/preempt/scheduled_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/ascii.hpp"

namespace shipyard::preempt {
namespace {

using nlohmann::json;
using Type = ScheduledEvent::Type;

constexpr std::size_t kMaxEvents = 1'000;
constexpr std::size_t kMaxMachines = 10'000;  // a placement group has 100, a Batch pool some thousands
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxDescriptionBytes = 200;

constexpr std::array<std::pair<std::string_view, Type>, 5> kTypes{{{"Freeze", Type::kFreeze},
                                                                   {"Reboot", Type::kReboot},
                                                                   {"Redeploy", Type::kRedeploy},
                                                                   {"Preempt", Type::kPreempt},
                                                                   {"Terminate", Type::kTerminate}}};

/// The first character that has no place in an identifier; npos: none.
std::size_t find_foreign(std::string_view text) {
  const auto found = std::find_if(text.begin(), text.end(), [](char c) {
    return !is_alphanumeric(c) && c != '-' && c != '_' && c != '.';
  });
  return found == text.end() ? std::string_view::npos : static_cast<std::size_t>(found - text.begin());
}

Error wrong(const std::string& place, std::string_view what) {
  return input_error(fmt::format("scheduled events: {}: {}", place, what));
}

Error wrong(const std::string& place, std::string_view what, std::string_view value, std::size_t offset) {
  Error error = wrong(place, what);
  error.excerpt = {std::string(value.substr(0, kMaxDescriptionBytes)),
                   std::min(offset, kMaxDescriptionBytes)};
  return error;
}

/// The member as text; null where it is missing or something else.
const std::string* text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

/// What a terminal would act on and what is not ASCII becomes `?`: it comes from outside and is printed.
std::string printable(std::string_view text) {
  std::string result(text.substr(0, kMaxDescriptionBytes));
  for (char& c : result) c = c < ' ' || c > '~' ? '?' : c;
  return result;
}

Status take_machines(const json& object, const std::string& place, ScheduledEvent& event) {
  const auto found = object.find("Resources");
  const std::string list = place + ".Resources";
  if (found == object.end() || !found->is_array()) return wrong(list, "an array is expected");
  if (found->size() > kMaxMachines) return wrong(list, fmt::format("more than {} entries", kMaxMachines));
  for (std::size_t i = 0; i < found->size(); ++i) {
    const auto* name = (*found)[i].get_ptr<const std::string*>();
    const std::string entry = fmt::format("{}[{}]", list, i);
    if (name == nullptr) return wrong(entry, "a string is expected");
    if (name->size() > kMaxNameBytes) return wrong(entry, fmt::format("longer than {} bytes", kMaxNameBytes));
    event.machines.push_back(*name);  // only ever compared
  }
  return Ok{};
}

Result<ScheduledEvent> read_event(const json& object, const std::string& place) {
  if (!object.is_object()) return wrong(place, "an object is expected");
  ScheduledEvent event;
  for (const char* name : {"EventId", "EventType", "EventStatus"}) {
    if (text_of(object, name) == nullptr) return wrong(place + "." + name, "a string is expected");
  }
  event.id = *text_of(object, "EventId");
  if (event.id.empty() || event.id.size() > kMaxNameBytes) {
    return wrong(place + ".EventId", fmt::format("1 to {} characters are expected", kMaxNameBytes));
  }
  if (const auto foreign = find_foreign(event.id); foreign != std::string_view::npos) {
    return wrong(place + ".EventId", "no identifier", event.id, foreign);
  }
  const std::string& type = *text_of(object, "EventType");
  const auto* known =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& one) { return one.first == type; });
  // What is new, a type or a status, must not hide the others.
  if (known != kTypes.end()) event.type = known->second;

  const std::string& status = *text_of(object, "EventStatus");
  event.started = status == "Started";
  if (!event.started && status != "Scheduled") event.type = ScheduledEvent::Type::kOther;
  if (auto taken = take_machines(object, place, event); !taken) return taken.error();

  if (const auto found = object.find("NotBefore"); found != object.end() && !found->is_null()) {
    const auto* text = found->get_ptr<const std::string*>();
    if (text == nullptr) return wrong(place + ".NotBefore", "a string is expected");
    if (!text->empty()) {
      event.not_before = parse_http_date(*text);
      if (!event.not_before) {
        return wrong(place + ".NotBefore", "no date as in Mon, 19 Sep 2016 18:29:47 GMT", *text, 0);
      }
    }
  }
  if (const auto* text = text_of(object, "Description")) event.description = printable(*text);
  return event;
}

Result<ScheduledEvents> read_document(const json& document) {
  if (!document.is_object()) return wrong("document", "an object is expected");
  ScheduledEvents result;
  const auto incarnation = document.find("DocumentIncarnation");
  if (incarnation == document.end() || !incarnation->is_number_integer()) {
    return wrong("DocumentIncarnation", "a whole number is expected");
  }
  result.incarnation = incarnation->get<std::int64_t>();
  const auto events = document.find("Events");
  if (events == document.end() || !events->is_array()) return wrong("Events", "an array is expected");
  if (events->size() > kMaxEvents) return wrong("Events", fmt::format("more than {} entries", kMaxEvents));
  for (std::size_t i = 0; i < events->size(); ++i) {
    auto event = read_event((*events)[i], fmt::format("Events[{}]", i));
    if (!event) return event.error();
    result.events.push_back(std::move(*event));
  }
  return result;
}

/// Two or four digits; -1 for anything else.
int number_of(std::string_view digits) {
  int number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

/// Which of the three-letter names in `names` it is, from 0; -1: none.
int name_index(std::string_view name, std::string_view names) {
  for (std::size_t i = 0; i + 3 <= names.size(); i += 3) {
    if (names.substr(i, 3) == name) return static_cast<int>(i / 3);
  }
  return -1;
}

}  // namespace

Result<ScheduledEvents> parse_scheduled_events(std::string_view document) {
  if (document.size() > kMaxDocumentBytes) {
    return wrong("document", fmt::format("longer than {} bytes", kMaxDocumentBytes));
  }
  try {
    return read_document(json::parse(document.begin(), document.end()));
  } catch (const json::parse_error& failure) {
    Error error = wrong("document", "no JSON");
    // The library counts from 1, and one further at the end.
    const std::size_t at = std::min(failure.byte > 0 ? failure.byte - 1 : 0, document.size());
    const std::size_t begin = at > 60 ? at - 60 : 0;
    error.message += fmt::format(" at byte {}", at + 1);
    error.excerpt = {std::string(document.substr(begin, 120)), at - begin};
    return error;
  } catch (const std::exception& failure) {
    return wrong("document", failure.what());
  }
}

std::optional<UtcTime> parse_http_date(std::string_view text) {
  // Mon, 19 Sep 2016 18:29:47 GMT
  constexpr std::string_view kShape = "###, ## ### #### ##:##:## GMT";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] != '#' && kShape[i] != text[i]) return std::nullopt;
  }
  const int day = number_of(text.substr(5, 2));
  const int month = name_index(text.substr(8, 3), "JanFebMarAprMayJunJulAugSepOctNovDec") + 1;
  const int year = number_of(text.substr(12, 4));
  const int hour = number_of(text.substr(17, 2));
  const int minute = number_of(text.substr(20, 2));
  const int second = number_of(text.substr(23, 2));
  if (name_index(text.substr(0, 3), "MonTueWedThuFriSatSun") < 0 || day < 0 || month < 1 || year < 1970 ||
      hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {  // 60: a leap second
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

Result<std::string> parse_machine_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) {
    return input_error(fmt::format("name of the VM: 1 to {} characters are expected", kMaxNameBytes));
  }
  if (const auto foreign = find_foreign(text); foreign != std::string_view::npos) {
    Error error = input_error("name of the VM: only letters, digits, '-', '_' and '.' are expected");
    error.excerpt = {std::string(text), foreign};
    return error;
  }
  return std::string(text);
}

std::string_view event_type_name(Type type) {
  const auto* found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& one) { return one.second == type; });
  return found == kTypes.end() ? "Other" : found->first;
}

std::chrono::seconds time_left(const Preemption& preemption, UtcTime now) {
  if (!preemption.not_before || *preemption.not_before <= now) return kUsualNotice;
  return std::min<std::chrono::seconds>(*preemption.not_before - now, kLongestNotice);
}

std::optional<Preemption> find_preemption(const ScheduledEvents& events, std::string_view machine,
                                          UtcTime now) {
  const ScheduledEvent* first = nullptr;
  // What has started comes before all that is scheduled.
  const auto time = [](const ScheduledEvent& event) {
    return event.started || !event.not_before ? UtcTime::min() : *event.not_before;
  };
  for (const auto& event : events.events) {
    if (event.type == Type::kFreeze || event.type == Type::kOther) continue;
    if (std::none_of(event.machines.begin(), event.machines.end(),
                     [&](const auto& name) { return equals_ignoring_case(name, machine); })) {
      continue;
    }
    if (event.type != Type::kPreempt && time(event) > now + kLongestNotice) continue;
    if (first == nullptr || time(event) < time(*first)) first = &event;
  }
  if (first == nullptr) return std::nullopt;
  return Preemption{first->type, first->id, first->description,
                    first->started ? std::nullopt : first->not_before};
}

}  // namespace shipyard::preempt
