#include "batch/local/node_docker/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/command_line.hpp"

namespace shipyard::local::node_docker {
namespace {

/// What `docker VERB --help` lists: flags, and options with a value, a blank between; "-x" in front of a name
/// is its letter. "other>name" is another spelling.
struct Verb {
  std::string_view name;
  std::string_view flags;
  std::string_view valued;
  bool operands_end_options = false;
};

constexpr std::string_view kProgramFlags = "-Ddebug tls tlsverify -vversion help";
constexpr std::string_view kProgramValued = "config -ccontext -Hhost -llog-level tlscacert tlscert tlskey";

constexpr std::string_view kRunFlags =
    "-ddetach disable-content-trust help init -iinteractive no-healthcheck oom-kill-disable privileged "
    "-Ppublish-all -qquiet read-only rm sig-proxy -ttty";
constexpr std::string_view kRunValued =
    "add-host annotation -aattach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns "
    "cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime -ccpu-shares cpus "
    "cpuset-cpus cpuset-mems detach-keys device device-cgroup-rule device-read-bps device-read-iops "
    "device-write-bps device-write-iops dns dns-opt>dns-option dns-option dns-search domainname entrypoint "
    "-eenv env-file expose gpus group-add health-cmd health-interval health-retries health-start-interval "
    "health-start-period health-timeout -hhostname io-maxbandwidth io-maxiops ip ip6 ipc isolation "
    "kernel-memory -llabel label-file link link-local-ip log-driver log-opt mac-address -mmemory "
    "memory-reservation memory-swap memory-swappiness mount name net>network network net-alias>network-alias "
    "network-alias oom-score-adj pid pids-limit platform -ppublish pull restart runtime security-opt "
    "shm-size "
    "stop-signal stop-timeout storage-opt sysctl tmpfs ulimit -uuser userns uts -vvolume volume-driver "
    "volumes-from -wworkdir";

constexpr std::array kVerbs = {
    Verb{"run", kRunFlags, kRunValued, true},
    Verb{"create", kRunFlags, kRunValued, true},
    Verb{"exec", "-ddetach help -iinteractive privileged -ttty",
         "detach-keys -eenv env-file -uuser -wworkdir", true},
    Verb{"top", "help", "", true},
    Verb{"ps", "-aall help -llatest no-trunc -qquiet -ssize", "-ffilter format -nlast"},
    Verb{"rm", "-fforce help -llink -vvolumes", ""},
    Verb{"logs", "details -ffollow help -ttimestamps", "since -ntail until"},
    Verb{"inspect", "help -ssize", "-fformat type"},
    Verb{"stop", "help", "-ssignal -ttimeout time>timeout"},
    Verb{"restart", "help", "-ssignal -ttimeout time>timeout"},
    Verb{"kill", "help", "-ssignal"},
    Verb{"start", "-aattach help -iinteractive", "detach-keys"},
    Verb{"attach", "help no-stdin sig-proxy", "detach-keys"},
    Verb{"wait", "help", ""},
    Verb{"cp", "-aarchive -Lfollow-link help -qquiet", ""},
    Verb{"pull", "-aall-tags disable-content-trust help -qquiet", "platform"},
    Verb{"images", "-aall digests help no-trunc -qquiet tree", "-ffilter format"},
    Verb{"image inspect", "help", "-fformat platform"},
    Verb{"login", "help password-stdin", "-ppassword -uusername"},
    Verb{"logout", "help", ""},
    Verb{"info", "help", "-fformat"},
    Verb{"version", "help", "-fformat"},
};

/// The other names of the same.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kAliases = {
    {{"container ls", "ps"},
     {"container list", "ps"},
     {"image ls", "images"},
     {"image list", "images"},
     {"image pull", "pull"},
     {"container remove", "rm"}}};

struct Found {
  std::string name;
  bool valued = false;
};

template <typename Matches>
std::optional<std::string> find_in(std::string_view list, const Matches& matches) {
  while (!list.empty()) {
    const std::string_view entry = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(list.size(), entry.size() + 1));
    const char letter = entry.starts_with('-') ? entry[1] : '\0';
    const std::string_view names = letter != '\0' ? entry.substr(2) : entry;
    const auto arrow = names.find('>');
    if (matches(letter, names.substr(0, arrow)))
      return std::string(arrow == std::string_view::npos ? names : names.substr(arrow + 1));
  }
  return std::nullopt;
}

