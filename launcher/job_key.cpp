#include "launcher/job_key.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <thread>

#include "base/base64.hpp"
#include "base/file.hpp"

namespace shipyard::launcher {
namespace {

constexpr std::string_view kKeyType = "ssh-ed25519";
constexpr std::size_t kLargestKeyFile = 16 << 10;
constexpr std::size_t kLargestCommandLine = 4 << 20;

Error unusable(std::string_view origin, std::string_view why) {
  return input_error(
      fmt::format("{} {}", origin, why),
      "make one: ssh-keygen -t ed25519 -N '' -f id_ed25519; in a variable its base64: base64 -w0 "
      "id_ed25519");
}

/// The fields of SSH's binary format: a length of four bytes, then so many bytes (RFC 4251, string).
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint32_t> number() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(rest_[static_cast<std::size_t>(i)]);
    rest_.remove_prefix(4);
    return value;
  }
  std::optional<std::string_view> text() {
    const auto size = number();
    if (!size || *size > rest_.size()) return std::nullopt;
    const auto value = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return value;
  }

 private:
  std::string_view rest_;
};

bool is_own(const struct stat& info, unsigned user_id) {
  return info.st_uid == user_id && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// In /tmp anybody may make a directory of this name.
bool is_own_directory(const std::string& path, unsigned user_id) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && is_own(info, user_id);
}

Result<std::optional<JobKey>> installed_key(const std::string& directory, unsigned user_id) {
  JobKey key;
  key.file = directory + "/id_ed25519";
  struct stat info {};
  // The key may be a link into memory.
  if (!is_own_directory(directory, user_id) || ::stat(key.file.c_str(), &info) != 0 ||
      !S_ISREG(info.st_mode) || !is_own(info, user_id)) {
    return std::optional<JobKey>();
  }
  const auto text = read_file(key.file, kLargestKeyFile);
  if (!text) return text.error();
  auto half = public_half(*text, key.file);
  if (!half) return half.error();
  key.public_key = std::move(*half);
  key.origin = "put there by the image's entrypoint";
  return std::optional<JobKey>(std::move(key));
}

Result<std::optional<JobKey>> key_of_job(const std::vector<std::string>& directories,
                                         const Environment& environment) {
  for (const auto& directory : directories) {
    auto key = installed_key(directory, environment.user_id);
    if (!key || key->has_value()) return key;
  }
  const Secret* secret = environment.secret(kJobKeyVariable);
  if (secret == nullptr) return std::optional<JobKey>();
  const auto text = decode_base64(secret->reveal());
  if (!text) return unusable(kJobKeyVariable, "is not base64");
  auto half = public_half(*text, kJobKeyVariable);
  if (!half) return half.error();
  JobKey key;
  key.public_key = std::move(*half);
  key.origin = kJobKeyVariable;
  key.private_key = Secret(*text);
  return std::optional<JobKey>(std::move(key));
}

}  // namespace

std::vector<std::string> job_key_directories(unsigned user_id) {
  if (user_id == 0) return {"/run/shipyard"};
  return {fmt::format("/run/shipyard/{}", user_id), fmt::format("/tmp/shipyard-{}", user_id)};
}

bool is_entrypoint(std::string_view command_line) {
  // The script itself, or its shell with it as the first argument.
  for (int word = 0; word < 2 && !command_line.empty(); ++word) {
    const auto end = std::min(command_line.find('\0'), command_line.size());
    const auto path = command_line.substr(0, end);
    if (path.substr(path.rfind('/') + 1) == "shipyard-entrypoint") return true;
    command_line.remove_prefix(std::min(end + 1, command_line.size()));
  }
  return false;
}

void wait_for_entrypoint(std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kPause{10};
  const auto runs = [](const std::string& process) {
    const auto command_line = read_file("/proc/" + process + "/cmdline", kLargestCommandLine);
    return command_line && is_entrypoint(*command_line);
  };
  const auto any_runs = [&] {
    if (runs("1")) return true;
    const auto children = read_file("/proc/1/task/1/children", kLargestCommandLine);
    std::istringstream words(children ? *children : std::string());
    for (std::string child; words >> child;) {
      if (runs(child)) return true;
    }
    return false;
  };
  const auto end = std::chrono::steady_clock::now() + limit;
  while (any_runs() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(kPause);
}

Result<std::string> public_half(std::string_view private_key, std::string_view origin) {
  constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
  const Error no_key = unusable(origin, "is not an OpenSSH private key");
  const auto begin = private_key.find(kBegin);
  const auto end = private_key.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return no_key;
  const auto body = decode_base64(private_key.substr(begin + kBegin.size(), end - begin - kBegin.size()));
  if (!body || !body->starts_with(kMagic)) return no_key;

  Fields fields(std::string_view(*body).substr(kMagic.size()));
  const auto cipher = fields.text();
  const auto derivation = fields.text();
  const auto derivation_options = fields.text();
  const auto keys = fields.number();
  const auto blob = fields.text();
  if (!derivation || !derivation_options || keys != 1U || !blob) return no_key;
  if (cipher != "none") return unusable(origin, "has a passphrase, and nobody is there to type it");
  Fields parts(*blob);
  const auto type = parts.text();
  const auto point = parts.text();
  if (!type) return no_key;
  if (type != kKeyType) return unusable(origin, "is not an ed25519 key");
  constexpr std::size_t kPointSize = 32;
  if (!point || point->size() != kPointSize) return no_key;
  return fmt::format("{} {}", kKeyType, encode_base64(*blob));
}

Result<std::optional<JobKey>> find_job_key(const std::vector<std::string>& directories,
                                           const Environment& environment, const std::string& user_file) {
  auto key = key_of_job(directories, environment);
  if (user_file.empty()) return key;
  if (!key || !key->has_value()) return std::optional<JobKey>();
  const auto text = read_file(user_file, kLargestKeyFile);
  if (!text) return std::optional<JobKey>();
  const auto half = public_half(*text, user_file);
  if (!half || *half != (*key)->public_key) return std::optional<JobKey>();
  (*key)->file = user_file;
  (*key)->private_key = Secret();
  return key;
}

std::optional<int> installed_ssh_port(const std::vector<std::string>& directories, unsigned user_id) {
  for (const auto& directory : directories) {
    if (!is_own_directory(directory, user_id)) continue;
    const auto text = read_file(directory + "/port", 64);
    if (!text) continue;
    int port = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), port);
    if (failure == std::errc{} && port >= 1 && port <= 65535) return port;
  }
  return std::nullopt;
}

}  // namespace shipyard::launcher
