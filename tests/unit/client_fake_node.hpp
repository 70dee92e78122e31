#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/subprocess.hpp"
#include "temporary_directory.hpp"

namespace shipyard::batch::testing {

using Words = std::vector<std::string>;

/// The parts of a text that end with a byte 0.
inline Words zero_terminated(const std::string& text) {
  Words words;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\0', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

/// A VM of a pool: its `docker` and `curl` write down what they are asked for.
class FakeNode {
 public:
  FakeNode() {
    std::filesystem::create_directories(directory_.path("bin"));
    std::filesystem::create_directories(directory_.path("task/wd"));
    program("docker", R"bash(#!/bin/bash
cd @ || exit 99
words=("$@")
{ printf '%s\0' "$#"; printf '%s\0' "$@"; } >> calls
while (( $# )); do
  if [ "$1" = --env-file ]; then
    while IFS= read -r name; do
      case $name in
        *=*) printf '%s\0' "$name" ;;
        *) [ -z "${!name+set}" ] || printf '%s=%s\0' "$name" "${!name}" ;;
      esac
    done < "$2" > variables
  fi
  shift
done
case ${words[0]} in
  ps) cat ids 2>/dev/null ;;
  run) exit "$(cat run-status 2>/dev/null || echo 0)" ;;
  exec) [ ! -p /dev/stdin ] || echo yes > lifeline
        exit "$(cat exec-status 2>/dev/null || echo 0)" ;;
  image) [ -e "image-${words[2]//\//_}" ] ;;
  login) { cat; printf '\0'; } >> passwords ;;
  logs) echo "what the container said" ;;
esac
)bash");
    program("curl", R"bash(#!/bin/bash
cd @ || exit 99
{ printf '%s\0' "$#"; printf '%s\0' "$@"; } >> curl-calls
case $* in
  *--data*) cat > posted; echo '{"refresh_token": "hush-refresh"}' ;;
  *) echo '{"access_token":"hush-access","expires_in":"3599","token_type":"Bearer"}' ;;
esac
)bash");
    variables_ = {{"PATH", directory_.path("bin") + ":/usr/bin:/bin"},
                  {"HOME", "/root"},
                  {"HOSTNAME", "vm0"},
                  {"PWD", "/"},
                  {"OLDPWD", "/tmp"},
                  {"USER", "root"},
                  {"LOGNAME", "root"},
                  {"SHELL", "/bin/bash"},
                  {"SHLVL", "1"},
                  {"LANG", "C"},
                  {"CCP_NODES", "1 10.0.0.4 2"},
                  {"AZ_BATCH_JOB_ID", "job-1"},
                  {"AZ_BATCH_NODE_ROOT_DIR", directory_.path()},
                  {"AZ_BATCH_TASK_DIR", directory_.path("task")},
                  {"AZ_BATCH_TASK_WORKING_DIR", directory_.path("task/wd")}};
  }

  /// What the task's or the node's own variables are.
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  [[nodiscard]] const shipyard::testing::TemporaryDirectory& directory() const { return directory_; }

  /// Runs a command line of a task as Batch does it: taken apart into words, without a shell.
  [[nodiscard]] Completed run(const std::string& command_line) const {
    Command command;
    command.argv = words_of(command_line);
    for (const auto& [name, value] : variables_) command.environment.push_back(name + "=" + value);
    command.standard_output = command.standard_error = Command::Stream::kPipe;
    auto completed = shipyard::run(std::move(command), std::chrono::seconds(20));
    if (!completed) throw std::runtime_error(completed.error().message);
    return *completed;
  }
  /// The words that a shell finds in the line.
  [[nodiscard]] static Words words_of(const std::string& command_line) {
    Command command;
    command.argv = {"/bin/bash", "-c", "eval \"set -- $0\"; printf '%s\\0' \"$@\"", command_line};
    command.environment = {"PATH=/usr/bin:/bin"};
    command.standard_output = command.standard_error = Command::Stream::kPipe;
    auto completed = shipyard::run(std::move(command), std::chrono::seconds(20));
    if (!completed) throw std::runtime_error(completed.error().message);
    return zero_terminated(completed->output);
  }

  /// Docker's arguments, call by call.
  [[nodiscard]] std::vector<Words> calls(const char* of = "calls") const {
    std::vector<Words> calls;
    const Words words = zero_terminated(directory_.read(of));
    for (std::size_t at = 0; at < words.size();) {
      const auto count = std::stoul(words[at++]);
      calls.emplace_back(words.begin() + static_cast<long>(at),
                         words.begin() + static_cast<long>(at + count));
      at += count;
    }
    return calls;
  }
  /// The variables that the last `--env-file` has handed on, as Docker reads it.
  [[nodiscard]] std::map<std::string, std::string> handed_on() const {
    std::map<std::string, std::string> variables;
    for (const auto& word : zero_terminated(directory_.read("variables")))
      variables[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    return variables;
  }
  /// What came to the standard input of each `docker login`.
  [[nodiscard]] Words passwords() const { return zero_terminated(directory_.read("passwords")); }

 private:
  void program(const std::string& name, std::string text) const {
    text.replace(text.find("cd @") + 3, 1, directory_.path());
    ::chmod(directory_.write("bin/" + name, text).c_str(), 0755);
  }

  shipyard::testing::TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
};

}  // namespace shipyard::batch::testing
