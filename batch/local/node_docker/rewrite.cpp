#include "batch/local/node_docker/rewrite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "batch/local/batch_variables.hpp"
#include "batch/local/node_docker/words.hpp"

namespace shipyard::local::node_docker {
namespace {

bool is_hexadecimal(std::string_view word) {
  return !word.empty() && word.size() <= 64 &&
         word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The fields of one line of comma-separated values (RFC 4180), as `--mount` is read.
std::vector<std::string> split_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      const bool doubled = quoted && i + 1 < line.size() && line[i + 1] == '"';
      if (doubled)
        fields.back() += line[++i];
      else
        quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::string join_fields(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) {
    if (&field != &fields.front()) line += ',';
    if (field.find_first_of(",\"\n\r") == std::string::npos) {
      line += field;
      continue;
    }
    line += '"';
    for (const char c : field) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line;
}

/// Of an expression: a name's own characters for themselves.
std::string literally(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '.') result += '\\';
    result += c;
  }
  return result;
}

class Rewriter {
 public:
  Rewriter(const Call& call, const Node& node, const AskOwnContainers& ask)
      : call_(call), node_(node), ask_(ask) {}

  Result<EngineCall> rewrite() {
    auto words = parse_words(call_.arguments);
    if (!words) return words.error();
    words_ = std::move(*words);
    for (const auto& option : words_.global) {
      if (is_one_of(option.name,
                    {"host", "context", "config", "tls", "tlscacert", "tlscert", "tlskey", "tlsverify"}))
        return input_error(
            fmt::format("docker {}: a node has one engine, and it is chosen already", option.spelled));
    }
    if (words_.has("help")) {
      words_.options = {{"help", "--help", std::nullopt, true}};
      words_.operands.clear();
    } else if (auto status = rewrite_verb(); !status) {
      return status.error();
    }
    result_.arguments = words_.arguments();
    return result_;
  }

 private:
  Status rewrite_verb() {
    const std::string& verb = words_.verb;
    if (is_one_of(verb, {"run", "create"})) return rewrite_run();
    if (verb == "exec") {
      result_.takes_environment = true;
      if (auto status = rewrite_files(); !status) return status;
      hand_on_variables();
      return own_operands(1);
    }
    if (verb == "ps") return rewrite_ps();
    if (verb == "inspect") return rewrite_inspect();
    if (verb == "cp") return rewrite_cp();
    if (verb == "top") return own_operands(1);
    result_.changes =
        is_one_of(verb, {"rm", "stop", "kill", "restart"}) || (verb == "start" && !words_.has("attach"));
    if (is_one_of(verb, {"rm", "stop", "restart", "kill", "start", "attach", "logs", "wait"}))
      return own_operands(words_.operands.size());
    if (verb == "container inspect") {
      words_.verb = "inspect";
      words_.options.push_back({"type", "--type", "container"});
      return own_operands(words_.operands.size());
    }
    return Ok{};  // images, registries, the engine itself: those of the machine
  }

  // --- Names of containers

  /// What the engine knows a container of this node by. A name that begins with the node's prefix is one that
  /// `docker ps` has shown. As the engine has it: a whole id, a name, the beginning of an id.
  Result<std::string> own(const std::string& word) {
    if (word.starts_with(node_.prefix)) return word;
    const std::string name = node_.prefix + word;
    if (!is_hexadecimal(word)) return name;
    if (auto status = ask(); !status) return status.error();
    const OwnContainer* found = nullptr;
    for (const auto& container : containers_) {
      if (container.id == word || container.name == name) return container.id == word ? word : name;
      if (!container.id.starts_with(word)) continue;
      if (found != nullptr)
        return input_error(
            fmt::format("docker {}: more than one container's id begins with {}", words_.verb, word));
      found = &container;
    }
    return found != nullptr ? found->id : name;
  }

  Status ask() {
    if (asked_) return Ok{};
    auto containers = ask_();
    if (!containers) return containers.error();
    containers_ = std::move(*containers);
    asked_ = true;
    return Ok{};
  }

