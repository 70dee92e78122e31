#include "launcher/preempt/scheduled_events.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace shipyard::preempt {
namespace {

using Type = ScheduledEvent::Type;
using std::chrono::minutes;
using std::chrono::seconds;

/// In the shape of the service's documentation.
std::string event(const std::string& type, const std::string& status, const std::string& machines,
                  const std::string& not_before,
                  const std::string& id = "C7061BAC-AFDC-4513-B24B-AA5F13A16123") {
  return fmt::format(
      R"({{"EventId": "{}", "EventStatus": "{}", "EventType": "{}", "ResourceType": "VirtualMachine",)"
      R"( "Resources": [{}], "NotBefore": "{}", "Description": "", "EventSource": "Platform",)"
      R"( "DurationInSeconds": -1}})",
      id, status, type, machines, not_before);
}

std::string document(const std::string& events) {
  return fmt::format(R"({{"DocumentIncarnation": 3, "Events": [{}]}})", events);
}

ScheduledEvents parsed(const std::string& text) {
  auto events = parse_scheduled_events(text);
  EXPECT_TRUE(events) << events.error().message;
  return events ? std::move(*events) : ScheduledEvents{};
}

std::string message(const std::string& text) {
  const auto events = parse_scheduled_events(text);
  return events ? "none" : events.error().message;
}

UtcTime at(std::string_view date) { return parse_http_date(date).value(); }

TEST(ParseScheduledEvents, ReadsTheDocumentedShape) {
  const auto events = parsed(R"({
    "DocumentIncarnation":  2,
    "Events":  [
      {
        "EventId":  "C7061BAC-AFDC-4513-B24B-AA5F13A16123",
        "EventStatus":  "Scheduled",
        "EventType":  "Preempt",
        "ResourceType":  "VirtualMachine",
        "Resources":  ["WestNO_0", "WestNO_1"],
        "NotBefore":  "Mon, 11 Apr 2026 22:26:58 GMT",
        "Description":  "Virtual machine is\nbeing deleted.",
        "EventSource":  "Platform",
        "DurationInSeconds":  5
      }
    ]
  })");
  EXPECT_EQ(events.incarnation, 2);
  ASSERT_EQ(events.events.size(), 1u);
  EXPECT_EQ(events.events[0], (ScheduledEvent{"C7061BAC-AFDC-4513-B24B-AA5F13A16123",
                                              Type::kPreempt,
                                              false,
                                              {"WestNO_0", "WestNO_1"},
                                              at("Sat, 11 Apr 2026 22:26:58 GMT"),
                                              "Virtual machine is?being deleted."}));
  EXPECT_EQ(event_type_name(events.events[0].type), "Preempt");
}

TEST(ParseScheduledEvents, NoEventIsTheUsualAnswer) {
  EXPECT_TRUE(parsed(R"({"DocumentIncarnation":1,"Events":[]})").events.empty());
}

TEST(ParseScheduledEvents, AnEventThatHasStartedHasNoTime) {
  const auto events = parsed(document(event("Reboot", "Started", "\"vm\"", "")));
  EXPECT_TRUE(events.events[0].started);
  EXPECT_FALSE(events.events[0].not_before);
}

TEST(ParseScheduledEvents, TakesMembersThatEarlierVersionsDoNotHave) {
  const auto events = parsed(
      R"({"DocumentIncarnation":1,"Events":[{"EventId":"a","EventStatus":"Started","EventType":"Freeze",)"
      R"("Resources":[],"NotBefore":null}]})");
  EXPECT_EQ(events.events[0], (ScheduledEvent{"a", Type::kFreeze, true, {}, std::nullopt, ""}));
}

TEST(ParseScheduledEvents, ANewTypeDoesNotHideTheOthers) {
  const auto events =
      parsed(document(event("Melt", "Scheduled", "\"vm\"", "") + "," +
                      event("Preempt", "Scheduled", "\"vm\"", "Mon, 19 Sep 2016 18:29:47 GMT")));
  EXPECT_EQ(events.events[0].type, Type::kOther);
  EXPECT_EQ(events.events[1].type, Type::kPreempt);
}

