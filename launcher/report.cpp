#include "launcher/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "launcher/binding_check.hpp"

namespace shipyard::launcher {
namespace {

using nlohmann::ordered_json;
using supervise::RankRecord;

ordered_json rank_as_json(const RankRecord& record) {
  ordered_json json{{"rank", record.rank}, {"host", record.host}, {"cpuset", nullptr}};
  if (!record.cpus.empty()) json["cpuset"] = record.cpus;
  if (!record.stands_for.empty()) json["stands_for"] = record.stands_for;
  if (!record.problem.empty()) json["problem"] = record.problem;
  if (record.exit) {
    json["end"] = record.exit->signalled ? "signalled" : "exited";
    if (record.exit->signalled) json["signal"] = record.exit->value;
    json["status"] = record.exit->status();
  } else if (record.start_error != 0) {
    json["end"] = "not_started";
    json["missing"] = record.missing;
    json["error"] = std::generic_category().message(record.start_error);
  } else {
    json["end"] = record.lost ? "lost" : "unknown";
  }
  return json;
}

/// Those of the plan that were never heard of belong into the account, too.
ordered_json ranks_as_json(const JobReport& report) {
  ordered_json json = ordered_json::array();
  if (report.ranks.empty()) return json;
  auto record = report.ranks.begin();
  int rank = 0;
  for (const auto& node : report.nodes) {
    for (int i = 0; i < node.ranks; ++i, ++rank) {
      if (record != report.ranks.end() && record->rank == rank) {
        json.push_back(rank_as_json(*record++));
      } else {
        RankRecord silent;
        silent.rank = rank;
        silent.host = node.host;
        json.push_back(rank_as_json(silent));
      }
    }
  }
  std::for_each(record, report.ranks.end(),
                [&](const RankRecord& more) { json.push_back(rank_as_json(more)); });
  return json;
}

const char* name_of(stage::NodeStage what) {
  switch (what) {
    case stage::NodeStage::kShared:
      return "shared";
    case stage::NodeStage::kPresent:
      return "present";
    case stage::NodeStage::kBeside:
      return "beside";
    case stage::NodeStage::kReceives:
      break;
  }
  return "received";
}

ordered_json staged_as_json(const std::vector<stage::StageAccount>& accounts) {
  ordered_json json = ordered_json::array();
  for (const auto& account : accounts) {
    ordered_json nodes = ordered_json::array();
    for (const auto& node : account.nodes)
      nodes.push_back({{"host", node.node}, {"what", name_of(node.what)}});
    json.push_back({{"directory", account.directory},
                    {"target", account.target},
                    {"files", account.source.files},
                    {"bytes", account.source.bytes},
                    {"seconds", account.seconds},
                    {"nodes", std::move(nodes)}});
  }
  return json;
}

ordered_json times_as_json(const StepTimes& times) {
  ordered_json json = ordered_json::object();
  const std::pair<const char*, StepTimes::Duration> steps[] = {
      {"read", times.read},       {"resolve", times.resolve}, {"plan", times.plan}, {"gate", times.gate},
      {"prepare", times.prepare}, {"stage", times.stage},     {"run", times.run},   {"clear", times.clear},
      {"collect", times.collect}, {"total", times.total}};
  for (const auto& [name, duration] : steps) {
    if (duration) json[name] = static_cast<double>(duration->count()) / 1000;
  }
  return json;
}

}  // namespace

std::string report_as_json(const JobReport& report) {
  ordered_json json;
  json["version"] = SHIPYARD_VERSION;
  json["hosts"] = report.hosts;
  json["command"] = report.command;
  json["layout"] = ordered_json::array();
  for (const auto& node : report.nodes) {
    json["layout"].push_back(
        {{"host", node.host}, {"ranks", node.ranks}, {"threads", node.threads}, {"cpuset", *node.cpusets}});
  }
  json["ranks"] = ranks_as_json(report);
  const BindingCheck check = check_bindings(report.nodes, report.ranks);
  json["binding"] = {{"as_planned", check.as_planned},
                     {"different", check.differences.size()},
                     {"unreported", check.unreported}};
  if (report.check) json["check"] = check::check_as_json(*report.check);
  json["preflight"] = nullptr;
  if (report.preflight) json["preflight"] = preflight::account_as_json(*report.preflight);
  json["preemption"] = nullptr;
  if (report.preemption) {
    json["preemption"] = {{"host", report.preemption->host},
                          {"type", report.preemption->type},
                          {"seconds", report.preemption->left.count()},
                          {"event", report.preemption->event},
                          {"description", report.preemption->description}};
  }
  json["stage"] = staged_as_json(report.staged);
  json["collect"] = nullptr;
  if (report.collected) {
    json["collect"] = {{"directory", report.collected->directory}, {"seconds", report.collected->seconds},
                       {"brought", report.collected->brought},     {"nothing", report.collected->nothing},
                       {"shared", report.collected->shared},       {"failed", report.collected->failed}};
  }
  json["outcome"] = {{"name", report.outcome.name},
                     {"status", report.outcome.status},
                     {"message", report.outcome.message},
                     {"hint", report.outcome.hint}};
  json["mpirun_words"] = report.mpirun_words;
  json["times_ms"] = times_as_json(report.times);
  json["reasons"] = ordered_json::array();
  for (const auto& reason : report.reasons) json["reasons"].push_back(reason.what + ": " + reason.why);
  json["warnings"] = report.warnings;
  // What a user typed may be no UTF-8; it is shown as well as it goes.
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace shipyard::launcher
