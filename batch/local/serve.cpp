#include "batch/local/serve.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <future>
#include <mutex>
#include <ostream>

#include "base/base64.hpp"
#include "base/exit_status.hpp"
#include "base/file.hpp"
#include "base/file_descriptor.hpp"
#include "base/shell_quote.hpp"
#include "batch/client/document.hpp"
#include "batch/client/json_access.hpp"
#include "batch/client/sign_in.hpp"
#include "batch/local/engine.hpp"
#include "batch/local/nodes/container_runner.hpp"
#include "batch/local/nodes/node_maker.hpp"
#include "batch/local/service/account.hpp"
#include "batch/local/service/http_server.hpp"
#include "batch/local/service/routes.hpp"

namespace shipyard::local {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::milliseconds kTick{500};
constexpr const char* kNodeDocker = "shipyard-node-docker";

Result<std::string> state_directory(const ServeOptions& options, const Environment& environment) {
  std::string path = options.state;
  if (path.empty()) {
    if (environment.has("XDG_STATE_HOME"))
      path = fmt::format("{}/shipyard-local", *environment.get("XDG_STATE_HOME"));
    else if (environment.has("HOME"))
      path = fmt::format("{}/.local/state/shipyard-local", *environment.get("HOME"));
    else
      return input_error("neither XDG_STATE_HOME nor HOME is set", "--state DIR");
  }
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) path = fs::canonical(path, error).string();
  // It holds what clients gave, passwords too.
  if (error || ::chmod(path.c_str(), 0700) != 0)
    return system_error(fmt::format("--state: '{}' cannot be used", path), error ? error.value() : errno);
  if (path.find_first_of(",\"\n") != std::string::npos)
    return input_error(
        fmt::format("--state: the engine cannot mount a path with a comma or a quote: {}", path));
  return path;
}

/// Eight digits that stand for the directory: what the engine has of its service is found by them.
std::string tag_of(const std::string& directory) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_Digest(directory.data(), directory.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string digits;
  for (std::size_t i = 0; i < 4; ++i) digits += fmt::format("{:02x}", digest.at(i));
  return digits;
}

/// Beside this program, or where both are installed.
Result<std::string> node_docker_program() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& place :
       {self.parent_path() / kNodeDocker, self.parent_path() / "../libexec/shipyard" / kNodeDocker}) {
    if (fs::exists(place, error)) return fs::canonical(place, error).string();
  }
  return Error{Error::Code::kNotFound,
               fmt::format("{} is neither beside {} nor in ../libexec/shipyard", kNodeDocker, self.string()),
               {},
               {}};
}

/// Of to_json's form.
constexpr int kVersion = 1;

/// The account on disk.
class StateFile {
 public:
  explicit StateFile(const std::string& directory) : path_(directory + "/account.json") {}

  Result<json> read() const {
    if (!fs::exists(path_)) return json();
    auto text = read_file(path_, std::size_t{1} << 30);
    if (!text) return text.error();
    json document = json::parse(*text, nullptr, false);
    if (document.is_discarded())
      return input_error(fmt::format("'{}' is no JSON", path_),
                         "move it away to begin with an empty account");
    if (batch::number_at(document, "version") != kVersion)
      return input_error(fmt::format("'{}' is no account of this program's", path_),
                         "move it away to begin with an empty account");
    return document;
  }
  /// By any thread.
  Status keep(const Account& account) {
    const std::lock_guard lock(mutex_);
    const auto version = account.version();
    if (version == kept_) return Ok{};
    if (auto written = write_file_atomically(path_, batch::json_text(account.to_json(), 1) + "\n", 0600);
        !written)
      return written;
    kept_ = version;
    return Ok{};
  }

 private:
  std::mutex mutex_;
  std::string path_;
  unsigned long long kept_ = ~0ULL;
};

std::string absolute(const std::string& path, const Environment& environment) {
  return path.empty() || path.starts_with('/') ? path : environment.working_directory + "/" + path;
}

/// The key's file: the one that was named, else one of the state's own, made with its first service. Whoever
/// can read it can run containers here.
Result<std::string> key_file(const ServeOptions& options, const std::string& directory,
                             const Environment& environment) {
  if (!options.key_file.empty()) return absolute(options.key_file, environment);
  const std::string path = directory + "/key";
  if (fs::exists(path)) return path;
  std::array<unsigned char, 64> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return system_error("no random key can be made", errno);
  std::array<unsigned char, 4 * ((bytes.size() + 2) / 3) + 1> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  if (auto written =
          write_file_atomically(path, reinterpret_cast<const char*>(text.data()) + std::string("\n"), 0600);
      !written)
    return written.error();
  return path;
}

/// What tasks would find out one by one.
Status directories_are_there(const ServeOptions& options, const Environment& environment) {
  std::error_code ignored;
  if (!options.storage.empty() && !fs::is_directory(absolute(options.storage, environment), ignored))
    return input_error(fmt::format("--storage: '{}' is not a directory", options.storage));
  for (const auto& mount : options.mounts) {
    if (!fs::exists(mount.here, ignored))
      return input_error(fmt::format("--mount: '{}' is not there", mount.here));
  }
  return Ok{};
}

}  // namespace