  /// The first `count` operands are containers.
  Status own_operands(std::size_t count) {
    for (std::size_t i = 0; i < std::min(count, words_.operands.size()); ++i) {
      auto name = own(words_.operands[i]);
      if (!name) return name.error();
      words_.operands[i] = std::move(*name);
    }
    return Ok{};
  }

  Status rewrite_inspect() {
    const auto type = std::find_if(words_.options.begin(), words_.options.end(),
                                   [](const Option& option) { return option.name == "type"; });
    if (type != words_.options.end() && !type->value.value_or("").empty()) {
      if (type->value == "container") return own_operands(words_.operands.size());
      if (type->value == "image") return Ok{};
      return input_error(fmt::format("docker inspect: nothing of type '{}' is known to a node", *type->value),
                         "--type container, or image");
    }
    // A name may be that of a container of this node, or of an image; never that of another's container.
    if (auto status = ask(); !status) return status;
    std::size_t containers = 0;
    for (auto& operand : words_.operands) {
      auto name = own(operand);
      if (!name) return name.error();
      const bool is_own = std::any_of(containers_.begin(), containers_.end(),
                                      [&](const auto& c) { return c.name == *name || c.id == *name; });
      if (!is_own) continue;
      operand = std::move(*name);
      ++containers;
    }
    if (containers != 0 && containers != words_.operands.size())
      return input_error("docker inspect: containers and images in one command",
                         "ask for them in two, one with --type container, one with --type image");
    words_.options.push_back({"type", "--type", containers != 0 ? "container" : "image"});
    return Ok{};
  }

  Status rewrite_ps() {
    for (auto& option : words_.options) {
      if (option.name != "filter" || !option.value) continue;
      const auto equals = option.value->find('=');
      if (equals == std::string::npos) continue;
      const std::string key = option.value->substr(0, equals);
      const std::string value = option.value->substr(equals + 1);
      if (key == "name") {
        // An expression that is looked for anywhere in a name, which may be given with a slash in front.
        const std::string begin = "^/?" + literally(node_.prefix);
        std::string_view rest = value;
        if (!rest.starts_with('^')) {
          option.value = fmt::format("name={}.*(?:{})", begin, rest);
          continue;
        }
        rest.remove_prefix(1);
        if (rest.starts_with('/')) rest.remove_prefix(rest.starts_with("/?") ? 2 : 1);
        option.value = fmt::format("name={}(?:{})", begin, rest);
      } else if (key == "before" || key == "since") {
        auto name = own(value);
        if (!name) return name.error();
        option.value = key + "=" + *name;
      }
    }
    for (const auto& [key, value] : node_.labels)
      words_.options.push_back({"filter", "--filter", fmt::format("label={}={}", key, value)});
    return Ok{};
  }

  // --- Paths

  Result<std::string> here(const std::string& word, const std::string& what) {
    const std::string path = normal_path(word, call_.working_directory);
    if (auto mapped = path_here(path, node_)) return *mapped;
    return input_error(
        fmt::format("docker {}: {}: {} of the node is not on this machine", words_.verb, what, path),
        fmt::format("only what is below {} is; shipyard-local serve --mount gives the nodes more of this "
                    "machine's directories",
                    kNodeRootDirectory));
  }

  Status rewrite_cp() {
    result_.changes = true;
    for (auto& operand : words_.operands) {
      // As docker tells them apart: CONTAINER:PATH, unless it begins like a path.
      const auto colon = operand.find(':');
      if (operand == "-") continue;
      if (operand.starts_with('/') || operand.starts_with('.') || colon == std::string::npos) {
        auto path = here(operand, operand);
        if (!path) return path.error();
        // What a trailing slash or dot says to docker is kept: "the directory", "what is in it".
        if (operand.ends_with("/."))
          *path += "/.";
        else if (operand.ends_with('/'))
          *path += '/';
        operand = std::move(*path);
      } else {
        auto name = own(operand.substr(0, colon));
        if (!name) return name.error();
        operand = *name + operand.substr(colon);
      }
    }
    return Ok{};
  }

