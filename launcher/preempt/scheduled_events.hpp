#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::preempt {

using UtcTime = std::chrono::sys_seconds;

/// One event of Azure's Scheduled Events, api-version 2020-07-01
/// (learn.microsoft.com/azure/virtual-machines/linux/scheduled-events).
struct ScheduledEvent {
  enum class Type {
    kFreeze,     ///< the VM stands still for some seconds; memory stays
    kReboot,     ///< memory is lost
    kRedeploy,   ///< moves to another host: memory and local disks are lost
    kPreempt,    ///< a Spot VM is deleted, about 30 s after the event has appeared
    kTerminate,  ///< a VM of a scale set is deleted, some minutes after
    kOther,      ///< one that came after this API version
  };

  std::string id;
  Type type = Type::kOther;
  bool started = false;               ///< EventStatus: Started, else Scheduled
  std::vector<std::string> machines;  ///< the VMs that it is for: only a part of those which see it
  std::optional<UtcTime> not_before;  ///< absent once it has started
  std::string description;            ///< printable ASCII, at most 200 characters; often empty

  bool operator==(const ScheduledEvent&) const = default;
};

struct ScheduledEvents {
  std::int64_t incarnation = 0;  ///< grows with every change of the document
  std::vector<ScheduledEvent> events;
};

/// No document is larger, so that nothing that answers in Azure's place costs memory.
inline constexpr std::size_t kMaxDocumentBytes = 256 * 1024;

/// Never throws; the error names the place, as a byte of the document or as `Events[2].NotBefore`.
Result<ScheduledEvents> parse_scheduled_events(std::string_view document);

/// "Mon, 19 Sep 2016 18:29:47 GMT" (RFC 1123, RFC 9110's IMF-fixdate). The day of the week is not compared
/// with the date: the service's own documentation has one that is wrong.
std::optional<UtcTime> parse_http_date(std::string_view text);

/// The name by which Scheduled Events know a VM; the answer of /metadata/instance/compute/name.
Result<std::string> parse_machine_name(std::string_view text);

/// "Preempt", as the service spells it.
[[nodiscard]] std::string_view event_type_name(ScheduledEvent::Type type);

/// This node is to be taken away.
struct Preemption {
  ScheduledEvent::Type type = ScheduledEvent::Type::kPreempt;
  std::string event_id;
  std::string description;
  std::optional<UtcTime> not_before;  ///< the node lives until then at least; absent: it may go at any moment

  bool operator==(const Preemption&) const = default;
};

/// An event with more notice than this is left for later: maintenance is announced days ahead, may be called
/// off, and whatever the job computes until then is not lost. A VM's deletion (Terminate) has 5 minutes at
/// least.
inline constexpr std::chrono::minutes kLongestNotice{5};

/// Spot VMs get about so much. Taken where no time is known, or it has passed already.
inline constexpr std::chrono::seconds kUsualNotice{30};

/// What a job may still count on, at `now`: up to kLongestNotice.
[[nodiscard]] std::chrono::seconds time_left(const Preemption& preemption, UtcTime now);

/// The event that takes `machine` away first: every type but Freeze ends all processes there (Reboot and
/// Redeploy as well: what a job has in memory is gone). Preempt counts at once, others from kLongestNotice
/// before their time, and whatever has started. Names are compared as Azure does, without regard to case.
[[nodiscard]] std::optional<Preemption> find_preemption(const ScheduledEvents& events,
                                                        std::string_view machine, UtcTime now);

}  // namespace shipyard::preempt
