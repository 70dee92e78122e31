#include "hostfile/ssh_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <map>

#include "base/ascii.hpp"
#include "base/shell_quote.hpp"

namespace shipyard::hostfile {
namespace {

/// The first `count` octets of an IPv4 address, each with its dot.
std::string_view octets(std::string_view address, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count; ++i) end = address.find('.', end) + 1;
  return address.substr(0, end);
}

struct Group {
  std::string_view first;
  std::size_t size = 1;
  int common_octets = 3;
  std::size_t place = 0;  ///< in the result
};

Error fault_in(std::string message, std::string_view text, std::size_t offset, std::string hint = {}) {
  Error error = input_error(std::move(message), std::move(hint));
  error.excerpt = {std::string(text), offset};
  return error;
}

Status check_pattern(const std::string& pattern) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_*?!";
  const std::string hint =
      "write it as ssh_config(5) has it, for example 10.0.*; several are given one by one";
  if (pattern.empty()) return input_error("the ssh host pattern is empty", hint);
  const bool negated = pattern[0] == '!';
  for (std::size_t i = negated ? 1 : 0; i < pattern.size(); ++i) {
    if (kAllowed.find(pattern[i]) == std::string_view::npos || pattern[i] == '!') {
      return fault_in("the ssh host pattern has a character that no host name has", pattern, i, hint);
    }
  }
  if (!negated && pattern.find_first_not_of("*?.:") == std::string::npos) {
    return fault_in("the ssh host pattern would match every host, not only the nodes", pattern, 0, hint);
  }
  return Ok{};
}

/// ssh's own rules: '*' is any text, '?' any character.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Status check_user(std::string_view user) {
  for (std::size_t i = 0; i < user.size(); ++i) {
    const char c = user[i];
    const bool letter = is_letter(c) || c == '_';
    const bool other = is_digit(c) || c == '.' || c == '-';
    if (!letter && (i == 0 || !other)) return fault_in("the ssh user is not a user name", user, i);
  }
  return Ok{};
}

/// A path as IdentityFile takes it: in double quotes with backslashes, and with its tokens (%) switched off.
Result<std::string> quote_path(std::string_view path) {
  std::string result = "\"";
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto byte = static_cast<unsigned char>(path[i]);
    if (byte < 0x20 || byte == 0x7F) {
      return fault_in("the ssh key's path has a control character", path, i, "move the key");
    }
    if (path.substr(i, 2) == "${") {
      return fault_in("the ssh key's path has '${', which ssh would expand", path, i, "move the key");
    }
    if (path[i] == '"' || path[i] == '\\') result += '\\';
    if (path[i] == '%') result += '%';
    result += path[i];
  }
  return result + '"';
}

/// ProxyCommand is a shell's line, in which ssh replaces its tokens (%) first.
std::string proxy_word(std::string_view path) {
  std::string result;
  for (char c : shell_quote(path)) result += c == '%' ? "%%" : std::string(1, c);
  return result;
}

}  // namespace

std::vector<std::string> host_patterns(const std::vector<Host>& hosts) {
  std::vector<std::string> result;
  std::map<std::string_view, Group> groups;  // at most 256
  for (const auto& host : hosts) {
    if (host.kind != Host::Kind::kIpv4) {
      result.push_back(host.name);
      continue;
    }
    const std::string_view address = host.name;
    auto [found, inserted] = groups.try_emplace(octets(address, 1), Group{address, 1, 3, result.size()});
    if (inserted) {
      result.push_back(host.name);
      continue;
    }
    auto& group = found->second;
    ++group.size;
    while (!address.starts_with(octets(group.first, group.common_octets))) --group.common_octets;
  }
  for (const auto& [octet, group] : groups) {
    if (group.size > 1) {
      result[group.place] = std::string(octets(group.first, group.common_octets)) + "*";
    }
  }
  return result;
}

bool matches_host_line(const std::vector<std::string>& patterns, std::string_view name) {
  bool matched = false;
  for (std::string_view pattern : patterns) {
    if (pattern.starts_with('!')) {
      if (matches(pattern.substr(1), name)) return false;
    } else {
      matched = matched || matches(pattern, name);
    }
  }
  return matched;
}