TEST(ParseScheduledEvents, RefusesAnythingElseWithItsPlace) {
  EXPECT_EQ(message("[]"), "scheduled events: document: an object is expected");
  EXPECT_EQ(message("{}"), "scheduled events: DocumentIncarnation: a whole number is expected");
  EXPECT_EQ(message(R"({"DocumentIncarnation":1.5})"),
            "scheduled events: DocumentIncarnation: a whole number is expected");
  EXPECT_EQ(message(R"({"DocumentIncarnation":1})"), "scheduled events: Events: an array is expected");
  EXPECT_EQ(message(document("1")), "scheduled events: Events[0]: an object is expected");
  EXPECT_EQ(message(document("{}")), "scheduled events: Events[0].EventId: a string is expected");
  EXPECT_EQ(message(document(R"({"EventId":"a","EventType":7})")),
            "scheduled events: Events[0].EventType: a string is expected");
  EXPECT_EQ(message(document(R"({"EventId":"a","EventType":"Freeze"})")),
            "scheduled events: Events[0].EventStatus: a string is expected");
  EXPECT_EQ(message(document(R"({"EventId":"a","EventType":"Freeze","EventStatus":"Started"})")),
            "scheduled events: Events[0].Resources: an array is expected");
  EXPECT_EQ(message(document(event("Freeze", "Started", "\"a\", 1", ""))),
            "scheduled events: Events[0].Resources[1]: a string is expected");
  EXPECT_EQ(message(document(event("Freeze", "Started", "", "", ""))),
            "scheduled events: Events[0].EventId: 1 to 128 characters are expected");
  EXPECT_EQ(message(document(event("Freeze", "Started", "", "", "a b"))),
            "scheduled events: Events[0].EventId: no identifier");
  EXPECT_EQ(message(document(event("Freeze", "Started", "", "") + "," +
                             event("Freeze", "Scheduled", "", "2016-09-19T18:29:47Z"))),
            "scheduled events: Events[1].NotBefore: no date as in Mon, 19 Sep 2016 18:29:47 GMT");
}

TEST(ParseScheduledEvents, ShowsWhereTheTextIsNoJson) {
  const auto cut = parse_scheduled_events(R"({"DocumentIncarnation": 3, "Events": [}})");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().message, "scheduled events: document: no JSON at byte 39");
  EXPECT_EQ(cut.error().excerpt.text, R"({"DocumentIncarnation": 3, "Events": [}})");
  EXPECT_EQ(cut.error().excerpt.offset, 38u);
  EXPECT_EQ(message(""), "scheduled events: document: no JSON at byte 1");
  EXPECT_EQ(message("<html>"), "scheduled events: document: no JSON at byte 1");
  EXPECT_EQ(message("{\"a\":\"\xff\"}"), "scheduled events: document: no JSON at byte 7");
}