template <typename Matches>
std::optional<Found> find_option(const Verb& verb, const Matches& matches) {
  if (auto name = find_in(verb.flags, matches)) return Found{*name, false};
  if (auto name = find_in(verb.valued, matches)) return Found{*name, true};
  return std::nullopt;
}

std::vector<std::string> spellings(const Verb& verb) {
  std::vector<std::string> all;
  const auto collect = [&](char, std::string_view name) {
    all.push_back("--" + std::string(name));
    return false;
  };
  (void)find_option(verb, collect);
  return all;
}

std::string docker(const Verb& verb) {
  return verb.name.empty() ? "docker" : fmt::format("docker {}", verb.name);
}

Error unknown_option(const Verb& verb, const std::string& word) {
  const std::string nearest = nearest_match(word, spellings(verb));
  return input_error(fmt::format("{}: unknown option '{}'", docker(verb), word),
                     nearest.empty() ? std::string() : fmt::format("did you mean '{}'?", nearest));
}

/// Reads options of one level; `at` ends behind them.
class Reader {
 public:
  Reader(const std::vector<std::string>& arguments, std::size_t& at) : arguments_(arguments), at_(at) {}

  /// The option, or the cluster of short ones, that stands at `at`.
  Status take(const Verb& verb, std::vector<Option>& options) {
    const std::string& word = arguments_[at_++];
    return word.starts_with("--") ? take_long(verb, word, options) : take_short(verb, word, options);
  }

 private:
  Status take_long(const Verb& verb, const std::string& word, std::vector<Option>& options) {
    const auto equals = word.find('=');
    const std::string spelled = word.substr(0, equals);
    const auto found = find_option(
        verb, [&](char, std::string_view name) { return name == std::string_view(spelled).substr(2); });
    if (!found) return unknown_option(verb, spelled);
    Option option{found->name, spelled, std::nullopt, !found->valued};
    if (equals != std::string::npos) {
      option.value = word.substr(equals + 1);
    } else if (found->valued) {
      if (auto status = take_value(verb, option); !status) return status;
    }
    options.push_back(std::move(option));
    return Ok{};
  }

  Status take_short(const Verb& verb, const std::string& word, std::vector<Option>& options) {
    std::string_view rest = std::string_view(word).substr(1);
    while (!rest.empty()) {
      const char letter = rest[0];
      const auto found =
          find_option(verb, [&](char l, std::string_view) { return l != '\0' && l == letter; });
      if (!found && letter != 'h') return unknown_option(verb, fmt::format("-{}", std::string(1, letter)));
      // pflag's own -h, where no option has taken the letter.
      Option option{found ? found->name : "help", {'-', letter}, std::nullopt, !found || !found->valued};
      rest.remove_prefix(1);
      // To pflag `-e=` is a value that is "=".
      if (rest.starts_with('=') && rest.size() > 1) {
        option.value = std::string(rest.substr(1));
        rest = {};
      } else if (!option.flag) {
        if (rest.empty()) {
          if (auto status = take_value(verb, option); !status) return status;
        } else {
          option.value = std::string(rest);
        }
        rest = {};
      }
      options.push_back(std::move(option));
    }
    return Ok{};
  }

  Status take_value(const Verb& verb, Option& option) {
    if (at_ == arguments_.size())
      return input_error(fmt::format("{}: {} needs a value", docker(verb), option.spelled));
    option.value = arguments_[at_++];
    return Ok{};
  }

  const std::vector<std::string>& arguments_;
  std::size_t& at_;
};

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

