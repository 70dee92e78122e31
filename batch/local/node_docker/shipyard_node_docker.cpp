#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/signals.hpp"
#include "base/terminal.hpp"
#include "batch/local/node_docker/channel.hpp"
#include "batch/local/node_docker/words.hpp"

// The `docker` of a node in a pool on one's own machine: what it is asked for is done by the service, with
// this program's own standard streams (batch/local/node_docker/broker.hpp).

namespace {

using namespace shipyard;
using namespace shipyard::local::node_docker;

/// docker's own status for a failure that is not the container's.
constexpr int kFailure = 125;

void write_errors(std::string_view text) {
  while (!text.empty()) {
    const ssize_t some = ::write(STDERR_FILENO, text.data(), text.size());
    if (some < 0 && errno != EINTR) return;
    if (some > 0) text.remove_prefix(static_cast<std::size_t>(some));
  }
}

int fail(const Error& error) {
  write_errors(format_error("shipyard-node-docker", error));
  return kFailure;
}

Error service_is_gone(const std::string& why) {
  return {Error::Code::kSystem,
          "the service of this node does not answer: " + why,
          ::geteuid() == 0 ? "a node has its docker from shipyard-local serve, while that runs"
                           : "on Batch's nodes Docker is for administrators: elevationLevel admin",
          {}};
}

/// A standard stream that is closed is an empty one for the engine's client.
int stream(int number) {
  if (::fcntl(number, F_GETFD) >= 0) return number;
  return ::open("/dev/null", number == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CLOEXEC);
}

int converse(Channel& service, SignalDescriptor& signals) {
  for (;;) {
    pollfd polled[2] = {{service.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0 && errno != EINTR) return fail(system_error("poll", errno));
    while (const auto signal = signals.read()) (void)service.send(Signalled{signal->number});
    const auto arrival = service.receive();
    for (;;) {
      auto message = service.next();
      if (!message) return fail(message.error());
      if (!*message) break;
      if (const auto* remark = std::get_if<Remark>(&**message)) write_errors(remark->text);
      if (const auto* ended = std::get_if<Ended>(&**message)) {
        if (ended->signalled) die_by_signal(ended->value);
        return ended->value;
      }
    }
    if (arrival == Channel::Arrival::kEnd) return fail(service_is_gone("it has closed the connection"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Environment environment = Environment::capture();
  Request request;
  request.arguments.assign(argv + (argc > 0 ? 1 : 0), argv + argc);
  request.working_directory = environment.working_directory.empty() ? "/" : environment.working_directory;
  request.environment = environment.as_strings();
  std::vector<int> files = {stream(STDIN_FILENO), stream(STDOUT_FILENO), stream(STDERR_FILENO)};
  // What words these are is for the service to say, in one place; which of them are files it cannot open is
  // not.
  if (const auto words = parse_words(request.arguments)) {
    for (const auto& path : files_to_read(*words)) {
      const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (file < 0) return fail(system_error("cannot open " + path, errno));
      files.push_back(file);
      ++request.files;
    }
    if (request.files > kMostFiles) return fail(input_error(fmt::format("more than {} files", kMostFiles)));
  }
  // nohup's wish holds for the engine's client as well.
  SignalDescriptor signals =
      is_ignored(SIGHUP) ? SignalDescriptor{SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH}
                         : SignalDescriptor{SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGHUP};
  const std::string path =
      fmt::format("{}/{}", environment.get("NODE_DOCKER_SOCKETS").value_or(kSocketDirectory), kSocketName);
  auto service = Channel::connect(path);
  if (!service) return fail(service_is_gone(service.error().message));
  if (auto sent = service->send(request, files); !sent) return fail(service_is_gone(sent.error().message));
  return converse(*service, signals);
}
