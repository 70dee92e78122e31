#include "batch/local/service/http_server.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "base/ip_network.hpp"

namespace shipyard::local {
namespace {

constexpr std::size_t kThreads = 32;
constexpr int kBacklog = 128;
constexpr std::size_t kMostBytesOfBody = 16U << 20U;
/// Of a path with its query: the library's regular expressions take stack for each character of a path.
constexpr std::size_t kLongestTarget = 4096;
constexpr time_t kSecondsKept = 2;

bool is_loopback(std::string_view address) {
  const auto parsed = parse_address(address);
  return parsed && (parsed->ipv6 ? to_string(*parsed) == "::1" : parsed->bytes[0] == 127);
}

/// Host is the client's word, and goes into the URLs of answers.
bool is_host(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              ".:-_[]") == std::string_view::npos;
}

/// "localhost:8", "127.0.0.1", "[::1]:8".
bool names_loopback(std::string_view host) {
  if (!host.starts_with('[')) {
    const std::string_view name = host.substr(0, host.find(':'));
    return name == "localhost" || is_loopback(name);
  }
  const auto end = host.find(']');
  return end != std::string_view::npos && is_loopback(host.substr(1, end - 1));
}

HttpRequest request_of(const httplib::Request& given, const std::string& own_url) {
  HttpRequest request;
  request.method = given.method;
  const auto mark = given.target.find('?');
  request.path = given.target.substr(0, mark);
  if (mark != std::string::npos) request.query = given.target.substr(mark + 1);
  for (const auto& [name, value] : given.headers) request.headers.emplace_back(name, value);
  request.body = given.body;
  const std::string host = given.get_header_value("Host");
  request.base = is_host(host) ? "http://" + host : own_url;
  return request;
}

void send_file(const FilePart& part, const std::string& type, httplib::Response& response) {
  response.set_content_provider(
      part.length, type, [part](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        std::array<char, 64 << 10> buffer{};
        const auto wanted = std::min(length, buffer.size());
        const ssize_t got =
            ::pread(part.fd->get(), buffer.data(), wanted, static_cast<off_t>(part.offset + offset));
        // A file that has become shorter cannot keep what its length has promised: the connection is cut.
        return got > 0 && sink.write(buffer.data(), static_cast<std::size_t>(got));
      });
}

void fill(const HttpResponse& answer, httplib::Response& response) {
  response.status = answer.status;
  std::string type;
  for (const auto& [name, value] : answer.headers) {
    if (name == "Content-Type") {
      type = value;
    } else {
      response.headers.emplace(name, value);
    }
  }
  if (answer.file && answer.file->length > 0) {
    send_file(*answer.file, type, response);
  } else if (!type.empty()) {
    response.set_content(answer.body, type);
  }
}

/// Threads for connections. The library accepts sockets that programs started from here would inherit, and
/// with them the client's connection: it would stay open for as long as such a program runs.
class Connections final : public httplib::TaskQueue {
 public:
  /// Nothing in Debian 12's version of the library, in Debian 13's whether there was room.
  using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));
  Enqueued enqueue(std::function<void()> serve) override {
    keep_sockets_from_children();
    return threads_.enqueue(std::move(serve));
  }
  void shutdown() override { threads_.shutdown(); }

 private:
  /// Of a descriptor that changes hands meanwhile too: all of this project's have that flag.
  static void keep_sockets_from_children() {
    const std::unique_ptr<DIR, int (*)(DIR*)> open_files(::opendir("/proc/self/fd"), ::closedir);
    if (open_files == nullptr) return;
    while (const dirent* entry = ::readdir(open_files.get())) {
      std::array<char, 8> kind{};  // "socket:[12345]", cut
      const ssize_t size = ::readlinkat(::dirfd(open_files.get()), entry->d_name, kind.data(), kind.size());
      const int fd = std::atoi(entry->d_name);  // NOLINT(cert-err34-c): the kernel's own numbers, and dots
      if (fd > STDERR_FILENO && size > 0 && std::string_view(kind.data(), 7) == "socket:")
        (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }

  httplib::ThreadPool threads_{kThreads};
};

}  // namespace

