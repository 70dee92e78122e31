#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/shell_quote.hpp"
#include "base/terminal.hpp"
#include "launcher/plan.hpp"

namespace shipyard::launcher {

std::string plan_as_script(const LaunchPlan& plan) {
  std::string script = fmt::format("mkdir -m 700 {}\n", shell_quote(plan.run_directory));
  for (const auto& [path, content] : plan.files) {
    script += fmt::format("cat >{} <<'END'\n{}END\n", shell_quote(path), content);
  }
  if (!plan.key_file.empty()) {
    script += fmt::format("(umask 077; printf %s \"${}\" | base64 -d >{})\n", kJobKeyVariable,
                          shell_quote(plan.key_file));
  }
  script += "env";
  for (const auto& name : plan.dropped_variables) script += fmt::format(" -u {}", name);
  for (const auto& [name, value] : plan.environment)
    script += fmt::format(" {}={}", name, shell_quote(value));
  // A word a line would be long, one line unreadable: options stay with their values.
  std::size_t column = script.size();
  for (std::size_t i = 0; i < plan.command.size(); ++i) {
    const bool starts_option = plan.command[i].starts_with('-');
    if (starts_option && column > 60) {
      script += " \\\n ";
      column = 1;
    } else if (i == 0) {
      script += " \\\n ";
      column = 1;
    }
    const std::string word = shell_quote(plan.command[i]);
    script += " " + word;
    column += word.size() + 1;
  }
  script += plan.forward_stdin ? "\n" : " </dev/null\n";
  script += fmt::format("status=$?\nrm -r {}\n(exit $status)\n", shell_quote(plan.run_directory));
  return script;
}

std::string plan_as_json(const LaunchPlan& plan, const LaunchOptions& options) {
  using nlohmann::ordered_json;
  ordered_json json;
  json["nodes"] = ordered_json::array();
  for (const auto& node : plan.nodes) {
    json["nodes"].push_back(
        {{"host", node.host}, {"ranks", node.ranks}, {"threads", node.threads}, {"cpuset", *node.cpusets}});
  }
  json["command"] = plan.command;
  json["environment"] = ordered_json::object();
  for (const auto& [name, value] : plan.environment) json["environment"][name] = value;
  json["files"] = ordered_json::object();
  for (const auto& [path, content] : plan.files) json["files"][path] = content;
  json["stage"] = ordered_json::array();
  for (const auto& [directory, target] : plan.staged)
    json["stage"].push_back({{"directory", directory}, {"target", target}});
  json["collect"] = nullptr;
  if (!options.collect.empty())
    json["collect"] = {{"patterns", options.collect}, {"directory", options.collect_to}};
  json["reasons"] = ordered_json::array();
  for (const auto& reason : plan.reasons) json["reasons"].push_back(reason.what + ": " + reason.why);
  // What a user typed may be no UTF-8; it is shown as well as it goes.
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string as_comments(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) result += line.empty() ? "#\n" : "# " + line + "\n";
  return result;
}

std::string plan_explained(const LaunchPlan& plan, int columns) {
  // As comments: in front of the script of --dry-run they leave it a script.
  std::string text;
  for (const auto& reason : plan.reasons) {
    text += wrap(reason.what + ": " + reason.why, columns - 2, 4) + "\n";
  }
  return as_comments(text);
}

}  // namespace shipyard::launcher