Result<std::string> ssh_config(const std::vector<Host>& hosts, const SshConfigOptions& options) {
  for (const auto& pattern : options.patterns) {
    if (auto status = check_pattern(pattern); !status) return status.error();
  }
  if (auto status = check_user(options.user); !status) return status.error();
  if (!options.patterns.empty()) {
    for (const auto& host : hosts) {
      if (!matches_host_line(options.patterns, host.name)) {
        return input_error(fmt::format("no ssh host pattern matches the host {}", host.name),
                           "ssh would look for it on port 22: add a pattern for it");
      }
    }
  }
  const auto patterns = options.patterns.empty() ? host_patterns(hosts) : options.patterns;

  std::string result = fmt::format("Host {}\n", fmt::join(patterns, " "));
  auto set = [&result](std::string_view keyword, const auto& value) {
    fmt::format_to(std::back_inserter(result), "  {} {}\n", keyword, value);
  };
  set("Port", options.port);
  if (!options.user.empty()) set("User", options.user);
  if (!options.identity_file.empty()) {
    auto path = quote_path(options.identity_file);
    if (!path) return path.error();
    set("IdentityFile", *path);
    set("IdentitiesOnly", "yes");
  }
  if (options.known_hosts_file.empty()) {
    // Host keys are made when a container starts and addresses are used again by later pools: there is
    // nothing to compare with, in the user's file or the system's.
    set("StrictHostKeyChecking", "no");
    set("UserKnownHostsFile", "/dev/null");
  } else {
    auto path = quote_path(options.known_hosts_file);
    if (!path) return path.error();
    set("StrictHostKeyChecking", "yes");
    set("UserKnownHostsFile", *path);
    set("HostKeyAlgorithms", "ssh-ed25519");
    set("CheckHostIP", "no");  // before OpenSSH 8.5 it is on, and looks for a line of the address's own
    set("UpdateHostKeys", "no");
  }
  set("GlobalKnownHostsFile", "/dev/null");
  // Nobody is there to answer, and what is printed on success would stand in the job's output.
  set("BatchMode", "yes");
  set("LogLevel", "ERROR");
  set("PreferredAuthentications", "publickey");
  // Measured on 2 cores, OpenSSH 9.2: without sntrup761 a login takes 220 ms in place of 290, and 300 MB of
  // output 0.7 s in place of 0.95 with AES in place of ChaCha20. (The preferred host key's kind made no
  // difference.) Whole lists, since "^" is an error before OpenSSH 8.1, which Enterprise Linux 8 lacks.
  set("KexAlgorithms",
      "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
      "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256");
  set("Ciphers",
      "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr");
  // What a 'Host *' of the user's would otherwise add.
  set("Compression", "no");
  set("ForwardAgent", "no");
  set("ForwardX11", "no");
  set("ControlMaster", "no");
  set("ControlPath", "none");
  if (options.connect_program.empty()) {
    set("ProxyCommand", "none");
    set("ConnectTimeout", options.connect_timeout_seconds);
  } else {
    const std::string gap = options.connect_arguments.empty() ? "" : " ";
    set("ProxyCommand", fmt::format("{}{}{} {} %h %p", proxy_word(options.connect_program), gap,
                                    options.connect_arguments, options.connect_timeout_seconds));
    set("ProxyUseFdpass", "yes");
  }
  set("ServerAliveInterval", options.alive_interval_seconds);
  set("ServerAliveCountMax", options.alive_count_max);
  return result;
}

std::string known_hosts(const std::vector<Host>& hosts, const SshConfigOptions& options,
                        std::string_view public_key) {
  constexpr int kSshsOwnPort = 22;  // for which ssh looks up the bare name
  std::vector<std::string> names = options.patterns.empty() ? host_patterns(hosts) : options.patterns;
  for (auto& name : names) {
    if (options.port == kSshsOwnPort) continue;
    const bool negated = name.starts_with('!');
    name = fmt::format("{}[{}]:{}", negated ? "!" : "", std::string_view(name).substr(negated ? 1 : 0),
                       options.port);
  }
  return fmt::format("{} {}\n", fmt::join(names, ","), public_key);
}

}  // namespace shipyard::hostfile