  /// The client reads what it is handed, in place of what is there under this name on the node.
  Status rewrite_files() {
    std::size_t next = 0;
    for (auto& option : words_.options) {
      if (!names_a_file_to_read(option)) continue;
      if (next == call_.files.size())
        return input_error(
            fmt::format("docker {}: {} was not read on the node", words_.verb, option.spelled));
      option.value = call_.files[next++];
    }
    return Ok{};
  }

  /// A name alone stands for the client's variable: some it has of this machine.
  void hand_on_variables() {
    for (auto& option : words_.options) {
      if (option.name != "env" || !option.value || option.value->find('=') != std::string::npos ||
          !belongs_to_the_client(*option.value, node_.podman))
        continue;
      const auto variable = call_.environment.find(*option.value);
      // docker leaves out what it does not have; this machine's value must not come in its place.
      if (variable != call_.environment.end())
        *option.value += "=" + variable->second;
      else
        option.name.clear();
    }
    std::erase_if(words_.options, [](const Option& option) { return option.name.empty(); });
  }

  // --- run and create

  Status rewrite_run() {
    result_.takes_environment = true;
    result_.changes = words_.verb == "create" || words_.has("detach");
    if (auto status = rewrite_files(); !status) return status;
    hand_on_variables();
    bool named = false;
    for (auto& option : words_.options) {
      if (auto status = rewrite_run_option(option); !status) return status;
      named = named || option.name == "name";
    }
    if (on_the_nodes_network_) {
      if (auto status = agree_with_the_network(); !status) return status;
    } else {
      for (const auto& option : words_.options) {
        if (!is_one_of(option.name, {"publish", "publish-all"})) continue;
        return input_error(
            fmt::format("docker {}: {}: the port would be published by this machine, not by the node",
                        words_.verb, option.spelled),
            "with --net=host a container listens on the node's own ports");
      }
    }
    std::erase_if(words_.options, [](const Option& option) { return option.name.empty(); });
    if (!named) words_.options.push_back({"name", "--name", node_.prefix + call_.unused_name});
    // The last one counts: the user's word wins.
    for (const auto& [key, value] : node_.variables)
      words_.options.insert(words_.options.begin(), {"env", "--env", fmt::format("{}={}", key, value)});
    // The last one counts: no label of the user's takes a container away from the node.
    for (const auto& [key, value] : node_.labels)
      words_.options.push_back({"label", "--label", fmt::format("{}={}", key, value)});
    return Ok{};
  }

  Status rewrite_run_option(Option& option) {
    const std::string& name = option.name;
    if (!option.value) return Ok{};
    if (name == "name") {
      if (!option.value->starts_with(node_.prefix)) option.value = node_.prefix + *option.value;
    } else if (name == "network") {
      return rewrite_network(option);
    } else if (name == "pid" || name == "ipc") {
      if (option.value == "host")
        option.value = "container:" + node_.container;
      else
        return join_own(option);
    } else if (name == "uts" && option.value == "host") {
      // Docker has no way to join a container's; on the node's network it has the node's name.
      option.name.clear();
    } else if (name == "uts" || name == "userns" || name == "cgroupns") {
      return join_own(option);  // podman's
    } else if (name == "volumes-from" || name == "link") {
      const auto colon = std::min(option.value->find(':'), option.value->size());
      auto container = own(option.value->substr(0, colon));
      if (!container) return container.error();
      option.value = *container + option.value->substr(colon);
    } else if (name == "volume") {
      return rewrite_volume(option);
    } else if (name == "mount") {
      return rewrite_mount(option);
    } else if (name == "cidfile") {
      return put_here(option, *option.value, "");
    } else if (name == "security-opt") {
      for (const auto* key : {"seccomp=", "seccomp:"}) {
        if (!option.value->starts_with(key)) continue;
        const std::string file = option.value->substr(8);
        if (!is_one_of(file, {"unconfined", "builtin"})) return put_here(option, file, key);
      }
    } else if (name == "ulimit") {
      limit_memlock(option);
    }
    return Ok{};
  }

