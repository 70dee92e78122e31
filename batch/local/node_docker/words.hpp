#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace shipyard::local::node_docker {

/// An option as it stood on docker's command line.
struct Option {
  std::string name;  ///< the long name, without dashes; of two spellings the usual one: "network" for --net
  std::string spelled;                    ///< as it was written: "--net", "-e"
  std::optional<std::string> value = {};  ///< none: a flag that stands alone
  bool flag = false;                      ///< it has a value behind `=` alone: "true" or "false"
  bool operator==(const Option&) const = default;
};

/// A command line of docker, understood: options of the program, a verb, the verb's options, and what is
/// left. Of `run`, `create`, `exec` and `top` the options end at the first operand, as docker reads them:
/// what stands behind an image or a container is a program's and passes untouched.
struct Words {
  std::vector<Option> global;
  std::string
      verb;  ///< "run", "image inspect"; `container run` is "run", `image ls` is "images"; empty: none
  std::vector<Option> options;
  bool ended_by_dashes = false;  ///< `--` stood before the first operand
  std::vector<std::string> operands;

  [[nodiscard]] bool has(std::string_view name) const;
  /// As arguments of an engine; read again, they give the same words.
  [[nodiscard]] std::vector<std::string> arguments() const;
  bool operator==(const Words&) const = default;
};

/// `arguments` without the program's name, of the verbs that a node's docker has
/// (docs.docker.com/reference/cli/docker). As pflag reads them (github.com/spf13/pflag): `--name value`,
/// `--name=value`, `-n value`, `-nvalue`, `-n=value`, `-it`; a flag takes a value behind `=` alone. An option
/// or a verb that is not known is an error: whether the next word belongs to it cannot be guessed.
Result<Words> parse_words(const std::vector<std::string>& arguments);

/// The files that the client itself would read (`--env-file`, `--label-file`), in the order of the words.
[[nodiscard]] std::vector<std::string> files_to_read(const Words& words);
[[nodiscard]] bool names_a_file_to_read(const Option& option);

}  // namespace shipyard::local::node_docker