void append(std::vector<std::string>& arguments, const Option& option) {
  if (!option.value) {
    arguments.push_back(option.spelled);
  } else if (option.flag || option.spelled.starts_with("--")) {
    arguments.push_back(option.spelled + "=" + *option.value);
  } else {
    arguments.insert(arguments.end(), {option.spelled, *option.value});
  }
}

std::string all_verbs() {
  std::string text;
  for (const auto& verb : kVerbs) text += fmt::format("{}{}", text.empty() ? "" : ", ", verb.name);
  return text;
}

/// The verb at `at`, which ends behind it.
Result<const Verb*> take_verb(const std::vector<std::string>& arguments, std::size_t& at) {
  std::string name = arguments[at++];
  const bool two = name == "container" || name == "image";
  if (two && at < arguments.size()) {
    const std::string group = name;
    name += " " + arguments[at++];
    const auto* alias =
        std::find_if(kAliases.begin(), kAliases.end(), [&](auto& a) { return a.first == name; });
    if (alias != kAliases.end()) {
      name = alias->second;
    } else if (group == "container") {
      name = name.substr(group.size() + 1);
      // `docker container inspect` knows containers alone; `docker container pull` there is not.
      if (name == "inspect") name = "container inspect";
      for (const auto* other : {"pull", "images", "login", "logout", "info", "version"}) {
        if (name == other) name = group + " " + other;
      }
    }
  }
  static constexpr Verb kContainerInspect{"container inspect", "help -ssize", "-fformat"};
  if (name == kContainerInspect.name) return &kContainerInspect;
  const auto* verb =
      std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& v) { return v.name == name; });
  if (verb != kVerbs.end()) return verb;
  return input_error(fmt::format("docker {}: not on the nodes of a pool on this machine", name),
                     "there are: " + all_verbs());
}

}  // namespace

bool Words::has(std::string_view name) const {
  return std::any_of(options.begin(), options.end(), [&](const Option& option) {
    return option.name == name && option.value.value_or("true") != "false";
  });
}

std::vector<std::string> Words::arguments() const {
  std::vector<std::string> result;
  for (const auto& option : global) append(result, option);
  if (!verb.empty()) {
    const auto blank = verb.find(' ');
    result.push_back(verb.substr(0, blank));
    if (blank != std::string::npos) result.push_back(verb.substr(blank + 1));
  }
  for (const auto& option : options) append(result, option);
  // Also where they are not needed: an operand that begins with a dash is not taken for an option then.
  if (ended_by_dashes) result.emplace_back("--");
  result.insert(result.end(), operands.begin(), operands.end());
  return result;
}

Result<Words> parse_words(const std::vector<std::string>& arguments) {
  Words words;
  std::size_t at = 0;
  Reader reader(arguments, at);
  constexpr Verb kProgram{"", kProgramFlags, kProgramValued, true};
  while (at < arguments.size() && is_option(arguments[at])) {
    if (arguments[at] == "--") return unknown_option(kProgram, "--");
    if (auto status = reader.take(kProgram, words.global); !status) return status.error();
  }
  if (at == arguments.size()) return words;
  auto verb = take_verb(arguments, at);
  if (!verb) return verb.error();
  words.verb = (*verb)->name;
  while (at < arguments.size()) {
    const std::string& word = arguments[at];
    if (word == "--") {
      words.ended_by_dashes = true;
      words.operands.insert(words.operands.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                            arguments.end());
      break;
    }
    if (is_option(word)) {
      if (auto status = reader.take(**verb, words.options); !status) return status.error();
    } else {
      words.operands.push_back(word);
      ++at;
      if (!(*verb)->operands_end_options) continue;
      words.operands.insert(words.operands.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at),
                            arguments.end());
      break;
    }
  }
  return words;
}

bool names_a_file_to_read(const Option& option) {
  return option.name == "env-file" || option.name == "label-file";
}

std::vector<std::string> files_to_read(const Words& words) {
  std::vector<std::string> files;
  for (const auto& option : words.options) {
    if (names_a_file_to_read(option) && option.value) files.push_back(*option.value);
  }
  return files;
}

}  // namespace shipyard::local::node_docker
