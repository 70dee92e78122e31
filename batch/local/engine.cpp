#include "batch/local/engine.hpp"

#include <fmt/format.h>

#include <array>
#include <sstream>

namespace shipyard::local {
namespace {

constexpr std::array<const char*, 2> kEngines = {"docker", "podman"};

Error no_answer(const std::string& engine, const JobOutcome& outcome) {
  std::string message = outcome.timed_out ? "no answer in time"
                        : outcome.error   ? outcome.error->message
                                          : clean_engine_message(outcome.completed.errors);
  std::string hint = "./scripts/setup installs docker and starts it";
  if (message.find("permission denied") != std::string::npos) {
    hint = "run it as root, or as a member of the group docker";
  } else if (outcome.error && outcome.error->code == Error::Code::kNotFound) {
    return {Error::Code::kNotFound, fmt::format("{} is not installed", engine), hint, {}};
  }
  return {Error::Code::kSystem, fmt::format("{} does not answer: {}", engine, message), hint, {}};
}

Result<EngineState> ask(const std::string& engine, const std::vector<std::string>& images,
                        const Environment& environment, Interruption& interruption) {
  std::vector<Job> lists = {{{engine, "ps", "--all", "--quiet", "--filter", "label=shipyard.pool"}},
                            {{engine, "network", "ls", "--quiet"}}};
  const std::size_t first_image = lists.size();
  for (const auto& image : images)
    lists.push_back({{engine, "image", "inspect", "--format", "{{.Id}}", image}});
  const auto listed = run_jobs(lists, environment, interruption);
  for (std::size_t i = 0; i < first_image; ++i) {
    if (!listed[i].success() && (listed[i].started || listed[i].error)) return no_answer(engine, listed[i]);
  }
  EngineState state;
  state.engine = engine;
  for (std::size_t i = first_image; i < listed.size(); ++i) state.images_here.push_back(listed[i].success());

  // `inspect` of several things fails where one of them has gone meanwhile, and still tells about the others.
  std::string containers;
  std::string networks;
  std::vector<Job> inspections;
  std::vector<std::string*> answers;
  auto inspect = [&](std::vector<std::string> argv, const std::string& names, std::string& answer) {
    const auto found = words_of(names);
    if (found.empty()) return;
    argv.insert(argv.end(), found.begin(), found.end());
    inspections.push_back({argv});
    answers.push_back(&answer);
  };
  inspect({engine, "inspect"}, listed[0].completed.output, containers);
  inspect({engine, "network", "inspect"}, listed[1].completed.output, networks);
  const auto inspected = run_jobs(inspections, environment, interruption);
  for (std::size_t i = 0; i < inspected.size(); ++i) *answers[i] = inspected[i].completed.output;

  auto pools = parse_pools(containers, networks);
  if (!pools) return pools.error();
  state.pools = std::move(*pools);
  auto subnets = parse_networks(networks);
  if (!subnets) return subnets.error();
  state.networks = std::move(*subnets);
  return state;
}

}  // namespace

std::string clean_engine_message(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    for (std::string_view prefix : {"docker: ", "Error response from daemon: ", "Error: ", "error: "}) {
      if (line.starts_with(prefix)) line.erase(0, prefix.size());
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.starts_with("See 'docker ") || line.starts_with("Run 'docker ") ||
        line.starts_with("exit status ")) {
      continue;
    }
    if (!result.empty()) result += '\n';
    result += line;
  }
  return result;
}

bool says_subnet_is_taken(std::string_view message) {
  // docker: "Pool overlaps with other one on this address space"; podman: "subnet … is already used on the
  // host or by another config".
  return message.find("overlaps") != std::string_view::npos ||
         message.find("is already used") != std::string_view::npos;
}

Result<EngineState> ask_engine(const std::optional<std::string>& wanted,
                               const std::vector<std::string>& images, const Environment& environment,
                               Interruption& interruption) {
  if (wanted) return ask(*wanted, images, environment, interruption);
  std::optional<Error> first;
  for (const char* engine : kEngines) {
    auto state = ask(engine, images, environment, interruption);
    if (state || interruption.signal() != 0) return state;
    // What is installed and does not answer says more than what is not installed.
    if (!first || (first->code == Error::Code::kNotFound && state.error().code != Error::Code::kNotFound)) {
      first = state.error();
    }
  }
  if (first->code == Error::Code::kNotFound) {
    return Error{Error::Code::kNotFound, "neither docker nor podman is installed", first->hint, {}};
  }
  return *first;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace shipyard::local
