#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "batch/local/service/routes.hpp"

namespace shipyard::local {

/// The account and key that everybody knows: for a service that nobody but this machine can reach.
inline constexpr const char* kWellKnownAccount = "shipyardlocal";
inline constexpr const char* kWellKnownKey = "c2hpcHlhcmQtbG9jYWw6IGEga2V5IHRoYXQgZXZlcnlib2R5IGtub3dz";

/// Whether a service with this key may listen at `address` (numeric): on loopback always, elsewhere only with
/// a key of its own.
[[nodiscard]] Status may_listen_at(const std::string& address, const Secret& key);

/// HTTP/1.1 on a TCP port: connections that are kept, HEAD, percent-encoded paths handed on as they came. No
/// TLS: it is made for loopback. Each connection has a thread; a connection that says nothing for two seconds
/// is closed. At a loopback address it answers only who calls it by a name or address of loopback (421
/// Misdirected Request). Lets SIGPIPE be ignored in the whole process, as the library beneath does
/// (cpp-httplib, which only the source of this includes).
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  /// Listens at `address` (numeric) and `port` (0: one of the kernel's choice), and answers from now on in
  /// threads of its own. Fails where the port is taken. `handler` is called by any of them.
  static Result<std::unique_ptr<HttpServer>> start(const std::string& address, std::uint16_t port,
                                                   Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// stop().
  ~HttpServer();

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string url() const;  ///< http://127.0.0.1:40000
  /// Takes no more connections, and returns when the answers that are being made have been sent (a connection
  /// that is idle takes up to two seconds). May be called more than once.
  void stop();

 private:
  struct Server;
  explicit HttpServer(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace shipyard::local