Status may_listen_at(const std::string& address, const Secret& key) {
  if (!parse_address(address))
    return input_error(fmt::format("'{}' is not an address", address), "example: 127.0.0.1");
  if (is_loopback(address) || (!key.empty() && key.reveal() != kWellKnownKey)) return Ok{};
  return input_error(
      fmt::format("at {} others could run programs here: the service needs a key of its own", address),
      "--key-file FILE; without --listen it listens on this machine's loopback only");
}

struct HttpServer::Server {
  httplib::Server http;
  std::string address;
  std::uint16_t port = 0;
  Handler handler;
  int listener = -1;  ///< owned by `http`
  std::atomic<bool> ended = false;
  std::thread thread;

  [[nodiscard]] std::string url() const {
    return address.find(':') == std::string::npos ? fmt::format("http://{}:{}", address, port)
                                                  : fmt::format("http://[{}]:{}", address, port);
  }

  void answer(const httplib::Request& given, httplib::Response& response) {
    // Batch has ocp-range; the library would cut the answer by Range.
    const_cast<httplib::Request&>(given).ranges.clear();  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    fill(handler(request_of(given, url())), response);
  }

  void set_up() {
    // A second service at the same port must fail, not share it (SO_REUSEPORT is the library's default);
    // programs that are started from here get no socket of ours.
    http.set_socket_options([this](int fd) {
      const int yes = 1;
      (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
      listener = fd;
    });
    http.new_task_queue = [] { return new Connections; };
    http.set_tcp_nodelay(true);
    http.set_keep_alive_max_count(1'000'000);
    http.set_keep_alive_timeout(kSecondsKept);
    http.set_payload_max_length(kMostBytesOfBody);
    const auto respond = [this](const httplib::Request& given, httplib::Response& response) {
      answer(given, response);
    };
    http.set_pre_routing_handler([this](const httplib::Request& given, httplib::Response& response) {
      if (given.target.size() > kLongestTarget) {
        response.status = 414;
        return httplib::Server::HandlerResponse::Handled;
      }
      // A page in the user's browser whose name has been made to mean this machine (DNS rebinding) would
      // otherwise reach a service whose key everybody knows.
      if (is_loopback(address) && !names_loopback(given.get_header_value("Host"))) {
        response.status = 421;
        response.set_content("this service is for clients on this machine\n", "text/plain");
        return httplib::Server::HandlerResponse::Handled;
      }
      // Without a length the library would read until the client has gone, and the client waits for an
      // answer.
      const bool has_body = given.method == "POST" || given.method == "PUT" || given.method == "PATCH";
      if (has_body && !given.has_header("Content-Length") && !given.has_header("Transfer-Encoding")) {
        answer(given, response);
        return httplib::Server::HandlerResponse::Handled;
      }
      return httplib::Server::HandlerResponse::Unhandled;
    });
    const char* const any = R"([\s\S]*)";
    http.Get(any, respond).Post(any, respond).Put(any, respond).Patch(any, respond).Delete(any, respond);
    http.Options(any, respond);
  }
};

HttpServer::HttpServer(std::unique_ptr<Server> server) : server_(std::move(server)) {}

HttpServer::~HttpServer() { stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& address, std::uint16_t port,
                                                      Handler handler) {
  auto server = std::make_unique<Server>();
  server->address = address;
  server->handler = std::move(handler);
  server->set_up();
  int bound = port;
  if (port == 0) {
    bound = server->http.bind_to_any_port(address);
  } else if (!server->http.bind_to_port(address, port)) {
    bound = -1;
  }
  if (bound <= 0)
    return Error{Error::Code::kSystem,
                 fmt::format("cannot listen at {}, port {}", address, port),
                 "another service may have the port: --listen 127.0.0.1:0 takes any that is free",
                 {}};
  server->port = static_cast<std::uint16_t>(bound);
  // The library's queue of five is short for clients that come together.
  (void)::listen(server->listener, kBacklog);
  Server* const running = server.get();
  server->thread = std::thread([running] {
    (void)running->http.listen_after_bind();
    running->ended = true;
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(server)));
}

std::uint16_t HttpServer::port() const { return server_->port; }
std::string HttpServer::url() const { return server_->url(); }

void HttpServer::stop() {
  if (!server_->thread.joinable()) return;
  // stop() is forgotten by a server that has not begun yet.
  while (!server_->http.is_running() && !server_->ended)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  server_->http.stop();
  server_->thread.join();
}

}  // namespace shipyard::local