  Status put_here(Option& option, const std::string& path, const std::string& before) {
    auto mapped = here(path, option.spelled);
    if (!mapped) return mapped.error();
    option.value = before + *mapped;
    return Ok{};
  }

  Status join_own(Option& option) {
    constexpr std::string_view kContainer = "container:";
    if (!option.value->starts_with(kContainer)) return Ok{};
    auto name = own(option.value->substr(kContainer.size()));
    if (!name) return name.error();
    option.value = std::string(kContainer) + *name;
    return Ok{};
  }

  Status rewrite_network(Option& option) {
    const std::string value = *option.value;
    if (value == "host" || value == "name=host") {
      option.value = "container:" + node_.container;
      on_the_nodes_network_ = true;
    } else if (value.starts_with("container:")) {
      return join_own(option);
    } else if (!is_one_of(value, {"none", "bridge", "default"})) {
      return input_error(
          fmt::format("docker {}: {}: the node has no network '{}'", words_.verb, option.spelled, value),
          "there are host, none, bridge (of this machine), and container:NAME");
    }
    return Ok{};
  }

  /// What the host's network bears and another container's does not: the engine would refuse it.
  Status agree_with_the_network() {
    const std::string node = "the container has the node's";
    for (auto& option : words_.options) {
      if (option.name == "add-host") {
        return input_error(fmt::format("docker {}: {}: with --net=host a container here shares the node's "
                                       "/etc/hosts",
                                       words_.verb, option.spelled),
                           "write the name into the node's /etc/hosts, in the pool's start task");
      }
      if (is_one_of(option.name, {"publish", "publish-all", "expose"})) {
        note(fmt::format("{}: all ports of the container are the node's, with --net=host", option.spelled));
      } else if (option.name == "hostname" || option.name == "domainname") {
        note(fmt::format("{}: {} name, on its network", option.spelled, node));
      } else if (is_one_of(option.name, {"dns", "dns-option", "dns-search"})) {
        note(fmt::format("{}: {} name servers, on its network", option.spelled, node));
      } else {
        continue;
      }
      option.name.clear();
    }
    return Ok{};
  }

  Status rewrite_volume(Option& option) {
    const auto colon = option.value->find(':');
    if (colon == std::string::npos) return Ok{};  // a volume without a name
    const std::string source = option.value->substr(0, colon);
    const std::string rest = option.value->substr(colon);
    if (!source.starts_with('/') && !source.starts_with('.')) {
      option.value = node_.prefix + source + rest;
      return Ok{};
    }
    auto path = here(source, option.spelled);
    if (!path) return path.error();
    if (path->find(':') != std::string::npos)
      return input_error(fmt::format("docker {}: {}: {} is {} here, and a colon cannot stand in it",
                                     words_.verb, option.spelled, source, *path));
    option.value = *path + rest;
    return Ok{};
  }

  Status rewrite_mount(Option& option) {
    auto fields = split_fields(*option.value);
    auto value_of = [&](std::initializer_list<std::string_view> keys) -> std::string* {
      for (auto& field : fields) {
        if (is_one_of(std::string_view(field).substr(0, field.find('=')), keys) &&
            field.find('=') != std::string::npos)
          return &field;
      }
      return nullptr;
    };
    const std::string* type = value_of({"type"});
    std::string* source = value_of({"source", "src"});
    if (source == nullptr) return Ok{};
    const auto equals = source->find('=') + 1;
    const std::string kind = type != nullptr ? type->substr(type->find('=') + 1) : "volume";
    if (kind == "bind") {
      auto path = here(source->substr(equals), option.spelled);
      if (!path) return path.error();
      *source = source->substr(0, equals) + *path;
    } else if (kind == "volume") {
      source->insert(equals, node_.prefix);
    }
    option.value = join_fields(fields);
    return Ok{};
  }

