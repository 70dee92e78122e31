#include "batch/local/node_docker/broker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <list>
#include <system_error>
#include <thread>

#include "base/subprocess.hpp"
#include "base/terminal.hpp"
#include "batch/local/node_docker/channel.hpp"

namespace shipyard::local::node_docker {
namespace {

constexpr const char* kTool = "shipyard-node-docker";
constexpr int kFailure = 125;  // docker's own
constexpr std::chrono::seconds kEngineAnswers{60};
constexpr std::chrono::seconds kChangesEnd{10};
/// A program says what it wants at once; whoever does not is none of ours.
constexpr std::chrono::seconds kRequestComes{30};
constexpr std::size_t kMostClients = 500;
constexpr std::size_t kLargestFile = std::size_t{4} << 20;

std::string credentials_of(const std::string& directory) { return directory + "/config"; }

Status make_private(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error("cannot make " + path, errno);
  if (::chmod(path.c_str(), 0700) != 0) return system_error("cannot make private: " + path, errno);
  return Ok{};
}

/// Twelve hexadecimal digits.
std::string random_name() {
  std::array<unsigned char, 6> bytes{};
  (void)::getrandom(bytes.data(), bytes.size(), 0);
  std::string name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

std::vector<std::string> label_filters(const Node& node) {
  std::vector<std::string> words;
  for (const auto& [key, value] : node.labels)
    words.push_back(fmt::format("--filter=label={}={}", key, value));
  return words;
}

/// The lines that the engine prints, by its own environment on the node's behalf.
Result<std::vector<std::string>> ask_engine(const BrokerSettings& settings,
                                            std::vector<std::string> arguments) {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin(), settings.access.program);
  command.environment =
      client_environment(settings.access, settings.environment, credentials_of(settings.directory));
  auto done = run(std::move(command), kEngineAnswers);
  if (!done) return done.error();
  if (!done->exit.success()) {
    return Error{Error::Code::kSystem,
                 "the engine of this machine: " + done->errors.substr(0, done->errors.find('\n')),
                 {},
                 {}};
  }
  std::vector<std::string> lines;
  for (std::string_view rest = done->output; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

Result<std::vector<OwnContainer>> own_containers(const BrokerSettings& settings) {
  std::vector<std::string> words = {"ps", "--all", "--no-trunc", "--format={{.ID}} {{.Names}}"};
  for (auto& filter : label_filters(settings.node)) words.push_back(std::move(filter));
  auto lines = ask_engine(settings, std::move(words));
  if (!lines) return lines.error();
  std::vector<OwnContainer> containers;
  for (const auto& line : *lines) {
    const auto blank = std::min(line.find(' '), line.size());
    containers.push_back({line.substr(0, blank), line.substr(std::min(blank + 1, line.size()))});
  }
  return containers;
}

}  // namespace

/// All of it; what the connections' threads share is constant, or `stop`.
class Broker::Service {
 public:
  explicit Service(BrokerSettings settings) : settings_(std::move(settings)) {
    settings_.node.podman = settings_.access.podman;
    settings_.node.memlock_limit = settings_.access.memlock_limit;
  }

  Status start() {
    for (const auto& directory :
         {settings_.directory, socket_directory(settings_.directory), credentials_of(settings_.directory)}) {
      if (auto made = make_private(directory); !made) return made;
    }
    stop_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_) return system_error("cannot make an event", errno);
    socket_path_ = socket_directory(settings_.directory) + "/" + kSocketName;
    auto listener = listen_at(socket_path_);
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
    acceptor_ = std::thread([this] { accept_all(); });
    return Ok{};
  }

  ~Service() {
    if (!acceptor_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    acceptor_.join();
    (void)::unlink(socket_path_.c_str());
    for (auto& client : clients_) client.thread.join();
  }

  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

 private:
  struct Client {
    FileDescriptor socket;  ///< until its thread takes it
    std::thread thread;
    std::atomic<bool> over = false;
  };

  void accept_all() {
    for (;;) {
      pollfd polled[2] = {{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      if (::poll(polled, 2, -1) < 0) continue;
      if (polled[0].revents != 0) return;
      FileDescriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket && (errno == EMFILE || errno == ENFILE)) {
        // It stays in the queue, and poll(2) would come back at once.
        ::poll(polled, 1, 100);
        continue;
      }
      std::erase_if(clients_, [](Client& client) {
        if (!client.over) return false;
        client.thread.join();
        return true;
      });
      if (!socket) continue;
      if (clients_.size() >= kMostClients) {
        fail_with(Channel(std::move(socket)),
                  Error{Error::Code::kSystem,
                        fmt::format("{} uses of docker at once on this node", kMostClients),
                        {},
                        {}});
        continue;
      }
      auto& client = clients_.emplace_back();
      try {
        client.socket = std::move(socket);
        client.thread = std::thread([this, &client] {
          serve(Channel(std::move(client.socket)));
          client.over = true;
        });
      } catch (const std::system_error& error) {
        fail_with(Channel(std::move(client.socket)),
                  system_error("cannot start a thread", error.code().value()));
        clients_.pop_back();
      }
    }
  }

  static void finish(Channel& channel, const Ended& ended) { (void)channel.send(ended, {}, 1000); }

  static void fail_with(Channel channel, const Error& error) {
    (void)channel.send(Remark{format_error(kTool, error)}, {}, 1000);
    finish(channel, Ended{false, kFailure});
  }

  /// The request with its files. None: the other end is gone, or the node is.
  Result<std::optional<Request>> receive_request(Channel& channel) const {
    const auto deadline = std::chrono::steady_clock::now() + kRequestComes;
    for (;;) {
      auto message = channel.next();
      if (!message) return message.error();
      if (*message) {
        if (auto* request = std::get_if<Request>(&**message)) return std::optional(std::move(*request));
        return input_error("a request comes first");
      }
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd polled[2] = {{stop_.get(), POLLIN, 0}, {channel.fd(), POLLIN, 0}};
      const int ready = ::poll(polled, 2, static_cast<int>(std::max<long>(left.count(), 0)));
      if (polled[0].revents != 0 || ready == 0) return std::optional<Request>();
      if (channel.receive() == Channel::Arrival::kEnd) return std::optional<Request>();
    }
  }

  /// To the end, which a pipe may let come late. None: the other end is gone, or the node is.
  Result<std::optional<std::string>> read_to_the_end(const FileDescriptor& file,
                                                     const Channel& channel) const {
    std::string text;
    std::array<char, 16384> buffer{};
    for (;;) {
      // POLLRDHUP: it has closed; whatever else it has said waits its turn.
      pollfd polled[3] = {{stop_.get(), POLLIN, 0}, {channel.fd(), POLLRDHUP, 0}, {file.get(), POLLIN, 0}};
      if (::poll(polled, 3, -1) < 0) continue;
      if (polled[0].revents != 0 || polled[1].revents != 0) return std::optional<std::string>();
      const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
      if (got == 0) return std::optional(std::move(text));
      if (got < 0 && errno != EINTR && errno != EAGAIN)
        return system_error("cannot read a file of variables", errno);
      if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
      if (text.size() > kLargestFile) return input_error("a file of variables has more than 4 MiB");
    }
  }

  /// A file in memory for the engine's client: the node's own may be one that only root may open again.
  static Result<FileDescriptor> in_memory(std::string_view text) {
    FileDescriptor file(::memfd_create("node-docker", MFD_CLOEXEC));
    if (file && file.get() <= STDERR_FILENO)
      file = FileDescriptor(::fcntl(file.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    while (file && !text.empty()) {
      const ssize_t some = ::write(file.get(), text.data(), text.size());
      if (some < 0 && errno != EINTR) return system_error("cannot keep a file of variables", errno);
      if (some > 0) text.remove_prefix(static_cast<std::size_t>(some));
    }
    if (!file || ::lseek(file.get(), 0, SEEK_SET) < 0)
      return system_error("cannot keep a file of variables", errno);
    return file;
  }

  void serve(Channel channel) const {
    auto request = receive_request(channel);
    if (!request) return fail_with(std::move(channel), request.error());
    if (!*request) return;
    auto files = channel.take_files();
    constexpr std::size_t kStreams = 3;
    if (files.size() != kStreams + (*request)->files)
      return fail_with(std::move(channel), input_error("not as many open files as it says"));

    Call call;
    call.arguments = std::move((*request)->arguments);
    call.working_directory = std::move((*request)->working_directory);
    call.environment = parse_variables((*request)->environment);
    call.unused_name = random_name();
    std::vector<FileDescriptor> kept;
    for (std::size_t i = kStreams; i < files.size(); ++i) {
      auto text = read_to_the_end(files[i], channel);
      if (!text) return fail_with(std::move(channel), text.error());
      if (!*text) return;
      auto copy = in_memory(file_for_the_client(**text, call, settings_.node.podman));
      if (!copy) return fail_with(std::move(channel), copy.error());
      call.files.push_back(fmt::format("/dev/fd/{}", copy->get()));
      kept.push_back(std::move(*copy));
    }
    auto engine = rewrite(call, settings_.node, [this] { return own_containers(settings_); });
    if (!engine) return fail_with(std::move(channel), engine.error());
    std::string notes;
    for (const auto& note : engine->notes) notes += fmt::format("{}: note: {}\n", kTool, note);
    if (!notes.empty()) (void)channel.send(Remark{notes}, {}, 1000);

    Command command;
    command.argv = std::move(engine->arguments);
    command.argv.insert(command.argv.begin(), settings_.access.program);
    const std::string credentials = credentials_of(settings_.directory);
    command.environment =
        engine->takes_environment
            ? client_environment_with(settings_.access, settings_.environment, credentials, call.environment)
            : client_environment(settings_.access, settings_.environment, credentials);
    command.working_directory = "/";  // the node's is not here, and every path is absolute
    command.input_file = files[0].get();
    command.output_file = files[1].get();
    command.error_file = files[2].get();
    for (const auto& file : kept) command.kept_files.push_back(file.get());
    command.own_process_group = true;
    // That of this thread, which lives as long as the client.
    command.parent_death_signal = SIGKILL;
    auto client = Child::start(command);
    // Its streams are its own now: as long as they were open here a pipe would have no end.
    files.clear();
    kept.clear();
    if (!client) return fail_with(std::move(channel), client.error());
    attend(channel, *client, engine->changes);
  }

  /// Until the client or the other end is gone, or the node.
  void attend(Channel& channel, Child& client, bool changes) const {
    const FileDescriptor end = client.end_event();
    for (;;) {
      pollfd polled[3] = {{stop_.get(), POLLIN, 0}, {channel.fd(), POLLIN, 0}, {end.get(), POLLIN, 0}};
      ::poll(polled, 3, end ? -1 : 20);
      if (const auto exit = client.try_wait()) return finish(channel, Ended{exit->signalled, exit->value});
      if (polled[0].revents != 0) {
        if (changes) (void)client.wait_for(kChangesEnd);
        client.signal(SIGKILL);
        const Exit exit = client.wait();
        return finish(channel, Ended{exit.signalled, exit.value});
      }
      const auto arrival = polled[1].revents != 0 ? channel.receive() : Channel::Arrival::kNothing;
      bool understood = true;
      for (;;) {
        auto message = channel.next();
        understood = message.has_value();
        if (!understood || !*message) break;
        // Only what a program can be sent by its user.
        if (const auto* signalled = std::get_if<Signalled>(&**message);
            signalled != nullptr && signalled->number > 0 && signalled->number < NSIG)
          client.signal(signalled->number);
      }
      if (arrival == Channel::Arrival::kEnd || !understood) {
        client.signal(SIGKILL);
        (void)client.wait();
        return;
      }
    }
  }

  BrokerSettings settings_;
  std::string socket_path_;
  FileDescriptor stop_;
  FileDescriptor listener_;
  std::list<Client> clients_;  // of the acceptor's thread alone, until that has ended
  std::thread acceptor_;
};

Broker::Broker(std::unique_ptr<Service> service) : service_(std::move(service)) {}
Broker::~Broker() = default;

Result<std::unique_ptr<Broker>> Broker::start(BrokerSettings settings) {
  auto service = std::make_unique<Service>(std::move(settings));
  if (auto started = service->start(); !started) return started.error();
  return std::unique_ptr<Broker>(new Broker(std::move(service)));
}

std::string Broker::socket_directory(const std::string& directory) { return directory + "/socket"; }

Result<std::string> find_node_docker(const Environment& environment) {
  const std::string& beside = environment.executable_directory;
  for (const auto& directory : {std::string(environment.get("SHIPYARD_LIBEXEC").value_or("")), beside,
                                beside + "/../libexec/shipyard"}) {
    if (directory.empty()) continue;
    // The engine takes whole paths alone, without a way back in them.
    const std::string path = normal_path(directory + "/shipyard-node-docker", environment.working_directory);
    if (find_program(path, environment)) return path;
  }
  return Error{Error::Code::kNotFound,
               "shipyard-node-docker, which is the docker of the nodes, is not here",
               fmt::format("it is installed in libexec/shipyard, beside the bin that {} is in", beside),
               {}};
}

std::vector<std::string> node_options(const std::string& directory, const std::string& program) {
  // The directory, not the socket: a service that starts again makes a new one.
  return {"--mount",
          fmt::format("type=bind,source={},target={},readonly", Broker::socket_directory(directory),
                      kSocketDirectory),
          "--mount", fmt::format("type=bind,source={},target=/usr/local/bin/docker,readonly", program),
          "--ipc=shareable"};
}

Status remove_containers(const BrokerSettings& settings) {
  std::vector<std::string> list = {"ps", "--all", "--quiet", "--no-trunc"};
  for (auto& filter : label_filters(settings.node)) list.push_back(std::move(filter));
  auto containers = ask_engine(settings, std::move(list));
  if (!containers) return containers.error();
  Status result = Ok{};
  auto remove = [&](std::vector<std::string> words, const std::vector<std::string>& what) {
    if (what.empty()) return;
    words.insert(words.end(), what.begin(), what.end());
    if (auto removed = ask_engine(settings, std::move(words)); !removed) result = removed.error();
  };
  remove({"rm", "--force", "--volumes"}, *containers);
  auto volumes = ask_engine(settings, {"volume", "ls", "--quiet", "--filter=name=" + settings.node.prefix});
  if (!volumes) return volumes.error();
  std::erase_if(*volumes, [&](const auto& name) { return !name.starts_with(settings.node.prefix); });
  remove({"volume", "rm"}, *volumes);
  return result;
}

}  // namespace shipyard::local::node_docker
