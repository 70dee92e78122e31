#include "launcher/preempt/scheduled_events.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace shipyard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  const preempt::UtcTime now{std::chrono::seconds(1'700'000'000)};
  if (const auto events = preempt::parse_scheduled_events(text); fuzz::is_good(events)) {
    for (const auto& event : events->events) {
      fuzz::require(event.description.size() <= 200, "a description is short");
      for (const char c : event.description)
        fuzz::require(c >= 0x20 && c < 0x7F, "a description is printable");
    }
    if (const auto preemption = preempt::find_preemption(*events, "vm_1", now)) {
      const auto left = preempt::time_left(*preemption, now);
      fuzz::require(left.count() >= 0 && left <= preempt::kLongestNotice, "time is left, and not too much");
    }
  }
  if (const auto time = preempt::parse_http_date(text)) {
    fuzz::require(size >= 20, "a date is no shorter");
  }
  if (const auto name = preempt::parse_machine_name(text); fuzz::is_good(name)) {
    fuzz::require(!name->empty(), "a machine has a name");
    for (const char c : *name) fuzz::require(c > 0x20 && c < 0x7F, "a name is a word");
  }
  return 0;
}