  /// The engine refuses to start a container with a limit above its own: runc's setrlimit(2) fails. -1: none.
  void limit_memlock(Option& option) {
    constexpr std::string_view kMemlock = "memlock=";
    if (!node_.memlock_limit || !option.value->starts_with(kMemlock)) return;
    const std::uint64_t most = *node_.memlock_limit;
    const std::string wanted = option.value->substr(kMemlock.size());
    std::string given;
    bool less = false;
    for (std::size_t at = 0; at <= wanted.size();) {
      const auto end = std::min(wanted.find(':', at), wanted.size());
      const std::string part = wanted.substr(at, end - at);
      std::uint64_t number = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), number);
      const bool is_number = parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
      const bool too_much =
          part == "-1" || (is_number && number > most) || (parsed.ec == std::errc::result_out_of_range);
      given += (at == 0 ? "" : ":") + (too_much ? std::to_string(most) : part);
      less = less || too_much;
      at = end + 1;
    }
    if (!less) return;
    option.value = std::string(kMemlock) + given;
    note(fmt::format("{} memlock={}: this machine lets a container lock {} KiB at most", option.spelled,
                     wanted, most / 1024));
  }

  void note(std::string text) {
    if (std::find(result_.notes.begin(), result_.notes.end(), text) == result_.notes.end())
      result_.notes.push_back(std::move(text));
  }

  const Call& call_;
  const Node& node_;
  const AskOwnContainers& ask_;
  Words words_;
  EngineCall result_;
  bool asked_ = false;
  std::vector<OwnContainer> containers_;
  bool on_the_nodes_network_ = false;
};

/// The rest of `path` below `directory`, with its slash; none where it is not below.
std::optional<std::string> below(const std::string& path, const std::string& directory) {
  if (!path.starts_with(directory)) return std::nullopt;
  std::string rest = path.substr(directory.size());
  if (!rest.empty() && rest[0] != '/' && !directory.ends_with('/')) return std::nullopt;
  if (!rest.empty() && rest[0] != '/') rest.insert(0, "/");
  return rest;
}

}  // namespace

std::string normal_path(std::string_view path, std::string_view working_directory) {
  const std::string whole =
      path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", working_directory, path);
  std::vector<std::string_view> parts;
  for (std::string_view rest = whole; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string result;
  for (const auto part : parts) result.append("/").append(part);
  return result.empty() ? "/" : result;
}

std::optional<std::string> path_here(const std::string& path, const Node& node) {
  std::optional<std::string> found;
  std::size_t longest = 0;
  auto try_one = [&](const std::string& on_the_node, const std::string& here) {
    const auto rest = below(path, on_the_node);
    if (!rest || (found && on_the_node.size() < longest)) return;
    longest = on_the_node.size();
    found = here == "/" && !rest->empty() ? *rest : here + *rest;
  };
  try_one(kNodeRootDirectory, node.directory);
  for (const auto& mount : node.mounts) try_one(mount.on_the_node, mount.here);
  return found;
}

bool belongs_to_the_client(std::string_view variable, bool podman) {
  if (is_one_of(variable, {"PATH", "HOME", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD"}) ||
      variable.starts_with("DOCKER_"))
    return true;
  return podman && (is_one_of(variable, {"DBUS_SESSION_BUS_ADDRESS", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME",
                                         "XDG_DATA_HOME", "XDG_RUNTIME_DIR"}) ||
                    variable.starts_with("CONTAINER_") || variable.starts_with("CONTAINERS_"));
}

std::string file_for_the_client(std::string_view text, const Call& call, bool podman) {
  std::string result;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const bool ended = line.size() < text.size();
    text.remove_prefix(line.size() + (ended ? 1 : 0));
    if (line.find('=') == std::string_view::npos && belongs_to_the_client(line, podman)) {
      const auto variable = call.environment.find(line);
      if (variable == call.environment.end()) continue;
      // A value of several lines has no form in such a file.
      result.append(line).append("=").append(variable->second.substr(0, variable->second.find('\n')));
    } else {
      result.append(line);
    }
    if (ended) result += '\n';
  }
  return result;
}

Result<EngineCall> rewrite(const Call& call, const Node& node, const AskOwnContainers& ask) {
  return Rewriter(call, node, ask).rewrite();
}

}  // namespace shipyard::local::node_docker