TEST(ParseScheduledEvents, IsBounded) {
  EXPECT_EQ(message(std::string(kMaxDocumentBytes + 1, ' ')),
            "scheduled events: document: longer than 262144 bytes");
  std::string many = "1";
  for (int i = 0; i < 1'000; ++i) many += ",1";
  EXPECT_EQ(message(document(many)), "scheduled events: Events: more than 1000 entries");
  EXPECT_EQ(message(document(event("Freeze", "Started", "\"" + std::string(129, 'a') + "\"", ""))),
            "scheduled events: Events[0].Resources[0]: longer than 128 bytes");
  std::string machines = "\"a\"";
  for (int i = 0; i < 10'000; ++i) machines += ",\"a\"";
  EXPECT_EQ(message(document(event("Freeze", "Started", machines, ""))),
            "scheduled events: Events[0].Resources: more than 10000 entries");
  // Deep nesting must not cost stack.
  EXPECT_EQ(message(std::string(kMaxDocumentBytes, '[')),
            "scheduled events: document: no JSON at byte 262145");
  const auto long_text = parsed(document(
      R"({"EventId":"a","EventStatus":"Started","EventType":"Freeze","Resources":[],"Description":")" +
      std::string(1'000, 'x') + "\"}"));
  EXPECT_EQ(long_text.events[0].description.size(), 200u);
}

TEST(ParseHttpDate, ReadsTheFormOfTheService) {
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), UtcTime(seconds(0)));
  EXPECT_EQ(parse_http_date("Mon, 19 Sep 2016 18:29:47 GMT"), UtcTime(seconds(1'474'309'787)));
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 23:59:59 GMT"), UtcTime(seconds(1'709'251'199)));
}

TEST(ParseHttpDate, RefusesAnythingElse) {
  for (const char* text :
       {"", "Mon, 19 Sep 2016 18:29:47", "Mon, 19 Sep 2016 18:29:47 UTC", "Mon, 19 sep 2016 18:29:47 GMT",
        "Mon, 9 Sep 2016 18:29:47 GMT", "Mon, 31 Apr 2016 18:29:47 GMT", "Mon, 00 Apr 2016 18:29:47 GMT",
        "Wed, 29 Feb 2023 00:00:00 GMT", "Mon, 19 Sep 2016 24:29:47 GMT", "Mon, 19 Sep 2016 18:60:47 GMT",
        "Mon, 19 Sep 2016 18:29:61 GMT", "Mon, 19 Sep 1969 18:29:47 GMT", "Mon, 19 Sep 20x6 18:29:47 GMT",
        "Mon, 19 Sep 2016 -1:29:47 GMT", "Xyz, 19 Sep 2016 18:29:47 GMT", "Mon, 19 Sep 2016 18:29:47 GMT ",
        "Monday, 19-Sep-16 18:29:47 GM", "onT, 19 Sep 2016 18:29:47 GMT", "Mon, 19 anF 2016 18:29:47 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(ParseMachineName, TakesTheNamesOfVmsAndOfScaleSets) {
  EXPECT_EQ(parse_machine_name("WestNO_0").value(), "WestNO_0");
  EXPECT_EQ(parse_machine_name("a1-azurebatch-VMSS-D_12").value(), "a1-azurebatch-VMSS-D_12");
  EXPECT_EQ(parse_machine_name("").error().message, "name of the VM: 1 to 128 characters are expected");
  const auto wrong = parse_machine_name("<html>");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "name of the VM: only letters, digits, '-', '_' and '.' are expected");
  EXPECT_EQ(wrong.error().excerpt.offset, 0u);
  EXPECT_EQ(parse_machine_name("vm\n").error().excerpt.offset, 2u);
}

class FindPreemption : public testing::Test {
 protected:
  /// Its event's id, or "none".
  std::string found(const std::string& events) const {
    const auto preemption = find_preemption(parsed(document(events)), "Pool_1", now_);
    return preemption ? preemption->event_id : "none";
  }

  UtcTime now_ = at("Mon, 19 Sep 2016 18:29:17 GMT");
  const std::string soon_ = "Mon, 19 Sep 2016 18:29:47 GMT";
};

TEST_F(FindPreemption, GivesWhatTheEventSays) {
  const auto preemption = find_preemption(
      parsed(document(event("Preempt", "Scheduled", R"("Pool_0", "Pool_1")", soon_, "e"))), "Pool_1", now_);
  EXPECT_EQ(preemption, (Preemption{Type::kPreempt, "e", "", now_ + seconds(30)}));
}

TEST_F(FindPreemption, LeavesOtherMachinesAlone) {
  EXPECT_EQ(found(""), "none");
  EXPECT_EQ(found(event("Preempt", "Scheduled", "", soon_, "e")), "none");
  EXPECT_EQ(found(event("Preempt", "Scheduled", R"("Pool_0", "Pool_10", "ool_1")", soon_, "e")), "none");
  EXPECT_EQ(found(event("Preempt", "Scheduled", R"("pool_1")", soon_, "e")), "e");
}

TEST_F(FindPreemption, AFreezeIsNone) {
  EXPECT_EQ(found(event("Freeze", "Scheduled", R"("Pool_1")", soon_, "e")), "none");
  EXPECT_EQ(found(event("Freeze", "Started", R"("Pool_1")", "", "e")), "none");
  EXPECT_EQ(found(event("Melt", "Started", R"("Pool_1")", "", "e")), "none");
}

TEST_F(FindPreemption, WhateverEndsTheProcessesIsOne) {
  for (const char* type : {"Preempt", "Terminate", "Reboot", "Redeploy"}) {
    EXPECT_EQ(found(event(type, "Scheduled", R"("Pool_1")", soon_, "e")), "e") << type;
    EXPECT_EQ(found(event(type, "Started", R"("Pool_1")", "", "e")), "e") << type;
  }
}

TEST_F(FindPreemption, MaintenanceOfNextWeekIsLeftForLater) {
  const std::string in_six_minutes = "Mon, 19 Sep 2016 18:35:17 GMT";
  for (const char* type : {"Terminate", "Reboot", "Redeploy"}) {
    EXPECT_EQ(found(event(type, "Scheduled", R"("Pool_1")", in_six_minutes, "e")), "none") << type;
  }
  EXPECT_EQ(found(event("Preempt", "Scheduled", R"("Pool_1")", in_six_minutes, "e")), "e");
  now_ += minutes(1);
  EXPECT_EQ(found(event("Redeploy", "Scheduled", R"("Pool_1")", in_six_minutes, "e")), "e");
}

TEST_F(FindPreemption, TheFirstToComeCounts) {
  const std::string later =
      event("Preempt", "Scheduled", R"("Pool_1")", "Mon, 19 Sep 2016 18:30:00 GMT", "later");
  const std::string soon = event("Preempt", "Scheduled", R"("Pool_1")", soon_, "soon");
  const std::string started = event("Reboot", "Started", R"("Pool_1")", "", "started");
  EXPECT_EQ(found(later + "," + soon), "soon");
  EXPECT_EQ(found(soon + "," + later), "soon");
  EXPECT_EQ(found(soon + "," + started), "started");
}

TEST(TimeLeft, IsThatUntilTheEventWithinWhatAJobMayCountOn) {
  const UtcTime now{std::chrono::seconds(1'474'309'787)};
  const auto left = [&](std::optional<UtcTime> not_before) {
    return time_left({.not_before = not_before}, now).count();
  };
  EXPECT_EQ(left(now + std::chrono::seconds(3)), 3);
  EXPECT_EQ(left(now + std::chrono::minutes(5)), 300);
  EXPECT_EQ(left(now + std::chrono::hours(1000)), 300);
  EXPECT_EQ(left(now), 30);
  EXPECT_EQ(left(now - std::chrono::hours(1)), 30);
  EXPECT_EQ(left(std::nullopt), 30);
}

TEST_F(FindPreemption, ATimeThatIsPastIsGivenAsItStands) {
  now_ += minutes(10);
  const auto preemption = find_preemption(
      parsed(document(event("Preempt", "Scheduled", R"("Pool_1")", soon_, "e"))), "Pool_1", now_);
  ASSERT_TRUE(preemption);
  EXPECT_EQ(preemption->not_before, at(soon_));
}

}  // namespace
}  // namespace shipyard::preempt