int serve(const Request& request, const Edge& edge, std::ostream& out) {
  const ServeOptions& options = request.serve;
  const auto fail = [&](const Error& error) {
    edge.messages.error(error);
    return kOwnFailure;
  };
  auto directory = state_directory(options, edge.environment);
  if (!directory) return fail(directory.error());
  const FileDescriptor lock(
      ::open((*directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail(system_error(fmt::format("'{}/lock' cannot be opened", *directory), errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(
        input_error(fmt::format("another service uses '{}'", *directory), "--state DIR: another directory"));
  auto file_of_key = key_file(options, *directory, edge.environment);
  if (!file_of_key) return fail(file_of_key.error());
  auto key = batch::read_secret_file(*file_of_key);
  if (!key) return fail(key.error());
  if (key->empty() || !decode_base64(key->reveal()))
    return fail(input_error(fmt::format("'{}': the key is no base64", *file_of_key),
                            "head -c 64 /dev/urandom | base64 -w0 makes one"));
  if (auto there = directories_are_there(options, edge.environment); !there) return fail(there.error());
  const Credentials credentials{options.account.empty() ? kWellKnownAccount : options.account,
                                std::move(*key)};
  // What nobody has named does not go beyond this machine by accident.
  if (auto may = may_listen_at(
          options.address, options.key_file.empty() ? Secret(std::string(kWellKnownKey)) : credentials.key);
      !may)
    return fail(may.error());
  auto program = node_docker_program();
  if (!program) return fail(program.error());

  auto engine = ask_engine(request.engine, {options.node_image}, edge.environment, edge.interruption);
  if (edge.interruption.signal() != 0) return kOwnFailure;
  if (!engine) return fail(engine.error());
  if (!engine->images_here.at(0))
    return fail({Error::Code::kNotFound,
                 fmt::format("image '{}' is not on this machine", options.node_image),
                 "./scripts/build-images --target node builds it",
                 {}});
  auto access = node_docker::find_access(engine->engine, options.node_image, edge.environment);
  if (!access) return fail(access.error());

  NodeMakerSettings nodes;
  nodes.engine = engine->engine;
  nodes.service = tag_of(*directory);
  nodes.directory = *directory;
  nodes.node_image = options.node_image;
  nodes.docker_program = std::move(*program);
  nodes.access = std::move(*access);
  for (const auto& mount : options.mounts) nodes.mounts.push_back({mount.there, mount.here});
  NodeMaker maker(std::move(nodes), edge.environment, edge.messages);
  // What a service that was killed has left.
  if (auto removed = maker.remove_all(); !removed) return fail(removed.error());

  StateFile file(*directory);
  auto state = file.read();
  if (!state) return fail(state.error());

  TaskSettings tasks;
  tasks.engine = engine->engine;
  tasks.account = credentials.account;
  tasks.storage = absolute(options.storage, edge.environment);
  ContainerRunner runner(tasks, maker, edge.environment, edge.messages);
  Account account(runner);
  runner.tell(account);
  if (!state->is_null()) account.from_json(*state);
  const Routes routes(account, credentials);
  // Nobody is answered before it is known what has become of an earlier service's tasks.
  std::promise<void> loaded;
  auto server = HttpServer::start(options.address, options.port,
                                  [&, ready = loaded.get_future().share()](const HttpRequest& asked) {
                                    ready.wait();
                                    auto answer = routes.answer(asked);
                                    // On disk before anybody relies on it; where it cannot be, the loop below
                                    // says so.
                                    if (asked.method != "GET" && asked.method != "HEAD")
                                      (void)file.keep(account);
                                    return answer;
                                  });
  if (!server) {
    runner.stop();
    return fail(server.error());
  }
  runner.set_account_url((*server)->url() + "/");
  account.restarted();
  loaded.set_value();
  out << fmt::format("export AZURE_BATCH_ACCOUNT={}\nexport AZURE_BATCH_ENDPOINT={}\n", credentials.account,
                     (*server)->url());
  out << fmt::format("export AZURE_BATCH_ACCESS_KEY_FILE={}\n", shell_quote(*file_of_key));
  out << std::flush;
  edge.messages.note(fmt::format("Azure Batch on this machine, at {}, its state in {}; Ctrl-C ends it",
                                 (*server)->url(), *directory));

  bool told = false;
  while (edge.interruption.signal() == 0) {
    edge.interruption.wait(kTick);
    account.tick();
    auto kept = file.keep(account);
    if (!kept && !told) edge.messages.warning(kept.error().message);
    told = !kept;
  }
  edge.messages.note("ending: the nodes are removed");
  (*server)->stop();
  runner.stop();
  if (auto kept = file.keep(account); !kept) return fail(kept.error());
  return 0;
}

}  // namespace shipyard::local
